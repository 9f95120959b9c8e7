import {fingerprint} from '../kernel/fingerprint.ts'
import type {Seal} from '../platform/sealed.ts'
import type {Invocation, NewInvocation} from './invocation.ts'

/** How a secret option stands in the record: who looks there sees by which value it was given, not the value. */
interface SealedOption {
  readonly fingerprint: string
  readonly sealed: string
}

type OpenSeal = () => Promise<Seal>

/** The invocation as it is written down. What is sealed opens for this very command only. */
export async function withSealedOptions(
  invocation: NewInvocation,
  openSeal: OpenSeal,
): Promise<NewInvocation> {
  const {id, options, secrets = []} = invocation
  const texts = secrets.flatMap(name => {
    const value = options[name]
    return typeof value === 'string' ? [[name, value] as const] : []
  })
  if (texts.length === 0) return invocation
  const seal = await openSeal()
  const sealed = texts.map(([name, value]): [string, SealedOption] => [
    name,
    {fingerprint: fingerprint(value), sealed: seal.seal(value, placeOf(id))},
  ])
  return {...invocation, options: {...options, ...Object.fromEntries(sealed)}}
}

/** The invocation with its options as they were given. @throws NOT_CONFIGURED when they were sealed with another key. */
export async function withOpenOptions(invocation: Invocation, openSeal: OpenSeal): Promise<Invocation> {
  const {id, options} = invocation
  const sealed = Object.entries(options).filter((entry): entry is [string, SealedOption] =>
    isSealed(entry[1]),
  )
  if (sealed.length === 0) return invocation
  const seal = await openSeal()
  const texts = sealed.map(([name, option]) => [name, seal.open(option.sealed, placeOf(id))] as const)
  return {...invocation, options: {...options, ...Object.fromEntries(texts)}}
}

function placeOf(id: string): string {
  return `command ${id}`
}

/** Options as people give them are never objects. */
function isSealed(value: unknown): value is SealedOption {
  return typeof value === 'object' && value !== null && 'sealed' in value && typeof value.sealed === 'string'
}
