import type {Llm} from '../integrations/llm/llm.ts'
import type {PlanningRequest} from '../sdk/index.ts'
import type {WorkflowDefinition} from '../sdk/workflow.ts'
import {build, type Built, type Surroundings} from './build.ts'
import type {Facts, KnownNames} from './facts.ts'
import {objections} from './guardrails.ts'
import {askModel} from './model.ts'
import {planByRules} from './rules.ts'
import type {Made} from './service.ts'

/**
 * Makes a workflow of words: guardrails first, then a model where there is one, else rules. Whoever made it, it was
 * checked like a file of workflows/ before anybody sees it. @throws INVALID_INPUT where it does not pass.
 */
export function createMaker({
  llm,
  known,
  surroundings,
  check,
}: {
  readonly llm: Llm
  readonly known: KnownNames
  readonly surroundings: () => Promise<Surroundings>
  /** Throws INVALID_INPUT with all that is wrong. */
  readonly check: (definition: WorkflowDefinition) => void
}): (request: PlanningRequest) => Promise<Made> {
  return async request => {
    const {description, given = {}} = request
    const reasons = objections(description)
    if (reasons.length > 0) return {kind: 'refused', reasons}
    const facts = factsGiven(given)
    const house = await surroundings()
    const answer = llm.on ? await askModel(request, {llm, known, facts}) : undefined
    if (answer?.kind === 'tasks') return made(build(answer.tasks, house), 'model', [])
    return made(
      planByRules(description, known, house, facts),
      'rules',
      answer === undefined ? [] : [answer.reason],
    )
  }

  function made(built: Built, planner: 'rules' | 'model', remarks: readonly string[]): Made {
    if (built.kind !== 'built') return built
    check(built.definition)
    return {...built, planner, remarks}
  }
}

function factsGiven({
  pr_number: pull,
  repo_url: repository,
  ...given
}: NonNullable<PlanningRequest['given']>): Facts {
  const facts = {...given, pull, repository}
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
}
