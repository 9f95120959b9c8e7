import type {AccountEvent, AccountStore} from '../access/account-store.ts'
import {fingerprint} from '../kernel/fingerprint.ts'
import type {Locks} from '../locks/service.ts'
import type {Audit, AuditNotes} from './audit.ts'

/*
 * What happens in Postgres alone and still concerns everybody's safety: who is who, broken glass, locks taken by force.
 */

/** Looking, and a code that was shown and nothing else, is no news. */
const ACCOUNT_ACTIONS: Readonly<Partial<Record<AccountEvent, string>>> = {
  linked: 'account.link',
  link_refused: 'account.link',
  unlinked: 'account.unlink',
  code_wrong: 'account.code',
  token_made: 'token.make',
  token_revoked: 'token.revoke',
  glass_broken: 'glass.break',
  glass_used: 'glass.use',
  glass_ended: 'glass.end',
}
const REFUSED = new Set<AccountEvent>(['link_refused', 'code_wrong'])

/** The accounts, whose every change is in the record if and only if it commits. */
export function auditAccounts(accounts: AccountStore, audit: AuditNotes): AccountStore {
  return {
    ...accounts,
    async note(db, entry) {
      await accounts.note(db, entry)
      const {principal, event, kind, accountId, note} = entry
      const action = ACCOUNT_ACTIONS[event]
      if (action === undefined) return
      const account =
        kind === undefined ? principal : [kind, kind === 'email' ? fingerprint(accountId ?? '') : accountId]
      await audit.note(
        db,
        {
          action,
          subject: typeof account === 'string' ? account : account.filter(Boolean).join(':'),
          actor: {id: principal, name: principal},
          // What glass was used for are words of ours; why it was broken is its person's.
          details:
            note === undefined ? {} : event === 'glass_used' ? {what: note} : {text: fingerprint(note)},
        },
        REFUSED.has(event) ? 'refused' : 'done',
      )
    },
  }
}

type ForcedLocks = Pick<Locks, 'forceUnlock' | 'forceUnlockWithin'>

/** Locks, with each that is taken away from its holder in the record. */
export function auditLocks<L extends ForcedLocks>(locks: L, audit: Pick<Audit, 'around'> & AuditNotes): L {
  const eventOf = (resource: string, {by, reason, fence}: Parameters<Locks['forceUnlock']>[1]) => ({
    action: 'lock.force',
    subject: resource,
    actor: {id: by, name: by},
    details: {text: fingerprint(reason), ...(fence === undefined ? {} : {fence})},
  })
  const forced: ForcedLocks = {
    forceUnlock: (resource, request) =>
      audit.around(
        eventOf(resource, request),
        () => locks.forceUnlock(resource, request),
        previous => ({
          phase: previous.length === 0 ? 'failed' : 'done',
          details: {from: previous.join(', ')},
        }),
      ),
    async forceUnlockWithin(db, resource, request) {
      const outcome = await locks.forceUnlockWithin(db, resource, request)
      if (outcome.previous.length > 0) await audit.note(db, eventOf(resource, request))
      return outcome
    },
  }
  return {...locks, ...forced}
}
