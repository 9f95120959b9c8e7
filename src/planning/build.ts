import {readRisk} from '../approvals/risk-text.ts'
import {assess} from '../approvals/risk.ts'
import type {Json} from '../kernel/json.ts'
import {visible} from '../kernel/markdown.ts'
import type {AgentDefinition, DraftedWorkflow, DraftStep, Planned} from '../sdk/index.ts'
import type {StepDefinition, WorkflowDefinition} from '../sdk/workflow.ts'
import {emit} from './kinds.ts'
import type {Emission, Place, Stop, Target} from './steps.ts'
import {targetFor} from './targets.ts'
import type {Task} from './tasks.ts'

/** So many things one description may ask for. */
export const MOST_TASKS = 10

/** What there is to make a workflow of. */
export interface Surroundings {
  readonly agents: ReadonlyMap<string, Pick<AgentDefinition, 'actions'>>
  /** By the registry, as of now. */
  readonly isUp: (agent: string) => boolean
  readonly workflows: ReadonlyMap<string, Pick<WorkflowDefinition, 'input' | 'steps'>>
  readonly targets: readonly Target[]
  /** The `owner/name` that a text means, the default one for none. @throws AppError with disposition `user`. */
  repositoryOf(text: string | undefined): string
}

export type Built =
  | {
      readonly kind: 'built'
      readonly definition: WorkflowDefinition
      /** What its run is started with: the free texts, which are nowhere in the definition itself. */
      readonly input: Readonly<Record<string, Json>>
      readonly plan: Omit<DraftedWorkflow, 'planner'>
    }
  | Exclude<Planned, {readonly kind: 'planned'}>

/** What has to hold of a step before those behind it begin. */
interface End {
  readonly id: string
  readonly holds: readonly string[]
  readonly ancestors: ReadonlySet<number>
}

/**
 * The workflow that carries the tasks out, with the gates, locks and checks that they take: those are never left to
 * whoever read the words. A text of the description becomes input of the run, so that nothing in it is an expression.
 */
