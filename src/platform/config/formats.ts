import {z} from 'zod'
import {DURATION_PATTERN, parseDuration} from '../../kernel/time.ts'
import {isCron} from './cron.ts'

/** The small formats that environment and file share. Each message continues "<where it is> …". */

export const slug = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,63}$/,
    'must be a short name of lower-case letters, digits, dashes and underscores',
  )

export const repository = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/,
    'must be a repository as owner/name',
  )

export const repositoryOrDefault = repository
  .optional()
  .describe('owner/name; GITHUB_REPOSITORY when left out')

export const workflowFile = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,100}\.ya?ml$/, 'must be the file name of a workflow, such as client-deploy.yml')

export const branchOrTag = z
  .string()
  .regex(/^(?![-/.])(?!.*(?:\.\.|@\{|\/\/))[^\s~^:?*[\\\p{Cc}]{1,200}(?<![/.])$/u, 'must be a branch or tag')

const discordIdReason = 'must be a Discord id: digits only, in quotes, since numbers that large lose digits'
export const discordId = z.string({error: discordIdReason}).regex(/^\d{1,20}$/, discordIdReason)

export const email = z.string().regex(/^[^\s@<>]{1,64}@[^\s@<>]{1,255}$/, 'must be an e-mail address')

/** An http or https address without credentials; a slash at its end is dropped. */
export const webAddress = z
  .string()
  .refine(isWebAddress, 'must be an http:// or https:// address without user name and password')
  .transform(withoutTrailingSlash)

/** The same, where people leave the scheme out: `web.example.com` means https. */
export const siteAddress = z
  .string()
  .refine(
    text => isWebAddress(withScheme(text)),
    'must be an http:// or https:// address without user name and password',
  )
  .transform(text => withoutTrailingSlash(withScheme(text)))

const timezoneReason = 'must be a time zone such as UTC or Europe/Berlin'
export const timezone = z.string({error: timezoneReason}).refine(isTimezone, timezoneReason)

export const timeOfDay = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day as "HH:MM", in quotes')

/** Milliseconds since the epoch. */
export const instant = z.iso
  .datetime({offset: true, error: 'must be a moment with its zone, such as 2026-12-20T18:00:00+01:00'})
  .transform(text => Date.parse(text))

const weekTimeReason = 'must be a day and a time, such as "Fri 16:00", in quotes'
const WEEK_DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const
/** Minutes since the week began, Monday at midnight. */
export const weekTime = z
  .string({error: weekTimeReason})
  .regex(/^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:[01]\d|2[0-3]):[0-5]\d$/, weekTimeReason)
  .transform(text => {
    const [day = '', time = ''] = text.split(' ')
    const [hours = 0, minutes = 0] = time.split(':').map(Number)
    return ((WEEK_DAYS as readonly string[]).indexOf(day) * 24 + hours) * 60 + minutes
  })

const finiteDurationReason = 'must be a duration such as 90s, 30m or 2h'
/** Milliseconds. */
export const finiteDuration = z
  .string({error: finiteDurationReason})
  .regex(DURATION_PATTERN, finiteDurationReason)
  .transform(text => parseDuration(text) ?? 0)

/** A secret by reference. */
export const variableName = z
  .string()
  .regex(/^[A-Z][A-Z0-9_]{0,99}$/, 'must be the name of an environment variable')

/** Where a section takes a secret from: the variable, not the secret. */
export const secretVariable = (what: string) =>
  variableName.optional().describe(`the variable that holds ${what} (or <name>_FILE its path)`)

export const cron = z.string().refine(isCron, 'must be a cron schedule of five fields, such as "0 16 * * *"')

const durationReason = 'must be a duration such as 90s, 30m, 2h, 14d, or never'
const durationOrNever = new RegExp(`^never$|${DURATION_PATTERN.source}`)
/** Milliseconds, or `never`. */
export const duration = z
  .string({error: durationReason})
  .regex(durationOrNever, durationReason)
  .transform((text): number | 'never' => parseDuration(text) ?? 'never')

function isWebAddress(text: string): boolean {
  if (!/^https?:\/\/[^\s/@\\]+([/?#]\S*)?$/i.test(text) || !URL.canParse(text)) return false
  const {username, password} = new URL(text)
  return username === '' && password === ''
}

function withScheme(text: string): string {
  return /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `https://${text}`
}

function withoutTrailingSlash(text: string): string {
  let end = text.length
  while (text[end - 1] === '/') end--
  return text.slice(0, end)
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', {timeZone: name})
    return true
  } catch {
    return false
  }
}
