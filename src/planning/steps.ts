import {z} from 'zod'
import type {Environment} from '../kernel/environment.ts'
import type {Json} from '../kernel/json.ts'
import type {DraftStep, MissingFact, Planned} from '../sdk/index.ts'
import type {StepDefinition} from '../sdk/workflow.ts'
import type {Surroundings} from './build.ts'
import type {TaskKind} from './grammar.ts'
import type {Task} from './tasks.ts'

export interface Target {
  readonly name: string
  readonly repository: string
  readonly ref: string
  readonly environment: Environment
  readonly service: string
}

/** Where in the workflow a task's steps go. */
export interface Place {
  /** Those that ask for its task. */
  readonly words: string
  readonly needs: readonly string[]
  /** Expressions that must be true of what it waits for. */
  readonly holds: readonly string[]
  /** An id that no other step has. */
  readonly idFor: (wanted: string) => string
  add(step: StepDefinition, about: Pick<DraftStep, 'title' | 'kind' | 'prepares'>): void
  /** Makes a text an input of the run, and answers the expression for it. */
  text(key: string, value: string): string
  note(sentence: string): void
  /** The tasks of these kinds that have ended by then, the last one first, each with its last step. */
  earlier(kinds: readonly TaskKind[]): readonly {readonly task: Task; readonly id: string}[]
  /** Steps that look up the newest commit of a pull request, by `owner/name#7`. */
  readonly heads: Map<string, string>
  risk(context: {readonly operation: string; readonly environment: string; readonly resource?: string}): void
}

/** What a task's steps come to. */
export interface Emission {
  /** The step that others wait for. */
  readonly end: string
  /** What must hold of it for others to begin. */
  readonly proof?: {readonly holds: string; readonly otherwise: string; readonly words: string}
}

export interface Stop {
  readonly stop: Exclude<Planned, {readonly kind: 'planned'}>
}

export type Values = Readonly<Record<string, Json | undefined>>

/** Who can carry a task out: of several the first that is there, those that are up before others. */
const HOLDERS: Readonly<Partial<Record<TaskKind, readonly (readonly [agent: string, action: string])[]>>> = {
  implement: [
    ['feature-dev', 'implement_feature'],
    ['feature-dev', 'generate_code'],
  ],
  refactor: [['feature-dev', 'refactor_code']],
  review: [['code-review', 'review_code']],
  analyse: [['code-review', 'static_analysis']],
  explain: [
    ['code-review', 'explain_code'],
    ['documentation', 'explain_code'],
  ],
  test: [['cicd', 'run_pipeline']],
  validate: [['cicd', 'validate_build']],
  rollback: [['infrastructure', 'rollback']],
  configure: [['infrastructure', 'update_config']],
  health: [['infrastructure', 'health_check']],
  diagnose: [
    ['infrastructure', 'execute_task'],
    ['cicd', 'execute_task'],
    ['code-review', 'execute_task'],
  ],
  triage: [
    ['triage', 'triage'],
    ['cicd', 'execute_task'],
  ],
  triage_issues: [
    ['issue_triage', 'triage'],
    ['issue_triage', 'triage_issues'],
  ],
  docs: [['documentation', 'generate_docs']],
  readme: [['documentation', 'update_readme']],
}

const WORDS: Readonly<Record<TaskKind, string>> = {
  implement: 'implement changes',
  refactor: 'refactor code',
  review: 'review pull requests',
  analyse: 'analyse code',
  explain: 'explain code',
  test: 'run pipelines',
  validate: 'judge builds',
  deploy: 'ship',
  rollback: 'roll back',
  configure: 'set variables',
  health: 'check health',
  heal: 'heal an environment',
  diagnose: 'diagnose',
  triage: 'triage failures',
  triage_issues: 'triage issues',
  docs: 'write documentation',
  readme: 'update the README',
}

/** The approval that a shipment takes; the policy knows whether anybody has to be asked. */
export function askPeople(
  operation: string,
  title: string,
  {name, environment}: Target,
  details: Readonly<Record<string, Json>>,
  place: Place,
  needs: readonly string[] = [],
): string {
  place.risk({operation, environment})
  const id = place.idFor(`approve_${operation}`)
  place.add(
    {
      id,
      needs: unique([...place.needs, ...needs]),
      ...conditionOf(place),
      approval: {
        title,
        operation,
        environment,
        resource: 'service',
        details: {target: name, words: place.text(`${id}_words`, place.words), ...details},
      },
    },
    {title: `ask people to approve ${name} → ${environment}`, kind: 'gate', prepares: false},
  )
  return id
}

