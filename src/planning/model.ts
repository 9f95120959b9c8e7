import {z} from 'zod'
import type {Llm, LlmRequest} from '../integrations/llm/llm.ts'
import {ENVIRONMENTS} from '../kernel/environment.ts'
import type {PlanningRequest} from '../sdk/index.ts'
import {MOST_TASKS} from './build.ts'
import {DOCUMENTS, factsIn, type Facts, type KnownNames} from './facts.ts'
import {TASK_KINDS, type TaskKind} from './grammar.ts'
import {readTasks, WEIGHTY, wishesIn, type Task} from './tasks.ts'

const answerShape = z.object({
  tasks: z
    .array(
      z.object({
        kind: z.enum(TASK_KINDS),
        words: z.string().min(1).max(500).describe('the part of the request that asks for it'),
        after: z
          .array(z.int().min(0).max(MOST_TASKS))
          .max(MOST_TASKS)
          .default([])
          .describe('places in this list, from 0, of the earlier tasks that it waits for'),
        pull_request: z.int().min(1).optional(),
        repository: z.string().max(200).optional().describe('owner/name'),
        target: z.string().max(60).optional(),
        environment: z.enum(ENVIRONMENTS).optional(),
        ref: z.string().max(200).optional().describe('branch or tag'),
        path: z.string().max(500).optional(),
        pipeline: z.string().max(60).optional(),
        document: z.enum(DOCUMENTS).optional(),
      }),
    )
    .max(MOST_TASKS)
    .describe('empty when nothing of it can be done'),
})
type Answer = z.output<typeof answerShape>

/** `reason` is a whole sentence for people. */
export type ModelTasks =
  {readonly kind: 'tasks'; readonly tasks: readonly Task[]} | {readonly kind: 'none'; readonly reason: string}

/**
 * Asks a model which tasks a description asks for, in which order. It only ever chooses among the kinds there are and
 * what the description names: workflows, gates and locks are made by `build` whoever read the words. An answer that is
 * not that goes back to it once, with what is wrong with it.
 */
export async function askModel(
  {description, material = [], given, signal}: PlanningRequest,
  {llm, known, facts}: {readonly llm: Llm; readonly known: KnownNames; readonly facts: Facts},
): Promise<ModelTasks> {
  const request: LlmRequest & {readonly schema: z.ZodType<Answer>} = {
    purpose: 'plan',
    agent: 'orchestrator',
    system: systemFor(known),
    messages: [
      {
        role: 'user',
        passages: [
          {text: description, trusted: true, source: 'the request'},
          ...(given ? [{text: JSON.stringify(given), trusted: true, source: 'known besides'}] : []),
          ...material.map(({text, source}) => ({text, source, trusted: false})),
        ],
      },
    ],
    maxOutputTokens: 1200,
    schema: answerShape,
    signal,
  }
  let {messages} = request
  for (let tries = 1; ; tries++) {
    const answer = await llm.object({...request, messages})
    if (answer.kind !== 'answered' && answer.kind !== 'invalid')
      return {kind: 'none', reason: `The model did not help (${answer.reason}), so rules made this plan.`}
    const faults =
      answer.kind === 'invalid'
        ? answer.faults
        : faultsOf(answer.value, {description, touched: material.length > 0, known, facts})
    if (answer.kind === 'answered' && faults.length === 0)
      return {kind: 'tasks', tasks: answer.value.tasks.map(toTask)}
    if (tries === 2)
      return {
        kind: 'none',
        reason:
          'The model’s plan was of no use, even after its faults were shown to it, so rules made this one.',
      }
    const said = answer.kind === 'invalid' ? answer.text : JSON.stringify(answer.value)
    messages = [
      ...request.messages,
      {role: 'assistant', passages: [{text: said.slice(0, 4000), trusted: true}]},
      {
        role: 'user',
        passages: [{text: `That can’t be used:\n- ${faults.join('\n- ')}\nAnswer again.`, trusted: true}],
      },
    ]
  }
}

/** What is wrong with an answer of the right form; the description alone says what may be done and where. */
export function faultsOf(
  {tasks}: Answer,
  {
    description,
    touched,
    known,
    facts,
  }: {
    readonly description: string
    /** By what others wrote. */
    readonly touched: boolean
    readonly known: KnownNames
    readonly facts: Facts
  },
): readonly string[] {
  const asked = new Set<TaskKind>(readTasks(description, known, facts).map(({kind}) => kind))
  const {wanted, unwanted} = wishesIn(description, known)
  const named: Facts = {...facts, ...factsIn(wanted, known)}
  const names = (text: string, name: string) =>
    factsIn(text, {targets: known.targets.filter(one => one.name === name), repositories: []}).target !==
    undefined
  /** Whoever reads “ship it” must not come to the target of another environment, nor choose among several. */
  const isMeant = (name: string) => {
    const own = known.targets.find(one => one.name === name)
    const there = named.environment === undefined || named.environment === own?.environment
    const isOnly = known.targets.length === 1 || named.environment !== undefined
    if (named.target === name || names(wanted, name)) return there
    return there && isOnly && !names(unwanted, name)
  }
  if (tasks.length === 0) return ['tasks: is empty, and there is something to do']
  return tasks.flatMap((task, place) => {
    const {kind, after, pull_request: pull, repository, target, environment} = task
    const at = `tasks.${place}`
    return [
      ...after.filter(one => one >= place).map(one => `${at}.after: ${one} is not an earlier task`),
      ...(!asked.has(kind) && (touched || WEIGHTY.has(kind))
        ? [`${at}.kind: the request itself does not ask to ${kind}`]
        : []),
      ...(pull !== undefined && !mentions(description, facts, pull)
        ? [`${at}.pull_request: the request does not name #${pull}`]
        : []),
      ...(repository !== undefined && !known.repositories.includes(repository)
        ? [`${at}.repository: there are ${known.repositories.join(', ')}`]
        : []),
      ...(target !== undefined && !known.targets.some(({name}) => name === target)
        ? [`${at}.target: there are ${known.targets.map(({name}) => name).join(', ')}`]
        : []),
      ...(target !== undefined && WEIGHTY.has(kind) && !isMeant(target)
        ? [`${at}.target: the request does not say that it is ${target}`]
        : []),
      ...(environment !== undefined && WEIGHTY.has(kind) && named.environment !== environment
        ? [`${at}.environment: the request does not name ${environment}`]
        : []),
    ]
  })
}

function mentions(description: string, {pull}: Facts, number: number): boolean {
  return pull === number || new RegExp(`(?<!\\d)${number}(?!\\d)`).test(description)
}

function toTask({kind, words, after, pull_request: pull, ...named}: Answer['tasks'][number]): Task {
  return {kind, words, after: [...new Set(after)].sort((a, b) => a - b), facts: {...named, pull}}
}

function systemFor({targets, repositories}: KnownNames): string {
  return [
    'You read what a person of a software team asks a bot to do, and list the tasks it comes to, in the order in which they have to happen. You carry nothing out.',
    `Kinds: ${TASK_KINDS.join(', ')}. implement and refactor change code; a review belongs behind them. test runs a pipeline, validate judges a build that ran. deploy, rollback, configure and heal change what people use: list them only where the person asks for them. diagnose is for environments, triage for failed runs and pull requests. docs writes documents, readme the README.`,
    'Tasks that do not need each other have the same "after". Name a pull request, target, environment or repository only where the request does.',
    `Targets: ${targets.map(({name}) => name).join(', ') || 'none'}. Repositories: ${repositories.join(', ') || 'none'}.`,
  ].join('\n')
}
