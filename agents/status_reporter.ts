import {z} from 'zod'
import {code, ellipsis, link, plain, timestamp} from '../src/kernel/markdown.ts'
import {formatDuration, relativeAge} from '../src/kernel/time.ts'
import {
  defineAction,
  defineAgent,
  type AgentSummary,
  type CommandSummary,
  type HealthDigest,
  type LockSummary,
  type Reply,
  type WorkflowDigest,
  type WorkflowRunSummary,
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
  daily: {ms: 24 * 3_600_000, title: 'Last 24 Hours'},
  weekly: {ms: 7 * 24 * 3_600_000, title: 'Last 7 Days'},
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
            const runs = await workflowRuns.recent(workflow, {count, signal})
            const lines = runs.length === 0 ? ['no runs found'] : runs.map(run => runLine(run, now()))
            return [`**${plain(workflow.label, 80)}**`, ...lines]
          }),
        )
        const lines =
          blocks.length === 0 ? ['no workflow is configured; see targets in signalbox.yaml'] : blocks.flat()
        return {
          kind: 'replied',
          reply: {state: 'info', title: `status · last ${count} ${count === 1 ? 'run' : 'runs'} each`, lines},
        }
      },
    }),

    digest: defineAction({
      description: 'What the workflows did in a period, and how the endpoints are now',
      askable: true,
      input: z.object({period: z.enum(['daily', 'weekly'])}),
      async run({period}, {services: {workflowRuns, endpoints}, signal, now}) {
        const since = now() - WINDOWS[period].ms
        const [workflows, health] = await Promise.all([
          Promise.all(
            workflowRuns.workflows().map(async workflow => {
              const runs = await workflowRuns.recent(workflow, {count: DIGEST_RUNS, signal})
              return digestLine(workflow.label, workflowRuns.digest(runs, since))
            }),
          ),
          endpoints.check(signal).then(checks => endpoints.digest(checks)),
        ])
        const reply: Reply = {
          state: 'digest',
          title: WINDOWS[period].title,
          lines: [...workflows, ...healthLines(health)],
        }
        return {kind: 'replied', reply}
      },
    }),

    agents: defineAction({
      description: 'The agents, whether they are alive and busy, and how to reach them',
      askable: true,
      input: z.object({}),
      async run(_input, {services: {catalogue}}) {
        const agents = await catalogue.agents()
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
      input: z.object({command: z.string().optional()}),
      async run({command}, {actor, services: {catalogue}}) {
        const all = catalogue.commands(actor)
        const name = command?.replace(/^\//, '')
        const one = all.find(known => known.name === name)
        if (one) return {kind: 'replied', reply: helpOn(one)}
        const unknown = name === undefined ? [] : [`there is no ${code(`/${name}`)}; here is everything`]
        const open = all.filter(known => known.refusals.length === 0)
        const closed = all.filter(known => known.refusals.length > 0)
        const lines = [
          ...unknown,
          ...open.map(known => `${code(known.usage, 140)} ${plain(known.description)}`),
          ...(closed.length === 0 ? [] : ['**not for you yet**']),
          ...closed.map(
            known =>
              `${code(`/${known.name}`)} ${plain(known.description)}\n${known.refusals.map(reason => `· ${reason}`).join('\n')}`,
          ),
        ]
        return {kind: 'replied', reply: {state: 'info', title: 'what you can run', lines}}
      },
    }),
  },
})

const PRESENCE = {active: '🟢 active', busy: '🟡 busy', offline: '🔴 offline', unknown: '⚪ state unknown'}

/** All of it in one message: descriptions share what the rest leaves, and those that don't fit are counted. */
function agentLines(agents: readonly AgentSummary[]): readonly string[] {
  const heads: string[] = []
  let left = AGENTS_ROOM
  for (const head of agents.map(agentHead)) {
    left -= head.length + 1
    if (left < 0) break
    heads.push(head)
  }
  const more = agents.length - heads.length
  if (more > 0) return [...heads, `and ${more} more`]
  const share = Math.min(LONGEST_DESCRIPTION, Math.floor(left / Math.max(agents.length, 1)) - 1)
  return share < SHORTEST_DESCRIPTION
    ? heads
    : agents.map(({description}, index) => `${heads[index] ?? ''}\n${plain(description, share)}`)
}

function agentHead(agent: AgentSummary): string {
  const reached = agent.command === undefined ? [] : [code(agent.command)]
  const living = agent.status === 'active' || agent.status === 'busy'
  const load = living && agent.load ? [`${agent.load.active} of ${agent.load.capacity} jobs`] : []
  const seen = agent.lastSeen === undefined ? 'never seen' : `seen ${timestamp(agent.lastSeen)}`
  return [
    `**${plain(agent.name)}** ${[code(agent.id), ...reached].join(' · ')}`,
    [PRESENCE[agent.status], ...load, seen].join(' · '),
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
  const {latest} = digest
  const words =
    latest &&
    (latest.status === 'completed' ? (latest.conclusion ?? 'unknown') : 'running').replaceAll('_', ' ')
  return (
    `**${plain(label, 80)}** ${digest.total} ${digest.total === 1 ? 'run' : 'runs'}: ${digest.success} ✅ / ${digest.failure} ❌` +
    `${digest.other > 0 ? ` / ${digest.other} ⚪` : ''} · average ${digest.averageMs === undefined ? 'n/a' : formatDuration(digest.averageMs)}` +
    (latest && words !== undefined
      ? ` · latest ${icon(latest)} ${link(words, latest.url)} ${timestamp(latest.createdAt)}`
      : '')
  )
}

const LEVELS = {
  healthy: '✅ healthy',
  degraded: '⚠️ degraded',
  critical: '❌ critical',
  unknown: '⚪ nothing to check: set FRONTEND_BASE_URL and API_BASE_URL',
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

function helpOn(command: CommandSummary): Reply {
  return {
    state: 'info',
    title: `/${command.name}`,
    lines: [
      plain(command.description),
      code(command.usage, 200),
      ...command.options.map(
        option => `${code(option.name)} ${plain(option.description)}${option.required ? ' (required)' : ''}`,
      ),
      ...(command.refusals.length === 0
        ? []
        : ['**not for you yet**', ...command.refusals.map(reason => `· ${reason}`)]),
    ],
  }
}
