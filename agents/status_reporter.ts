import {z} from 'zod'
import {AppError} from '../src/kernel/errors.ts'
import {code, ellipsis, link, plain, timestamp} from '../src/kernel/markdown.ts'
import {formatDuration, relativeAge} from '../src/kernel/time.ts'
import {
  defineAction,
  defineAgent,
  topicOption,
  type AgentSummary,
  type HealthDigest,
  type LockSummary,
  type Reply,
  type ServiceHistory,
  type WorkflowDigest,
  type Scorecard,
  type WorkflowRunSummary,
  type WorkPeriod,
  type Worsening,
} from '../src/sdk/index.ts'

const DIGEST_RUNS = 50
const LOCKS_SHOWN = 8
/** Of the 1,500 characters that a message shows, without the last lines and what escaping adds. */
const AGENTS_ROOM = 1400
const LONGEST_DESCRIPTION = 100
const SHORTEST_DESCRIPTION = 20
const WAITERS_SHOWN = 5
const LOCKS_WITH_BUTTON = 3
const WINDOWS = {
  daily: {ms: 24 * 3_600_000, title: 'Last 24 Hours', before: 'the day before'},
  weekly: {ms: 7 * 24 * 3_600_000, title: 'Last 7 Days', before: 'the week before'},
} as const

/** Answers the small questions of the day: who is there, what ran, how it went, what you may do. Changes nothing. */
export default defineAgent({
  id: 'status_reporter',
  name: 'Status Reporter',
  description: 'Reports recent runs, digests, endpoint health, agents and commands',
  command: '/status',
  queue: {concurrency: 10, timeoutMs: 60_000},
  actions: {
    runs: defineAction({
      description: 'The last runs of each workflow',
      askable: true,
      input: z.object({count: z.int()}),
      async run({count}, {services: {workflowRuns}, signal, now}) {
        const blocks = await Promise.all(
          workflowRuns.workflows().map(async workflow => {
            const seen = await sight(workflowRuns.recent(workflow, {count, signal}))
            return {seen, lines: [`**${plain(workflow.label, 80)}**`, ...runLines(seen, now())]}
          }),
        )
        const lines =
          blocks.length === 0
            ? ['no workflow is configured; see targets in signalbox.yaml']
            : blocks.flatMap(block => block.lines)
        const state = blocks.some(({seen}) => seen instanceof AppError) ? 'partial' : 'info'
        return {
          kind: 'replied',
          reply: {state, title: `status · last ${count} ${count === 1 ? 'run' : 'runs'} each`, lines},
        }
      },
    }),

    digest: defineAction({
      description: 'What the workflows did in a period, and how the endpoints are now',
      askable: true,
      input: z.object({period: z.enum(['daily', 'weekly'])}),
      async run({period}, {services: {workflowRuns, endpoints, uptime, evaluations}, signal, now}) {
        const {ms, before} = WINDOWS[period]
        const since = now() - ms
        const worsened: Worsening[] = []
        const [workflows, health, histories, runs] = await Promise.all([
          Promise.all(
            workflowRuns.workflows().map(async workflow => {
              const seen = await sight(workflowRuns.recent(workflow, {count: DIGEST_RUNS, signal}))
              if (seen instanceof AppError)
                return `**${plain(workflow.label, 80)}** ⚠️ ${plain(seen.message)}`
              const digest = workflowRuns.digest(seen, since)
              const earlier = periodOf(workflowRuns.digest(endedBefore(seen, since), since - ms))
              const current = periodOf(digest)
              const judged = earlier && current && evaluations.compare(earlier, current)
              if (judged && (judged.slower || judged.worse))
                worsened.push({name: workflow.label, ...judged, before: earlier, now: current})
              return digestLine(workflow.label, digest)
            }),
          ),
          endpoints.check(signal).then(checks => endpoints.digest(checks)),
          uptime.history(ms),
          evaluations.worsened(ms),
        ])
        const reply: Reply = {
          state: 'digest',
          title: WINDOWS[period].title,
          lines: [
            ...workflows,
            ...worseningLines([...worsened, ...runs], before),
            ...healthLines(health),
            ...histories.map(uptimeLine),
          ],
        }
        return {kind: 'replied', reply}
      },
    }),

    agents: defineAction({
      description: 'The agents, whether they are alive and busy, and how to reach them',
      askable: true,
      input: z.object({}),
      async run(_input, {services: {catalogue, evaluations}}) {
        const [known, cards] = await Promise.all([catalogue.agents(), evaluations.scorecards()])
        const agents = known.map(agent => ({...agent, card: cards.get(agent.id)}))
        return {
          kind: 'replied',
          reply: {state: 'info', title: 'agents', lines: [...agentLines(agents), `total: ${agents.length}`]},
        }
      },
    }),

    locks: defineAction({
      description: 'What is locked by whom, and who waits for it',
      askable: true,
      input: z.object({}),
      async run(_input, {services: {locks}}) {
        const held = await locks.held()
        const lines = held.slice(0, LOCKS_SHOWN).map(lockLines)
        const more = held.length - lines.length
        return {
          kind: 'replied',
          reply: {
            state: 'info',
            title: held.length === 0 ? 'nothing is locked' : `locks · ${held.length} held`,
            lines: more > 0 ? [...lines, `and ${more} more`] : lines,
            controls: held.slice(0, LOCKS_WITH_BUTTON).map(({id, resource}) => ({
              kind: 'action',
              label: `Take over ${ellipsis(resource, 60)}`,
              action: 'take-over',
              subject: id,
              style: 'secondary',
            })),
          },
        }
      },
    }),

    help: defineAction({
      description: 'The commands, and which of them you may run',
      input: z.object({command: z.string().optional(), topic: topicOption}),
      async run(wish, {actor, services: {catalogue}}) {
        return {kind: 'replied', reply: catalogue.help(actor, wish)}
      },
    }),
  },
})

