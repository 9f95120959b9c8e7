import {
  InteractionResponseType,
  MessageFlags,
  type APIInteractionResponse,
  type APIModalInteractionResponse,
} from 'discord-api-types/v10'
import {randomUUID} from 'node:crypto'
import {setImmediate as nextTurn, setTimeout as sleep} from 'node:timers/promises'
import {permit, type AccessPolicy, type Demand} from '../access/policy.ts'
import type {Audit, AuditEvent} from '../audit/audit.ts'
import type {Acknowledged, DiscordApi} from '../integrations/discord/api.ts'
import {parseCustomId, renderReply} from '../integrations/discord/render.ts'
import type {Arrival, ArrivalStore} from '../invocations/arrival-store.ts'
import type {Invocations} from '../invocations/service.ts'
import type {InvocationStore} from '../invocations/store.ts'
import type {Invocation, NewInvocation} from '../invocations/invocation.ts'
import type {Clock} from '../kernel/clock.ts'
import {correlation, shortId} from '../kernel/correlation.ts'
import {AppError} from '../kernel/errors.ts'
import {canonicalJson} from '../kernel/json.ts'
import {code, plain} from '../kernel/markdown.ts'
import type {ReplyStore} from '../notifications/store.ts'
import type {Logger} from '../platform/logger.ts'
import type {CommandDefinition, Reply, Services} from '../sdk/index.ts'
import {createAcknowledgements} from './acknowledgements.ts'
import {
  answeringCommand,
  BUTTONS,
  buttonDemand,
  DRAFT_ACTIONS,
  draftingCommand,
  PLAN_ACTIONS,
  pressingCommand,
  RUN_ACTIONS,
  undoingCommand,
  type ButtonAction,
  type CommandButton,
} from './buttons.ts'
import {
  closedRelease,
  goBack,
  goneControl,
  heardTooLate,
  interrupted,
  invalid,
  joined,
  nothingToShow,
  notYourButton,
  ourFault,
  privately,
  refusal,
  suggestions,
  unknownCommand,
} from './answers.ts'
import {parseOptions} from './command-form.ts'
import {createCompletion} from './completion.ts'
import {commandFor, FORMS, openForm, type Intent} from './forms.ts'
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
  readonly arrivals: Pick<ArrivalStore, 'note' | 'forget'>
  readonly replies: Pick<ReplyStore, 'messageOf'>
  readonly discord: Pick<DiscordApi, 'editOriginal' | 'createMessage'>
  readonly audit: Pick<Audit, 'refused'>
  readonly observeAck: (seconds: number) => void
  readonly clock: Clock
  readonly log: Logger
}

export type Pipeline = ReturnType<typeof createPipeline>

