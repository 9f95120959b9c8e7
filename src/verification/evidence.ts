import {excerptOf, failingStep} from '../deployments/log-excerpt.ts'
import type {CodeHost, JobDetail, Look} from '../integrations/github/code-host.ts'
import type {DiagnosisState, Evidence, RunSeen} from './diagnosis.ts'
import {fencedJson, parseReport, type DiagnosisReport} from './report.ts'
import {onlyJson} from './unzip.ts'

/** Of a report, packed and unpacked: some hundred times what an honest one needs. */
const MOST_BYTES = 1024 * 1024
/** Logs that are searched for a report: each is a request and up to half a megabyte. */
const MOST_LOGS = 3
const LONGEST_DETAILS = 300

/** What is in the way of reading now, and may not be later. */
export type Hindrance =
  {readonly kind: 'slow-down'; readonly until: number} | {readonly kind: 'failed'; readonly reason: string}

/**
 * What a diagnosis's run found out: the report in its artifact, else the one in a fence in its logs; else why there is
 * none. Where the run broke is told besides. Everything read is a stranger's text: bounded, and redacted here.
 */
export async function readEvidence(
  {order, run}: Pick<DiagnosisState, 'order'> & {readonly run: RunSeen},
  {codeHost, redact}: {readonly codeHost: CodeHost; readonly redact: (text: string) => string},
): Promise<Evidence | Hindrance> {
  const {repository, artifact: name} = order
  const inArtifact = await reportInArtifact()
  if ('kind' in inArtifact && (inArtifact.kind === 'slow-down' || inArtifact.kind === 'failed'))
    return inArtifact
  const needsLogs = inArtifact.kind === 'none' || run.conclusion === 'failure'
  if (!needsLogs) return {found: clean(inArtifact)}

  const look = await codeHost.run({repository, runId: run.id})
  if (isHindrance(look)) return look
  const jobs = look.kind === 'seen' ? look.value.jobs.filter(({status}) => status === 'completed') : []
  const broken = jobs.find(({conclusion}) => conclusion === 'failure')
  const logs = await logsOf(inArtifact.kind === 'none' ? jobs : broken ? [broken] : [])
  if (!Array.isArray(logs)) return logs
  const inLog = inArtifact.kind === 'none' ? reportIn(logs.map(({text}) => text)) : undefined
  const failure = broken && failureOf(broken, logs.find(({job}) => job.id === broken.id)?.text)
  return {
    found: inLog ? clean({kind: 'report', from: 'log', report: inLog}) : clean(inArtifact),
    ...(failure ? {failure} : {}),
  }

  async function reportInArtifact(): Promise<Evidence['found'] | Hindrance> {
    const listed = await codeHost.artifacts({repository, runId: run.id, name})
    if (isHindrance(listed)) return listed
    if (listed.kind !== 'seen')
      return none(listed.kind === 'refused' ? listed.reason : 'GitHub does not list what it left')
    const newest = listed.value[0]
    if (!newest) return none(`it left no artifact ${name}, and no report in its log`)
    if (newest.expired) return none(`its artifact ${name} has expired`)
    const unreadable = (why: string) => none(`its artifact ${name} can’t be read: ${why}`)
    const zip = await codeHost.artifactZip({repository, artifactId: newest.id, mostBytes: MOST_BYTES})
    if (isHindrance(zip)) return zip
    if (zip.kind !== 'seen')
      return zip.kind === 'missing' ? none(`its artifact ${name} has expired`) : unreadable(zip.reason)
    const json = onlyJson(zip.value, MOST_BYTES)
    if (json.kind === 'unreadable') return unreadable(json.why)
    const parsed = parseReport(json.text, order.id)
    return parsed.kind === 'report' ? {...parsed, from: 'artifact'} : unreadable(parsed.why)
  }

  async function logsOf(
    wanted: readonly JobDetail[],
  ): Promise<{readonly job: JobDetail; readonly text: string}[] | Hindrance> {
    const logs = []
    for (const job of wanted.slice(0, MOST_LOGS)) {
      const text = await codeHost.jobLog({repository, jobId: job.id})
      if (isHindrance(text)) return text
      if (text.kind === 'seen') logs.push({job, text: text.value})
    }
    return logs
  }

  function reportIn(logs: readonly string[]): DiagnosisReport | undefined {
    for (const log of logs) {
      const json = fencedJson(log)
      const parsed = json === null ? undefined : parseReport(json, order.id)
      if (parsed?.kind === 'report') return parsed.report
    }
    return undefined
  }

  function failureOf(job: JobDetail, log: string | undefined): Evidence['failure'] {
    const step = failingStep(job)
    const excerpt = log === undefined ? '' : excerptOf(log, step, redact).text
    return {job: job.name, ...(step ? {step: step.name} : {}), ...(excerpt === '' ? {} : {excerpt})}
  }

  function clean(found: Evidence['found']): Evidence['found'] {
    if (found.kind === 'none') return found
    const checks = found.report.checks.map(check =>
      check.details === undefined
        ? check
        : {...check, details: redact(check.details).slice(0, LONGEST_DETAILS)},
    )
    return {...found, report: {...found.report, checks}}
  }
}

function none(why: string): Evidence['found'] {
  return {kind: 'none', why}
}

function isHindrance(look: Look<unknown>): look is Hindrance {
  return look.kind === 'slow-down' || look.kind === 'failed'
}