/** With what it did in runs of the last thirty days, where it did anything. */
type CardedAgent = AgentSummary & {readonly card?: Scorecard | undefined}

function cardOf({tasks, successRate, meanMs, score}: Scorecard): string {
  return `30 days: ${tasks} ${tasks === 1 ? 'task' : 'tasks'}, ${percent(successRate)} well, ${formatDuration(meanMs)} each, score ${score.toFixed(0)}`
}

function percent(rate: number): string {
  return `${Math.round(rate * 100)} %`
}

const PRESENCE = {active: '🟢 active', busy: '🟡 busy', offline: '🔴 offline', unknown: '⚪ state unknown'}

/**
 * All of it in one message: two lines each with a description that shares what the rest leaves; else one short line
 * each; else without the way to reach them, and those that don't fit even so are counted.
 */
function agentLines(agents: readonly CardedAgent[]): readonly string[] {
  const heads = agents.map(agentHead)
  const left = room(heads)
  if (left >= 0) {
    const share = Math.min(LONGEST_DESCRIPTION, Math.floor(left / Math.max(agents.length, 1)) - 1)
    return share < SHORTEST_DESCRIPTION
      ? heads
      : agents.map(({description}, index) => `${heads[index] ?? ''}\n${plain(description, share)}`)
  }
  const short = agents.map(agent => shortAgentLine(agent))
  if (room(short) >= 0) return short
  return counted(agents.map(({command: _, ...agent}) => shortAgentLine({...agent, command: undefined})))
}

/** What is left of the message; negative: they don't fit. */
function room(lines: readonly string[]): number {
  return lines.reduce((left, line) => left - line.length - 1, AGENTS_ROOM)
}

/** As many as fit, and how many don't. */
function counted(all: readonly string[]): readonly string[] {
  let fits = all.length
  while (room(all.slice(0, fits)) < 0) fits--
  const more = all.length - fits
  return more > 0 ? [...all.slice(0, fits), `and ${more} more`] : all
}

function shortAgentLine({id, command, status, load, lastSeen, card}: CardedAgent): string {
  const [glyph = ''] = PRESENCE[status].split(' ')
  const reached = command === undefined ? [] : [code(command)]
  const doing =
    status === 'active' || status === 'busy' ? load && `${load.active}/${load.capacity}` : undefined
  const seen = status === 'offline' && lastSeen !== undefined ? `seen ${timestamp(lastSeen)}` : undefined
  const well = card && percent(card.successRate)
  return [glyph, code(id), ...reached, doing ?? seen, well].filter(part => part !== undefined).join(' ')
}

function agentHead(agent: CardedAgent): string {
  const reached = agent.command === undefined ? [] : [code(agent.command)]
  const living = agent.status === 'active' || agent.status === 'busy'
  const load = living && agent.load ? [`${agent.load.active} of ${agent.load.capacity} jobs`] : []
  const seen = agent.lastSeen === undefined ? 'never seen' : `seen ${timestamp(agent.lastSeen)}`
  return [
    `**${plain(agent.name)}** ${[code(agent.id), ...reached].join(' · ')}`,
    [PRESENCE[agent.status], ...load, seen, ...(agent.card ? [cardOf(agent.card)] : [])].join(' · '),
  ].join('\n')
}

function lockLines({resource, owner, kind, reason, since, line}: LockSummary): string {
  const what = kind === 'exclusive' ? '' : ` · ${kind}`
  const why = reason === undefined ? '' : ` · ${plain(reason, 100)}`
  const waiting = line.slice(0, WAITERS_SHOWN).map(({owner: waiter, since: asked}, index) => {
    return `${index + 1}. ${plain(waiter, 60)} waits since ${timestamp(asked)}`
  })
  const more = line.length - waiting.length
  return [
    `**${plain(resource, 120)}**${what} · held by ${plain(owner, 60)} since ${timestamp(since)}${why}`,
    ...waiting,
    ...(more > 0 ? [`and ${more} more in line`] : []),
  ].join('\n')
}

