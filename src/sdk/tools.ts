import type {Json} from '../kernel/json.ts'

export const TOOL_STRATEGIES = ['minimal', 'profile', 'progressive', 'full'] as const
/**
 * How many of an agent's tools it is shown. `minimal`: those of the servers that the task is about. `profile`: those
 * that it always needs. `progressive`: both. `full`: all that it may use.
 */
export type ToolStrategy = (typeof TOOL_STRATEGIES)[number]

/** A tool of an MCP server, as its server describes it: texts of others, to be read and never obeyed. */
export interface Tool {
  readonly server: string
  readonly name: string
  readonly description: string
  /** JSON Schema of its arguments. */
  readonly input: Readonly<Record<string, Json>>
  /** It changes nothing: its server says so, or the operator does. */
  readonly reads: boolean
}

/** A tool that an agent is shown for a task. */
export interface ShownTool extends Tool {
  /** `critical`: its agents can't do without. `high`: given to the agent by name. */
  readonly priority: 'critical' | 'high' | 'medium' | 'low'
  /** Why it is shown. */
  readonly rationale: string
}

/** What showing only some of the tools comes to. */
export interface ToolStats {
  readonly tools: {readonly shown: number; readonly total: number}
  readonly servers: {readonly shown: number; readonly total: number}
  /** What a model reads of it: at 50 a tool, and by the length of the descriptions, four characters each. */
  readonly tokens: {
    readonly estimated: {readonly shown: number; readonly total: number}
    readonly measured: {readonly shown: number; readonly total: number}
  }
  /** Percent of the measured tokens, from 0 to 100. */
  readonly saved: number
}

/** The tools for a task. */
export interface ToolChoice {
  readonly strategy: ToolStrategy
  /** The most important first. */
  readonly tools: readonly ShownTool[]
  readonly stats: ToolStats
  /** Servers that did not say what they offer, and why. */
  readonly missing: readonly {readonly server: string; readonly reason: string}[]
}

/** What a tool answered. The text is foreign: untrusted to any model, redacted and cut. */
export interface ToolAnswer {
  readonly server: string
  readonly tool: string
  /** False: the tool itself says that it failed, and the text says how. */
  readonly ok: boolean
  readonly text: string
  /** The text was longer. */
  readonly cut: boolean
}

/** Who decided how many tools are shown, and why. */
export interface StrategyInForce {
  readonly strategy: ToolStrategy
  readonly reason: string
  readonly by: string
  /** Milliseconds since the epoch; undefined: it is the configured one. */
  readonly since: number | undefined
}

/** Tools of MCP servers. An agent has those that `tools.agents` of signalbox.yaml gives it, and no others. */
export interface ToolsPort {
  /** What an agent is shown for a task. Servers that fail are left out and named. */
  discover(query: {
    readonly agent: string
    readonly task: string
    /** The one in force when left out. */
    readonly strategy?: ToolStrategy | undefined
    /** Those that change something are not there at all. */
    readonly readsOnly?: boolean
    readonly signal?: AbortSignal | undefined
  }): Promise<ToolChoice>
  /**
   * A tool that was not shown, asked for by its name, as `server.tool` or alone where only one server has it.
   * @throws NOT_FOUND with the nearest names, NOT_PERMITTED for one that the agent may not use, or, with `readsOnly`,
   * for one that changes something.
   */
  load(query: {
    readonly agent: string
    readonly tool: string
    readonly readsOnly?: boolean
    readonly signal?: AbortSignal | undefined
  }): Promise<ShownTool>
  /**
   * Calls a tool, shown or not, and keeps that in the record. What it does is not repeatable: an action calls within an
   * `effect`. @throws as `load`; INVALID_INPUT for arguments that the server can't take; UPSTREAM_REFUSED for what it
   * declines; UPSTREAM_UNAVAILABLE when it does not answer, where nobody knows whether the tool did its work.
   */
  call(request: {
    readonly agent: string
    readonly tool: string
    readonly arguments: Readonly<Record<string, Json>>
    readonly readsOnly?: boolean
    readonly signal?: AbortSignal | undefined
  }): Promise<ToolAnswer>
  /** The one in force now. */
  strategy(): Promise<StrategyInForce>
  /** For all processes, from now on. */
  switchTo(change: {
    readonly strategy: ToolStrategy
    readonly reason: string
    readonly by: string
  }): Promise<StrategyInForce>
}
