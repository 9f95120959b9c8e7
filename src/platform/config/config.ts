import type {Environment} from '../../kernel/environment.ts'
import type {RiskLevel} from '../../kernel/risk-level.ts'
import type {LogLevel} from '../logger.ts'

/** What a process does of the whole. */
export type ProcessRole = 'bot' | 'worker' | 'api'

/**
 * Everything an operator decides, read once at the door and frozen. Grouped by consumer: hand each factory its
 * part. An integration that is off is absent. Durations are milliseconds.
 */
export interface Config {
  readonly instanceId: string
  readonly roles: ReadonlySet<ProcessRole>
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
  readonly tools: ToolsConfig
  /** Without it, rules take the place of a model. */
  readonly llm?: LlmConfig
  readonly tracing?: {readonly endpoint: string}
  /** Discord ids. Nobody is an administrator unless named here. */
  readonly admin: {
    readonly userIds: readonly string[]
    readonly roleIds: readonly string[]
    readonly allowSecretWrites: boolean
  }
  readonly urls: {
    readonly allowedDomains: readonly string[]
    /** Addresses of this machine and its network may be called: for development only. */
    readonly allowLocal: boolean
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
    /** Always business hours when absent: nobody is on call. */
    readonly schedule?: Schedule
    /** By role: at how many requests that wait for its holders they are not called to a further one. */
    readonly limits: ReadonlyMap<string, number>
    /** What need not be given with a request, though its operation would take it. */
    readonly waived: ReadonlySet<'ticket' | 'backup'>
    readonly freezes: readonly Freeze[]
    /** Nobody may when absent. */
    readonly breakGlass?: BreakGlassPolicy
  }
  /** By name; `client` is always among them. */
  readonly targets: ReadonlyMap<string, Target>
  /** What `/qa` leaves on the pull request: `decide` approves or requests changes. */
  readonly qa: {readonly postReviews: 'off' | 'comment' | 'decide'}
  /** What `/diagnose` starts. */
  readonly diagnose: DiagnoseConfig
  readonly principals: readonly Principal[]
  /** By command name. A protected command without a rule is for administrators only. */
  readonly access: ReadonlyMap<string, AccessRule>
  readonly approvalPolicies: ReadonlyMap<RiskLevel, ApprovalPolicy>
  readonly digests: readonly Digest[]
  /** Nothing is looked at by itself when absent. */
  readonly uptime?: UptimeConfig
  readonly projects: ReadonlyMap<string, Project>
  readonly notificationRules: NotificationRules
  /** Plans of the day: the issues' label where none is given, and channels that anybody may name. */
  readonly plans: {readonly label: string; readonly channels: readonly string[]}
  readonly relay: RelayTargets
  /** Where packages are looked for by name; a registry without an address is never asked. */
  readonly registries: {readonly npm?: string; readonly pypi?: string}
  /** The file that `/update-summary` keeps; without a repository here or for GitHub, there is none. */
  readonly summary: {readonly repository?: string; readonly path: string}
  /** Whether people may see what their own last command did, step by step. */
  readonly debug: {readonly enabled: boolean}
  /** Every secret text configured, for the redactor: `createRedactor(config.secrets)`. */
  readonly secrets: readonly string[]
}

/** The one HTTP server. */
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

/** The bot, and the server that it is for. */
export interface DiscordConfig {
  readonly token: string
  readonly applicationId: string
  readonly apiUrl: string
  readonly guildId?: string
  /** Hex. Turns on the HTTP interactions endpoint. */
  readonly publicKey?: string
  readonly statusChannelId?: string
}

/** A token, or an App installed for the repositories. */
export type GithubAuth =
  | {readonly kind: 'token'; readonly token: string}
  /** `privateKey` is PEM with real line breaks. */
  | {
      readonly kind: 'app'
      readonly appId: string
      readonly privateKey: string
      readonly installationId: string
    }

/** GitHub, or a GitHub Enterprise Server. */
export interface GithubConfig {
  readonly auth: GithubAuth
  readonly apiUrl: string
  /** `owner/name` of the default repository. */
  readonly repository?: string
  readonly webhookSecret?: string
  /** Whether requests keep the distance that github.com asks for. */
  readonly throttle: boolean
  /** How long one request may take. */
  readonly timeoutMs: number
}

/** A key, or an app that acts as itself. */
export type LinearAuth =
  | {readonly kind: 'key'; readonly apiKey: string}
  | {readonly kind: 'app'; readonly clientId: string; readonly clientSecret: string}

/** The workspace, and the issue that requests for approval go below. */
export interface LinearConfig {
  readonly auth: LinearAuth
  readonly apiUrl: string
  readonly webhookSecret?: string
  /** An issue's id or identifier (`OPS-1`). */
  readonly approvalHubIssueId?: string
}

/** The server that mail is handed to. */
export interface SmtpConfig {
  readonly host: string
  readonly port: number
  /** Refuse to speak without encryption: at once on port 465, by STARTTLS elsewhere. */
  readonly tls: boolean
  readonly auth?: {readonly user: string; readonly pass: string}
}

