import pg from 'pg'

/** What Postgres says about one command in the end. */
export interface CommandRecord {
  readonly id: string
  readonly status: string
  readonly phase: string | null
  readonly verdict: unknown
  readonly closing: string | null
  readonly undeliverable: string | null
  /** Ended, and every word about it delivered. */
  readonly over: boolean
}

export type Records = Awaited<ReturnType<typeof openRecords>>

/** The product's own tables, read from outside. */
export async function openRecords(databaseUrl: string) {
  const client = new pg.Client({connectionString: databaseUrl})
  client.on('error', () => undefined)
  await client.connect()
  return {
    async all(): Promise<readonly CommandRecord[]> {
      const {rows} = await client.query<CommandRecord>(
        `select i.id, i.status, d.phase, d.state -> 'verdict' as verdict, r.closing_state as closing, r.undeliverable,
           i.ended_at is not null and r.delivered_version = r.version and r.closing_state <> 'wanted'
             and not exists (select from outbox) as over
         from invocations i left join replies r using (id) left join deployments d using (id)
         order by i.created_at`,
      )
      return rows
    },
    async outbox(): Promise<number> {
      const {rows} = await client.query<{rows: string}>('select count(*) as rows from outbox')
      return Number(rows[0]?.rows)
    },
    close: () => client.end(),
  }
}
