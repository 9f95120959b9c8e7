import {code, ellipsis, link, plain} from '../kernel/markdown.ts'
import type {DeployVerdict, EndpointCheck, Reply} from '../sdk/index.ts'
import {standingOf, type RunFacts, type StepKind} from './run-facts.ts'

/** Everything that was found out about a deploy. */
export interface DeployFacts {
  readonly target: string
  readonly run: RunFacts
  /** Where the run is of another workflow than the one that ships the target: both files. */
  readonly otherWorkflow?: {readonly ran: string; readonly ships: string}
  /** Undefined: nobody configured where it is. */
  readonly frontend: SiteFacts | undefined
  readonly api: SiteFacts | undefined
}

export interface SiteFacts {
  readonly base: string
  readonly checks: readonly EndpointCheck[]
}

/** What stands in the way, graver ones first, each with what to do about it. */
interface Trouble {
  /** `unsure`: nothing is broken, but nobody can say that all is well. */
  readonly weight: 'broken' | 'unsure'
  readonly what: string
  readonly fix?: string
}

/** The answer to "did it work": the first line says it, then one line each for the run, the frontend and the API. */
export function composeVerification(facts: DeployFacts): DeployVerdict {
  const {run, target} = facts
  const troubles = [
    ...runTroubles(run),
    ...workflowTroubles(facts),
    ...apiTroubles(facts.api),
    ...frontendTroubles(facts.frontend),
    ...cdnTroubles(run),
  ]
  const verdict = troubles.some(({weight}) => weight === 'broken')
    ? 'failed'
    : troubles.length > 0
      ? 'partial'
      : 'ok'
  // Said in the order in which things depend on each other; fixed in the order of what is checked first.
  const first = [
    ...runTroubles(run),
    ...workflowTroubles(facts),
    ...cdnTroubles(run),
    ...frontendTroubles(facts.frontend),
    ...apiTroubles(facts.api),
  ]
  const reason = first.find(({weight}) => weight === 'broken') ?? first[0]
  const noCdn = verdict === 'failed' && standingOf(run, 'invalidation') === 'missing'
  const fixes = new Set([...troubles.flatMap(({fix}) => fix ?? []), ...(noCdn ? [CDN_FIX] : [])])
  const reply: Reply = {
    state: verdict === 'ok' ? 'ok' : verdict === 'failed' ? 'error' : 'partial',
    title: ellipsis(`${plain(target, 30)} · ${reason ? reason.what : 'verified'}`, 80),
    lines: [
      ...(verdict === 'ok' ? [summary(facts)] : []),
      `${mark(runTroubles(run), workflowTroubles(facts), cdnTroubles(run))} Actions: ${plain(run.conclusion ?? run.status, 30)} · ${durations(run)}`,
      frontendLine(facts.frontend),
      apiLine(facts.api),
      ...[...fixes].map(fix => `🔧 ${fix}`),
      `run ${code(run.id)}${run.sha === '' ? '' : ` of ${code(run.sha.slice(0, 7))}`}`,
    ],
    controls: [{kind: 'link', label: 'Run ↗', url: run.url}],
  }
  return {verdict, run: {id: run.id, url: run.url, conclusion: run.conclusion}, reply}
}

/** Whether browsers ask again before they show an old page; null where it does not say. */
export function cacheControlOf(check: Pick<EndpointCheck, 'cacheControl'> | undefined): {
  readonly valid: boolean
  readonly value: string | null
} {
  const value = check?.cacheControl ?? null
  return {valid: value !== null && /\bno-cache\b/i.test(value), value}
}

/** A status as people read it: ❌ without an answer, ✅ 2xx, ⚠️ 3xx, ❌ from 400 on. */
export function statusMark(status: number | null | undefined): string {
  if (status === null || status === undefined) return '❌ error'
  const glyph = status >= 200 && status < 300 ? '✅' : status >= 300 && status < 400 ? '⚠️' : '❌'
  return `${glyph} ${status}`
}

function runTroubles(run: RunFacts): readonly Trouble[] {
  if (run.conclusion === null)
    return [{weight: 'unsure', what: `not ended yet, ${plain(run.status.replaceAll('_', ' '), 20)}`}]
  if (run.conclusion === 'success') return []
  const {failed} = run
  const where = failed === undefined ? '' : `: ${plain(failed.step ?? failed.job, 40)}`
  return [
    {
      weight: 'broken',
      what: `Actions: ${plain(run.conclusion.replaceAll('_', ' '), 20)}${where}`,
      fix:
        failed === undefined
          ? `look at why ${link('the run', run.url)} ended that way`
          : `look at ${failed.step === undefined ? `job ${code(failed.job, 60)}` : `step ${code(failed.step, 60)}`} in ${link('its log', failed.url === '' ? run.url : failed.url)}`,
    },
  ]
}

