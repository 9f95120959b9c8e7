import {code, ellipsis, plain, timestamp} from '../kernel/markdown.ts'
import type {Control, Draft, DraftStep, Reply} from '../sdk/index.ts'

/** More stages than these are counted, and more steps than these are not listed. */
const STAGES_SHOWN = 10
const STEPS_SHOWN = 12

/** The draft as a message: what it would do as a graph and step by step, what to know, and what can be done with it. */
export function describe(draft: Draft): Reply {
  const {steps, risk, description, notes, planner, expiresAt} = draft
  const listed = steps.filter(({kind}) => kind !== 'check')
  const more = listed.length - STEPS_SHOWN
  return {
    state: 'waiting',
    title: ellipsis(
      `plan · ${listed.length} ${listed.length === 1 ? 'step' : 'steps'} · risk ${risk.level}`,
      80,
    ),
    lines: [
      `“${plain(description, 200)}”`,
      graph(listed),
      ...listed.slice(0, STEPS_SHOWN).map((step, i) => `${i + 1}. ${stepLine(step)}`),
      ...(more > 0 ? [`and ${more} more`] : []),
      ...(risk.reasons.length === 0
        ? []
        : [`risk ${risk.level}: ${risk.reasons.map(one => plain(one, 80)).join('; ')}`]),
      ...notes.map(note => `⚠️ ${plain(note, 300)}`),
      `${planner === 'model' ? 'planned by the model, checked by rules' : 'planned by rules'} · nothing happens before Start, which works until ${timestamp(expiresAt, 't')}`,
    ],
    controls: [
      button('Start', 'start-draft', draft, 'primary'),
      button('Edit', 'edit-draft', draft, 'secondary'),
      button('Cancel', 'cancel-draft', draft, 'danger'),
    ],
  }
}

/** How its message stands once it was decided about; the lines stay. */
export function settled({status, run, workflow}: Draft): Pick<Reply, 'state' | 'title'> {
  switch (status) {
    case 'started':
      return {state: 'ok', title: ellipsis(`plan · started as ${run ?? workflow}`, 80)}
    case 'edited':
      return {state: 'moved', title: 'plan · replaced by a newer one'}
    case 'cancelled':
      return {state: 'other', title: 'plan · dropped, nothing was started'}
    default:
      return {state: 'other', title: 'plan · nobody started it in time'}
  }
}

/** `review + test → gate → deploy`: those joined by + go on at the same time. */
function graph(steps: readonly DraftStep[]): string {
  const depths = new Map<string, number>()
  const stages: DraftStep[][] = []
  for (const step of steps) {
    const depth = Math.max(0, ...step.needs.map(id => (depths.get(id) ?? -1) + 1))
    depths.set(step.id, depth)
    ;(stages[depth] ??= []).push(step)
  }
  const drawn = stages.slice(0, STAGES_SHOWN).map(stage => stage.map(glyph).join(' + '))
  const rest = stages.length - STAGES_SHOWN
  return [...drawn, ...(rest > 0 ? [`${rest} more`] : [])].join(' → ')
}

function glyph({id, kind}: DraftStep): string {
  return `${kind === 'gate' ? '⏳' : '⚪'} ${plain(id, 40)}`
}

function stepLine({title, agents}: DraftStep): string {
  return [
    plain(title, 120),
    ...(agents.length === 0 ? [] : [agents.map(agent => code(agent, 40)).join(', ')]),
  ].join(' · ')
}

function button(
  label: string,
  action: string,
  {id}: Draft,
  style: 'primary' | 'secondary' | 'danger',
): Control {
  return {kind: 'action', label, action, subject: id, style}
}
