import {
  ComponentType,
  InteractionResponseType,
  TextInputStyle,
  type APIModalInteractionResponse,
} from 'discord-api-types/v10'
import {z} from 'zod'
import type {Demand} from '../access/policy.ts'
import {customId} from '../integrations/discord/render.ts'
import {AppError} from '../kernel/errors.ts'
import {requestOption, type CommandDefinition} from '../sdk/index.ts'
import {draftingCommand} from './buttons.ts'
import {optionForms} from './command-form.ts'

/** What people say about a request for approval, by a button of its message. */
export type Intent = 'approve' | 'reject' | 'ask'

/**
 * The forms there are, and what sending one demands: nothing, since each becomes a command that is judged like any
 * other. A form asks for one option of that command, so its limits are the command's.
 */
export const FORMS = {
  approve: {demand: 'everyone', title: 'Approve', option: 'justification', label: 'Why should it go ahead?'},
  reject: {demand: 'everyone', title: 'Reject', option: 'reason', label: 'Why not?'},
  ask: {demand: 'everyone', title: 'Ask', option: 'question', label: 'What would you like to know?'},
  'edit-draft': {
    demand: 'everyone',
    title: 'Change the plan',
    option: 'description',
    label: 'What do you want?',
  },
} as const satisfies Record<
  Intent | 'edit-draft',
  {
    readonly demand: Demand['kind']
    readonly title: string
    readonly option: string
    readonly label: string
  }
>

export type FormName = keyof typeof FORMS

/** What a form is carried out as: `/approve`, `/reject`, or an action that has no command of its own. */
export function commandFor(
  intent: FormName,
  commands: ReadonlyMap<string, CommandDefinition>,
): CommandDefinition | undefined {
  if (intent === 'edit-draft') {
    const workflow = commands.get('workflow')
    return workflow && draftingCommand(workflow, 'edit')
  }
  if (intent !== 'ask') return commands.get(intent)
  const approvals = commands.get('approvals')
  return approvals && asking(approvals)
}

function asking(approvals: CommandDefinition): CommandDefinition {
  return {
    ...approvals,
    input: z.object({
      id: requestOption,
      question: z.string().trim().min(1).max(500).describe('requester and approvers will see it'),
    }),
    action: 'ask',
    acknowledge: () => 'your question',
  }
}

/** A form as the answer to a press of its button, maybe filled in. What is sent comes back with the same subject. */
export function openForm(
  intent: FormName,
  subject: string,
  command: CommandDefinition,
  written?: string,
): APIModalInteractionResponse {
  const {title, option, label} = FORMS[intent]
  const form = optionForms(command).find(({name}) => name === option)
  if (!form)
    throw new AppError(
      'INVARIANT_BROKEN',
      `/${command.name} has no option ${option}, which its form asks for.`,
    )
  return {
    type: InteractionResponseType.Modal,
    data: {
      custom_id: customId(intent, subject),
      title,
      components: [
        {
          type: ComponentType.Label,
          label,
          description: form.description,
          component: {
            type: ComponentType.TextInput,
            custom_id: option,
            style: TextInputStyle.Paragraph,
            required: true,
            min_length: 1,
            ...(form.max === undefined ? {} : {max_length: form.max}),
            ...(written === undefined ? {} : {value: written.slice(0, form.max)}),
          },
        },
      ],
    },
  }
}