/** What was decided about an interaction before anything slow happened. */
type Intake =
  /** They may not: goes into the audit before they hear of it. */
  | {readonly kind: 'refuse'; readonly reply: Reply}
  | {readonly kind: 'tell'; readonly reply: Reply}
  /** The person has to write something first; what they send comes back as a form. */
  | {readonly kind: 'open'; readonly form: APIModalInteractionResponse}
  | {
      readonly kind: 'accept'
      readonly command: CommandDefinition
      readonly options: Readonly<Record<string, unknown>>
    }

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

  async function take(
    interaction: ReceivedInteraction,
    request: Exclude<ReceivedInteraction['request'], {readonly kind: 'completion'}>,
  ): Promise<Intake> {
    switch (request.kind) {
      case 'command':
        return takeCommand(interaction, request)
      case 'button':
        return takeButton(interaction, request)
      case 'form':
        return takeForm(interaction, request)
      case 'other':
        return {kind: 'tell', reply: goneControl(request.what)}
    }
  }

  function takeCommand(
    interaction: ReceivedInteraction,
    request: {readonly name: string; readonly options: Readonly<Record<string, unknown>>},
  ): Intake {
    const command = commands.get(request.name)
    return command
      ? judge(interaction, command, request.options)
      : {kind: 'tell', reply: unknownCommand(request.name)}
  }

  function judge(
    interaction: ReceivedInteraction,
    command: CommandDefinition,
    given: Readonly<Record<string, unknown>>,
  ): Intake {
    const permission = permit(policy, interaction.actor, {
      kind: 'command',
      command: command.name,
      restricted: command.access === 'restricted',
    })
    if (!permission.allowed) return {kind: 'refuse', reply: refusal(command, permission.reasons)}
    const parsed = parseOptions(command, given)
    if (!parsed.ok) return {kind: 'tell', reply: invalid(command, parsed.problems)}
    const problems = command.check?.(parsed.options, services) ?? []
    if (problems.length > 0) return {kind: 'tell', reply: invalid(command, problems)}
    return {kind: 'accept', command, options: parsed.options}
  }

  async function takeButton(
    interaction: ReceivedInteraction,
    request: {readonly customId: string},
  ): Promise<Intake> {
    const pressed = parseCustomId(request.customId)
    const action =
      pressed && Object.hasOwn(BUTTONS, pressed.action) ? (pressed.action as ButtonAction) : undefined
    if (!pressed || !action) return {kind: 'tell', reply: goneControl()}
    if (action === 'take-over')
      return takeOtherCommand(interaction, {name: 'take-over', options: {lock: pressed.subject}})
    if (action === 'fix-workflow')
      return takeOtherCommand(interaction, {name: 'doctor', options: {fix: pressed.subject}})
    const told = RUN_ACTIONS[action]
    if (told !== undefined)
      return takeOtherCommand(interaction, {name: 'workflow', options: {action: told, run: pressed.subject}})
    if (isIntent(action)) return takeBallot(interaction, action, pressed.subject)
    if (action === 'reveal') return takeReveal(interaction, pressed.subject)
    if (action === 'check-link')
      return takeCommand(interaction, {name: 'link', options: {account: pressed.subject}})
    // A whole id: the store also finds by the beginning of one, which a button never carries.
    if (!UUID.test(pressed.subject)) return {kind: 'tell', reply: goneControl()}
    const toPlan = PLAN_ACTIONS[action]
    if (toPlan !== undefined) return takePlan(pressed.subject, toPlan)
    const toDraft = DRAFT_ACTIONS[action]
    if (toDraft !== undefined) return takeDraft(interaction, pressed.subject, toDraft)
    if (isReleaseButton(action)) return takeRelease(interaction, action, pressed.subject)
    if (action === 'let-go' || action === 'keep')
      return takeAnswer(interaction, pressed.subject, action === 'let-go')
    if (action === 'copy')
      return {kind: 'tell', reply: {state: 'info', title: 'correlation id', lines: [code(pressed.subject)]}}
    // One indexed read, milliseconds: it decides who may press, so it can't wait until after the acknowledgement.
    const subject = await invocationStore.find(pressed.subject)
    if (!subject) return {kind: 'tell', reply: goneControl()}
    const demand: Demand = buttonDemand(action as CommandButton, subject, commands)
    const permission = permit(policy, interaction.actor, demand)
    if (!permission.allowed)
      return {
        kind: 'refuse',
        reply: notYourButton(permission.reasons),
      }
    if (action === 'cancel') return takeCommand(interaction, {name: 'cancel', options: {id: subject.id}})
    if (action === 'confirm' || action === 'undo') return takeOffer(interaction, action, subject)
    return takeCommand(interaction, {name: subject.command, options: subject.options})
  }

  /** An offer on the message of a command. Who may not give the command any more leaves it as it is. */
  async function takeOffer(
    interaction: ReceivedInteraction,
    action: 'confirm' | 'undo',
    {id, command: name, actor, options: given}: Invocation,
  ): Promise<Intake> {
    if (action === 'confirm' && actor.id !== interaction.actor.id)
      return {kind: 'refuse', reply: notYourButton(['only the person who was asked can confirm it'])}
    const options = action === 'confirm' ? {...given, confirm: true} : given
    const intake = takeCommand(interaction, {name, options})
    if (intake.kind !== 'accept') return intake
    if (!(await services.offers.take(id, interaction.id))) return {kind: 'tell', reply: goneControl()}
    return action === 'confirm'
      ? intake
      : {kind: 'accept', command: undoingCommand(intake.command), options: {id}}
  }

  /**
   * A decision or a question about a request for approval. Who has to write something gets a form first; who may not
   * decide is not asked to, since the vote will say why. One or two indexed reads, as with other buttons.
   */
  async function takeBallot(
    interaction: ReceivedInteraction,
    intent: Intent,
    ballot: string,
  ): Promise<Intake> {
    const command = commandFor(intent, commands)
    const needsWords = await services.approvals.needsWords({ballot, actor: interaction.actor, intent})
    if (!command || needsWords === undefined) return {kind: 'tell', reply: goneControl()}
    return needsWords
      ? {kind: 'open', form: openForm(intent, ballot, command)}
      : {kind: 'accept', command, options: {id: ballot}}
  }

  /**
   * A code or a token, answered from this process's memory and written down nowhere: a command's answer would stand in
   * its record. A few indexed statements, and a press that fails can be repeated.
   */
  async function takeReveal(interaction: ReceivedInteraction, what: string): Promise<Intake> {
    try {
      const {actor, id} = interaction
      return {kind: 'tell', reply: await services.accounts.reveal({actor, what, press: id})}
    } catch (error) {
      if (!(error instanceof AppError) || error.disposition !== 'user') throw error
      return {
        kind: error.code === 'NOT_PERMITTED' ? 'refuse' : 'tell',
        reply: nothingToShow(error.message),
      }
    }
  }

  /** What was written is the option of the command that the form belongs to, and is judged as if it had been typed. */
  function takeForm(
    interaction: ReceivedInteraction,
    {customId, fields}: {readonly customId: string; readonly fields: Readonly<Record<string, string>>},
  ): Intake | Promise<Intake> {
    const sent = parseCustomId(customId)
    if (sent?.action === 'edit-draft') return takeDraft(interaction, sent.subject, 'edit', fields)
    const command = sent && isIntent(sent.action) ? commandFor(sent.action, commands) : undefined
    return sent && command
      ? judge(interaction, command, {...fields, id: sent.subject})
      : {kind: 'tell', reply: goneControl('form')}
  }

  /** A button that stands for a restricted command, whoever's message it is on. */
  function takeOtherCommand(
    interaction: ReceivedInteraction,
    command: {readonly name: string; readonly options: Readonly<Record<string, unknown>>},
  ): Intake {
    const demand: Demand = {kind: 'command', command: command.name, restricted: true}
    const permission = permit(policy, interaction.actor, demand)
    if (!permission.allowed) return {kind: 'refuse', reply: notYourButton(permission.reasons)}
    return takeCommand(interaction, command)
  }

  /** What whoever asked for a draft does with it; one indexed read. To change it takes other words, in a form. */
  async function takeDraft(
    interaction: ReceivedInteraction,
    id: string,
    what: 'start' | 'edit' | 'cancel',
    fields?: Readonly<Record<string, string>>,
  ): Promise<Intake> {
    const workflow = commands.get('workflow')
    const draft = UUID.test(id) ? await services.planning.find(id) : undefined
    if (!draft || !workflow) return {kind: 'tell', reply: goneControl()}
    if (draft.asker.id !== interaction.actor.id)
      return {kind: 'refuse', reply: notYourButton(['only the person who asked for this plan can press it'])}
    if (draft.status !== 'waiting') return {kind: 'tell', reply: goneControl()}
    const command = draftingCommand(workflow, what)
    if (what === 'edit' && !fields)
      return {kind: 'open', form: openForm('edit-draft', id, command, draft.description)}
    return judge(interaction, command, {...fields, id, what})
  }

  /** The plan itself says whom it hears. */
  function takePlan(id: string, what: 'approve' | 'cancel' | 'finish'): Intake {
    const plan = commands.get('plan')
    return plan
      ? {kind: 'accept', command: pressingCommand(plan, 'tell', `${what} the plan`), options: {id, what}}
      : {kind: 'tell', reply: goneControl()}
  }

  /** What those who may `/ship` decide about a release; one indexed read says whether there is anything to decide. */
  async function takeRelease(
    interaction: ReceivedInteraction,
    action: ReleaseButton,
    id: string,
  ): Promise<Intake> {
    const permission = permit(policy, interaction.actor, {kind: 'command', command: 'ship', restricted: true})
    if (!permission.allowed) return {kind: 'refuse', reply: notYourButton(permission.reasons)}
    const ship = commands.get('ship')
    const standing = await services.releases.standing(id)
    if (!ship || !standing) return {kind: 'tell', reply: goneControl()}
    if (action === 'release-details')
      return {kind: 'accept', command: pressingCommand(ship, 'details', 'details'), options: {id}}
    if (standing.kind === 'closed')
      return {kind: 'tell', reply: closedRelease(standing.title, standing.words)}
    const {title, backTo} = standing
    if (action === 'roll-back')
      return {kind: 'tell', reply: backTo === undefined ? goneControl() : goBack(title, backTo, id)}
    const decision = action === 'promote' ? 'promote' : 'rollback'
    return {
      kind: 'accept',
      command: pressingCommand(ship, 'decide', 'your decision'),
      options: {id, decision},
    }
  }

  /** What the holder of a lock says to whoever asked for it; one indexed read, as with other buttons. */
  async function takeAnswer(interaction: ReceivedInteraction, id: string, letGo: boolean): Promise<Intake> {
    const ownerId = await services.locks.asked(id)
    const command = commands.get('take-over')
    if (ownerId === undefined || !command) return {kind: 'tell', reply: goneControl()}
    const permission = permit(policy, interaction.actor, {kind: 'owner', ownerId})
    if (!permission.allowed) return {kind: 'refuse', reply: notYourButton(permission.reasons)}
    return {kind: 'accept', command: answeringCommand(command), options: {id, let_go: letGo}}
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

function isIntent(action: string): action is Intent {
  return action !== 'edit-draft' && Object.hasOwn(FORMS, action)
}

const RELEASE_BUTTONS = ['promote', 'roll-back', 'confirm-roll-back', 'release-details'] as const
type ReleaseButton = (typeof RELEASE_BUTTONS)[number]

function isReleaseButton(action: ButtonAction): action is ReleaseButton {
  return (RELEASE_BUTTONS as readonly string[]).includes(action)
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
