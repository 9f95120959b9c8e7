import {InteractionResponseType, MessageFlags, type APIInteractionResponse} from 'discord-api-types/v10'
import {randomUUID} from 'node:crypto'
import {setImmediate as nextTurn, setTimeout as sleep} from 'node:timers/promises'
import type {AccessPolicy} from '../access/policy.ts'
import type {Audit, AuditEvent} from '../audit/audit.ts'
import type {Acknowledged, DiscordApi} from '../integrations/discord/api.ts'
import {parseCustomId, renderReply} from '../integrations/discord/render.ts'
import type {Arrival, ArrivalStore} from '../invocations/arrival-store.ts'
import type {Invocations} from '../invocations/service.ts'
import type {InvocationStore} from '../invocations/store.ts'
import type {NewInvocation} from '../invocations/invocation.ts'
import type {Clock} from '../kernel/clock.ts'
import {correlation, shortId} from '../kernel/correlation.ts'
import {canonicalJson} from '../kernel/json.ts'
import {code, plain} from '../kernel/markdown.ts'
import type {ReplyStore} from '../notifications/store.ts'
import type {Logger} from '../platform/logger.ts'
import type {CommandDefinition, Reply, Services} from '../sdk/index.ts'
import {createAcknowledgements} from './acknowledgements.ts'
import {heardTooLate, interrupted, joined, ourFault, privately, suggestions} from './answers.ts'
import {createCompletion} from './completion.ts'
import {createIntake} from './intake.ts'
import {parseInteraction, type ReceivedInteraction} from './interaction.ts'

/** How the answer travels: over REST for the gateway, as the HTTP response for the interactions endpoint. */
export type Acknowledge = (response: APIInteractionResponse) => Promise<Acknowledged>

export interface PipelineOptions {
  readonly commands: ReadonlyMap<string, CommandDefinition>
  readonly policy: AccessPolicy
  readonly services: Services
  readonly invocations: Invocations
  readonly invocationStore: Pick<InvocationStore, 'find'>
  readonly arrivals: Pick<ArrivalStore, 'note' | 'forget'>
  readonly replies: Pick<ReplyStore, 'messageOf'>
  readonly discord: Pick<DiscordApi, 'editOriginal' | 'createMessage'>
  readonly audit: Pick<Audit, 'refused'>
  readonly observeAck: (seconds: number) => void
  readonly clock: Clock
  readonly log: Logger
}

export type Pipeline = ReturnType<typeof createPipeline>

/**
 * The way of every interaction: found → permitted → valid → acknowledged → recorded and queued once → rendered →
 * measured. The first three are decided from memory in microseconds, so that the acknowledgement can already say
 * whether the answer is private; nothing slow happens before it. Should we die between the acknowledgement and the
 * record, the note that went out beside the former lets a sweep tell the person: see `createInterruptions`.
 */
