import {InteractionResponseType, MessageFlags, type APIInteractionResponse} from 'discord-api-types/v10'
import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import {permit, type AccessPolicy, type Demand} from '../access/policy.ts'
import type {Acknowledged, DiscordApi} from '../integrations/discord/api.ts'
import {parseCustomId, renderReply} from '../integrations/discord/render.ts'
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
import {BUTTONS, buttonDemand, type ButtonAction} from './buttons.ts'
import {
  goneControl,
  heardTooLate,
  invalid,
  joined,
  notYourButton,
  ourFault,
  privately,
  refusal,
  suggestions,
  unknownCommand,
} from './answers.ts'
import {parseOptions} from './command-form.ts'
import {createCompletion} from './completion.ts'
import {parseInteraction, type ReceivedInteraction} from './interaction.ts'

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** How the answer travels: over REST for the gateway, as the HTTP response for the interactions endpoint. */
export type Acknowledge = (response: APIInteractionResponse) => Promise<Acknowledged>

export interface PipelineOptions {
  readonly commands: ReadonlyMap<string, CommandDefinition>
  readonly policy: AccessPolicy
  readonly services: Services
  readonly invocations: Invocations
  readonly invocationStore: Pick<InvocationStore, 'find'>
  readonly replies: Pick<ReplyStore, 'messageOf'>
  readonly discord: Pick<DiscordApi, 'editOriginal' | 'createMessage'>
  readonly observeAck: (seconds: number) => void
  readonly clock: Clock
  readonly log: Logger
}

export type Pipeline = ReturnType<typeof createPipeline>

/** What was decided about an interaction before anything slow happened. */
type Intake =
  | {readonly kind: 'refuse'; readonly reply: Reply}
  | {readonly kind: 'tell'; readonly reply: Reply}
  | {
      readonly kind: 'accept'
      readonly command: CommandDefinition
      readonly options: Readonly<Record<string, unknown>>
    }

/**
 * The way of every interaction: found → permitted → valid → acknowledged → recorded and queued once → rendered →
 * measured. The first three are decided from memory in microseconds, so that the acknowledgement can already say
 * whether the answer is private; nothing slow happens before it.
 */
