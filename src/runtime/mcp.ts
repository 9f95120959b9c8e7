import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import {permitPerson, type AccessPolicy} from '../access/policy.ts'
import type {McpHouse} from '../api/mcp-tools.ts'
import type {Caller} from '../api/server.ts'
import type {Invocations} from '../invocations/service.ts'
import {AppError} from '../kernel/errors.ts'
import type {Actor, ConversationsPort} from '../sdk/index.ts'
import type {FollowerStore} from '../workflows/follower-store.ts'
import type {Launch} from '../workflows/launch.ts'
import type {House} from './house.ts'

const BEGINS_WITHIN_MS = 5_000
const LOOK_MS = 50

/** What the bot's MCP server may do for its callers. */
export function openMcp({
  services,
  commands,
  approvals,
  workflows,
  record,
  policy,
  invocations,
  followers,
  launch,
  asking,
  redact,
}: {
  readonly policy: AccessPolicy
  readonly invocations: Pick<Invocations, 'accept'>
  readonly followers: Pick<FollowerStore, 'runOf'>
  readonly launch: Launch
  readonly asking: ConversationsPort
  readonly redact: (text: string) => string
} & Pick<House, 'services' | 'commands' | 'approvals' | 'workflows' | 'record'>): McpHouse {
  /** A person's run is their command like any other: judged, recorded and carried out as if they had typed it. */
  async function startAs(
    {person, account}: Extract<Caller, {kind: 'person'}>,
    {workflow, input, key}: Parameters<McpHouse['start']>[1],
  ) {
    const command = commands.get('workflow')
    if (!command) throw new AppError('NOT_CONFIGURED', 'Workflows can’t be run here.')
    const parsed = command.input.safeParse({action: 'run', workflow, input: JSON.stringify(input)})
    if (!parsed.success) throw new AppError('INVALID_INPUT', parsed.error.issues[0]?.message ?? 'is wrong')
    const options = parsed.data as Readonly<Record<string, unknown>>
    const faults = services.runs.problems(workflow, JSON.stringify(input))
    if (faults.length > 0) throw new AppError('INVALID_INPUT', faults.join('; '))
    const {discord} = person.accounts
    const actor: Actor = {
      ...(discord === undefined ? account : {kind: 'discord', id: discord}),
      name: person.id,
    } as Actor
    const id = randomUUID()
    const recorded = await invocations.accept({
      id,
      source: 'api',
      sourceId: `mcp ${person.id} ${key ?? id}`,
      command: command.name,
      options,
      actor,
      agent: command.agent,
      action: command.action,
    })
    const correlationId = recorded.kind === 'duplicate' || recorded.kind === 'joined' ? recorded.id : id
    return {run: await begun(correlationId), correlationId}
  }

  async function begun(correlationId: string): Promise<string | undefined> {
    for (let waited = 0; waited < BEGINS_WITHIN_MS; waited += LOOK_MS) {
      const run = await followers.runOf(correlationId)
      if (run !== undefined) return run
      await sleep(LOOK_MS)
    }
    return undefined
  }

  return {
    agents: () => services.catalogue.agents(),
    workflows: () => services.runs.workflows(),
    runs: {
      get: id => workflows.service().get(id),
      list: filter => workflows.service().list(filter),
    },
    approvals,
    asking,
    redact,

    refusals(caller, command) {
      if (caller.kind === 'house') return []
      const permission = permitPerson(policy, caller.person.id, {
        kind: 'command',
        command,
        restricted: commands.get(command)?.access !== 'everyone',
      })
      return permission.allowed ? [] : permission.reasons
    },

    async refused(caller, tool, reason) {
      const id = caller.kind === 'house' ? 'house' : caller.person.id
      await record.audit.refused({
        action: 'mcp.refused',
        subject: tool,
        actor: {id, name: id},
        details: {reason},
      })
    },

    async start(caller, request) {
      if (caller.kind === 'person') return startAs(caller, request)
      const {id, correlationId} = await launch({
        workflow: request.workflow,
        input: request.input,
        ...(request.key === undefined ? {} : {sourceId: `mcp ${request.key}`}),
        metadata: {requester: 'the HTTP API'},
      })
      return {run: id, correlationId}
    },
  }
}
