import {relativeTime} from './discord-text.ts'
import {clip, span, wrap, type Line, type Span, type Style} from './text.ts'

/** A job or a step. */
interface ShownWork {
  readonly name: string
  readonly status: string
  readonly conclusion: string | null
}

/** As much of a workflow run as is drawn; the GitHub emulator's runs are such runs. */
export interface ShownRun extends Omit<ShownWork, 'name'> {
  readonly id: number
  readonly workflow: string
  readonly displayTitle: string
  readonly attempt: number
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly jobs: readonly (ShownWork & {readonly steps: readonly ShownWork[]})[]
}

export interface Space {
  readonly columns: number
  readonly rows: number
  readonly now: number
}

/** Set-up and clean-up, which GitHub adds to each job, tell nothing here. */
const ADDED_BY_GITHUB = ['Set up job', 'Complete job']

/** The newest run in as much detail as there is room for, then the ones before it, one line each. */
export function runsLines(runs: readonly ShownRun[], space: Space): Line[] {
  const [newest, ...earlier] = runs
  if (!newest) return [[span('no run yet', 'dim')]]
  const roomy = detailed(newest, space)
  const shown = roomy.length <= space.rows ? roomy : compact(newest, space)
  const room = space.rows - shown.length - 1
  if (room < 1) return shown.slice(0, space.rows)
  return [...shown, [], ...earlier.slice(0, room).map(run => clip(oneLine(run, space.now), space.columns))]
}

/** Every step on its own line. */
export function detailed(run: ShownRun, {columns, now}: Omit<Space, 'rows'>): Line[] {
  const jobs = run.jobs.flatMap(job => [
    [mark(job), span(` ${job.name}`, 'bold')],
    ...steps(job).map(step => [span('   '), mark(step), span(` ${step.name}`, ...toneOf(step))]),
  ])
  return [...heading(run, now), ...jobs].map(line => clip(line, columns))
}

/** Every job on its own line, its steps behind it. */
function compact(run: ShownRun, {columns, now}: Space): Line[] {
  const jobs = run.jobs.flatMap(job => {
    const parts = steps(job).flatMap(step => [span('  '), mark(step), span(` ${step.name}`, ...toneOf(step))])
    return wrap([mark(job), span(` ${job.name}`, 'bold'), ...parts], columns, [span('   ')])
  })
  return [...heading(run, now).map(line => clip(line, columns)), ...jobs]
}

function steps(job: ShownRun['jobs'][number]): readonly ShownWork[] {
  return job.steps.filter(step => !ADDED_BY_GITHUB.includes(step.name))
}

function heading(run: ShownRun, now: number): Line[] {
  const again = run.attempt > 1 ? ` · attempt ${run.attempt}` : ''
  return [[...oneLine(run, now), span(again)], [span(`  ${run.displayTitle}`, 'dim')]]
}

function oneLine(run: ShownRun, now: number): Line {
  const words = (run.conclusion ?? run.status).replaceAll('_', ' ')
  return [
    mark(run),
    span(` ${run.workflow.replace(/\.ya?ml$/, '')}`, 'bold'),
    span(` · ${words}`),
    span(` · ${relativeTime(run.createdAt, now)}`, 'dim'),
  ]
}

const SHOWN_AS: Readonly<Record<string, readonly [glyph: string, style: Style]>> = {
  success: ['✓', 'green'],
  failure: ['✗', 'red'],
  in_progress: ['▶', 'yellow'],
  skipped: ['-', 'dim'],
  cancelled: ['○', 'gray'],
}

function mark({status, conclusion}: Pick<ShownWork, 'status' | 'conclusion'>): Span {
  const [glyph, style] = SHOWN_AS[conclusion ?? status] ?? ['·', 'dim']
  return span(glyph, style)
}

function toneOf(work: ShownWork): Style[] {
  if (work.conclusion === 'failure') return ['red']
  return work.status === 'in_progress' ? [] : ['dim']
}
