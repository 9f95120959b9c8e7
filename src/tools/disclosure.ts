import type {ShownTool, Tool, ToolChoice, ToolStats, ToolStrategy} from '../sdk/tools.ts'

/** What one server offers. */
export interface OfferedServer {
  readonly name: string
  /** Names of tools that its agents can't do without. */
  readonly critical: readonly string[]
  readonly tools: readonly Tool[]
}

/** What an agent may use: all tools of some servers, and some tools by name, as `server.tool`. Nothing else. */
export interface Grant {
  readonly servers: readonly string[]
  readonly tools: readonly string[]
}

/** At most so many are shown besides those that the agent always needs. */
const MOST_SHOWN = 24
/** Of use whatever the task. */
const ALWAYS_ON = new Set(['memory', 'time'])
/** A word that names the tools of more servers than this tells none of them. */
const TELLING = 2
const TOKENS_A_TOOL = 50
const PRIORITIES = ['critical', 'high', 'medium', 'low'] as const

/** Words that say nothing about what a tool is for. */
const GENERIC = new Set(
  `about add after all and any append apply are batch before bulk but can change check clear close copy count create
  current data delete describe diff disable edit enable execute fetch file find for from get has have hit how info insert
  into item its last latest list load look make many more move name new not now old one open our out patch post put
  query read remove rename replace request reset result run save search select send set should show start stat status
  stop submit sync that the then this tool update upload use user value view wait what when which will with write your`.split(
    /\s+/,
  ),
)

interface Candidate extends ShownTool {
  /** How many words of the task it is about. */
  readonly hits: number
  /** Its server is always there, or the task is about it. */
  readonly near: boolean
}

/** The part of a catalogue that an agent may use; servers of which nothing is left are left out. */
function grantedTo(
  catalogue: readonly OfferedServer[],
  {servers, tools}: Grant,
  readsOnly: boolean,
): readonly OfferedServer[] {
  return catalogue.flatMap(server => {
    const granted = server.tools.filter(
      ({name, reads}) =>
        (reads || !readsOnly) && (servers.includes(server.name) || tools.includes(`${server.name}.${name}`)),
    )
    return granted.length === 0 ? [] : [{...server, tools: granted}]
  })
}

/**
 * The tools that an agent is shown for a task. Pure, and never one that it was not granted. Which servers a task is about
 * is told by words: the server's name, and those words of its tools' names that at most one other server has too.
 */
export function choose({
  strategy,
  task,
  catalogue,
  grant,
  readsOnly = false,
}: {
  readonly strategy: ToolStrategy
  readonly task: string
  readonly catalogue: readonly OfferedServer[]
  readonly grant: Grant
  /** What changes something is left out, as if it were not granted. */
  readonly readsOnly?: boolean
}): Omit<ToolChoice, 'missing'> {
  const granted = grantedTo(catalogue, grant, readsOnly)
  const said = new Set(wordsOf(task))
  const keywords = keywordsOf(granted)
  const candidates = granted.flatMap(server => {
    const matched = [...(keywords.get(server.name) ?? [])].filter(word => said.has(word))
    return server.tools.map(tool => candidate(tool, {server, matched, said, grant}))
  })
  const shown = candidates
    .filter(tool => isShown(tool, strategy))
    .sort((a, b) => PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority) || b.hits - a.hits)
  const needed = shown.filter(isNeeded).length
  const kept = strategy === 'full' ? shown : shown.slice(0, Math.max(needed, MOST_SHOWN))
  const tools = kept.map(({hits: _hits, near: _near, ...tool}) => tool)
  return {strategy, tools, stats: statsOf(tools, granted)}
}

/** As a model reads a tool. */
export function manifestOf({server, name, description, input}: Tool): {
  readonly name: string
  readonly description: string
  readonly input_schema: Tool['input']
} {
  return {name: `${server}.${name}`, description, input_schema: input}
}

function candidate(
  tool: Tool,
  {
    server,
    matched,
    said,
    grant,
  }: {
    readonly server: OfferedServer
    readonly matched: readonly string[]
    readonly said: ReadonlySet<string>
    readonly grant: Grant
  },
): Candidate {
  const named = wordsOf(tool.name).filter(word => said.has(word))
  const hits = 2 * named.length + wordsOf(tool.description).filter(word => said.has(word)).length
  const always = ALWAYS_ON.has(server.name)
  const near = always || matched.length > 0
  const is = (priority: ShownTool['priority'], rationale: string) => ({
    ...tool,
    ...{priority, rationale, hits, near},
  })
  if (server.critical.includes(tool.name)) return is('critical', `critical in ${server.name}`)
  if (grant.tools.includes(`${server.name}.${tool.name}`)) return is('high', 'given to the agent by name')
  if (always) return is('medium', `${server.name} is always there`)
  if (!near) return is('low', 'everything is shown')
  return is(named.length > 0 ? 'medium' : 'low', `the task says ${matched.slice(0, 3).join(', ')}`)
}

function isNeeded({priority}: ShownTool): boolean {
  return priority === 'critical' || priority === 'high'
}

function isShown(tool: Candidate, strategy: ToolStrategy): boolean {
  switch (strategy) {
    case 'minimal':
      return tool.near
    case 'profile':
      return isNeeded(tool)
    case 'progressive':
      return tool.near || isNeeded(tool)
    case 'full':
      return true
  }
}

/** By server, the words that tell it from most others. */
function keywordsOf(catalogue: readonly OfferedServer[]): ReadonlyMap<string, ReadonlySet<string>> {
  const words = new Map(
    catalogue.map(({name, tools}) => [
      name,
      new Set([...wordsOf(name), ...tools.flatMap(tool => wordsOf(tool.name))]),
    ]),
  )
  const owners = new Map<string, number>()
  for (const known of words.values()) for (const word of known) owners.set(word, (owners.get(word) ?? 0) + 1)
  return new Map(
    [...words].map(([name, known]) => {
      const own = new Set(wordsOf(name))
      return [name, new Set([...known].filter(word => own.has(word) || (owners.get(word) ?? 0) <= TELLING))]
    }),
  )
}

function statsOf(shown: readonly Tool[], granted: readonly OfferedServer[]): ToolStats {
  const all = granted.flatMap(({tools}) => tools)
  const measured = {shown: tokensOf(shown), total: tokensOf(all)}
  return {
    tools: {shown: shown.length, total: all.length},
    servers: {shown: new Set(shown.map(({server}) => server)).size, total: granted.length},
    tokens: {
      estimated: {shown: TOKENS_A_TOOL * shown.length, total: TOKENS_A_TOOL * all.length},
      measured,
    },
    saved: measured.total === 0 ? 0 : Math.round(1000 * (1 - measured.shown / measured.total)) / 10,
  }
}

function tokensOf(tools: readonly Tool[]): number {
  return tools.reduce((sum, tool) => sum + Math.ceil(JSON.stringify(manifestOf(tool)).length / 4), 0)
}

/** The telling words of a text or a name such as `createPullRequest`, in the singular, each once. */
function wordsOf(text: string): readonly string[] {
  const words = text
    .slice(0, 10_000)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .map(word => (word.length > 3 && /[^isu]s$/.test(word) ? word.slice(0, -1) : word))
    .filter(word => word.length > 2 && !GENERIC.has(word))
  return [...new Set(words)]
}