/** The newest commit of a pull request: its review tells, or a look that says nothing on the pull request. */
export function headOf(
  pull: number,
  repository: string,
  place: Place,
  house: Surroundings,
): {readonly sha: string; readonly from: string} | Stop {
  const key = `${repository}#${pull}`
  const review = place.earlier(['review']).find(({task}) => task.facts.pull === pull)
  const known = review?.id ?? place.heads.get(key)
  if (known !== undefined) return {sha: `\${{ steps.${known}.output.head_sha }}`, from: known}
  const holder = holderOf('review', house)
  if (!holder) return nobody('review')
  const [agent, action] = holder
  const id = place.idFor(`pull_${pull}`)
  place.heads.set(key, id)
  place.add(
    {
      id,
      needs: [],
      agent,
      action,
      with: {repo_url: repository, pr_number: pull, comment: false},
      timeout: '5m',
    },
    {title: `look up the newest commit of #${pull}`, kind: 'agent', prepares: true},
  )
  return {sha: `\${{ steps.${id}.output.head_sha }}`, from: id}
}

export function startWorkflow(
  workflow: string,
  given: Readonly<Record<string, Json>>,
  {id, title}: {readonly id: string; readonly title: string},
  place: Place,
  house: Surroundings,
): Emission | Stop {
  if (!house.workflows.has(workflow)) return refused(`There is no workflow ${workflow} here.`)
  place.add(
    {
      id,
      needs: [...place.needs],
      ...conditionOf(place),
      workflow,
      with: {...given} as NonNullable<StepDefinition['with']>,
    },
    {title, kind: 'agent', prepares: false},
  )
  return {end: id}
}

/** One action of whoever holds it. Values that its schema does not take are left out; one that it lacks, and it refuses. */
export function perform({
  task: {kind},
  place,
  house,
  holder = holderOf(kind, house),
  id,
  title,
  values,
  needs = [],
  after,
  more = {},
  proof,
  prepares = false,
}: {
  readonly task: Task
  readonly place: Place
  readonly house: Surroundings
  readonly holder?: readonly [string, string] | undefined
  readonly id: string
  readonly title: string
  readonly values: Values
  /** Besides what the task waits for. */
  readonly needs?: readonly string[]
  /** Instead of what the task waits for. */
  readonly after?: readonly string[]
  readonly more?: Partial<StepDefinition>
  readonly proof?: Emission['proof']
  readonly prepares?: boolean
}): Emission | Stop {
  const [agent = '', action = ''] = holder ?? []
  const schema = house.agents.get(agent)?.actions[action]?.input
  if (!schema) return nobody(kind)
  if (!house.isUp(agent)) place.note(`${agent} is not up now; its steps wait for it.`)
  const given = fitting(schema, values)
  const condition = after ? {} : conditionOf(place)
  const both = [condition.if, more.if].filter(one => one !== undefined)
  place.add(
    {
      id,
      needs: unique([...(after ?? place.needs), ...needs]),
      agent,
      action,
      ...(Object.keys(given).length === 0 ? {} : {with: given}),
      ...more,
      ...(both.length === 0 ? {} : {if: both.join(' && ')}),
    },
    {title: title.slice(0, 120), kind: 'agent', prepares},
  )
  return {end: id, ...(proof ? {proof} : {})}
}

export function holderOf(
  kind: TaskKind,
  {agents, isUp}: Surroundings,
): readonly [string, string] | undefined {
  const there = (HOLDERS[kind] ?? []).filter(([agent, action]) =>
    Object.hasOwn(agents.get(agent)?.actions ?? {}, action),
  )
  return there.find(([agent]) => isUp(agent)) ?? there[0]
}

function fitting(schema: z.ZodType, values: Values): NonNullable<StepDefinition['with']> {
  const takes = schema instanceof z.ZodObject ? Object.keys(schema.shape) : undefined
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => {
      const as = takes?.includes(key) === false && key === 'repo_url' ? 'repository' : key
      return value === undefined || takes?.includes(as) === false ? [] : [[as, value]]
    }),
  ) as NonNullable<StepDefinition['with']>
}

/** The expression for the first of the fields that the step's action answers. */
export function outputOf(
  {task, id}: {readonly task: Task; readonly id: string},
  house: Surroundings,
  fields: readonly string[],
): string | undefined {
  const [agent = '', action = ''] = holderOf(task.kind, house) ?? []
  const output = house.agents.get(agent)?.actions[action]?.output
  const has = output instanceof z.ZodObject ? Object.keys(output.shape) : []
  const field = fields.find(one => has.includes(one))
  return field === undefined ? undefined : `steps.${id}.output.${field}`
}

export function lockOf({environment, service}: Target) {
  return {resource: `deployment:${environment}:${service}`, kind: 'deploy'} as const
}

export function conditionOf({holds}: Place): {readonly if?: string} {
  return holds.length === 0 ? {} : {if: unique(holds).join(' && ')}
}

export function asText(place: Place, key: string, value: string | undefined): string | undefined {
  return value === undefined ? undefined : place.text(key, value)
}

export function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)]
}

export function question(text: string, missing: MissingFact): Stop {
  return {stop: {kind: 'question', question: text, missing}}
}

export function refused(reason: string): Stop {
  return {stop: {kind: 'refused', reasons: [reason]}}
}

export function nobody(kind: TaskKind): Stop {
  const asked = (HOLDERS[kind] ?? []).map(([agent, action]) => `${agent} ${action}`).join(', ')
  return refused(`Nobody here can ${WORDS[kind]}${asked === '' ? '' : `: no agent offers ${asked}`}.`)
}
