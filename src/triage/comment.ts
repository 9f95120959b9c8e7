import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import {valueOf} from '../integrations/github/look.ts'
import type {Clock} from '../kernel/clock.ts'
import {code, plain} from '../kernel/markdown.ts'
import {wasCancelled, type TriagedFailure, type TriageReport} from '../sdk/index.ts'

/** Comments with our mark that may be somebody else’s: who copies it can’t make us try for ever. */
const MOST_TRIED = 5
const SHOWN = 10

/** By it our comment about a pull request’s runs is found again. People don’t see it. */
export const TRIAGE_MARK = '<!-- signalbox:triage -->'

/** Brings our one comment with this mark to this text. Another’s that begins with our mark stays as it is. */
export async function sayOnce(
  {
    host,
    clock,
  }: {
    readonly host: Pick<RepositoryHost, 'commentsOn' | 'createComment' | 'updateComment'>
    readonly clock: Clock
  },
  {
    repository,
    number,
    mark,
    text,
    signal,
  }: {
    readonly repository: string
    readonly number: number
    readonly mark: string
    readonly text: string
    readonly signal: AbortSignal
  },
): Promise<{readonly url: string}> {
  const missing = `${repository} shows no #${number}, or our token can’t see it.`
  const body = `${mark}\n${text}`
  const comments = valueOf(await host.commentsOn({repository, number, since: 0, signal}), missing, clock)
  for (const one of comments
    .filter(known => known.body.startsWith(mark))
    .slice(-MOST_TRIED)
    .reverse()) {
    if (one.body === body) return one
    const updated = await host.updateComment({repository, id: one.id, body, signal})
    if (updated.kind !== 'refused' && updated.kind !== 'missing') return valueOf(updated, missing, clock)
  }
  return valueOf(await host.createComment({repository, number, body, signal}), missing, clock)
}

/** What the comment on a pull request says. Foreign words are escaped, and stand in fences that they can’t end. */
export function commentText(report: TriageReport): string {
  const {failures, fix, runs, explanation, unread, left} = report
  const [cause, ...others] = failures
  if (!cause) return report.verdict === 'passing' ? '### 🟢 Nothing fails' : unexplained(report)
  const more = others.length - SHOWN
  return [
    `### 🔴 ${cause.what} · ${cause.confidence} % (${cause.grade})`,
    '',
    `Job ${code(cause.job.name)}${cause.job.step === undefined ? '' : `, step ${code(cause.job.step)}`}${placed(cause)}: ${foreign(cause.message, 300)}`,
    ...fence(cause.evidence.join('\n')),
    ...(fix
      ? [
          `**Proposed** (${fix.kind}, risk ${fix.risk}): ${foreign(fix.title, 200)}`,
          '',
          ...fix.steps.map(step => `- ${code(step, 200)}`),
          ...(fix.diff === undefined ? [] : fence(fix.diff, 'diff')),
          '',
          `Then: ${foreign(fix.test, 200)}. Nothing was changed.`,
        ]
      : []),
    ...(others.length > 0
      ? [
          '',
          '**Also**',
          '',
          ...others
            .slice(0, SHOWN)
            .map(one => `- ${one.what}${placed(one)} · ${one.confidence} %: ${foreign(one.message, 160)}`),
          ...(more > 0 ? [`- and ${more} more`] : []),
        ]
      : []),
    ...(explanation.kind === 'given'
      ? ['', `> ${foreign(explanation.text, 500)}`, '>', '> — a model’s words, unchecked']
      : []),
    '',
    ...runs.map(run => `[${foreign(run.workflow, 60)}](<${run.url}>) ${run.conclusion.replaceAll('_', ' ')}`),
    ...(unread.length > 0 ? [`Not read: ${unread.map(({job}) => code(job, 60)).join(', ')}`] : []),
    ...(left > 0 ? [`${left} more failing jobs were not looked at`] : []),
  ].join('\n')
}

function unexplained(report: TriageReport): string {
  const {unread, runs} = report
  return [
    `### ${wasCancelled(report) ? '⚪ It was cancelled' : '🔴 It fails'}, and the logs do not say why in a form that we know`,
    '',
    ...unread.map(({job, why}) => `- ${code(job, 60)}: ${foreign(why, 100)}`),
    ...runs.map(
      run => `- [${foreign(run.workflow, 60)}](<${run.url}>) ${run.conclusion.replaceAll('_', ' ')}`,
    ),
  ].join('\n')
}

function placed({file, line, url}: TriagedFailure): string {
  if (file === undefined) return ''
  const label = code(`${file}${line === undefined ? '' : `:${line}`}`, 120)
  return url === undefined ? ` · ${label}` : ` · [${label}](<${url}>)`
}

/** Foreign words: with nothing that begins a comment of HTML, which would hide what follows. */
function foreign(text: string, maxLength: number): string {
  return plain(text, maxLength).replaceAll('<!', '<\u200b!')
}

function fence(text: string, language = ''): readonly string[] {
  return ['', `\`\`\`${language}`, text.replace(/`(?=`)/g, '`\u200b').slice(0, 4000), '```', '']
}