/** What GitHub declines to show of one workflow, as when its file is gone, is told beside the others. */
async function sight(look: Promise<readonly WorkflowRunSummary[]>) {
  return look.catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'UPSTREAM_REFUSED') return error
    throw error
  })
}

function runLines(seen: readonly WorkflowRunSummary[] | AppError, now: number): readonly string[] {
  if (seen instanceof AppError) return [`⚠️ ${plain(seen.message)}`]
  return seen.length === 0 ? ['no runs found'] : seen.map(run => runLine(run, now))
}

function icon(run: WorkflowRunSummary): string {
  if (run.status !== 'completed') return '🟡'
  return run.conclusion === 'success' ? '🟢' : run.conclusion === 'failure' ? '🔴' : '⚪'
}

function runLine(run: WorkflowRunSummary, now: number): string {
  const words = run.status === 'completed' ? (run.conclusion ?? 'unknown').replaceAll('_', ' ') : 'running'
  const took = formatDuration(run.status === 'completed' ? run.updatedAt - run.createdAt : undefined)
  return `${icon(run)} • ${words} • ${relativeAge(run.createdAt, now)} • ${took} • ${link(`run ${run.id}`, run.url)}`
}

function digestLine(label: string, digest: WorkflowDigest): string {
  if (digest.total === 0) return `**${plain(label, 80)}** no runs`
  const {latest, total} = digest
  // All that were read are of the period: there may be more.
  const newest = total === DIGEST_RUNS ? 'the newest ' : ''
  const words =
    latest &&
    (latest.status === 'completed' ? (latest.conclusion ?? 'unknown') : 'running').replaceAll('_', ' ')
  return (
    `**${plain(label, 80)}** ${newest}${total} ${total === 1 ? 'run' : 'runs'}: ${digest.success} ✅ / ${digest.failure} ❌` +
    `${digest.other > 0 ? ` / ${digest.other} ⚪` : ''} · average ${digest.averageMs === undefined ? 'n/a' : formatDuration(digest.averageMs)}` +
    (latest && words !== undefined
      ? ` · latest ${icon(latest)} ${link(words, latest.url)} ${timestamp(latest.createdAt)}`
      : '')
  )
}

function endedBefore(runs: readonly WorkflowRunSummary[], since: number): readonly WorkflowRunSummary[] {
  return runs.filter(run => run.createdAt < since)
}

/** Undefined where too little ended to say anything. */
function periodOf({success, failure, averageMs}: WorkflowDigest): WorkPeriod | undefined {
  const runs = success + failure
  return runs === 0 || averageMs === undefined
    ? undefined
    : {runs, seconds: averageMs / 1000, successRate: success / runs}
}

/** One line for what became slower, one for what became worse; none where all is well. */
function worseningLines(all: readonly Worsening[], before: string): string[] {
  const slower = all
    .filter(each => each.slower)
    .map(({name, before: then, now}) => {
      const more = Math.round((now.seconds / then.seconds - 1) * 100)
      return `${plain(name, 60)} +${more} % (${formatDuration(now.seconds * 1000)}, was ${formatDuration(then.seconds * 1000)})`
    })
  const worse = all
    .filter(each => each.worse)
    .map(({name, before: then, now}) => `${plain(name, 60)} (${standing(now)}, was ${standing(then)})`)
  return [
    ...(slower.length > 0 ? [`🐢 slower than ${before}: ${slower.join(' · ')}`] : []),
    ...(worse.length > 0 ? [`📉 worse than ${before}: ${worse.join(' · ')}`] : []),
  ]
}

function standing({successRate, score}: WorkPeriod): string {
  const well = `${percent(successRate)} well`
  return score === undefined ? well : `${well}, score ${score.toFixed(0)}`
}

const LEVELS = {
  healthy: '✅ healthy',
  degraded: '⚠️ degraded',
  critical: '❌ critical',
  unknown: '⚪ nothing to check: set FRONTEND_BASE_URL and API_BASE_URL',
}

/** The arrow needs a window before; it says more than five points of difference. */
function uptimeLine({service, availability, p95Ms, change}: ServiceHistory): string {
  const arrow = change === undefined ? '' : change > 5 ? '📈 ' : change < -5 ? '📉 ' : '➡️ '
  const latency = p95Ms === undefined ? '' : ` · p95 ${p95Ms} ms`
  return `${arrow}**${plain(service, 60)}** up ${availability} %${latency}`
}

function healthLines(health: HealthDigest): string[] {
  return [
    `endpoints ${LEVELS[health.level]}`,
    ...health.sides.map(side => {
      const latency =
        side.p50Ms === undefined
          ? 'no answer'
          : `p50 ${Math.round(side.p50Ms)} ms · p95 ${Math.round(side.p95Ms ?? side.p50Ms)} ms`
      return `${side.side}: ${side.successRate} % of ${side.total} · ${latency}`
    }),
  ]
}
