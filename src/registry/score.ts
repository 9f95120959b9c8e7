import type {AgentRecord, AgentView, Capability} from './agent.ts'

export interface CapabilityQuery {
  /** What is asked for; each is matched by itself, ignoring case. */
  readonly keywords: readonly string[]
  /** Every keyword must be matched, or (the default) any. */
  readonly requireAll?: boolean | undefined
  readonly exclude?: readonly string[] | undefined
  /** 0 to 1. */
  readonly minConfidence?: number | undefined
}

/** An agent that fits a query. */
export interface Match {
  readonly agent: AgentView
  /** 0 to 1: its best keyword or, when all are required, its worst. */
  readonly confidence: number
  /** The capability that decided. */
  readonly capability: string
}

/** How an agent stands now. Asked only of those that fit, since most don't. */
export type Look = (record: AgentRecord) => AgentView

/** A capability found by text. */
export interface CapabilityHit {
  readonly agent: AgentView
  readonly capability: Capability
}

/** Exact name 1, tag 0.8, part of the name 0.6, part of the description 0.4, else 0. Ignores case. */
export function scoreCapability(keyword: string, capability: Capability): number {
  return score(fold(keyword), foldCapability(capability))
}

function score(wanted: string, {name, description, tags}: Folded): number {
  if (wanted === '') return 0
  if (name === wanted) return 1
  if (tags.includes(wanted)) return 0.8
  if (name.includes(wanted)) return 0.6
  return description.includes(wanted) ? 0.4 : 0
}

/**
 * The living agents that fit, best first: by confidence; of equals the active before the busy, then the least loaded,
 * then the one whose last work is longest ago (one that never had any first), then by id, so that the order is total.
 */
export function matchAgents(
  agents: readonly AgentRecord[],
  query: CapabilityQuery,
  look: Look,
): readonly Match[] {
  const {requireAll = false, minConfidence = 0} = query
  const excluded = new Set(query.exclude)
  const keywords = query.keywords.map(fold)
  return agents
    .filter(({agentId}) => !excluded.has(agentId))
    .flatMap(record => {
      const found = fit(record, keywords, requireAll)
      return found.confidence > 0 && found.confidence >= minConfidence
        ? [{agent: look(record), ...found}]
        : []
    })
    .filter(({agent}) => agent.status !== 'offline')
    .sort(bestFirst)
}

/** Capabilities of living agents whose name, description or tags contain the text, in the agents' order. */
export function searchCapabilities(
  agents: readonly AgentRecord[],
  text: string,
  look: Look,
): readonly CapabilityHit[] {
  const wanted = fold(text)
  if (wanted === '') return []
  return agents.flatMap(record => {
    const found = folded(record.capabilities).filter(
      ({name, description, tags}) =>
        name.includes(wanted) || description.includes(wanted) || tags.some(tag => tag.includes(wanted)),
    )
    if (found.length === 0) return []
    const agent = look(record)
    return agent.status === 'offline' ? [] : found.map(({capability}) => ({agent, capability}))
  })
}

type Found = Omit<Match, 'agent'>

function fit({capabilities}: AgentRecord, keywords: readonly string[], requireAll: boolean): Found {
  let deciding: Found | undefined
  for (const keyword of keywords) {
    const next = bestCapability(folded(capabilities), keyword)
    const better = deciding === undefined || next.confidence > deciding.confidence
    const worse = deciding === undefined || next.confidence < deciding.confidence
    if (requireAll ? worse : better) deciding = next
  }
  return deciding ?? NOTHING
}

const NOTHING: Found = {confidence: 0, capability: ''}

function bestCapability(capabilities: readonly Folded[], keyword: string): Found {
  let best = NOTHING
  for (const each of capabilities) {
    const confidence = score(keyword, each)
    if (confidence > best.confidence) best = {confidence, capability: each.capability.name}
    if (confidence === 1) break
  }
  return best
}

/** A capability's texts as they are compared. */
interface Folded {
  readonly capability: Capability
  readonly name: string
  readonly description: string
  readonly tags: readonly string[]
}

function fold(text: string): string {
  return text.trim().toLowerCase()
}

function foldCapability(capability: Capability): Folded {
  const {name, description, tags} = capability
  return {capability, name: fold(name), description: fold(description), tags: tags.map(fold)}
}

// Folding ten thousand capabilities at each lookup would be most of its cost; declarations never change in place.
const foldings = new WeakMap<readonly Capability[], readonly Folded[]>()

function folded(capabilities: readonly Capability[]): readonly Folded[] {
  const known = foldings.get(capabilities)
  if (known) return known
  const fresh = capabilities.map(foldCapability)
  foldings.set(capabilities, fresh)
  return fresh
}

function bestFirst(a: Match, b: Match): number {
  return (
    b.confidence - a.confidence ||
    Number(a.agent.status === 'busy') - Number(b.agent.status === 'busy') ||
    share(a.agent) - share(b.agent) ||
    (a.agent.lastAssignedAt ?? 0) - (b.agent.lastAssignedAt ?? 0) ||
    (a.agent.agentId < b.agent.agentId ? -1 : 1)
  )
}

function share({load}: AgentView): number {
  return load.active / Math.max(1, load.capacity)
}
