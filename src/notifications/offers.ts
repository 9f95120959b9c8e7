import type {Pool} from 'pg'
import {transaction} from '../platform/postgres.ts'
import type {OffersPort} from '../sdk/index.ts'
import type {OfferStore} from './offer-store.ts'
import type {ReplyStore} from './store.ts'

/** A private answer can be edited for a quarter of an hour: the button has to go within that time. */
const HOLDS_MS = 10 * 60_000
const AT_ONCE = 50

export interface Offers extends OffersPort {
  /** Takes the buttons of offers that are over off their messages. */
  sweep(): Promise<number>
}

/** Offers on the messages of commands: who presses first and in time is decided by the offer's row. */
export function createOffers({
  pool,
  store,
  replies,
  notify,
}: {
  readonly pool: Pool
  readonly store: OfferStore
  readonly replies: Pick<ReplyStore, 'viewOf' | 'write'>
  readonly notify: (id: string) => Promise<void>
}): Offers {
  async function settle(id: string): Promise<void> {
    const told = await transaction(pool, async db => {
      const after = await store.settle(db, id)
      const view = after && (await replies.viewOf(db, id))
      if (!view) return false
      await replies.write(db, id, {...view, ...after, controls: []})
      return true
    })
    if (told) await notify(id)
  }

  return {
    make: offer => store.make(offer, HOLDS_MS),
    take: (id, press) => store.take(id, press),

    async sweep() {
      const over = await store.over(AT_ONCE)
      for (const id of over) await settle(id)
      return over.length
    },
  }
}
