import type {LogLevel} from '../logger.ts'

export type Role = 'bot' | 'worker' | 'api'
export type Environment = 'development' | 'staging' | 'production'
export type RiskLevel = 'low' | 'medium' | 'high' | 'critical'

/**
 * Everything an operator decides, read once at the door and frozen. Grouped by consumer: hand each factory its
 * part. An integration that is off is absent. Durations are milliseconds.
 */
export interface Config {
  readonly instanceId: string
  readonly roles: ReadonlySet<Role>
  readonly log: {readonly level: LogLevel}
  /** Absolute path of the data folder of the embedded services. */
  readonly home: string
  /** What rows with secrets are sealed with. When absent, the one kept in the home folder: `ensureSecretKey`. */
  readonly secretKey?: string
  /** Without an address, the embedded Postgres under `home`. */
  readonly database: {readonly url?: string}
  /** Without it, queues and bus run on Postgres. */
  readonly redis?: {readonly url: string}
  readonly http: HttpConfig
  /** How long work of a worker that died waits before another takes it over. */
  readonly worker: {readonly leaseMs: number}
  readonly discord?: DiscordConfig
  readonly github?: GithubConfig
  readonly linear?: LinearConfig
  readonly smtp?: SmtpConfig
  readonly notifications?: {readonly emailFrom: string; readonly emailTo: readonly string[]}
  /** Without it, rules take the place of a model. */
  readonly llm?: {readonly baseUrl: string; readonly model: string; readonly apiKey?: string}
  readonly tracing?: {readonly endpoint: string}
  /** Discord ids. Nobody is an administrator unless named here. */
  readonly admin: {
    readonly userIds: readonly string[]
    readonly roleIds: readonly string[]
    readonly allowSecretWrites: boolean
  }
  readonly urls: {
    readonly allowedDomains: readonly string[]
    readonly frontendBase?: string
    readonly apiBase?: string
  }
  readonly runs: {
    readonly pollIntervalMs: number
    readonly discoveryTimeoutMs: number
    readonly watchTimeoutMs: number
  }
  /** Age of an interaction at which its replies move to a channel message. */
  readonly interactionHandoverMs: number
  readonly registry: {readonly heartbeatMs: number; readonly leaseMs: number}
  readonly approvals: {
    readonly sweepMs: number
    readonly quietHours?: QuietHours
    readonly freezes: readonly Freeze[]
    /** Nobody may when absent. */
    readonly breakGlass?: BreakGlassPolicy
  }
  /** By name; `client` is always among them. */
  readonly targets: ReadonlyMap<string, Target>
  readonly principals: readonly Principal[]
  /** By command name. A protected command without a rule is for administrators only. */
  readonly access: ReadonlyMap<string, AccessRule>
  readonly approvalPolicies: ReadonlyMap<RiskLevel, ApprovalPolicy>
  readonly digests: readonly Digest[]
  readonly projects: ReadonlyMap<string, Project>
  readonly notificationRules: NotificationRules
  /** Every secret text configured, for the redactor: `createRedactor(config.secrets)`. */
  readonly secrets: readonly string[]
}

export interface HttpConfig {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** How the outside reaches this server; no slash at its end. */
  readonly publicUrl?: string
  /** When absent, the one kept in the home folder: `ensureApiToken`. */
  readonly apiToken?: string
  /** When set, `/metrics` asks for it. */
  readonly metricsToken?: string
}

export interface DiscordConfig {
  readonly token: string
  readonly applicationId: string
  readonly apiUrl: string
  readonly guildId?: string
  /** Hex. Turns on the HTTP interactions endpoint. */
  readonly publicKey?: string
  readonly statusChannelId?: string
}

export type GithubAuth =
  | {readonly kind: 'token'; readonly token: string}
  /** `privateKey` is PEM with real line breaks. */
  | {
      readonly kind: 'app'
      readonly appId: string
      readonly privateKey: string
      readonly installationId: string
    }

export interface GithubConfig {
  readonly auth: GithubAuth
  readonly apiUrl: string
  /** `owner/name` of the default repository. */
  readonly repository?: string
  readonly webhookSecret?: string
}

export type LinearAuth =
  | {readonly kind: 'key'; readonly apiKey: string}
  | {readonly kind: 'app'; readonly clientId: string; readonly clientSecret: string}

