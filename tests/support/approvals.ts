import {randomUUID} from 'node:crypto'
import type {Pool} from 'pg'
import {Registry} from 'prom-client'
import type {Account, People, Person} from '../../src/access/people.ts'
import {timesOf, type ApprovalState} from '../../src/approvals/decide.ts'
import {digestOf} from '../../src/approvals/digest.ts'
import {createApprovalMetrics} from '../../src/approvals/metrics.ts'
import {requirementOf} from '../../src/approvals/policy.ts'
import type {ApprovalRequest, NewApproval, Requirement} from '../../src/approvals/request.ts'
import {createApprovals, type ApprovalService} from '../../src/approvals/service.ts'
import {createApprovalStore, type ApprovalStore} from '../../src/approvals/store.ts'
import type {Event, EventJournal} from '../../src/events/index.ts'
import type {RiskLevel} from '../../src/kernel/risk-level.ts'
import type {NewNotice, Notices} from '../../src/notifications/notice.ts'
import {createReplyStore} from '../../src/notifications/store.ts'
import type {ApprovalPolicy, QuietHours, Schedule} from '../../src/platform/config/config.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import type {OutboxEntry} from '../../src/platform/outbox.ts'
import {afterCommit, createPool, transaction} from '../../src/platform/postgres.ts'

/** A person known by one account of each kind that a test names them by. */
export function aPerson(id: string, roles: readonly string[], discord = `discord-${id}`): Person {
  return {id, roles, accounts: {discord, github: `${id}-gh`, email: `${id}@example.com`}}
}

export const discordOf = (id: string): Account => ({kind: 'discord', id: `discord-${id}`})

/** Everybody a test needs: two team leads, two tech leads, a CTO, somebody of security, a developer. */
export const TEAM: readonly Person[] = [
  aPerson('ada', ['developer']),
  aPerson('tom', ['team_lead']),
  aPerson('tina', ['team_lead']),
  aPerson('grace', ['tech_lead']),
  aPerson('lin', ['tech_lead']),
  aPerson('cleo', ['cto']),
  aPerson('sam', ['security_team']),
]

/** People as a list that a test may change while it goes on: roles are asked for again at each decision. */
export function peopleOf(persons: Person[]): People {
  const owner = (account: Account) =>
    persons.find(({accounts}) => accounts[account.kind]?.toLowerCase() === account.id.toLowerCase())
  return {
    personOf: async account => owner(account),
    find: async id => persons.find(person => person.id === id),
    rolesOf: id => persons.find(person => person.id === id)?.roles ?? [],
    holding: roles =>
      persons
        .filter(person => person.roles.some(role => roles.includes(role)))
        .map(({id, roles, accounts}) => ({id, roles, discord: accounts.discord})),
  }
}

/** A request as it was just asked for, without a database. */
export function aRequest({
  level = 'high',
  at = 0,
  required = requirementOf(level, new Map()),
  quietHours,
  ...rest
}: Partial<Omit<ApprovalState, 'required'>> & {
  readonly level?: RiskLevel
  readonly at?: number
  readonly required?: Requirement
  readonly quietHours?: QuietHours
} = {}): ApprovalState {
  const bound = {sha: 'a'.repeat(40), workflow: 'client-deploy.yml@b'}
  return {
    id: '11111111-1111-4111-8111-111111111111',
    subject: {kind: 'deployment', id: '22222222-2222-4222-8222-222222222222', round: 1},
    correlationId: '22222222-2222-4222-8222-222222222222',
    status: 'pending',
    action: {operation: 'deploy', environment: 'production', title: 'client → production', target: 'client'},
    requester: {name: 'ada', person: 'ada', account: discordOf('ada')},
    risk: {level, score: 7.5, reasons: ['deploy to production (deploy_production)']},
    required,
    bound,
    digest: digestOf(bound),
    card: undefined,
    decisions: [],
    escalations: 0,
    note: undefined,
    version: 1,
    createdAt: at,
    ...timesOf(required, 0, at, quietHours),
    decidedAt: undefined,
    usedAt: undefined,
    channelId: undefined,
    ...rest,
  }
}