export function createPipeline(options: PipelineOptions) {
  const {commands, policy, services, invocations, invocationStore, replies, discord, observeAck, clock, log} =
    options

  const acknowledgements = createAcknowledgements()
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
    if (request.kind === 'other') {
      return answer(interaction, received, acknowledge, goneControl(request.what))
    }
    const intake =
      request.kind === 'command' ? takeCommand(interaction, request) : await takeButton(interaction, request)
    if (intake.kind !== 'accept') {
      if (intake.kind === 'refuse')
        log.info({actor: interaction.actor.id, request: nameOf(request)}, 'refused')
      return answer(interaction, received, acknowledge, intake.reply)
    }
    const isPrivate = intake.command.visibility === 'private'
    const acknowledged = await acknowledge({
      type: InteractionResponseType.DeferredChannelMessageWithSource,
      ...(isPrivate ? {data: {flags: MessageFlags.Ephemeral}} : {}),
    })
    measure(received)
    if (acknowledged.kind === 'too-late') return tooLate(interaction, intake.command)
    if (acknowledged.kind === 'failed') log.warn({reason: acknowledged.reason}, 'acknowledgement unclear')
    await acknowledgements.settled()
    // Already acknowledged elsewhere: record all the same, since whoever acknowledged may have died right after.
    await record(interaction, id, intake.command, intake.options, isPrivate)
  }

  function takeCommand(
    interaction: ReceivedInteraction,
    request: {readonly name: string; readonly options: Readonly<Record<string, unknown>>},
  ): Intake {
    const command = commands.get(request.name)
    if (!command) return {kind: 'tell', reply: unknownCommand(request.name)}
    const permission = permit(policy, interaction.actor, {
      kind: 'command',
      command: command.name,
      restricted: command.access === 'restricted',
    })
    if (!permission.allowed) return {kind: 'refuse', reply: refusal(command, permission.reasons)}
    const parsed = parseOptions(command, request.options)
    if (!parsed.ok) return {kind: 'refuse', reply: invalid(command, parsed.problems)}
    const problems = command.check?.(parsed.options, services) ?? []
    if (problems.length > 0) return {kind: 'refuse', reply: invalid(command, problems)}
    return {kind: 'accept', command, options: parsed.options}
  }

  async function takeButton(
    interaction: ReceivedInteraction,
    request: {readonly customId: string},
  ): Promise<Intake> {
    const pressed = parseCustomId(request.customId)
    const action =
      pressed && Object.hasOwn(BUTTONS, pressed.action) ? (pressed.action as ButtonAction) : undefined
    // A whole id: the store also finds by the beginning of one, which a button never carries.
    if (!pressed || !action || !UUID.test(pressed.subject)) return {kind: 'tell', reply: goneControl()}
    if (action === 'copy')
      return {kind: 'tell', reply: {state: 'info', title: 'correlation id', lines: [code(pressed.subject)]}}
    // One indexed read, milliseconds: it decides who may press, so it can't wait until after the acknowledgement.
    const subject = await invocationStore.find(pressed.subject)
    if (!subject) return {kind: 'tell', reply: goneControl()}
    const demand: Demand = buttonDemand(action, subject, commands)
    const permission = permit(policy, interaction.actor, demand)
    if (!permission.allowed)
      return {
        kind: 'refuse',
        reply: notYourButton(permission.reasons),
      }
    return action === 'cancel'
      ? takeCommand(interaction, {name: 'cancel', options: {id: subject.id}})
      : takeCommand(interaction, {name: subject.command, options: subject.options})
  }

  async function record(
    interaction: ReceivedInteraction,
    id: string,
    command: CommandDefinition,
    given: Readonly<Record<string, unknown>>,
    isPrivate: boolean,
  ): Promise<void> {
    const title = command.acknowledge(given)
    const invocation: NewInvocation = {
      id,
      source: 'discord',
      sourceId: interaction.id,
      command: command.name,
      options: given,
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
      ...(command.joinWithinMs === undefined
        ? {}
        : {
            join: {
              key: `${interaction.actor.id} ${command.name} ${canonicalJson(given)}`,
              withinMs: command.joinWithinMs,
            },
          }),
    }
    const outcome = await invocations.accept(invocation)
    if (outcome.kind === 'recorded')
      log.info({command: command.name, actor: interaction.actor.id}, 'command accepted')
    else log.info({command: command.name, first: outcome.id, how: outcome.kind}, 'command was already known')
    if (outcome.kind === 'joined') await tellJoined(interaction, title, outcome.id)
  }

  async function tellJoined(interaction: ReceivedInteraction, title: string, firstId: string): Promise<void> {
    const first = await replies.messageOf(firstId)
    const url =
      first?.channelId !== undefined && first.messageId !== undefined
        ? `https://discord.com/channels/${first.guildId ?? '@me'}/${first.channelId}/${first.messageId}`
        : undefined
    await fillIn(interaction, joined(title, firstId, url))
  }

  /** Puts an answer where the acknowledgement left a placeholder. */
  async function fillIn(interaction: ReceivedInteraction, reply: Reply): Promise<void> {
    const body = renderReply(reply)
    const sent = await discord.editOriginal(interaction.token, body)
    if (sent.kind === 'sent') return
    // Answered over HTTP, the acknowledgement may not have reached Discord yet.
    await sleep(1000)
    await discord.editOriginal(interaction.token, body)
  }

  async function answer(
    interaction: ReceivedInteraction,
    received: number,
    acknowledge: Acknowledge,
    reply: Reply,
  ): Promise<void> {
    const acknowledged = await acknowledge(privately(reply))
    measure(received)
    if (acknowledged.kind === 'too-late')
      log.warn({interaction: interaction.id}, 'answered too late; nothing was done')
  }

  /** Nothing was started, and the person was told that we did not respond: say in the channel that they can try again. */
  async function tooLate(interaction: ReceivedInteraction, command: CommandDefinition): Promise<void> {
    log.warn(
      {command: command.name, ageMs: clock() - interaction.createdAt},
      'acknowledged too late; nothing was started',
    )
    if (command.visibility === 'private' || interaction.channelId === undefined) return
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

function nameOf(request: ReceivedInteraction['request']): string {
  return request.kind === 'command' ? request.name : request.kind
}
