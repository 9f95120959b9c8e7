import type {APIModalInteractionResponse} from 'discord-api-types/v10'
import {permit, type AccessPolicy, type Demand} from '../access/policy.ts'
import {parseCustomId} from '../integrations/discord/render.ts'
import type {InvocationStore} from '../invocations/store.ts'
import type {Invocation} from '../invocations/invocation.ts'
import {AppError} from '../kernel/errors.ts'
import {code} from '../kernel/markdown.ts'
import type {CommandDefinition, Reply, Services} from '../sdk/index.ts'
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
  invalid,
  nothingToShow,
  notYourButton,
  refusal,
  unknownCommand,
} from './answers.ts'
import {parseOptions} from './command-form.ts'
import {commandFor, FORMS, openForm, type Intent} from './forms.ts'
import type {ReceivedInteraction} from './interaction.ts'

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const RELEASE_BUTTONS = ['promote', 'roll-back', 'confirm-roll-back', 'release-details'] as const
type ReleaseButton = (typeof RELEASE_BUTTONS)[number]

/** What was decided about an interaction before anything slow happened. */
export type Intake =
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
 * What an interaction asks for: found → permitted → valid, decided before it is acknowledged. Commands are judged from
 * memory; a button takes an indexed read or two where its record says who may press it, or what it stands for.
 */
export function createIntake({
  commands,
  policy,
  services,
  invocationStore,
}: {
  readonly commands: ReadonlyMap<string, CommandDefinition>
  readonly policy: AccessPolicy
  readonly services: Services
  readonly invocationStore: Pick<InvocationStore, 'find'>
}) {
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
    // What is carried out for a button of its own is not what its command does.
    if (subject.action !== commands.get(subject.command)?.action) return {kind: 'tell', reply: goneControl()}
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

  return take
}

function isIntent(action: string): action is Intent {
  return action !== 'edit-draft' && Object.hasOwn(FORMS, action)
}

function isReleaseButton(action: ButtonAction): action is ReleaseButton {
  return (RELEASE_BUTTONS as readonly string[]).includes(action)
}