/** A run that went well says nothing about a target that it does not ship. */
function workflowTroubles({otherWorkflow}: DeployFacts): readonly Trouble[] {
  if (!otherWorkflow) return []
  const {ran, ships} = otherWorkflow
  return [
    {
      weight: 'unsure',
      what: `the run is of ${plain(ran, 40)}`,
      fix: `name a run of ${code(ships, 60)}, which ships it, or another ${code('target')}`,
    },
  ]
}

const CDN_FIX =
  'check the distribution’s id and the invalidation step: browsers may be shown what was there before'

/** A step that ran and failed is not well, whatever became of the run. Not everybody has such a step. */
function cdnTroubles(run: RunFacts): readonly Trouble[] {
  return standingOf(run, 'invalidation') === 'failed'
    ? [{weight: 'broken', what: 'CDN invalidation failed', fix: CDN_FIX}]
    : []
}

function frontendTroubles(site: SiteFacts | undefined): readonly Trouble[] {
  if (!site)
    return [
      {
        weight: 'unsure',
        what: 'frontend not configured',
        fix: `say where the frontend is: ${code('FRONTEND_BASE_URL')}, or ${code('verify.frontend')} of the target`,
      },
    ]
  const [root, index] = site.checks
  const cache = cacheControlOf(index)
  return [
    ...(root && !root.ok
      ? [
          {
            weight: 'broken' as const,
            what: `frontend / ${answer(root)}`,
            fix: `check that the site is up and that ${code(site.base)} is its address`,
          },
        ]
      : []),
    ...(index && !index.ok
      ? [
          {
            weight: 'broken' as const,
            what: `frontend /index.html ${answer(index)}`,
            fix: `check that the build wrote ${code('index.html')} and that it was uploaded`,
          },
        ]
      : []),
    ...(index?.ok === true && !cache.valid
      ? [
          {
            weight: 'unsure' as const,
            what: 'index.html may be cached',
            fix: `serve ${code('index.html')} with ${code('cache-control: no-cache')}`,
          },
        ]
      : []),
  ]
}

function apiTroubles(site: SiteFacts | undefined): readonly Trouble[] {
  if (!site)
    return [
      {
        weight: 'unsure',
        what: 'API not configured',
        fix: `say where the API is: ${code('VITE_API_BASE')} of the build and ${code('API_BASE_URL')}, or ${code('verify.api')} of the target`,
      },
    ]
  return site.checks
    .filter(check => !check.ok)
    .map(check => ({
      weight: 'broken',
      what: `API ${pathOf(check)} ${answer(check)}`,
      fix: `check that the API is deployed and that ${code(site.base)} is its address`,
    }))
}

function summary({frontend, api, run}: DeployFacts): string {
  return [
    `frontend ${code(frontend?.base ?? '')}`,
    `API ${code(api?.base ?? '')}`,
    `CDN ${standingOf(run, 'invalidation')}`,
    `build ${took(run, 'build')}`,
  ].join(' · ')
}

function durations(run: RunFacts): string {
  return [
    `build ${took(run, 'build')}`,
    `upload ${took(run, 'upload')}`,
    `CDN ${standingOf(run, 'invalidation')}`,
  ].join(' · ')
}

/** `41.0s`, or `failed after 3.2s`: a duration alone would read like success. */
function took(run: RunFacts, kind: StepKind): string {
  const seconds = run.steps[kind]?.seconds
  const time = seconds === null || seconds === undefined ? 'N/A' : `${seconds.toFixed(1)}s`
  return standingOf(run, kind) === 'failed' ? `failed after ${time}` : time
}

function frontendLine(site: SiteFacts | undefined): string {
  if (!site) return '⚠️ Frontend: not configured, not looked at'
  const [, index] = site.checks
  const cache = cacheControlOf(index)
  const said =
    index?.ok === true ? [`cache-control ${cache.value === null ? 'not set' : code(cache.value, 60)}`] : []
  return `${mark(frontendTroubles(site))} Frontend: ${[...site.checks.map(checkWord), ...said].join(' · ')}`
}

function apiLine(site: SiteFacts | undefined): string {
  if (!site) return '⚠️ API: not configured, not looked at'
  return `${mark(apiTroubles(site))} API: ${site.checks.map(checkWord).join(' · ')}`
}

function checkWord(check: EndpointCheck): string {
  const reason = check.error === undefined ? '' : ` (${plain(check.error, 120)})`
  return `${code(pathOf(check))} ${statusMark(check.status)}${reason}`
}

function pathOf({url}: EndpointCheck): string {
  return `/${new URL(url).pathname.split('/').at(-1) ?? ''}`
}

function answer({status, error}: EndpointCheck): string {
  if (status !== undefined) return `answers ${status}`
  return error !== undefined && /timeout/i.test(error) ? 'does not answer in time' : 'can’t be reached'
}

function mark(...troubles: readonly (readonly Trouble[])[]): string {
  const all = troubles.flat()
  return all.some(({weight}) => weight === 'broken') ? '❌' : all.length > 0 ? '⚠️' : '✅'
}
