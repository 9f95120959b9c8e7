import type {People} from '../people.ts'
import {findWorkflow, resolveRef} from '../repositories.ts'
import {refuse, type Answer, type Route} from '../route.ts'
import type {Runs} from '../runs.ts'
import type {RunShapes} from '../run-shapes.ts'
import type {InputSpec} from '../workflow-file.ts'

/**
 * `modern` is github.com today; `legacy` an Enterprise Server that refuses `return_run_details`, and
 * `legacy-silent` one that overlooks it. Neither legacy knows API version 2026-03-10.
 */
export type ApiFlavour = 'modern' | 'legacy' | 'legacy-silent'

const MOST_INPUTS = 25
const LONGEST_INPUTS = 65_535

/** `workflow_dispatch`, with every refusal that GitHub is known to give. */
export function dispatchRoute({
  runs,
  shapes,
  people,
  flavour,
}: {
  readonly runs: Runs
  readonly shapes: RunShapes
  readonly people: People
  readonly flavour: ApiFlavour
}): Route {
  return {
    name: 'dispatch',
    method: 'POST',
    path: '/repos/:owner/:repo/actions/workflows/:workflow/dispatches',
    docs: 'actions/workflows#create-a-workflow-dispatch-event',
    for: 'repository',
    permission: ['actions', 'write'],
    handle({params, body, caller, apiVersion}, repository): Answer {
      const workflow = findWorkflow(repository, params['workflow'] ?? '') ?? refuse(404, 'Not Found')
      const allowed = flavour === 'legacy' ? ['ref', 'inputs'] : ['ref', 'inputs', 'return_run_details']
      const stranger = Object.keys(body).find(key => !allowed.includes(key))
      if (stranger !== undefined) invalid(`"${stranger}" is not a permitted key.`)
      const {ref: refName, inputs: sent = {}, return_run_details: wantsDetails} = body
      if (refName === undefined) invalid('"ref" wasn\'t supplied.')
      if (typeof refName !== 'string')
        invalid(`For 'properties/ref', ${JSON.stringify(refName)} is not a string.`)
      if (wantsDetails !== undefined && typeof wantsDetails !== 'boolean' && flavour === 'modern') {
        invalid(`For 'properties/return_run_details', ${JSON.stringify(wantsDetails)} is not a boolean.`)
      }
      const ref = resolveRef(repository, refName)
      // A commit is not enough: the reference must be a branch or a tag.
      if (!ref || !(repository.branches.has(ref.name) || repository.tags.has(ref.name))) {
        return refuse(422, `No ref found for: ${refName}`)
      }
      if (workflow.state !== 'active')
        refuse(422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow")
      if (!workflow.definition.dispatchable) refuse(422, "Workflow does not have 'workflow_dispatch' trigger")
      const inputs = acceptInputs(sent, workflow.definition.inputs)
      people.meet(caller.login)
      const run = runs.start({
        repository,
        workflow,
        event: 'workflow_dispatch',
        ref,
        actor: caller.login,
        inputs,
      })
      const details = flavour === 'modern' && (wantsDetails === true || apiVersion >= '2026-03-10')
      if (!details) return {status: 204}
      return {
        status: 200,
        body: {workflow_run_id: run.id, run_url: shapes.runUrl(run), html_url: shapes.runPage(run)},
      }
    },
  }
}

function acceptInputs(sent: unknown, declared: Readonly<Record<string, InputSpec>>): Record<string, string> {
  if (sent === null || typeof sent !== 'object' || Array.isArray(sent)) {
    return invalid(`For 'properties/inputs', ${JSON.stringify(sent)} is not an object.`)
  }
  const given = Object.entries(sent as Record<string, unknown>)
  if (given.length > MOST_INPUTS) {
    invalid(`No more than ${MOST_INPUTS} properties are allowed; ${given.length} were supplied.`)
  }
  for (const [, value] of given) {
    if (value === null || typeof value === 'object') {
      invalid(
        `For 'additionalProperties', ${value === null ? 'nil' : JSON.stringify(value)} is not a string.`,
      )
    }
  }
  if (JSON.stringify(sent).length > LONGEST_INPUTS) refuse(422, 'inputs are too large.')
  const strangers = given.map(([name]) => name).filter(name => !Object.hasOwn(declared, name))
  if (strangers.length > 0) refuse(422, `Unexpected inputs provided: ${JSON.stringify(strangers)}`)
  const texts = Object.fromEntries(given.map(([name, value]) => [name, String(value)]))
  for (const [name, spec] of Object.entries(declared)) {
    const value = texts[name] ?? spec.default
    if (spec.required && value === undefined) refuse(422, `Required input '${name}' not provided`)
    const allowed =
      spec.type === 'boolean' ? ['true', 'false'] : spec.type === 'choice' ? spec.options : undefined
    if (allowed && value !== undefined && !allowed.includes(value)) {
      refuse(422, `Provided value '${value}' for input '${name}' not in the list of allowed values`)
    }
    if (spec.type === 'number' && value !== undefined && !Number.isFinite(Number(value))) {
      refuse(422, `Provided value '${value}' for input '${name}' is not a number`)
    }
    texts[name] = value ?? ''
  }
  return texts
}

function invalid(why: string): never {
  return refuse(422, `Invalid request.\n\n${why}`)
}
