import {describe, expect, test} from 'vitest'
import type {AccountEvent, AccountStore} from '../../../src/access/account-store.ts'
import {auditOf} from '../../../src/approvals/announce.ts'
import type {HistoryLine} from '../../../src/approvals/decide.ts'
import type {Audit, AuditEvent, AuditNotes} from '../../../src/audit/audit.ts'
import {auditAccounts, auditLocks} from '../../../src/audit/own.ts'
import {fingerprint} from '../../../src/kernel/fingerprint.ts'
import type {Locks} from '../../../src/locks/service.ts'
import type {Db} from '../../../src/platform/postgres.ts'
import {aRequest} from '../../support/approvals.ts'

const WORDS = 'what somebody wrote'
const db = {} as Db

function aStory() {
  const story: string[] = []
  const noted: (readonly [AuditEvent, string | undefined])[] = []
  const audit: Pick<Audit, 'around'> & AuditNotes = {
    async note(_db, event, phase) {
      story.push('note')
      noted.push([event, phase])
    },
    async around(event, effect, outcome) {
      story.push(`intent ${event.action} ${event.subject} by ${event.actor?.name ?? ''}`)
      const result = await effect({id: '1', seq: 1})
      story.push(outcome?.(result).phase ?? 'done')
      return result
    },
  }
  return {story, noted, audit}
}

describe('what happens to accounts and glass', () => {
  const entry = {principal: 'ada', kind: 'github', accountId: 'ada-gh'} as const

  test.each<readonly [AccountEvent, string, string, string]>([
    ['linked', 'account.link', 'github:ada-gh', 'done'],
    ['link_refused', 'account.link', 'github:ada-gh', 'refused'],
    ['unlinked', 'account.unlink', 'github:ada-gh', 'done'],
    ['code_wrong', 'account.code', 'github:ada-gh', 'refused'],
    ['token_made', 'token.make', 'github:ada-gh', 'done'],
    ['token_revoked', 'token.revoke', 'github:ada-gh', 'done'],
    ['glass_broken', 'glass.break', 'github:ada-gh', 'done'],
    ['glass_used', 'glass.use', 'github:ada-gh', 'done'],
    ['glass_ended', 'glass.end', 'github:ada-gh', 'done'],
  ])('%s is noted as %s in the same transaction', async (event, action, subject, phase) => {
    const {story, noted, audit} = aStory()
    const accounts = {note: async () => void story.push('kept')} as unknown as AccountStore
    await auditAccounts(accounts, audit).note(db, {...entry, event, note: WORDS})
    expect(story).toEqual(['kept', 'note'])
    expect(noted).toMatchObject([[{action, subject, actor: {id: 'ada', name: 'ada'}}, phase]])
  })

  test('is noted without addresses and without reasons', async () => {
    const {noted, audit} = aStory()
    const accounts = auditAccounts({note: async () => undefined} as unknown as AccountStore, audit)
    await accounts.note(db, {principal: 'ada', event: 'linked', kind: 'email', accountId: 'ada@example.com'})
    await accounts.note(db, {principal: 'ada', event: 'glass_broken', note: WORDS})
    expect(noted.map(([{subject}]) => subject)).toEqual([`email:${fingerprint('ada@example.com')}`, 'ada'])
    expect(noted[1]?.[0].details).toEqual({text: fingerprint(WORDS)})
  })

  test('is no news while somebody only looks', async () => {
    const {noted, audit} = aStory()
    const accounts = auditAccounts({note: async () => undefined} as unknown as AccountStore, audit)
    await accounts.note(db, {principal: 'ada', event: 'code_shown', kind: 'github'})
    expect(noted).toEqual([])
  })
})

describe('a lock that is taken by force', () => {
  const locksThat = (previous: string[]) =>
    ({
      forceUnlock: async () => previous,
      forceUnlockWithin: async () => ({previous, announce: () => undefined}),
    }) as Pick<Locks, 'forceUnlock' | 'forceUnlockWithin'>

  test.each<readonly [string[], string]>([
    [['ada'], 'done'],
    [[], 'failed'],
  ])('from %j is announced, and recorded as %s', async (previous, phase) => {
    const {story, audit} = aStory()
    const locks = auditLocks(locksThat(previous), audit)
    expect(await locks.forceUnlock('db', {by: 'root', reason: WORDS})).toEqual(previous)
    expect(story).toEqual(['intent lock.force db by root', phase])
  })

  test('within a transaction is noted with it, if there was anything to take', async () => {
    const {noted, audit} = aStory()
    await auditLocks(locksThat([]), audit).forceUnlockWithin(db, 'db', {by: 'root', reason: WORDS})
    expect(noted).toEqual([])
    await auditLocks(locksThat(['ada']), audit).forceUnlockWithin(db, 'db', {
      by: 'root',
      reason: WORDS,
      fence: 7,
    })
    expect(noted).toMatchObject([
      [{action: 'lock.force', subject: 'db', details: {text: fingerprint(WORDS), fence: 7}}, undefined],
    ])
  })
})

describe('a request for approval', () => {
  const request = aRequest()

  test.each<readonly [HistoryLine['action'], string, string]>([
    ['approve', 'approval.approve', 'done'],
    ['reject', 'approval.reject', 'done'],
    ['cancel', 'approval.cancel', 'done'],
    ['void', 'approval.void', 'done'],
    ['use', 'approval.use', 'done'],
    ['timeout', 'approval.expire', 'done'],
    ['refuse', 'approval.refuse', 'refused'],
  ])('%s is recorded as %s, with who and where, under its own correlation id', (action, known, phase) => {
    const line: HistoryLine = {
      ...{action, actor: 'tom', surface: 'discord', role: 'team_lead', note: WORDS},
      metadata: {code: 'OWN_REQUEST'},
    }
    const audited = auditOf(request, line)
    expect(audited).toMatchObject({
      event: {
        action: known,
        subject: request.id,
        actor: {name: 'tom'},
        correlationId: request.correlationId,
        details: {surface: 'discord', role: 'team_lead', code: 'OWN_REQUEST', text: fingerprint(WORDS)},
      },
      phase,
    })
    expect(JSON.stringify(audited)).not.toContain(WORDS)
  })

  test.each<HistoryLine['action']>(['ask', 'question', 'remind', 'escalate'])(
    '%s decides nothing',
    action => {
      expect(auditOf(request, {action, actor: 'tom'})).toBeUndefined()
    },
  )
})
