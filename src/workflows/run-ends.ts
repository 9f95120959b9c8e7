import {accountOf, type People} from '../access/people.ts'
import type {Notices} from '../notifications/notice.ts'
import type {Db} from '../platform/postgres.ts'
import type {FollowerStore} from './follower-store.ts'
import {noticeOf} from './notice.ts'
import type {Workflows} from './service.ts'

/** Tells people how a run ended. Repeated for the same end, nobody is told again. */
export function createRunEnds({
  db,
  workflows,
  askers,
  people,
  notices,
  redact,
}: {
  readonly db: Db
  readonly workflows: () => Pick<Workflows, 'get'>
  readonly askers: Pick<FollowerStore, 'actorOf'>
  readonly people: Pick<People, 'personOf'>
  readonly notices: Notices
  readonly redact: (text: string) => string
}) {
  return async (id: string, seq: number): Promise<void> => {
    const run = await workflows().get(id)
    if (!run) return
    const actor = await askers.actorOf(id)
    const account = actor && accountOf(actor)
    const asker = account && (await people.personOf(account))
    const notice = noticeOf(run, {seq, asker: asker?.id, redact})
    if (notice) await notices.announce(db, notice)
  }
}