export interface LinearConfig {
  readonly auth: LinearAuth
  readonly apiUrl: string
  readonly webhookSecret?: string
  /** An issue's id or identifier (`OPS-1`). */
  readonly approvalHubIssueId?: string
}

export interface SmtpConfig {
  readonly host: string
  readonly port: number
  /** Refuse to speak without encryption: at once on port 465, by STARTTLS elsewhere. */
  readonly tls: boolean
  readonly auth?: {readonly user: string; readonly pass: string}
}

/** What a deploy command can ship. */
export interface Target {
  readonly name: string
  /** `owner/name`. Present whenever GitHub is configured. */
  readonly repository?: string
  /** The workflow's file name. */
  readonly workflow: string
  readonly ref: string
  readonly environment: Environment
  readonly service: string
  /** Name of the Linear project that is told of failures. */
  readonly project?: string
  /** Workflow inputs as written; `${{ options.… }}` in them is filled in by the deployment. */
  readonly inputs: Readonly<Record<string, string>>
  readonly verify: {readonly frontend?: string; readonly api?: string}
}

/** One person, their verified accounts, their roles. No account belongs to two. */
export interface Principal {
  readonly id: string
  readonly discord?: string
  readonly github?: string
  readonly linear?: string
  readonly email?: string
  readonly roles: readonly string[]
  /** SHA-256, in hex, of their own token for the HTTP routes. */
  readonly tokenHash?: string
}

/** Whoever holds one of these may; nobody does by an empty rule. */
export interface AccessRule {
  readonly roles: readonly string[]
  readonly discordRoles: readonly string[]
}

/** What the operator changed about a risk level; the approvals feature knows the rest. */
export interface ApprovalPolicy {
  readonly expires?: number | 'never'
  readonly approvers?: number
  readonly roles?: readonly string[]
  readonly escalateTo?: readonly string[]
  readonly mailAfter?: number | 'never'
  readonly justification?: boolean
}

/** Local times as `HH:MM`; `from` after `to` spans midnight. */
export interface QuietHours {
  readonly from: string
  readonly to: string
  readonly timezone: string
}

/** When nothing that needs an approval begins in these environments. */
export type Freeze = {readonly environments: readonly Environment[]; readonly reason: string} & (
  | {readonly from: number; readonly to: number}
  /** Minutes since Monday, midnight, by the clocks of that zone; `from` after `to` spans the end of the week. */
  | {readonly weekly: {readonly from: number; readonly to: number; readonly timezone: string}}
)

/** Who may let themselves through for a while, without approval and in spite of freezes. */
export interface BreakGlassPolicy {
  readonly roles: readonly string[]
  readonly maximum: number
}

export interface Digest {
  readonly cron: string
  readonly timezone: string
  readonly channel: string
  readonly period: 'daily' | 'weekly'
}

/** A Linear project; with a token of its own, only that one is used for it. */
export interface Project {
  readonly id: string
  /** Id of the team that new issues belong to. */
  readonly team?: string
  readonly token?: string
}

/** A level from which something is told. */
export type Threshold = RiskLevel | 'never'
export type NoticeChannel = 'linear' | 'mail' | 'discord' | 'pull-request'

/** What the operator changed about who is told what, where; the notifications feature knows the rest. */
export interface NotificationRules {
  readonly levels: ReadonlyMap<RiskLevel, LevelNotices>
  /** By the event's name. */
  readonly events: ReadonlyMap<string, EventNotices>
  /** By the principal's id: the least level at which they hear of something in a channel. */
  readonly people: ReadonlyMap<string, Readonly<Partial<Record<NoticeChannel, Threshold>>>>
  /** By the project's name. */
  readonly projects: ReadonlyMap<string, ProjectNotices>
}

export interface LevelNotices {
  /** `fallback`: only where Linear does not do. */
  readonly mail?: 'at-once' | 'fallback' | 'never'
  /** Principals who want to know besides those concerned. */
  readonly watchers?: readonly string[]
}

export interface EventNotices {
  readonly from: Readonly<Partial<Record<NoticeChannel, Threshold>>>
  readonly watchers?: readonly string[]
}

export interface ProjectNotices {
  readonly watchers?: readonly string[]
  /** Comment on the project's issue that something is about. */
  readonly updateIssues: boolean
  /** Open an issue where there is none. */
  readonly createIssues: boolean
}