export function createPipeline(options: PipelineOptions) {
  const {commands, policy, services, invocations, invocationStore, arrivals, replies} = options
  const {discord, audit, observeAck, clock, log} = options

  const acknowledgements = createAcknowledgements()
  const take = createIntake({commands, policy, services, invocationStore})
  const complete = createCompletion({commands, policy, services, clock, log})

  async function receive(raw: unknown, acknowledge: Acknowledge): Promise<void> {
    const received = clock()
    const interaction = parseInteraction(raw)
    if (!interaction) {
      log.warn({}, 'an interaction of unknown shape was ignored')
      return
    }
    const id = randomUUID()
    await correlation.run(id, async () => {
      let answered = false
      try {
        await handle(interaction, id, received, response => {
          answered = true
          return acknowledgements.track(acknowledge(response))
        })
      } catch (error) {
        log.error({err: error}, 'an interaction could not be handled')
        await apologise(interaction, id, answered ? undefined : acknowledge)
      }
    })
  }

  async function handle(
    interaction: ReceivedInteraction,
    id: string,
    received: number,
    acknowledge: Acknowledge,
  ): Promise<void> {
    const {request} = interaction
    if (request.kind === 'completion') {
      await acknowledge(suggestions(await complete(interaction.actor, request)))
      return
    }
    const intake = await take(interaction, request)
    if (intake.kind !== 'accept') {
      if (intake.kind === 'refuse') {
        log.info({actor: interaction.actor.id, request: nameOf(request)}, 'refused')
        await audit.refused(refusalOf(interaction, request, intake.reply))
      }
      const response = intake.kind === 'open' ? intake.form : privately(intake.reply)
      return answer(interaction, received, acknowledge, response)
    }
    const isPrivate = isForAsker(intake.command, intake.options)
    const noted = note({
      interactionId: interaction.id,
      id,
      command: intake.command.name,
      token: interaction.token,
    })
    // The note is out of our hands before the acknowledgement goes, which does not wait for Postgres to answer: whoever
    // kills us from here on finds both on their way.
    await nextTurn()
    const acknowledged = await acknowledge({
      type: InteractionResponseType.DeferredChannelMessageWithSource,
      ...(isPrivate ? {data: {flags: MessageFlags.Ephemeral}} : {}),
    })
    measure(received)
    if (acknowledged.kind === 'too-late') {
      await noted.catch(() => undefined)
      await forget(interaction)
      return tooLate(interaction, intake.command, isPrivate)
    }
    if (acknowledged.kind === 'failed') log.warn({reason: acknowledged.reason}, 'acknowledgement unclear')
    await acknowledgements.settled()
    await noted
    // Already acknowledged elsewhere: record all the same, since whoever acknowledged may have died right after.
    await record(interaction, id, intake.command, intake.options, isPrivate)
  }

  /** Tried twice, since the first try may meet a connection that broke while nobody used it. */
  function note(arrival: Arrival): Promise<undefined> {
    const noted = arrivals.note(arrival).catch(() => arrivals.note(arrival))
    // Heard of where it is awaited, after the acknowledgement; until then it must not count as unhandled.
    noted.catch(() => undefined)
    return noted
  }

  /** The person does not wait any more. A note that can't be removed now is seen to by the sweep. */
  async function forget(interaction: ReceivedInteraction): Promise<void> {
    await arrivals
      .forget(interaction.id)
      .catch((error: unknown) => log.warn({err: error}, 'an arrival was left to the sweep'))
  }

  async function record(
    interaction: ReceivedInteraction,
    id: string,
    command: CommandDefinition,
    given: Readonly<Record<string, unknown>>,
    isPrivate: boolean,
  ): Promise<void> {
    const title = command.acknowledge(given)
    const withinMs = command.secrets === undefined ? joinWithin(command, given) : 0
    const invocation: NewInvocation = {
      id,
      source: 'discord',
      sourceId: interaction.id,
      arrived: true,
      command: command.name,
      options: given,
      ...(command.secrets === undefined ? {} : {secrets: command.secrets}),
      actor: interaction.actor,
      agent: command.agent,
      action: command.action,
      reply: {
        target: {
          kind: 'interaction',
          applicationId: interaction.applicationId,
          token: interaction.token,
          receivedAt: interaction.createdAt,
          private: isPrivate,
          ...(interaction.channelId === undefined ? {} : {channelId: interaction.channelId}),
          ...(interaction.guildId === undefined ? {} : {guildId: interaction.guildId}),
        },
        view: {
          state: 'running',
          title: `${title} · queued`,
          lines: [`asked by ${plain(interaction.actor.name, 60)} · ${code(shortId(id))}`],
        },
      },
      ...(withinMs === 0
        ? {}
        : {
            join: {
              key: `${interaction.actor.id} ${command.name} ${canonicalJson(given)}`,
              withinMs,
            },
          }),
    }
    const outcome = await invocations.accept(invocation)
    switch (outcome.kind) {
      case 'recorded':
        log.info({command: command.name, actor: interaction.actor.id}, 'command accepted')
        return
      case 'given-up':
        log.warn({command: command.name}, 'command came too late to be recorded; nothing was started')
        // The sweep says the same; it may be still at it, and may not have been needed.
        return fillIn(interaction, interrupted(command.name, id))
      case 'duplicate':
      case 'joined':
        log.info({command: command.name, first: outcome.id, how: outcome.kind}, 'command was already known')
        if (outcome.kind === 'joined') await tellJoined(interaction, title, outcome.id)
    }
  }

  async function tellJoined(interaction: ReceivedInteraction, title: string, firstId: string): Promise<void> {
    const first = await replies.messageOf(firstId)
    const url =
      first?.channelId !== undefined && first.messageId !== undefined
        ? `https://discord.com/channels/${first.guildId ?? '@me'}/${first.channelId}/${first.messageId}`
        : undefined
    await fillIn(interaction, joined(title, firstId, url))
  }

  /** Puts an answer where the acknowledgement left a placeholder; one that can't be shown is left to the sweep. */
  async function fillIn(interaction: ReceivedInteraction, reply: Reply): Promise<void> {
    const body = renderReply(reply)
    let sent = await discord.editOriginal(interaction.token, body)
    if (sent.kind !== 'sent') {
      // Answered over HTTP, the acknowledgement may not have reached Discord yet.
      await sleep(1000)
      sent = await discord.editOriginal(interaction.token, body)
    }
    if (sent.kind === 'sent') await forget(interaction)
  }

  async function answer(
    interaction: ReceivedInteraction,
    received: number,
    acknowledge: Acknowledge,
    response: APIInteractionResponse,
  ): Promise<void> {
    const acknowledged = await acknowledge(response)
    measure(received)
    if (acknowledged.kind === 'too-late')
      log.warn({interaction: interaction.id}, 'answered too late; nothing was done')
  }

  /** Nothing was started, and the person was told that we did not respond: say in the channel that they can try again. */
  async function tooLate(
    interaction: ReceivedInteraction,
    command: CommandDefinition,
    isPrivate: boolean,
  ): Promise<void> {
    log.warn(
      {command: command.name, ageMs: clock() - interaction.createdAt},
      'acknowledged too late; nothing was started',
    )
    if (isPrivate || interaction.channelId === undefined) return
    await discord.createMessage(
      interaction.channelId,
      renderReply(heardTooLate(command, interaction.actor.name)),
      {nonce: interaction.id.slice(-25)},
    )
  }

  /** Through the acknowledgement where there was none yet, else in its place. */
  async function apologise(
    interaction: ReceivedInteraction,
    id: string,
    acknowledge: Acknowledge | undefined,
  ): Promise<void> {
    if (interaction.request.kind === 'completion') {
      await acknowledge?.(suggestions([]))
      return
    }
    const reply = ourFault(id)
    if (acknowledge) await acknowledge(privately(reply))
    else await fillIn(interaction, reply)
  }

  function measure(received: number): void {
    observeAck((clock() - received) / 1000)
  }

  return {receive}
}

function isForAsker({visibility}: CommandDefinition, given: Readonly<Record<string, unknown>>): boolean {
  return (typeof visibility === 'function' ? visibility(given) : visibility) === 'private'
}

function joinWithin({joinWithinMs = 0}: CommandDefinition, given: Readonly<Record<string, unknown>>): number {
  return typeof joinWithinMs === 'function' ? joinWithinMs(given) : joinWithinMs
}

/** What the audit keeps of a refusal: who, what, and the first reason. */
function refusalOf(
  {actor}: ReceivedInteraction,
  request: ReceivedInteraction['request'],
  {lines = []}: Reply,
): AuditEvent {
  const pressed =
    request.kind === 'button' || request.kind === 'form' ? parseCustomId(request.customId) : undefined
  return {
    action: `${request.kind}.refused`,
    subject: pressed ? `${pressed.action} ${pressed.subject}` : `/${nameOf(request)}`,
    actor: {id: actor.id, name: actor.name},
    details: {reason: lines[0]?.replace(/^· /, '') ?? ''},
  }
}

function nameOf(request: ReceivedInteraction['request']): string {
  return request.kind === 'command' ? request.name : request.kind
}
