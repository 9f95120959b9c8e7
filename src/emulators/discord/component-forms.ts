import {z} from 'zod'
import {fault, maybe, mediaUrl, snowflake, webUrl} from './forms.ts'

/**
 * What may stand under `components`: action rows with buttons and selects, the layout pieces of Components V2,
 * and modals. Limits: Discord's components reference.
 */

const id = maybe(z.int().min(0))
const customId = z.string().min(1).max(100)
const emoji = maybe(
  z.strictObject({id: maybe(snowflake), name: maybe(z.string().max(32)), animated: maybe(z.boolean())}),
)

const button = z
  .strictObject({
    type: z.literal(2),
    id,
    style: z.int().min(1).max(6),
    label: maybe(z.string().max(80)),
    emoji,
    custom_id: maybe(customId),
    url: maybe(webUrl(512)),
    sku_id: maybe(snowflake),
    disabled: maybe(z.boolean()),
  })
  .superRefine((value, context) => {
    const isLink = value.style === 5
    const isPremium = value.style === 6
    if (isLink && !value.url) fault(context, ['url'], 'BASE_TYPE_REQUIRED', 'A url is required')
    if (!isLink && value.url)
      fault(context, ['url'], 'BUTTON_COMPONENT_INVALID_URL', 'Only link buttons have a url')
    if (isPremium) fault(context, ['style'], 'BASE_TYPE_CHOICES', 'Premium buttons need a store listing')
    if (!isLink && !isPremium && !value.custom_id)
      fault(context, ['custom_id'], 'COMPONENT_CUSTOM_ID_REQUIRED', 'A custom id is required')
    if (isLink && value.custom_id)
      fault(
        context,
        ['custom_id'],
        'BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE',
        'A custom id and url cannot both be specified',
      )
    if (!value.label?.trim() && !value.emoji)
      fault(context, ['label'], 'BUTTON_COMPONENT_INVALID_LABEL', 'A button needs a label, an emoji, or both')
  })

const selectOption = z.strictObject({
  label: z.string().min(1).max(100),
  value: z.string().min(1).max(100),
  description: maybe(z.string().max(100)),
  emoji,
  default: maybe(z.boolean()),
})

const selectBase = {
  id,
  custom_id: customId,
  placeholder: maybe(z.string().max(150)),
  min_values: maybe(z.int().min(0).max(25)),
  max_values: maybe(z.int().min(1).max(25)),
  disabled: maybe(z.boolean()),
  required: maybe(z.boolean()),
}

const stringSelect = z
  .strictObject({...selectBase, type: z.literal(3), options: z.array(selectOption).min(1).max(25)})
  .superRefine((value, context) => {
    const seen = new Set<string>()
    value.options.forEach((option, index) => {
      if (seen.has(option.value))
        fault(
          context,
          ['options', index, 'value'],
          'SELECT_COMPONENT_OPTION_VALUE_DUPLICATED',
          'The specified option value is already used',
        )
      seen.add(option.value)
    })
    if ((value.max_values ?? 1) > value.options.length)
      fault(context, ['max_values'], 'NUMBER_TYPE_MAX', 'There are fewer options than this')
    if ((value.min_values ?? 1) > (value.max_values ?? 1))
      fault(context, ['min_values'], 'NUMBER_TYPE_MAX', 'Must not exceed max_values')
  })

const entitySelect = z.strictObject({
  ...selectBase,
  type: z.literal([5, 6, 7, 8]),
  default_values: maybe(z.array(z.strictObject({id: snowflake, type: z.string()})).max(25)),
  channel_types: maybe(z.array(z.int())),
})

const actionRow = z
  .strictObject({
    type: z.literal(1),
    id,
    components: z
      .array(z.discriminatedUnion('type', [button, stringSelect, entitySelect]))
      .min(1)
      .max(5),
  })
  .superRefine((row, context) => {
    if (row.components.some(component => component.type !== 2) && row.components.length > 1)
      fault(
        context,
        ['components'],
        'COMPONENT_LAYOUT_WIDTH_EXCEEDED',
        'A select menu fills a row of its own',
      )
  })

const textDisplay = z.strictObject({type: z.literal(10), id, content: z.string().min(1).max(4000)})
const media = z.strictObject({url: mediaUrl})
const described = {description: maybe(z.string().max(1024)), spoiler: maybe(z.boolean())}
const thumbnail = z.strictObject({type: z.literal(11), id, media, ...described})
const gallery = z.strictObject({
  type: z.literal(12),
  id,
  items: z
    .array(z.strictObject({media, ...described}))
    .min(1)
    .max(10),
})
const file = z.strictObject({type: z.literal(13), id, file: media, spoiler: maybe(z.boolean())})
const separator = z.strictObject({
  type: z.literal(14),
  id,
  divider: maybe(z.boolean()),
  spacing: maybe(z.literal([1, 2])),
})
const section = z.strictObject({
  type: z.literal(9),
  id,
  components: z.array(textDisplay).min(1).max(3),
  accessory: z.discriminatedUnion('type', [button, thumbnail]),
})
const container = z.strictObject({
  type: z.literal(17),
  id,
  accent_color: maybe(z.int().min(0).max(0xffffff)),
  spoiler: maybe(z.boolean()),
  components: z
    .array(z.discriminatedUnion('type', [actionRow, textDisplay, section, gallery, separator, file]))
    .min(1)
    .max(39),
})