/** MCP servers, and which agents may use what of them. Nobody may use anything that is not named here. */
export interface ToolsConfig {
  readonly strategy: 'minimal' | 'profile' | 'progressive' | 'full'
  readonly servers: ReadonlyMap<string, ToolServerConfig>
  /** By agent: all tools of some servers, and some tools by name, as `server.tool`. */
  readonly agents: ReadonlyMap<
    string,
    {readonly servers: readonly string[]; readonly tools: readonly string[]}
  >
}

/** An MCP server: a program that is started, or an address. */
export type ToolServerConfig = {
  /** Names of tools that its agents always need. */
  readonly critical: readonly string[]
  /** Names of tools that change nothing, though it does not say so itself. */
  readonly reads: readonly string[]
  /** How long it may take to connect, and to answer. */
  readonly timeoutMs: number
} & (
  | {
      readonly kind: 'stdio'
      readonly command: string
      readonly args: readonly string[]
      /** What it gets of our environment, besides the harmless variables that every program needs. */
      readonly env: Readonly<Record<string, string>>
    }
  | {readonly kind: 'http'; readonly url: string; readonly token?: string}
)

/** A language model behind an OpenAI-compatible endpoint. */
export interface LlmConfig {
  readonly baseUrl: string
  readonly model: string
  readonly apiKey?: string
  /** Models by agent, where it is not the default one. */
  readonly agents: ReadonlyMap<string, string>
  /** US dollars for a million tokens, by model. */
  readonly prices: ReadonlyMap<string, {readonly input: number; readonly output: number}>
  /** Days are those of UTC, and of all processes together. Dollars count where the price is known. */
  readonly budget: {
    readonly dollarsPerDay: number
    readonly tokensPerDay: number
    readonly tokensPerCall: number
  }
  /** How long one call may take, tries included. */
  readonly timeoutMs: number
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
  readonly ship: ShipRules
}

/** How a release of a target is verified, and what follows from that without asking. */
export interface ShipRules {
  /** Besides `verify`. */
  readonly checks: readonly {
    readonly name: string
    readonly url: string
    readonly maxMs: number
    readonly critical: boolean
  }[]
  readonly autoPromote: boolean
  readonly autoRollback: boolean
  readonly minChecks: number
  readonly promoteAt: {readonly checks: number; readonly share: number}
  /** For all checks. */
  readonly timeoutMs: number
  /** How long it waits for a decision. */
  readonly expires: number
}

/** A workflow that looks at everything from where deploys run, and leaves a report. It is no target's. */
export interface DiagnoseConfig {
  /** `owner/name`. Present whenever GitHub is configured with a repository. */
  readonly repository?: string
  /** The workflow's file name. */
  readonly workflow: string
  readonly ref: string
  /** Name of the artifact with the report. */
  readonly artifact: string
  /** signalbox.yaml speaks of it: then it ought to be there. */
  readonly expected: boolean
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

/** When people are at work: these days, between two local times as `HH:MM` of one day. */
export interface BusinessHours {
  readonly timezone: string
  readonly days: readonly ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[]
  readonly from: string
  readonly to: string
}

/** Business hours, and who is called outside of them: roles, or ids of principals. */
export interface Schedule extends BusinessHours {
  readonly onCall: {readonly primary: string; readonly secondary: string; readonly escalateAfterMs: number}
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

/** A status digest that is posted by the clock. */
export interface Digest {
  readonly cron: string
  readonly timezone: string
  readonly channel: string
  readonly period: 'daily' | 'weekly'
}

/** Where messages may be relayed to: nowhere else, and nowhere at all when both are empty. */
export interface RelayTargets {
  /** Discord ids. */
  readonly channels: readonly string[]
  readonly people: readonly {readonly name: string; readonly discord: string}[]
}

/** Scheduled looks at services. */
export interface UptimeConfig {
  readonly everyMs: number
  /** Where outages are told; the status channel when absent. */
  readonly channel?: string
  readonly alert: boolean
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
/** A way to tell people things. */
export type ChannelName = 'linear' | 'mail' | 'discord' | 'pull-request'

/** What the operator changed about who is told what, where; the notifications feature knows the rest. */
export interface NotificationRules {
  readonly levels: ReadonlyMap<RiskLevel, LevelNotices>
  /** By the event's name. */
  readonly events: ReadonlyMap<string, EventNotices>
  /** By the principal's id: the least level at which they hear of something in a channel. */
  readonly people: ReadonlyMap<string, Readonly<Partial<Record<ChannelName, Threshold>>>>
  /** By the project's name. */
  readonly projects: ReadonlyMap<string, ProjectNotices>
}

/** What is changed for notices of one level. */
export interface LevelNotices {
  /** `fallback`: only where Linear does not do. */
  readonly mail?: 'at-once' | 'fallback' | 'never'
  /** Principals who want to know besides those concerned. */
  readonly watchers?: readonly string[]
}

/** What is changed for notices of one event. */
export interface EventNotices {
  readonly from: Readonly<Partial<Record<ChannelName, Threshold>>>
  readonly watchers?: readonly string[]
}

/** What is changed for notices about one project. */
export interface ProjectNotices {
  readonly watchers?: readonly string[]
  /** Comment on the project's issue that something is about. */
  readonly updateIssues: boolean
  /** Open an issue where there is none. */
  readonly createIssues: boolean
}
