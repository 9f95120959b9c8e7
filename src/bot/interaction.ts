import {
  ApplicationCommandOptionType,
  ComponentType,
  InteractionType,
  type APIInteraction,
} from 'discord-api-types/v10'
import {z} from 'zod'
import type {Actor} from '../sdk/index.ts'

/** An interaction as far as the product cares, whichever way it came in. The only place that reads Discord's shape. */
export interface ReceivedInteraction {
  readonly id: string
  readonly token: string
  readonly applicationId: string
  readonly channelId: string | undefined
  readonly guildId: string | undefined
  readonly actor: Actor
  /** When the person pressed enter, by Discord's clock: from the id itself. */
  readonly createdAt: number
  readonly request:
    | {readonly kind: 'command'; readonly name: string; readonly options: Readonly<Record<string, unknown>>}
    | {
        readonly kind: 'completion'
        readonly name: string
        readonly options: Readonly<Record<string, unknown>>
        readonly focused: string
        readonly typed: string
      }
    | {readonly kind: 'button'; readonly customId: string}
    /** A form that was filled in: what was written, by field. */
    | {readonly kind: 'form'; readonly customId: string; readonly fields: Readonly<Record<string, string>>}
    | {readonly kind: 'other'; readonly what: string}
}

const snowflake = z.string().regex(/^\d{1,20}$/)
const user = z.object({id: snowflake, username: z.string(), global_name: z.string().nullish()})
const option = z.object({
  name: z.string().max(32),
  type: z.number(),
  value: z.union([z.string().max(100_000), z.number(), z.boolean()]).optional(),
  focused: z.boolean().optional(),
})
const envelope = z.object({
  id: snowflake,
  application_id: snowflake,
  type: z.number(),
  token: z.string().min(1).max(500),
  channel_id: snowflake.optional(),
  channel: z.object({id: snowflake}).optional(),
  guild_id: snowflake.optional(),
  member: z.object({user, roles: z.array(snowflake)}).optional(),
  user: user.optional(),
  data: z.unknown(),
})
const commandData = z.object({
  name: z.string().max(32),
  type: z.number().optional(),
  options: z.array(option).max(25).optional(),
})
const componentData = z.object({custom_id: z.string().max(100), component_type: z.number()})
const formData = z.object({
  custom_id: z.string().max(100),
  components: z
    .array(
      z.object({
        type: z.literal(ComponentType.Label),
        component: z.object({
          type: z.literal(ComponentType.TextInput),
          custom_id: z.string().max(100),
          value: z.string().max(4000),
        }),
      }),
    )
    .min(1)
    .max(5),
})

const DISCORD_EPOCH = 1_420_070_400_000n

/** The creation time inside a snowflake. DOC reference, "Snowflakes". */
export function snowflakeTime(id: string): number {
  return Number((BigInt(id) >> 22n) + DISCORD_EPOCH)
}

/** Parses an interaction at the border; undefined for what Discord would never send. */
export function parseInteraction(raw: unknown): ReceivedInteraction | undefined {
  const parsed = envelope.safeParse(raw)
  if (!parsed.success) return undefined
  const seen = parsed.data
  const person = seen.member?.user ?? seen.user
  if (!person) return undefined
  const request = parseRequest(seen.type, seen.data)
  if (!request) return undefined
  return {
    id: seen.id,
    token: seen.token,
    applicationId: seen.application_id,
    channelId: seen.channel_id ?? seen.channel?.id,
    guildId: seen.guild_id,
    actor: {
      kind: 'discord',
      id: person.id,
      name: person.username,
      discordRoles: seen.member?.roles ?? [],
      ...(seen.guild_id === undefined ? {} : {guildId: seen.guild_id}),
    },
    createdAt: snowflakeTime(seen.id),
    request,
  }
}

function parseRequest(type: number, data: unknown): ReceivedInteraction['request'] | undefined {
  switch (type as APIInteraction['type']) {
    case InteractionType.ApplicationCommand: {
      const command = commandData.safeParse(data)
      return command.success
        ? {kind: 'command', name: command.data.name, options: toOptions(command.data.options)}
        : undefined
    }
    case InteractionType.ApplicationCommandAutocomplete: {
      const command = commandData.safeParse(data)
      const focused = command.data?.options?.find(entry => entry.focused === true)
      if (!command.success || !focused) return undefined
      return {
        kind: 'completion',
        name: command.data.name,
        options: toOptions(command.data.options),
        focused: focused.name,
        typed: String(focused.value ?? ''),
      }
    }
    case InteractionType.MessageComponent: {
      const component = componentData.safeParse(data)
      if (!component.success) return undefined
      return component.data.component_type === (ComponentType.Button as number)
        ? {kind: 'button', customId: component.data.custom_id}
        : {kind: 'other', what: 'menu'}
    }
    case InteractionType.ModalSubmit: {
      const form = formData.safeParse(data)
      if (!form.success) return {kind: 'other', what: 'form'}
      const fields = form.data.components.map(
        ({component}) => [component.custom_id, component.value] as const,
      )
      return {kind: 'form', customId: form.data.custom_id, fields: Object.fromEntries(fields)}
    }
    default:
      return undefined
  }
}

/** Sub-commands are not used: an option without a value is left out, as if it had not been given. */
function toOptions(options: readonly z.output<typeof option>[] = []): Record<string, unknown> {
  return Object.fromEntries(
    options
      .filter(
        entry =>
          entry.value !== undefined && entry.type !== (ApplicationCommandOptionType.Subcommand as number),
      )
      .map(entry => [entry.name, entry.value]),
  )
}
