import {createPrivateKey} from 'node:crypto'
import {z} from 'zod'
import {checkPublicUrl} from '../../kernel/public-url.ts'
import type {ProcessRole} from './config.ts'
import {discordId, email, repository, siteAddress, webAddress} from './formats.ts'

/**
 * Every environment variable, its format and its default. `.env.example` explains them to people; a test keeps the
 * two together. Values arrive as texts that are not empty: an empty variable is one that is not set.
 */
export const environmentSchema = z.object({
  DATABASE_URL: connection('postgres', 'postgresql').optional(),
  REDIS_URL: connection('redis', 'rediss').optional(),
  SIGNALBOX_HOME: z.string().default('.signalbox'),
  SIGNALBOX_CONFIG: z.string().optional(),
  ROLES: commaList(z.enum(['bot', 'worker', 'api']), 'must be a comma list of bot, worker and api')
    .refine(roles => roles.length > 0, 'must be a comma list of bot, worker and api')
    .default(['bot', 'worker', 'api'] satisfies ProcessRole[]),
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error'], {error: 'must be debug, info, warn or error'})
    .default('info'),
  INSTANCE_ID: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be at most 64 letters, digits, dots, dashes and underscores')
    .optional(),

  HTTP_HOST: z
    .string()
    .regex(/^[A-Za-z0-9._:-]{1,253}$/, 'must be a host name or an IP address')
    .default('127.0.0.1'),
  HTTP_PORT: integer(0, 65_535).default(8009),
  PUBLIC_URL: webAddress.optional(),
  API_TOKEN: token().optional(),
  METRICS_TOKEN: token().optional(),
  SIGNALBOX_SECRET_KEY: z.string().min(32, 'must have at least 32 characters').optional(),

  DISCORD_TOKEN: token().optional(),
  DISCORD_APPLICATION_ID: discordId.optional(),
  DISCORD_GUILD_ID: discordId.optional(),
  DISCORD_PUBLIC_KEY: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'must be the 64 hex digits that the Discord developer portal shows')
    .optional(),
  DISCORD_STATUS_CHANNEL_ID: discordId.optional(),
  DISCORD_API_URL: vendorAddress().default('https://discord.com/api'),

  GITHUB_TOKEN: token().optional(),
  GITHUB_APP_ID: integerText().optional(),
  GITHUB_APP_PRIVATE_KEY: z
    .string()
    .transform(text => text.replaceAll('\\n', '\n'))
    .refine(isPrivateKey, 'must be a private key in PEM form')
    .optional(),
  GITHUB_APP_INSTALLATION_ID: integerText().optional(),
  GITHUB_API_URL: vendorAddress().default('https://api.github.com'),
  GITHUB_REPOSITORY: repository.optional(),
  GITHUB_WEBHOOK_SECRET: z.string().optional(),
  GITHUB_THROTTLE: flag().default(true),
  GITHUB_TIMEOUT_MS: integer(100, 60_000).default(10_000),

  LINEAR_API_KEY: token().optional(),
  LINEAR_CLIENT_ID: token().optional(),
  LINEAR_CLIENT_SECRET: token().optional(),
  LINEAR_API_URL: vendorAddress().default('https://api.linear.app/graphql'),
  LINEAR_WEBHOOK_SECRET: z.string().optional(),
  LINEAR_APPROVAL_HUB_ISSUE_ID: z
    .string()
    .regex(/^([A-Z][A-Z0-9]{0,9}-\d{1,9}|[0-9a-f-]{36})$/i, 'must be a Linear issue such as OPS-1, or its id')
    .optional(),

  SMTP_URL: connection('smtp', 'smtps').optional(),
  SMTP_HOST: z
    .string()
    .regex(/^[A-Za-z0-9._:-]{1,253}$/, 'must be a host name or an IP address')
    .optional(),
  SMTP_PORT: integer(1, 65_535).optional(),
  SMTP_USER: z.string().optional(),
  SMTP_PASS: z.string().optional(),
  SMTP_TLS: flag().optional(),
  NOTIFICATION_EMAIL_FROM: z
    .string()
    .regex(/^(?:[^<>]{0,100}<[^\s@<>]+@[^\s@<>]+>|[^\s@<>]+@[^\s@<>]+)$/, 'must be an e-mail address')
    .optional(),
  NOTIFICATION_EMAIL_TO: commaList(email, 'must be a comma list of e-mail addresses').optional(),

  LLM_BASE_URL: vendorAddress().optional(),
  LLM_API_KEY: token().optional(),
  LLM_MODEL: z.string().optional(),

  ADMIN_USER_IDS: commaList(discordId, 'must be a comma list of Discord ids').default([]),
  ADMIN_ROLE_IDS: commaList(discordId, 'must be a comma list of Discord ids').default([]),
  ALLOW_SECRET_WRITES: flag().default(false),
  ALLOWED_DOMAINS: commaList(
    z
      .string()
      .toLowerCase()
      .regex(/^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+$/),
    'must be a comma list of domains such as example.com or *.example.com',
  ).default([]),
  SAFE_LOCAL: flag().default(false),
  ISSUE_LABEL: z.string().trim().min(1).max(50).default('ready'),
  ENABLE_DEBUG_CMD: flag().default(false),
  FRONTEND_BASE_URL: siteAddress.optional(),
  API_BASE_URL: siteAddress.optional(),

  RUN_POLL_INTERVAL_MS: integer(10, 3_600_000).default(3_000),
  RUN_DISCOVERY_TIMEOUT_MS: integer(0, 3_600_000).default(30_000),
  RUN_WATCH_TIMEOUT_MS: integer(0, 86_400_000).default(180_000),
  // Discord forgets an interaction after 15 minutes; nothing can be moved later than that.
  INTERACTION_HANDOVER_MS: integer(0, 895_000).default(840_000),
  WORKER_LEASE_MS: integer(500, 600_000).default(10_000),
  AGENT_HEARTBEAT_MS: integer(10, 3_600_000).default(10_000),
  AGENT_LEASE_MS: integer(10, 86_400_000).default(30_000),
  APPROVAL_SWEEP_MS: integer(10, 3_600_000).default(5_000),

  OTEL_EXPORTER_OTLP_ENDPOINT: webAddress.optional(),
})

