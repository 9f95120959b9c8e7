import type {Actor} from '../sdk/index.ts'

/** One person, their verified accounts and their roles, as configured. */
export interface Principal {
  readonly id: string
  readonly discord?: string | undefined
  readonly roles: readonly string[]
}

/** Who may run a restricted command. */
export interface AccessRule {
  readonly roles: readonly string[]
  readonly discordRoles: readonly string[]
}

export interface AccessPolicy {
  readonly admin: {readonly userIds: readonly string[]; readonly roleIds: readonly string[]}
  readonly principals: readonly Principal[]
  readonly rules: ReadonlyMap<string, AccessRule>
}

/**
 * What an entry (slash command, button, autocompletion, HTTP route) demands. Every entry declares one; there is no
 * default, and what has none does not start.
 */
export type Demand =
  | {readonly kind: 'everyone'}
  /** Named by the configuration's `access`, or an admin. */
  | {readonly kind: 'command'; readonly command: string; readonly restricted: boolean}
  /** The person whose command it is, or an admin. */
  | {readonly kind: 'owner'; readonly ownerId: string}

export type Permission =
  | {readonly allowed: true}
  /** Every reason, each with what to do next. */
  | {readonly allowed: false; readonly reasons: readonly string[]}

/** The one judge of who may do what: pure, total, and closed by default. */
export function permit(policy: AccessPolicy, actor: Actor, demand: Demand): Permission {
  switch (demand.kind) {
    case 'everyone':
      return ALLOWED
    case 'command':
      return demand.restricted ? permitRestricted(policy, actor, demand.command) : ALLOWED
    case 'owner':
      if (actor.kind === 'schedule' || isAdmin(policy, actor) || actor.id === demand.ownerId) return ALLOWED
      return {
        allowed: false,
        reasons: ['only the person who asked for it, or an admin, can do this — ask them'],
      }
  }
}

/** The same of a person who is known by a token of their own. Which roles they have in Discord is not known there. */
export function permitPerson(
  policy: AccessPolicy,
  person: string,
  demand: Extract<Demand, {kind: 'command'}>,
): Permission {
  const principal = policy.principals.find(({id}) => id === person)
  const actor: Actor = {kind: 'discord', id: principal?.discord ?? '', name: person}
  return demand.restricted ? permitRestricted(policy, actor, demand.command, principal) : ALLOWED
}

export function isAdmin(policy: AccessPolicy, actor: Actor): boolean {
  if (actor.kind !== 'discord') return false
  return (
    policy.admin.userIds.includes(actor.id) ||
    (actor.discordRoles ?? []).some(role => policy.admin.roleIds.includes(role))
  )
}

function principalOf(policy: AccessPolicy, actor: Actor): Principal | undefined {
  return actor.kind === 'discord'
    ? policy.principals.find(principal => principal.discord === actor.id)
    : undefined
}

const ALLOWED: Permission = {allowed: true}

function permitRestricted(
  policy: AccessPolicy,
  actor: Actor,
  command: string,
  principal = principalOf(policy, actor),
): Permission {
  if (isAdmin(policy, actor)) return ALLOWED
  const rule = policy.rules.get(command)
  if (!rule || (rule.roles.length === 0 && rule.discordRoles.length === 0)) {
    return {
      allowed: false,
      reasons: [
        `nobody but admins may run it yet — an admin can add \`access: ${command}\` to signalbox.yaml`,
      ],
    }
  }
  const held = principal?.roles ?? []
  if (rule.roles.some(role => held.includes(role))) return ALLOWED
  if (rule.discordRoles.some(role => (actor.discordRoles ?? []).includes(role))) return ALLOWED
  return {allowed: false, reasons: refusalReasons(policy, rule, principal)}
}

function refusalReasons(
  policy: AccessPolicy,
  rule: AccessRule,
  principal: Principal | undefined,
): readonly string[] {
  const reasons: string[] = []
  if (rule.roles.length > 0) {
    const have = principal ? principal.roles.join(', ') || 'no role' : 'no account known here'
    const holders = policy.principals
      .filter(other => other.roles.some(role => rule.roles.includes(role)))
      .map(other => other.id)
    const who = holders.length > 0 ? `${holders.slice(0, 3).join(', ')} or an admin` : 'an admin'
    reasons.push(`needs role ${rule.roles.join(' or ')}, you have: ${have} — ask ${who}`)
  }
  if (rule.discordRoles.length > 0) {
    const start = reasons.length > 0 ? 'or' : 'needs'
    reasons.push(
      `${start} one of the Discord roles ${rule.discordRoles.map(role => `<@&${role}>`).join(' ')} — ask whoever manages this server`,
    )
  }
  return reasons
}
