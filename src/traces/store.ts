import type {Pool} from 'pg'
import type {DeploymentState} from '../deployments/state.ts'
import type {Invocation} from '../invocations/invocation.ts'
import type {Reply, TracedCommand} from '../sdk/index.ts'

/** What the records say about one command. Times are milliseconds since the epoch. */
export interface TraceFacts {
  readonly id: string
  readonly command: string
  readonly agent: string
  readonly action: string
  readonly status: Invocation['status']
  readonly attempt: number
  /** When Discord made the interaction, where there was one. */
  readonly receivedAt: number | undefined
  readonly recordedAt: number
  readonly startedAt: number | undefined
  readonly endedAt: number | undefined
  readonly errorCode: string | undefined
  readonly effects: readonly {
    readonly name: string
    readonly done: boolean
    readonly beganAt: number
    readonly doneAt: number | undefined
  }[]
  readonly deployment: {readonly state: DeploymentState; readonly recordedAt: number} | undefined
  /** The workflow run that carries it on, and how that stands. */
  readonly run: {readonly id: string; readonly status: string} | undefined
  readonly answer:
    | {
        readonly view: Reply
        /** Discord shows the last word of it. */
        readonly shown: boolean
        readonly changedAt: number
        readonly deliveredAt: number | undefined
        readonly undeliverable: string | undefined
      }
    | undefined
}

interface FactsRow extends Pick<Invocation, 'id' | 'command' | 'agent' | 'action' | 'status' | 'attempt'> {
  created_at: Date
  started_at: Date | null
  ended_at: Date | null
  error: {readonly code?: string} | null
  received_at: string | null
  view: Reply | null
  shown: boolean | null
  changed_at: Date | null
  delivered_at: Date | null
  undeliverable: string | null
  deployment: DeploymentState | null
  deployed_at: Date | null
  run: string | null
  run_status: string | null
  effects: readonly {name: string; state: string; began: number; done: number | null}[]
}

/** An actor's own commands of late; what looks at traces is none of them. */
const OWN = `from invocations
  where source = 'discord' and actor ->> 'id' = $1 and command <> 'debug-last'
    and created_at > now() - interval '14 days'`

export type TraceStore = ReturnType<typeof createTraceStore>

/** Reads what the features have written down about commands anyway; nothing is written for traces alone. */
export function createTraceStore({pool}: {readonly pool: Pool}) {
  return {
    async recent(discordId: string, limit: number): Promise<readonly TracedCommand[]> {
      const {rows} = await pool.query<{id: string; command: string; created_at: Date}>(
        `select id, command, created_at ${OWN} order by created_at desc limit $2`,
        [discordId, limit],
      )
      return rows.map(({id, command, created_at}) => ({id, command, startedAt: created_at.getTime()}))
    },

    /** The only one whose id begins so; two are none. */
    async own(discordId: string, prefix: string): Promise<string | undefined> {
      const {rows} = await pool.query<{id: string}>(
        `select id ${OWN} and starts_with(id::text, $2) limit 2`,
        [discordId, prefix],
      )
      return rows.length === 1 ? rows[0]?.id : undefined
    },

    async facts(id: string): Promise<TraceFacts | undefined> {
      const {rows} = await pool.query<FactsRow>(
        `select i.id, i.command, i.agent, i.action, i.status, i.attempt, i.created_at, i.started_at, i.ended_at, i.error,
           r.target ->> 'receivedAt' as received_at, r.view, r.delivered_version >= r.version as shown,
           r.changed_at, r.delivered_at, r.undeliverable,
           d.state as deployment, d.created_at as deployed_at,
           f.workflow_id as run, s.status as run_status,
           array(select json_build_object('name', e.name, 'state', e.state,
             'began', extract(epoch from e.begun_at) * 1000, 'done', extract(epoch from e.done_at) * 1000)
             from command_effects e where e.invocation_id = i.id order by e.begun_at) as effects
         from invocations i
         left join replies r on r.id = i.id
         left join deployments d on d.id = i.id
         left join workflow_followers f on f.invocation_id = i.id
         left join workflow_state s on s.workflow_id = f.workflow_id
         where i.id = $1`,
        [id],
      )
      return rows[0] && toFacts(rows[0])
    },
  }
}

function toFacts(row: FactsRow): TraceFacts {
  const {id, command, agent, action, status, attempt} = row
  return {
    ...{id, command, agent, action, status, attempt},
    receivedAt: row.received_at === null ? undefined : Number(row.received_at),
    recordedAt: row.created_at.getTime(),
    startedAt: row.started_at?.getTime(),
    endedAt: row.ended_at?.getTime(),
    errorCode: row.error?.code,
    effects: row.effects.map(({name, state, began, done}) => ({
      name,
      done: state === 'done',
      beganAt: began,
      doneAt: done ?? undefined,
    })),
    deployment:
      row.deployment && row.deployed_at
        ? {state: row.deployment, recordedAt: row.deployed_at.getTime()}
        : undefined,
    run: row.run === null ? undefined : {id: row.run, status: row.run_status ?? 'unknown'},
    answer:
      row.view && row.changed_at
        ? {
            view: row.view,
            shown: row.shown ?? false,
            changedAt: row.changed_at.getTime(),
            deliveredAt: row.delivered_at?.getTime(),
            undeliverable: row.undeliverable ?? undefined,
          }
        : undefined,
  }
}
