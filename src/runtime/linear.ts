import type {Pool} from 'pg'
import type {Links} from '../access/links.ts'
import type {People} from '../access/people.ts'
import type {ApprovalService} from '../approvals/service.ts'
import {createLinearChannel} from '../approvals/surfaces/linear.ts'
import {createLinearDesk} from '../approvals/surfaces/linear-desk.ts'
import {createLinearInbox, type LinearInbox} from '../approvals/surfaces/linear-inbox.ts'
import {createLinearSessions} from '../approvals/surfaces/linear-sessions.ts'
import {createLinearStore, READING_DUE} from '../approvals/surfaces/linear-store.ts'
import type {Linear} from '../integrations/linear/linear.ts'
import type {Clock} from '../kernel/clock.ts'
import {createFollowUpNotices} from '../notifications/channels/linear-follow-up.ts'
import type {NoticeChannel} from '../notifications/notice.ts'
import type {LinearConfig} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import {transaction} from '../platform/postgres.ts'
import type {Sweep} from '../worker/sweeper.ts'

/** The approval hub in Linear. */
export interface HouseLinear {
  /** Requests, then what is told besides. */
  readonly channels: readonly NoticeChannel[]
  readonly inbox: LinearInbox
  readonly sweeps: readonly Sweep[]
}

/** With webhooks, reading the hub only catches what they missed: one request in so many sweeps of approvals. */
const SWEEPS_BETWEEN_READINGS = 6

/** Undefined without a hub issue: there is no place in Linear to ask in. */
export function openLinearHub({
  config,
  linear,
  pool,
  approvals,
  people,
  links,
  sweepMs,
  clock,
  log,
}: {
  readonly config: LinearConfig
  readonly linear: Linear
  readonly pool: Pool
  readonly approvals: ApprovalService
  readonly people: People
  readonly links: Pick<Links, 'claimCode'>
  /** Of approvals. */
  readonly sweepMs: number
  readonly clock: Clock
  readonly log: Logger
}): HouseLinear | undefined {
  const {approvalHubIssueId: hubIssue, webhookSecret} = config
  if (hubIssue === undefined) return undefined
  const store = createLinearStore({pool})
  const desk = createLinearDesk({linear, store, people, hubIssue, clock})
  const sessions = createLinearSessions({
    approvals,
    desk,
    store,
    detailsUrl: request => request.card?.compareUrl,
    clock,
    log,
  })
  const inbox = createLinearInbox({
    approvals,
    people,
    claimCode: links.claimCode,
    withdraw: (id, why) => transaction(pool, db => approvals.cancel(db, id, why)),
    desk,
    store,
    sessions,
    clock,
    log,
  })
  const readEveryMs = webhookSecret === undefined ? sweepMs : sweepMs * SWEEPS_BETWEEN_READINGS
  return {
    channels: [
      createLinearChannel({approvals, desk, store, sessions, clock}),
      createFollowUpNotices({linear, hubIssue, people}),
    ],
    inbox,
    sweeps: [
      {
        name: 'approvals in Linear',
        everyMs: sweepMs,
        when: READING_DUE,
        run: () => inbox.reconcile(readEveryMs),
      },
      {name: 'sessions in Linear', everyMs: 60_000, run: () => sessions.keepAlive()},
      {name: 'old words from Linear', everyMs: 3_600_000, run: () => store.forget()},
    ],
  }
}