/** The list on a message of either generation; which of the two it is, the flag of the message says. */
export const messageComponents = z
  .array(z.discriminatedUnion('type', [actionRow, textDisplay, section, gallery, separator, file, container]))
  .max(40)
  .superRefine((components, context) => {
    const seen = new Set<string>()
    for (const {component, path} of walk(components)) {
      const own = (component as {custom_id?: string | null}).custom_id
      if (!own) continue
      if (seen.has(own))
        fault(
          context,
          [...path, 'custom_id'],
          'COMPONENT_CUSTOM_ID_DUPLICATED',
          'Component custom id cannot be duplicated',
        )
      seen.add(own)
    }
  })

export type MessageComponents = z.output<typeof messageComponents>

/** Any component with the fields that matter to whoever walks the tree. */
export interface AnyComponent {
  readonly type: number
  readonly id?: number | null | undefined
  readonly custom_id?: string | null | undefined
  readonly label?: string | null | undefined
  readonly content?: string | undefined
  readonly url?: string | null | undefined
  readonly style?: number | undefined
  readonly disabled?: boolean | null | undefined
  readonly components?: readonly AnyComponent[] | undefined
  readonly accessory?: AnyComponent | undefined
  readonly component?: AnyComponent | undefined
}

/** Every component of a tree, parents first, with the path that leads to it. */
export function* walk(
  components: readonly AnyComponent[],
  path: readonly (string | number)[] = [],
): Generator<{component: AnyComponent; path: readonly (string | number)[]}> {
  for (const [index, component] of components.entries()) {
    const here = [...path, index]
    yield {component, path: here}
    if (component.components) yield* walk(component.components, [...here, 'components'])
    if (component.accessory) yield {component: component.accessory, path: [...here, 'accessory']}
    if (component.component) yield {component: component.component, path: [...here, 'component']}
  }
}

/** A copy whose components without an `id` got the next free number, as Discord gives them. */
export function numbered<C extends AnyComponent>(components: readonly C[]): C[] {
  const taken = new Set([...walk(components)].map(({component}) => component.id))
  let last = 0
  const next = () => {
    do last++
    while (taken.has(last))
    return last
  }
  const give = <D extends AnyComponent>(component: D): D => ({
    ...component,
    id: component.id ?? next(),
    ...(component.components && {components: component.components.map(give)}),
    ...(component.accessory && {accessory: give(component.accessory)}),
    ...(component.component && {component: give(component.component)}),
  })
  return components.map(give)
}

const textInputBase = {
  type: z.literal(4),
  id,
  custom_id: customId,
  style: z.literal([1, 2]),
  value: maybe(z.string().max(4000)),
  placeholder: maybe(z.string().max(100)),
  required: maybe(z.boolean()),
  min_length: maybe(z.int().min(0).max(4000)),
  max_length: maybe(z.int().min(1).max(4000)),
}

interface TextRules {
  readonly min_length?: number | null | undefined
  readonly max_length?: number | null | undefined
  readonly value?: string | null | undefined
}

/** A text that could never be sent is refused when it is offered. */
function possible(
  {min_length: min, max_length: max, value}: TextRules,
  context: z.core.$RefinementCtx,
): void {
  const most = max ?? 4000
  if ((min ?? 0) > most) fault(context, ['min_length'], 'NUMBER_TYPE_MAX', 'Must not exceed max_length')
  if (value && (value.length > most || value.length < (min ?? 0)))
    fault(context, ['value'], 'BASE_TYPE_BAD_LENGTH', 'Must be as long as min_length and max_length allow')
}

const labelledInput = z.strictObject({
  type: z.literal(18),
  id,
  label: z.string().min(1).max(45),
  description: maybe(z.string().min(1).max(100)),
  component: z.discriminatedUnion('type', [
    z.strictObject(textInputBase).superRefine(possible),
    stringSelect,
  ]),
})

const inputRow = z.strictObject({
  type: z.literal(1),
  id,
  components: z
    .array(z.strictObject({...textInputBase, label: z.string().min(1).max(45)}).superRefine(possible))
    .min(1)
    .max(1),
})

/** A modal: title, custom id and one to five inputs, labelled (today's way) or in action rows (the older one). */
export const modal = z
  .strictObject({
    custom_id: customId,
    title: z.string().min(1).max(45),
    components: z
      .array(z.discriminatedUnion('type', [labelledInput, inputRow, textDisplay]))
      .min(1)
      .max(5),
  })
  .superRefine((value, context) => {
    const seen = new Set<string>()
    for (const {component, path} of walk(value.components)) {
      if (component.disabled)
        fault(
          context,
          ['components', ...path, 'disabled'],
          'COMPONENT_DISABLED_IN_MODAL',
          'A modal has no disabled fields',
        )
      if (!component.custom_id) continue
      if (seen.has(component.custom_id))
        fault(
          context,
          ['components', ...path, 'custom_id'],
          'COMPONENT_CUSTOM_ID_DUPLICATED',
          'Component custom id cannot be duplicated',
        )
      seen.add(component.custom_id)
    }
  })

export type Modal = z.output<typeof modal>
