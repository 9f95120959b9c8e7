import type {Config} from './config.ts'

/** For start-up: one line per integration, whether it is on, how, and what would switch it on. Holds no secret. */
export function describeIntegrations(config: Config): string[] {
  const {discord, github, linear, smtp, notifications, llm, redis, database, tracing} = config
  return [
    `database: ${database.url === undefined ? `embedded Postgres under ${config.home}` : 'Postgres at DATABASE_URL'}`,
    `queue: ${redis ? 'Redis at REDIS_URL' : 'on Postgres (REDIS_URL is not set)'}`,
    discord
      ? `discord: on (${discord.guildId === undefined ? 'commands for every server' : `commands for server ${discord.guildId}`}${discord.publicKey === undefined ? '' : ', HTTP interactions'})`
      : 'discord: off (set DISCORD_TOKEN and DISCORD_APPLICATION_ID)',
    github
      ? `github: on (${github.auth.kind === 'token' ? 'token' : 'app'}, ${github.webhookSecret === undefined ? 'runs are polled: GITHUB_WEBHOOK_SECRET is not set' : 'webhooks'})`
      : 'github: off (set GITHUB_TOKEN, or GITHUB_APP_ID with GITHUB_APP_PRIVATE_KEY and GITHUB_APP_INSTALLATION_ID)',
    linear
      ? `linear: on (${linear.auth.kind === 'key' ? 'API key' : 'app'}${linear.webhookSecret === undefined ? ', no webhooks: LINEAR_WEBHOOK_SECRET is not set' : ''})`
      : 'linear: off (set LINEAR_API_KEY, or LINEAR_CLIENT_ID with LINEAR_CLIENT_SECRET)',
    smtp
      ? `mail: on (${smtp.host}:${smtp.port}${notifications ? '' : ', nobody to write to: NOTIFICATION_EMAIL_FROM and NOTIFICATION_EMAIL_TO are not set'})`
      : 'mail: off (set SMTP_HOST or SMTP_URL)',
    llm ? `llm: on (${llm.model})` : 'llm: off, rules are used (set LLM_BASE_URL and LLM_MODEL)',
    tracing ? 'tracing: on' : 'tracing: off (set OTEL_EXPORTER_OTLP_ENDPOINT)',
  ]
}
