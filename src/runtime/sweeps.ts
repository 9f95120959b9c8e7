import {GLASS_OVER} from '../access/break-glass.ts'
import {forgetDeliveries} from '../api/webhooks.ts'
import {APPROVALS_DUE} from '../approvals/store.ts'
import {AUDIT_NOTED} from '../audit/store.ts'
import {DEPLOYMENTS_LEFT} from '../deployments/store.ts'
import {EVALUATIONS_DUE} from '../evaluation/store.ts'
import {EVENTS_UNTOLD} from '../events/journal-store.ts'
import {ARRIVALS_OPEN} from '../invocations/arrival-store.ts'
import {INVOCATIONS_UNFINISHED} from '../invocations/store.ts'
import {LOCKS_SWEEP_MS} from '../locks/service.ts'
import {LOCKS_RESTLESS} from '../locks/store.ts'
import {TAKE_OVERS_DUE} from '../locks/take-over-store.ts'
import {NOTICES_DUE} from '../notifications/notice-store.ts'
import {OFFERS_OVER} from '../notifications/offer-store.ts'
import {REPLIES_LEFT} from '../notifications/store.ts'
import {DRAFTS_DUE} from '../planning/store.ts'
import {PLANS_DUE} from '../plans/store.ts'
import {OUTBOX_OVERDUE} from '../platform/outbox.ts'
import {REGISTRY_SWEEP_MS} from '../registry/service.ts'
import {AGENTS_UNSETTLED} from '../registry/store.ts'
import {RELEASES_DUE} from '../releases/store.ts'
import {DIAGNOSES_DUE} from '../verification/diagnosis-store.ts'
import type {Sweep} from '../worker/sweeper.ts'
import {createAttemptSweep} from '../worker/workflow-attempts.ts'
import {FOLLOWERS_BEHIND} from '../workflows/follower-store.ts'
import type {House} from './house.ts'

/**
 * What the worker looks after now and then: what a crash left half done, what comes due, what is old enough to go.
 * Whatever has a condition of its store (`when`) is not run while there is nothing to do.
 */
export function sweepsOf(house: House): readonly Sweep[] {
  const {config, queues, pool, notifications, mail, linear, interruptions, deployments, coordination} = house
  const {diagnoses} = house.verification
  return [
    {name: 'outbox', everyMs: 2000, when: OUTBOX_OVERDUE, run: () => house.outbox.sweep()},
    {name: 'events', everyMs: 1000, when: EVENTS_UNTOLD, run: () => coordination.events.journal.sweep()},
    {name: 'old events', everyMs: 60_000, run: () => coordination.events.journal.forget()},
    ...(notifications
      ? [{name: 'replies', everyMs: 1000, when: REPLIES_LEFT, run: () => notifications.sweep()}]
      : []),
    ...(notifications ? [{name: 'tokens', everyMs: 600_000, run: () => notifications.forgetTokens()}] : []),
    ...(interruptions
      ? [{name: 'arrivals', everyMs: 2000, when: ARRIVALS_OPEN, run: () => interruptions.sweep()}]
      : []),
    ...(interruptions
      ? [{name: 'old arrivals', everyMs: 600_000, run: () => interruptions.forgetOld()}]
      : []),
    {name: 'evaluations', everyMs: 5_000, when: EVALUATIONS_DUE, run: () => house.evaluations.sweep()},
    {name: 'old evaluations', everyMs: 3_600_000, run: () => house.evaluations.forgetOld()},
    {name: 'old uptime checks', everyMs: 3_600_000, run: () => house.uptime.port.forgetOld()},
    {name: 'old conversations', everyMs: 3_600_000, run: () => house.conversations.forgetOld()},
    {name: 'offers', everyMs: 1000, when: OFFERS_OVER, run: () => house.offers.sweep()},
    {
      name: 'commands that the queue lost',
      everyMs: 5000,
      when: INVOCATIONS_UNFINISHED,
      run: () => house.invocations.sweep(),
    },
    {
      name: 'notes for the audit',
      everyMs: 5000,
      when: AUDIT_NOTED,
      run: () => house.record.audit.sweep(),
    },
    {name: 'notices', everyMs: 1000, when: NOTICES_DUE, run: () => house.dispatcher.sweep()},
    ...(house.projects?.installing
      ? [
          {
            name: 'tokens of projects',
            everyMs: 600_000,
            run: () => house.projects?.installing?.tokens.sweep() ?? Promise.resolve(),
          },
        ]
      : []),
    {name: 'old notices', everyMs: 3_600_000, run: () => house.dispatcher.forgetOld()},
    ...(mail ? [{name: 'old mails', everyMs: 3_600_000, run: () => mail.forgetOld()}] : []),
    ...(linear?.sweeps ?? []),
    {name: 'webhook deliveries', everyMs: 3_600_000, run: () => forgetDeliveries(pool)},
    ...(deployments
      ? [{name: 'deployments', everyMs: 1000, when: DEPLOYMENTS_LEFT, run: () => deployments.sweep()}]
      : []),
    ...(deployments
      ? [
          {
            name: 'deployment locks',
            everyMs: deployments.keepLocksEveryMs,
            run: () => deployments.keepLocks(),
          },
        ]
      : []),
    {
      name: 'agents',
      everyMs: REGISTRY_SWEEP_MS,
      when: AGENTS_UNSETTLED,
      run: () => coordination.registry.sweep(),
    },
    {name: 'old agents', everyMs: 600_000, run: () => coordination.registry.sweep()},
    {
      name: 'approvals',
      everyMs: config.approvals.sweepMs,
      when: APPROVALS_DUE,
      run: () => house.approvals.sweep(),
    },
    {name: 'old approvals', everyMs: 3_600_000, run: () => house.approvals.forgetOld()},
    {
      name: 'broken glass',
      everyMs: config.approvals.sweepMs,
      when: GLASS_OVER,
      run: () => house.breakGlass.sweep(),
    },
    {name: 'take-overs', everyMs: 1000, when: TAKE_OVERS_DUE, run: () => house.takeOvers.sweep()},
    {
      name: 'locks',
      everyMs: LOCKS_SWEEP_MS,
      when: LOCKS_RESTLESS,
      run: () => coordination.locks.sweep(),
    },
    {name: 'history of locks', everyMs: 60_000, run: () => coordination.locks.sweep()},
    {name: 'plans', everyMs: 1000, when: PLANS_DUE, run: () => house.plans.sweep()},
    {name: 'drafts', everyMs: 1000, when: DRAFTS_DUE, run: () => house.planning.sweep()},
    {name: 'old drafts', everyMs: 3_600_000, run: () => house.planning.forgetOld()},
    {name: 'releases', everyMs: 1000, when: RELEASES_DUE, run: () => house.releases.sweep()},
    ...(diagnoses
      ? [
          {name: 'diagnoses', everyMs: 1000, when: DIAGNOSES_DUE, run: () => diagnoses.sweep()},
          {name: 'old diagnoses', everyMs: 3_600_000, run: () => diagnoses.forgetOld()},
        ]
      : []),
    {name: 'messages of runs', everyMs: 1000, when: FOLLOWERS_BEHIND, run: () => house.followers.sweep()},
    {
      name: 'attempts of runs',
      everyMs: 10_000,
      run: createAttemptSweep({store: house.workflows.store, queues}),
    },
    {name: 'old workflow runs', everyMs: 3_600_000, run: () => house.workflows.service().forgetOld()},
  ]
}
