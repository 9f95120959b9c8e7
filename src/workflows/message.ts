import {shortId} from '../kernel/correlation.ts'
import {code, ellipsis, plain, timestamp} from '../kernel/markdown.ts'
import {formatDuration} from '../kernel/time.ts'
import type {Control, Reply, ReplyState} from '../sdk/index.ts'
import {isOver} from './evolve.ts'
import {parentOf} from './place.ts'
import {topOf, type ShownRun, type ShownStep} from './shown.ts'

/** Whose command the message answers; none for a look at somebody else's run. */
export interface Asked {
  readonly by: string
  readonly correlationId: string
}

interface Telling {
  readonly asked?: Asked
  readonly redact: (text: string) => string
  readonly now: number
}

/** More stages than these are drawn as a number before and after those under way. */
const STAGES_SHOWN = 10
/** More steps side by side are counted instead of named. */
const ABREAST = 4
const INSIDE_SHOWN = 8
const RETRIES_SHOWN = 3

const GLYPHS: Readonly<Record<ShownStep['status'], string>> = {
  pending: '⚪',
  locking: '⏳',
  running: '🟡',
  waiting: '⏳',
  succeeded: '🟢',
  failed: '🔴',
  skipped: '⏭️',
  cancelled: '⏹️',
  compensating: '↩️',
  compensated: '↩️',
}

/** The whole run as one message: how it stands, its graph, why it failed, what can be done. */
export function describe(run: ShownRun, telling: Telling): Reply {
  const {state, words} = standing(run, telling.now)
  const undone = run.steps?.filter(({status}) => status === 'compensated').map(({id}) => plain(id, 60)) ?? []
  return {
    state,
    title: titleOf(run, words),
    lines: [
      ...askedLine(telling.asked),
      `run ${code(run.id)} · started ${timestamp(Date.parse(run.started_at))}`,
      ...graph(run),
      ...gateLine(run),
      ...retryLines(run, telling.redact),
      ...causeLine(run, telling.redact),
      ...(undone.length === 0 ? [] : [`undone: ${undone.slice(0, INSIDE_SHOWN).join(', ')}`]),
    ],
    controls: controls(run),
  }
}

/** The short message at the end: edits notify nobody. */
export function closing(run: ShownRun, {asked, redact, now}: Telling): Reply {
  const {state, words} = standing(run, now)
  return {state, title: titleOf(run, words), lines: [...causeLine(run, redact), ...askedLine(asked)]}
}

function titleOf({workflow}: ShownRun, words: string): string {
  return ellipsis(`${ellipsis(workflow, 40)} · ${words}`, 80)
}

/** How it stands, as a state and in words. */
export function standing(
  {
    status,
    held,
    waiting_for: waiting,
    current_step: step,
    started_at: startedAt,
    completed_at: endedAt,
  }: ShownRun,
  now: number,
): {readonly state: ReplyState; readonly words: string} {
  const took = formatDuration((endedAt === null ? now : Date.parse(endedAt)) - Date.parse(startedAt))
  switch (status) {
    case 'pending':
      return {state: 'running', words: 'starting'}
    case 'running':
      return {state: 'running', words: step === 'running' ? 'running' : `running ${plain(step, 40)}`}
    case 'completed':
      return {state: 'success', words: `done after ${took}`}
    case 'failed':
      return {state: 'failure', words: `failed after ${took}`}
    case 'cancelled':
      return {state: 'other', words: `cancelled after ${took}`}
    case 'paused':
      if (held) return {state: 'other', words: 'paused'}
      switch (waiting?.kind) {
        case 'approval':
          return {state: 'waiting', words: 'waits for approval'}
        case 'signal':
          return {state: 'waiting', words: `waits for ${plain(waiting.id, 40)}`}
        case 'timer':
          return {state: 'waiting', words: 'waits for its time'}
        default:
          return {state: 'other', words: 'paused'}
      }
  }
}

function askedLine(asked: Asked | undefined): string[] {
  return asked ? [`asked by ${plain(asked.by, 60)} · ${code(shortId(asked.correlationId))}`] : []
}

function gateLine({id, waiting_for: waiting}: ShownRun): string[] {
  if (waiting?.kind !== 'approval') return []
  return [`answer with ${code(`/workflow action:approve run:${id}`)} or ${code('action:reject')}`]
}

/** What stands in the way of steps that will be tried again. */
function retryLines({status, steps = []}: ShownRun, redact: (text: string) => string): string[] {
  if (isOver(status)) return []
  return withoutInside(steps)
    .filter(({retry_at: at, error}) => at !== undefined && error !== null)
    .slice(0, RETRIES_SHOWN)
    .map(
      ({id, error, retry_at: at = ''}) =>
        `step ${code(id, 80)}: ${plain(redact(error?.message ?? ''), 200)} · next try ${timestamp(Date.parse(at))}`,
    )
}