export function build(asked: readonly Task[], surroundings: Surroundings): Built {
  if (asked.length > MOST_TASKS)
    return {
      kind: 'refused',
      reasons: [
        `That is ${asked.length} things at once; ${MOST_TASKS} is the most for one plan. Ask in parts.`,
      ],
    }
  const tasks = ofOneRepository(asked, surroundings)
  const steps: StepDefinition[] = []
  const shown: DraftStep[] = []
  const input: Record<string, Json> = {}
  const notes = new Set<string>()
  const ends: End[] = []
  const ids = new Set<string>()
  const heads = new Map<string, string>()
  const risks = [assess({operation: 'read', environment: 'development'})]

  function idFor(wanted: string): string {
    for (let n = 1; ; n++) {
      const id = n === 1 ? wanted : `${wanted}_${n}`
      if (ids.has(id)) continue
      ids.add(id)
      return id
    }
  }

  function add(step: StepDefinition, about: Pick<DraftStep, 'title' | 'kind' | 'prepares'>): void {
    const {id, needs = [], agent, action, workflow, name} = step
    const agents =
      workflow !== undefined
        ? performers(surroundings.workflows.get(workflow)?.steps ?? [], surroundings)
        : agent === undefined
          ? []
          : [agent]
    steps.push({...step, name: name ?? about.title})
    shown.push({id, ...about, agents, action: action ?? workflow, needs, reads: readBy(step)})
  }

  /** Stops the run where a step that others wait for did not go well. */
  function check(emission: Emission): void {
    if (!emission.proof) return
    const {holds, otherwise} = emission.proof
    const id = idFor(`${emission.end}_check`)
    add(
      {id, needs: [emission.end], if: `!(${holds})`, fail: otherwise},
      {title: `stop unless ${emission.proof.words}`, kind: 'check', prepares: false},
    )
  }

  const awaited = new Set(tasks.flatMap(({after}) => after))
  for (const [place, task] of tasks.entries()) {
    const before = task.after.flatMap(at => ends[at] ?? [])
    const ancestors = new Set([...task.after, ...before.flatMap(end => [...end.ancestors])])
    const where: Place = {
      words: task.words,
      needs: before.map(({id}) => id),
      holds: before.flatMap(({holds}) => holds),
      idFor,
      add,
      text(key, value) {
        input[key] = value
        return `\${{ input.${key} }}`
      },
      note: sentence => void notes.add(sentence),
      earlier: kinds =>
        [...ancestors]
          .sort((a, b) => b - a)
          .flatMap(at => {
            const one = tasks[at]
            const end = ends[at]
            return one && end && kinds.includes(one.kind) ? [{task: one, id: end.id}] : []
          }),
      heads,
      // The words that ask for it can only raise it.
      risk: context => void risks.push(assess(context, readRisk(task.words, context))),
    }
    if (task.unheard !== undefined)
      notes.add(
        `Nothing of this plan does “${visible(task.unheard).slice(0, 120)}”: say it in other words if it should.`,
      )
    const emission: Emission | Stop = emit(task, where, surroundings)
    if ('stop' in emission) return emission.stop
    const proven = emission.proof !== undefined && awaited.has(place)
    if (proven) check(emission)
    ends.push({id: emission.end, holds: proven && emission.proof ? [emission.proof.holds] : [], ancestors})
  }

  const [first, ...others] = risks
  const risk = others.reduce(
    (a, b) => (b.score > a.score ? b : a),
    first ?? assess({operation: '', environment: ''}),
  )
  const workflow = `planned-${tasks.map(({kind}) => kind.replaceAll('_', '-')).join('-')}`
    .slice(0, 64)
    .replace(/-$/, '')
  const declared = Object.keys(input).map(key => [key, {type: 'string', required: true}] as const)
  return {
    kind: 'built',
    definition: {
      name: workflow,
      description: 'Planned from a description',
      ...(declared.length === 0 ? {} : {input: Object.fromEntries(declared)}),
      steps,
    },
    input,
    plan: {
      workflow,
      steps: shown,
      notes: [...notes],
      risk: {level: risk.level, reasons: risk.level === 'low' ? [] : risk.reasons},
    },
  }
}

/** The steps that its values are taken from; a text of a person is input of the run and so none of its values. */
function readBy({with: values = {}}: StepDefinition): readonly string[] {
  const found = JSON.stringify(values).matchAll(/\bsteps\.(\w+)\.output\b/g)
  return [...new Set([...found].flatMap(([, id]) => id ?? []))]
}

/** A pull request that is shipped is one of the repository that its target ships, also where it is reviewed before. */
function ofOneRepository(tasks: readonly Task[], surroundings: Surroundings): readonly Task[] {
  const homes = new Map<number, string>()
  for (const {kind, facts} of tasks) {
    if (kind !== 'deploy' || facts.pull === undefined || facts.repository !== undefined) continue
    const target = targetFor(facts, surroundings)
    if (!('stop' in target)) homes.set(facts.pull, target.repository)
  }
  return tasks.map(task => {
    const repository = task.facts.repository ?? homes.get(task.facts.pull ?? 0)
    return repository === undefined ? task : {...task, facts: {...task.facts, repository}}
  })
}

/** Who does something in a workflow, in the order of its steps; looks that change nothing are not counted. */
function performers(
  steps: readonly StepDefinition[],
  {agents}: Pick<Surroundings, 'agents'>,
): readonly string[] {
  const all = steps.flatMap(({agent, action, steps: inner = []}): readonly string[] => {
    const pure = agents.get(agent ?? '')?.actions[action ?? '']?.pure ?? false
    return [...(agent === undefined || pure ? [] : [agent]), ...performers(inner, {agents})]
  })
  return [...new Set(all)]
}
