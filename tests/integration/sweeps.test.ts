import {expect, test} from 'vitest'
import {GLASS_OVER} from '../../src/access/break-glass.ts'
import {APPROVALS_DUE} from '../../src/approvals/store.ts'
import {READING_DUE} from '../../src/approvals/surfaces/linear-store.ts'
import {AUDIT_NOTED} from '../../src/audit/store.ts'
import {DEPLOYMENTS_LEFT} from '../../src/deployments/store.ts'
import {EVALUATIONS_DUE} from '../../src/evaluation/store.ts'
import {ARRIVALS_OPEN} from '../../src/invocations/arrival-store.ts'
import {INVOCATIONS_UNFINISHED} from '../../src/invocations/store.ts'
import {LOCKS_RESTLESS} from '../../src/locks/store.ts'
import {TAKE_OVERS_DUE} from '../../src/locks/take-over-store.ts'
import {NOTICES_DUE} from '../../src/notifications/notice-store.ts'
import {OFFERS_OVER} from '../../src/notifications/offer-store.ts'
import {REPLIES_LEFT} from '../../src/notifications/store.ts'
import {DRAFTS_DUE} from '../../src/planning/store.ts'
import {PLANS_DUE} from '../../src/plans/store.ts'
import {AGENTS_UNSETTLED} from '../../src/registry/store.ts'
import {RELEASES_DUE} from '../../src/releases/store.ts'
import {DIAGNOSES_DUE} from '../../src/verification/diagnosis-store.ts'
import {FOLLOWERS_BEHIND} from '../../src/workflows/follower-store.ts'
import {anAsk, openApprovals} from '../support/approvals.ts'
import {createTestDatabase} from '../support/database.ts'

const CONDITIONS = {
  AGENTS_UNSETTLED,
  APPROVALS_DUE,
  ARRIVALS_OPEN,
  AUDIT_NOTED,
  DEPLOYMENTS_LEFT,
  DIAGNOSES_DUE,
  DRAFTS_DUE,
  EVALUATIONS_DUE,
  FOLLOWERS_BEHIND,
  GLASS_OVER,
  INVOCATIONS_UNFINISHED,
  LOCKS_RESTLESS,
  NOTICES_DUE,
  OFFERS_OVER,
  PLANS_DUE,
  READING_DUE,
  RELEASES_DUE,
  REPLIES_LEFT,
  TAKE_OVERS_DUE,
}

// A condition that names what is not there would keep its sweep from ever running, with nothing but a line in the log.
test('what sweeps wait for can be asked, is nothing in a new house, and something once there is something', async () => {
  const database = await createTestDatabase()
  const here = openApprovals(database.url)
  const due = async () => {
    const all = Object.entries(CONDITIONS)
    const {rows} = await here.pool.query<{due: readonly boolean[]}>(
      `select array[${all.map(([, when]) => `(${when})`).join(', ')}] as due`,
    )
    return all.flatMap(([name], i) => (rows[0]?.due[i] ? [name] : []))
  }
  // Linear was never read.
  expect(await due()).toEqual(['READING_DUE'])
  const {id} = await here.ask(anAsk())
  expect(await due()).toEqual(['READING_DUE', 'REPLIES_LEFT'])
  await here.age(id, 365 * 86_400_000)
  await here.pool.query(`
    insert into agent_registry (agent_id, agent_name, base_url, capabilities, metadata, registered_by, status)
      values ('a', 'A', null, '[]', '{}', 'test', 'active');
    insert into arrivals (interaction_id, id, command, token) values ('1', gen_random_uuid(), 'deploy', 't');
    insert into audit_notes (id, record) values (gen_random_uuid(), '{}');
    insert into notice_stories (story, last_seq) values ('run:1', 1);
    insert into notices (id, key, story, seq, event, level, correlation_id, content)
      values (gen_random_uuid(), 'k', 'run:1', 1, 'task_failed', 'low', 'c', '{}');
    insert into notice_deliveries (notice_id, channel, story, seq, state)
      select id, 'mail', story, seq, 'waiting' from notices;
    insert into invocations (id, source, source_id, command, options, actor, agent, action, status)
      values (gen_random_uuid(), 'discord', '2', 'deploy', '{}', '{}', 'a', 'deploy', 'queued');
    insert into offers (id, lapsed, taken, expires_at) select id, '{}', '{}', now() from invocations`)
  expect(await due()).toEqual([
    ...['AGENTS_UNSETTLED', 'APPROVALS_DUE', 'ARRIVALS_OPEN', 'AUDIT_NOTED', 'INVOCATIONS_UNFINISHED'],
    ...['NOTICES_DUE', 'OFFERS_OVER', 'READING_DUE', 'REPLIES_LEFT'],
  ])
  await here.close()
  await database.drop()
})