function causeLine({error, steps = []}: ShownRun, redact: (text: string) => string): string[] {
  if (!error) return []
  // The run says which step it was, on its top level; what a step says that has others inside is theirs.
  const named = steps.find(({id}) => error.message.startsWith(`${id}: `))
  const at = withoutInside(steps.filter(({status}) => status === 'failed')).at(-1) ?? named
  const where = at === undefined ? '' : `step ${code(at.id, 80)}: `
  const why = named ? error.message.slice(named.id.length + 2) : error.message
  return [`${where}${plain(redact(why), 400)}`]
}

/** `🟢 review → 🟢 test → ⏳ approval → ⚪ release`, and a line for what is inside of the steps under way. */
function graph({steps = []}: ShownRun): string[] {
  const top = steps.filter(({id}) => parentOf(id) === '')
  const stages = stagesOf(top).filter(stage => stage.length > 0)
  if (stages.length === 0) return []
  const inside = new Map<string, ShownStep[]>()
  for (const step of steps) {
    const outer = topOf(step.id)
    if (outer === step.id || step.status === 'skipped') continue
    const others = inside.get(outer)
    if (others) others.push(step)
    else inside.set(outer, [step])
  }
  return [shorten(stages), ...top.flatMap(step => insideLine(step, inside.get(step.id) ?? []))]
}

/** Steps that could go on side by side, in the order in which that is. What was left out is not drawn. */
function stagesOf(top: readonly ShownStep[]): readonly (readonly ShownStep[])[] {
  const depths = new Map<string, number>()
  const stages: ShownStep[][] = []
  // A step comes after all that it needs.
  for (const step of top) {
    const depth = Math.max(0, ...step.needs.map(id => (depths.get(id) ?? 0) + 1))
    depths.set(step.id, depth)
    if (step.status !== 'skipped') (stages[depth] ??= []).push(step)
    else stages[depth] ??= []
  }
  return stages
}

function shorten(stages: readonly (readonly ShownStep[])[]): string {
  if (stages.length <= STAGES_SHOWN) return stages.map(drawn).join(' → ')
  const front = stages.findIndex(stage => stage.some(({status}) => status !== 'succeeded'))
  const from = Math.max(0, Math.min(front === -1 ? stages.length : front - 2, stages.length - STAGES_SHOWN))
  const before = stages.slice(0, from).flat()
  const after = stages.slice(from + STAGES_SHOWN).flat()
  return [
    ...(before.length === 0 ? [] : [`${before.length} more`]),
    ...stages.slice(from, from + STAGES_SHOWN).map(drawn),
    ...(after.length === 0 ? [] : [`${after.length} more`]),
  ].join(' → ')
}

function drawn(stage: readonly ShownStep[]): string {
  if (stage.length <= ABREAST) return stage.map(marked).join(' + ')
  const counts = new Map<string, number>()
  for (const {status} of stage) counts.set(GLYPHS[status], (counts.get(GLYPHS[status]) ?? 0) + 1)
  return [...counts].map(([glyph, count]) => `${glyph} × ${count}`).join(' ')
}

function insideLine({id, status}: ShownStep, inside: readonly ShownStep[]): string[] {
  if (inside.length === 0 || status === 'succeeded') return []
  const leaves = withoutInside(inside)
  const shown = leaves
    .slice(-INSIDE_SHOWN)
    .map(step => marked({...step, id: step.id.slice(id.length).replace(/^\//, '')}))
  return [`${plain(id, 40)}: ${leaves.length > INSIDE_SHOWN ? '… ' : ''}${shown.join(' · ')}`]
}

/** Those that have none of the others inside. */
function withoutInside(steps: readonly ShownStep[]): readonly ShownStep[] {
  const outer = new Set(steps.map(({id}) => parentOf(id)))
  return steps.filter(({id}) => !outer.has(id))
}

function marked({id, status, attempt}: Pick<ShownStep, 'id' | 'status' | 'attempt'>): string {
  return `${GLYPHS[status]} ${plain(id, 40)}${attempt > 1 ? ` (${attempt}.)` : ''}`
}

function controls({id, status, held = false}: ShownRun): Control[] {
  const button = (label: string, action: string, style: 'primary' | 'secondary' | 'danger'): Control => ({
    kind: 'action',
    label,
    action,
    subject: id,
    style,
  })
  if (status === 'failed' || status === 'cancelled') return [button('Retry', 'retry-run', 'primary')]
  if (isOver(status)) return []
  return [
    held ? button('Resume', 'resume-run', 'primary') : button('Pause', 'pause-run', 'secondary'),
    button('Cancel', 'cancel-run', 'danger'),
  ]
}
