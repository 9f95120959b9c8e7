import type {Candidate, Resolution} from '../events/index.ts'
import type {AgentRecord, AgentView} from './agent.ts'
import {matchAgents, scoreCapability, type Look} from './score.ts'

export type Target = {readonly agent: string} | {readonly capability: string}

/** A name or a tag: nobody is given work because of a word in a description. */
const MIN_CONFIDENCE = 0.8

/** The processes that can be asked for an agent, or for a capability, the one to ask first in front. */
export function route(agents: readonly AgentRecord[], target: Target, look: Look): Resolution {
  if ('agent' in target) {
    const record = agents.find(known => known.agentId === target.agent)
    if (!record) return {kind: 'unknown'}
    return resolution(candidatesOf(look(record)))
  }
  const able = matchAgents(
    agents,
    {keywords: [target.capability], minConfidence: MIN_CONFIDENCE},
    look,
  ).flatMap(({agent}) => candidatesOf(agent))
  if (able.length > 0) return {kind: 'found', candidates: able}
  const known = agents.some(({capabilities}) =>
    capabilities.some(capability => scoreCapability(target.capability, capability) >= MIN_CONFIDENCE),
  )
  return {kind: known ? 'offline' : 'unknown'}
}

function resolution(candidates: readonly Candidate[]): Resolution {
  return candidates.length > 0 ? {kind: 'found', candidates} : {kind: 'offline'}
}

/** Its living instances: those that take work before busy ones, then the least loaded, then by id. */
function candidatesOf({agentId, instances}: AgentView): readonly Candidate[] {
  const share = ({load}: (typeof instances)[number]) => load.active / Math.max(1, load.capacity)
  return instances
    .filter(({leaseMs}) => leaseMs > 0)
    .sort(
      (a, b) =>
        Number(a.status === 'busy') - Number(b.status === 'busy') ||
        share(a) - share(b) ||
        (a.instanceId < b.instanceId ? -1 : 1),
    )
    .map(({instanceId}) => ({agentId, instanceId}))
}