/** What is asked for: a deploy to production by ada, at a gate of a workflow, unless said otherwise. */
export function anAsk({
  level = 'high',
  ...rest
}: Partial<NewApproval> & {readonly level?: RiskLevel} = {}): NewApproval {
  const id = randomUUID()
  return {
    subject: {kind: 'gate', run: id, path: 'approval', signal: 'approval#1'},
    correlationId: id,
    action: {operation: 'deploy', environment: 'production', title: 'client → production', target: 'client'},
    requester: {name: 'ada', person: 'ada', account: discordOf('ada')},
    risk: {level, score: 7.5, reasons: ['deploy to production (deploy_production)']},
    bound: {sha: 'a'.repeat(40), workflow: 'client-deploy.yml@b'},
    ...rest,
  }
}

export interface OpenApprovals {
  readonly approvals: ApprovalService
  readonly store: ApprovalStore
  readonly pool: Pool
  readonly registry: Registry
  /** May be changed while the test goes on. */
  readonly persons: Person[]
  readonly notices: NewNotice[]
  readonly events: Event[]
  readonly relayed: OutboxEntry[]
  readonly notified: string[]
  /** Asks in a transaction of its own. */
  ask(request?: NewApproval): Promise<ApprovalRequest>
  /** As if so much time had passed for this request. */
  age(id: string, ms: number): Promise<void>
  close(): Promise<void>
}

/** Approvals on a real database, as production builds them; what they tell others is kept in sight instead. */
export function openApprovals(
  databaseUrl: string,
  {
    persons = [...TEAM],
    policies = new Map(),
    quietHours,
    schedule,
    limits = new Map([
      ['team_lead', 10],
      ['tech_lead', 20],
      ['cto', 50],
    ]),
    max = 10,
    ...real
  }: {
    readonly persons?: Person[]
    readonly policies?: ReadonlyMap<RiskLevel, ApprovalPolicy>
    readonly quietHours?: QuietHours
    readonly schedule?: Schedule
    readonly limits?: ReadonlyMap<string, number>
    readonly max?: number
    /** In place of the list of persons. */
    readonly people?: People
    /** In place of those that are kept in sight. */
    readonly notices?: Notices
    readonly journal?: Pick<EventJournal, 'emitWithin' | 'announce'>
  } = {},
): OpenApprovals {
  const pool = createPool({connectionString: databaseUrl, max, onError: () => undefined})
  const store = createApprovalStore({pool})
  const registry = new Registry()
  const notices: NewNotice[] = []
  const events: Event[] = []
  const relayed: OutboxEntry[] = []
  const notified: string[] = []
  const approvals = createApprovals({
    pool,
    store,
    people: real.people ?? peopleOf(persons),
    replies: createReplyStore({pool}),
    audit: {note: async () => undefined},
    notices: real.notices ?? {announce: async (db, notice) => afterCommit(db, () => notices.push(notice))},
    journal: real.journal ?? {
      emitWithin: async (_db, type, data, {source}) => ({
        event_id: randomUUID(),
        type,
        data,
        timestamp: new Date().toISOString(),
        source,
      }),
      announce: told => void events.push(...told),
    },
    outbox: {relay: entries => void relayed.push(...entries)},
    notify: async id => void notified.push(id),
    policies,
    quietHours,
    schedule,
    limits,
    waived: new Set(),
    statusChannelId: '444444444444444444',
    metrics: createApprovalMetrics({registry, backlog: () => store.backlog()}),
    log: silentLogger,
  })
  return {
    approvals,
    store,
    pool,
    registry,
    persons,
    notices,
    events,
    relayed,
    notified,
    async ask(request = anAsk()) {
      const asked = await transaction(pool, db => approvals.ask(db, request))
      if (!asked) throw new Error('nothing had to be asked')
      return asked
    },
    async age(id, ms) {
      await pool.query(
        `update approval_requests set created_at = created_at - $2 * interval '1 ms',
           remind_at = remind_at - $2 * interval '1 ms', expires_at = expires_at - $2 * interval '1 ms'
         where id = $1`,
        [id, ms],
      )
    },
    close: () => pool.end(),
  }
}
