import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import {z} from 'zod'
import {accountOf, type People} from '../access/people.ts'
import {permit, permitPerson, type AccessPolicy} from '../access/policy.ts'
import type {Audit} from '../audit/audit.ts'
import {parseOptions} from '../bot/command-form.ts'
import type {GiveCommand} from '../conversations/service.ts'
import {readReply} from '../conversations/said.ts'
import type {Invocations} from '../invocations/service.ts'
import type {InvocationStore} from '../invocations/store.ts'
import {shortId} from '../kernel/correlation.ts'
import {AppError} from '../kernel/errors.ts'
import {code} from '../kernel/markdown.ts'
import type {Actor, CommandDefinition, Reply, Services} from '../sdk/index.ts'

const ENDS_WITHIN_MS = 20_000
const LOOK_MS = 100

/** What the end of a command without a message of its own keeps. */
const kept = z.object({reply: z.unknown()})

export interface GivenCommands {
  readonly give: GiveCommand
  /** Who gives commands by what this actor says: their account in Discord, where we know it. */
  readonly commanding: (actor: Actor) => Promise<Actor>
}

/** Slash commands that people give by saying the same in words: found, permitted, valid, recorded, carried out. */
export function createGivenCommands({
  commands,
  policy,
  people,
  services,
  invocations,
  store,
  audit,
}: {
  readonly commands: ReadonlyMap<string, CommandDefinition>
  readonly policy: AccessPolicy
  readonly people: Pick<People, 'personOf'>
  /** Complete once anybody speaks. */
  readonly services: () => Services
  readonly invocations: Pick<Invocations, 'accept'>
  readonly store: Pick<InvocationStore, 'outcomeOf'>
  readonly audit: Pick<Audit, 'refused'>
}): GivenCommands {
  const personOf = async (actor: Actor) => {
    const account = accountOf(actor)
    return account && (await people.personOf(account))
  }

  async function refusals(actor: Actor, command: CommandDefinition): Promise<readonly string[]> {
    const demand = {
      kind: 'command',
      command: command.name,
      restricted: command.access === 'restricted',
    } as const
    if (actor.kind === 'discord') return reasonsOf(permit(policy, actor, demand))
    const person = await personOf(actor)
    return person
      ? reasonsOf(permitPerson(policy, person.id, demand))
      : ['only a person can say this: use a token of your own, or the routes of `/runs`']
  }

  async function ended(id: string, said: string): Promise<Reply> {
    for (let waited = 0; waited < ENDS_WITHIN_MS; waited += LOOK_MS) {
      const outcome = await store.outcomeOf(id)
      if (outcome?.status === 'following')
        return {state: 'ok', title: `${said} · goes on`, lines: [`command ${code(shortId(id))}`]}
      if (outcome && outcome.status !== 'queued' && outcome.status !== 'running')
        return (
          readReply(kept.safeParse(outcome.result).data?.reply) ?? {state: 'other', title: `${said} · over`}
        )
      await sleep(LOOK_MS)
    }
    return {
      state: 'running',
      title: `${said} · recorded`,
      lines: [`it is carried out with the next free worker · command ${code(shortId(id))}`],
    }
  }

  async function commanding(actor: Actor): Promise<Actor> {
    if (actor.kind !== 'api') return actor
    const discord = (await personOf(actor))?.accounts.discord
    return discord === undefined ? actor : {kind: 'discord', id: discord, name: actor.name}
  }

  return {
    commanding,

    async give({actor, correlationId, command: name, options}) {
      const command = commands.get(name)
      if (!command) throw new AppError('NOT_CONFIGURED', `There is no /${name} here.`)
      const reasons = await refusals(actor, command)
      if (reasons.length > 0) {
        await audit.refused({
          action: 'said.refused',
          subject: `/${name}`,
          actor: {id: actor.id, name: actor.name},
          details: {reason: reasons[0] ?? ''},
        })
        throw new AppError('NOT_PERMITTED', `You may not /${name}: ${reasons.join('; ')}.`)
      }
      const parsed = parseOptions(command, options)
      const problems = parsed.ok ? (command.check?.(parsed.options, services()) ?? []) : parsed.problems
      if (!parsed.ok || problems.length > 0) throw new AppError('INVALID_INPUT', problems.join('; '))
      const id = randomUUID()
      const recorded = await invocations.accept({
        id,
        source: 'api',
        sourceId: `said ${correlationId}`,
        command: name,
        options: parsed.options,
        actor: await commanding(actor),
        agent: command.agent,
        action: command.action,
      })
      const first = recorded.kind === 'duplicate' || recorded.kind === 'joined' ? recorded.id : id
      return ended(first, command.acknowledge(parsed.options))
    },
  }
}

function reasonsOf(permission: ReturnType<typeof permit>): readonly string[] {
  return permission.allowed ? [] : permission.reasons
}
