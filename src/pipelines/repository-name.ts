import {AppError} from '../kernel/errors.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/[A-Za-z0-9._-]{1,100}$/

/**
 * The `owner/name` that a text means: such a name, or the repository's address at our code host. Only those of this
 * installation: what a token can see is not what people may reach through it.
 */
export function repositoryNamed(
  text: string,
  {known, hosts}: {readonly known: readonly string[]; readonly hosts: readonly string[]},
): string {
  const name = nameIn(text.trim(), hosts)
  if (name === undefined)
    throw new AppError('INVALID_INPUT', 'A repository is written owner/name, or as its address at GitHub.')
  const found = known.find(one => one.toLowerCase() === name.toLowerCase())
  if (found === undefined)
    throw new AppError(
      'NOT_PERMITTED',
      `${name} is not one of our repositories: ${known.join(', ') || 'none is configured'}. An operator can add a target for it.`,
    )
  return found
}

function nameIn(text: string, hosts: readonly string[]): string | undefined {
  if (NAME.test(text)) return text
  if (!URL.canParse(text)) return undefined
  const {protocol, host, pathname} = new URL(text)
  if ((protocol !== 'https:' && protocol !== 'http:') || !hosts.includes(host)) return undefined
  const name = pathname.replace(/^\/|\/$/g, '').replace(/\.git$/, '')
  return NAME.test(name) ? name : undefined
}