export type Variable = keyof typeof environmentSchema.shape
export type EnvironmentVariables = z.output<typeof environmentSchema>

/** Each of these may also come as `<name>_FILE`, the path of a file that holds it. */
export const SECRETS = [
  'DATABASE_URL',
  'REDIS_URL',
  'API_TOKEN',
  'METRICS_TOKEN',
  'SIGNALBOX_SECRET_KEY',
  'DISCORD_TOKEN',
  'GITHUB_TOKEN',
  'GITHUB_APP_PRIVATE_KEY',
  'GITHUB_WEBHOOK_SECRET',
  'LINEAR_API_KEY',
  'LINEAR_CLIENT_SECRET',
  'LINEAR_WEBHOOK_SECRET',
  'SMTP_URL',
  'SMTP_PASS',
  'LLM_API_KEY',
] as const satisfies readonly Variable[]

function integer(min: number, max: number) {
  return z
    .string()
    .refine(
      text => /^\d{1,10}$/.test(text) && Number(text) >= min && Number(text) <= max,
      `must be a whole number from ${min} to ${max}`,
    )
    .transform(Number)
}

/** An id that happens to be written in digits; it stays a text. */
function integerText() {
  return z.string().regex(/^\d{1,20}$/, 'must be a number')
}

function flag() {
  return z.enum(['true', 'false'], {error: 'must be true or false'}).transform(text => text === 'true')
}

/** Travels in a header, where a space or a line break would break it or smuggle in another. */
function token() {
  return z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must not contain spaces, line breaks or other unusual characters')
}

/** Blanks between commas are nothing, not empty items. */
function commaList<T extends z.ZodType>(item: T, reason: string) {
  return z
    .string()
    .transform(text =>
      text
        .split(',')
        .map(part => part.trim())
        .filter(part => part !== ''),
    )
    .refine(parts => parts.every(part => item.safeParse(part).success), reason)
    .transform(parts => parts.map(part => item.parse(part)))
}

function connection(...schemes: readonly string[]) {
  return z
    .string()
    .refine(
      text => URL.canParse(text) && schemes.includes(new URL(text).protocol.slice(0, -1)),
      `must be an address that begins with ${schemes.map(scheme => `${scheme}://`).join(' or ')}`,
    )
}

/** Where a token is sent. On the public internet never without encryption; inside, emulators and proxies may. */
export function vendorAddress() {
  return webAddress.refine(
    text => !text.toLowerCase().startsWith('http://') || !isPublicHost(text),
    'must begin with https://, or the token would travel in the clear',
  )
}

function isPublicHost(address: string): boolean {
  const verdict = checkPublicUrl(address, {allowHttp: true})
  return verdict.ok || verdict.code === 'port'
}

function isPrivateKey(pem: string): boolean {
  try {
    createPrivateKey(pem)
    return true
  } catch {
    return false
  }
}
