import type {FastifyInstance} from 'fastify'
import {z} from 'zod'
import {addCommonControl, readBody} from '../shared/control.ts'
import type {Auth} from './auth.ts'
import {ROUTE_FAULTS, WEBHOOK_FAULTS, type Fault, type Faults} from './faults.ts'
import type {Run} from './handles/run.ts'
import {CONCLUSIONS} from './attempt.ts'
import type {Recorder} from './recorder.ts'
import type {Repositories} from './repositories.ts'
import type {RunState, Runs} from './runs.ts'
import type {Webhooks} from './webhooks.ts'

const HELP = `The GitHub emulator's control panel. Bodies and answers are JSON; no credentials needed.

GET  /control/repositories                      repositories and their workflows
GET  /control/repositories/:owner/:repo/runs    runs, newest first
GET  /control/runs/:id                          one run with its jobs and steps
POST /control/runs/:id/finish                   {"conclusion": "success"}
POST /control/runs/:id/fail                     {"job": "deploy", "step": "Build", "log": ["..."], "exitCode": 1}
POST /control/runs/:id/hold                     freeze its script
POST /control/runs/:id/release                  let it go on
POST /control/runs/:id/cancel                   {"force": false}
POST /control/runs/:id/approve                  let jobs that wait for an environment go on
POST /control/runs/:id/rerun                    {"which": "all" | "failed"}
POST /control/faults                            {"route": "run", "kind": "serverError", "times": 2} or {"webhook": "lost"}
POST /control/tokens                            {"login": "ada", "permissions": {"actions": "write"}} -> {"token": "..."}
GET  /control/requests                          requests seen
GET  /control/deliveries                        webhook deliveries
POST /control/deliveries/:id/redeliver
`

const finishBody = z.strictObject({conclusion: z.enum(CONCLUSIONS).exactOptional()})
const failBody = z.strictObject({
  job: z.string(),
  step: z.string(),
  log: z.array(z.string()).exactOptional(),
  exitCode: z.int().exactOptional(),
})
const cancelBody = z.strictObject({force: z.boolean().exactOptional()})
const rerunBody = z.strictObject({which: z.enum(['all', 'failed']).exactOptional()})
const tokenBody = z.strictObject({
  login: z.string().exactOptional(),
  permissions: z.record(z.string(), z.enum(['read', 'write'])).exactOptional(),
  repositories: z.array(z.string()).exactOptional(),
})
const faultBody: z.ZodType<Fault> = z.union([
  z.strictObject({
    route: z.string(),
    kind: z.enum(ROUTE_FAULTS),
    status: z.literal([500, 502, 503, 403, 429]).exactOptional(),
    takesEffect: z.boolean().exactOptional(),
    times: z.int().positive().exactOptional(),
    ms: z.number().exactOptional(),
    retryAfterS: z.number().exactOptional(),
  }),
  z.strictObject({
    webhook: z.enum(WEBHOOK_FAULTS),
    event: z.string().exactOptional(),
    action: z.string().exactOptional(),
    times: z.int().positive().exactOptional(),
    ms: z.number().exactOptional(),
  }),
])

/** Lets a person with curl, or a test in another process, do what the factory's caller can. */
export function addControl(
  server: FastifyInstance,
  deps: {
    readonly repositories: Repositories
    readonly runs: Runs
    readonly handle: (run: RunState) => Run
    readonly issueToken: Auth['issueToken']
    readonly faults: Faults
    readonly recorder: Recorder
    readonly webhooks: Webhooks
  },
): void {
  const {repositories, runs, handle, faults, recorder, webhooks} = deps

  const acts: Readonly<Record<string, (run: Run, body: unknown) => void>> = {
    finish: (run, body) => run.finish(finishBody.parse(body).conclusion),
    fail(run, body) {
      const {job, step, log, exitCode} = failBody.parse(body)
      run.fail(job, step, log, exitCode)
    },
    hold: run => run.hold(),
    release: run => run.release(),
    cancel: (run, body) => run.cancel(cancelBody.parse(body)),
    approve: run => run.approve(),
    rerun: (run, body) => run.rerun(rerunBody.parse(body).which),
  }

  const runOf = (id: string) => {
    const run = runs.find(Number(id))
    return run && handle(run)
  }

  addCommonControl(server, {
    help: HELP,
    ...{faultBody, faults, recorder, webhooks},
    shown: ({id, guid, event, action, at, redelivery, outcome, status}) => ({
      id,
      guid,
      event,
      action,
      at,
      redelivery,
      outcome,
      status,
    }),
  })
  server.get('/control/repositories', () => ({
    repositories: repositories.all().map(({fullName, private: isPrivate, defaultBranch, workflows}) => ({
      fullName,
      private: isPrivate,
      defaultBranch,
      workflows: workflows.map(({id, file, definition}) => ({
        id,
        file,
        name: definition.name,
        inputs: definition.inputs,
      })),
    })),
  }))
  server.get<{Params: {owner: string; repo: string}}>(
    '/control/repositories/:owner/:repo/runs',
    ({params}, reply) => {
      runs.settle()
      const repository = repositories.find(`${params.owner}/${params.repo}`)
      return repository
        ? reply.send({runs: repository.runs.map(handle)})
        : reply.code(404).send({message: 'no such repository'})
    },
  )
  server.get<{Params: {id: string}}>('/control/runs/:id', ({params}, reply) => {
    const run = runOf(params.id)
    return run ? reply.send(run) : reply.code(404).send({message: 'no such run'})
  })
  server.post<{Params: {id: string; act: string}; Body: unknown}>(
    '/control/runs/:id/:act',
    ({params, body}, reply) => {
      const run = runOf(params.id)
      const act = Object.hasOwn(acts, params.act) ? acts[params.act] : undefined
      if (!run || !act) return reply.code(404).send({message: 'no such run or act; see GET /control'})
      act(run, readBody(body))
      return reply.send(run)
    },
  )
  server.post<{Body: unknown}>('/control/tokens', ({body}, reply) =>
    reply.code(201).send({token: deps.issueToken(tokenBody.parse(readBody(body)))}),
  )
}
