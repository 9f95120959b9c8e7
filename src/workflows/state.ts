import {setTimeout as sleep} from 'node:timers/promises'
import type {Pool} from 'pg'
import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import type {RunStatus} from './run.ts'

export type StateData = Readonly<Record<string, Json>>
export type CheckpointStatus = 'success' | 'error' | 'timeout' | 'skipped'

export interface WorkflowState {
  readonly id: string
  readonly type: string
  readonly currentStep: string
  readonly status: RunStatus
  readonly data: StateData
  readonly agents: readonly string[]
  /** Rises by one with each change, and with nothing else: a checkpoint is no change. */
  readonly version: number
  readonly metadata: StateData
  readonly error: string | null
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly updatedAt: number
  readonly completedAt: number | null
  /** When each participant last wrote. */
  readonly activity: Readonly<Record<string, number>>
}

export interface Checkpoint {
  readonly id: number
  readonly step: string
  readonly agent: string
  /** The whole state as it was. */
  readonly data: StateData
  readonly durationMs: number | null
  readonly status: CheckpointStatus
  readonly createdAt: number
}

export interface WorkflowStatistics {
  readonly type: string
  readonly total: number
  readonly completed: number
  readonly failed: number
  readonly running: number
  readonly averageMs: number | null
  readonly lastRun: number
}

/** Who writes, and what they read before: with `expectedVersion` nothing is tried again. */
export interface Write {
  readonly agent: string
  readonly expectedVersion?: number
}

const ATTEMPTS = 3
const PAUSE_MS = 100

const COLUMNS = `
  workflow_id as id, workflow_type as type, current_step as "currentStep", status, state_data as data,
  participating_agents as agents, version, metadata - 'activity' as metadata, error_message as error,
  floor(extract(epoch from started_at) * 1000)::float8 as "startedAt",
  floor(extract(epoch from updated_at) * 1000)::float8 as "updatedAt",
  floor(extract(epoch from completed_at) * 1000)::float8 as "completedAt",
  coalesce(metadata -> 'activity', '{}') as activity, definition is not null as engine`
const CHECKPOINT_COLUMNS = `
  id::float8, step_name as step, agent_id as agent, checkpoint_data as data, duration_ms::float8 as "durationMs", status,
  floor(extract(epoch from created_at) * 1000)::float8 as "createdAt"`

type Row = WorkflowState & {readonly engine: boolean}

/** What a write changes; the rest stays. */
interface Change {
  readonly data?: StateData
  readonly step?: string
  readonly status?: RunStatus
  readonly error?: string
}

export type WorkflowStates = ReturnType<typeof createWorkflowStates>

/**
 * The state that agents share about a piece of work they carry out together: a row, its version, and checkpoints to go
 * back to. Only participants write, and each write is a compare-and-set on the version. Runs of the engine are rows of
 * the same table: their data can be written here, but their step and their end are the engine's.
 */
export function createWorkflowStates({pool}: {readonly pool: Pool}) {
  async function get(id: string): Promise<Row> {
    const {rows} = await pool.query<Row>(`select ${COLUMNS} from workflow_state where workflow_id = $1`, [id])
    if (!rows[0]) throw new AppError('NOT_FOUND', `There is no workflow ${id}.`)
    return rows[0]
  }

  /**
   * Reads, lets `change` decide, and writes if nobody wrote in between; three times at most. Throws CONFLICT when the
   * expected version is not the present one, CONTENDED when others were faster each time.
   */
  async function write(
    id: string,
    {agent, expectedVersion}: Write,
    change: (state: Row) => Change | Promise<Change>,
  ): Promise<WorkflowState> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const state = await get(id)
      if (expectedVersion !== undefined && state.version !== expectedVersion) {
        throw new AppError(
          'CONFLICT',
          `Workflow ${id} has version ${state.version} by now, not ${expectedVersion}.`,
          {
            details: {id, version: state.version},
          },
        )
      }
      if (!state.agents.includes(agent))
        throw new AppError('NOT_PERMITTED', `${agent} does not take part in workflow ${id}.`)
      const {data, step, status, error} = await change(state)
      if (state.engine && (step !== undefined || status !== undefined))
        throw new AppError(
          'CONFLICT',
          `Run ${id} is the engine's: pause, resume, cancel or retry it instead.`,
        )
      const {rows} = await pool.query<Row>(
        `update workflow_state set
           state_data = coalesce($3, state_data), current_step = coalesce($4, current_step),
           status = coalesce($5, status), error_message = coalesce($6, error_message),
           completed_at = case when $5 in ('completed', 'failed', 'cancelled') then now() else completed_at end,
           version = version + 1, updated_at = now(),
           metadata = metadata || jsonb_build_object('activity', coalesce(metadata -> 'activity', '{}')
             || jsonb_build_object($7::text, floor(extract(epoch from now()) * 1000)))
         where workflow_id = $1 and version = $2
         returning ${COLUMNS}`,
        [id, state.version, data === undefined ? null : JSON.stringify(data), step, status, error, agent],
      )
      if (rows[0]) return rows[0]
      if (attempt < ATTEMPTS) await sleep(PAUSE_MS * attempt)
    }
    throw new AppError('CONTENDED', `Workflow ${id} keeps changing; it was not written.`, {details: {id}})
  }

  function mustBeOpen({id, completedAt, status}: Row): void {
    if (completedAt !== null) throw new AppError('CONFLICT', `Workflow ${id} is ${status} already.`)
  }

  return {
    /** Version 1, running, at step `initialized`. */
    async create(workflow: {
      readonly type: string
      readonly agents: readonly string[]
      readonly data?: StateData
      readonly metadata?: StateData
    }): Promise<WorkflowState> {
      const {rows} = await pool.query<Row>(
        `insert into workflow_state (workflow_type, participating_agents, state_data, metadata)
         values ($1, $2, $3, $4) returning ${COLUMNS}`,
        [
          workflow.type,
          workflow.agents,
          JSON.stringify(workflow.data ?? {}),
          JSON.stringify(workflow.metadata ?? {}),
        ],
      )
      return rows[0] as Row
    },

    /** Throws NOT_FOUND. */
    get: (id: string): Promise<WorkflowState> => get(id),

    /** Those running and paused, newest first. */
    async active(): Promise<readonly WorkflowState[]> {
      const {rows} = await pool.query<Row>(
        `select ${COLUMNS} from workflow_state where completed_at is null order by started_at desc limit 1000`,
      )
      return rows
    },

    async statistics(): Promise<readonly WorkflowStatistics[]> {
      const {rows} = await pool.query<WorkflowStatistics>(
        `select workflow_type as type, total::int, completed::int, failed::int, running::int,
           extract(epoch from average_duration)::float8 * 1000 as "averageMs",
           floor(extract(epoch from last_run) * 1000)::float8 as "lastRun"
         from workflow_statistics order by workflow_type`,
      )
      return rows
    },

    /** Merges the top level keys of `updates`, or of what it answers about the present data, into the data. */
    update: (
      id: string,
      updates: StateData | ((data: StateData) => StateData),
      by: Write,
    ): Promise<WorkflowState> =>
      write(id, by, state => ({
        data: {...state.data, ...(typeof updates === 'function' ? updates(state.data) : updates)},
      })),

    updateStep: (id: string, step: string, by: Write): Promise<WorkflowState> =>
      write(id, by, state => {
        mustBeOpen(state)
        return {step}
      }),

    /** `completed`, or with an error `failed`. Throws CONFLICT when it has ended already. */
    complete: (
      id: string,
      {data = {}, error}: {readonly data?: StateData; readonly error?: string},
      by: Write,
    ): Promise<WorkflowState> =>
      write(id, by, state => {
        mustBeOpen(state)
        return {
          data: {...state.data, ...data},
          ...(error === undefined ? {status: 'completed' as const} : {status: 'failed' as const, error}),
        }
      }),

    /** Keeps the whole state with `data` merged into it; does not change the workflow. Answers the checkpoint's id. */
    async checkpoint(
      id: string,
      checkpoint: {
        readonly step: string
        readonly agent: string
        readonly data?: StateData
        readonly durationMs?: number
        readonly status?: CheckpointStatus
      },
    ): Promise<number> {
      const {rows} = await pool.query<{id: number}>(
        `insert into workflow_checkpoints (workflow_id, step_name, agent_id, checkpoint_data, duration_ms, status)
         select workflow_id, $2, $3::text, state_data || $4::jsonb, $5, $6 from workflow_state
         where workflow_id = $1 and $3::text = any(participating_agents) returning id::float8`,
        [
          id,
          checkpoint.step,
          checkpoint.agent,
          JSON.stringify(checkpoint.data ?? {}),
          checkpoint.durationMs ?? null,
          checkpoint.status ?? 'success',
        ],
      )
      if (rows[0]) return rows[0].id
      await get(id)
      throw new AppError('NOT_PERMITTED', `${checkpoint.agent} does not take part in workflow ${id}.`)
    },

    /** Newest first. */
    async checkpoints(id: string): Promise<readonly Checkpoint[]> {
      const {rows} = await pool.query<Checkpoint>(
        `select ${CHECKPOINT_COLUMNS} from workflow_checkpoints where workflow_id = $1 order by workflow_checkpoints.id desc`,
        [id],
      )
      return rows
    },

    async latestCheckpoint(id: string): Promise<Checkpoint | undefined> {
      const {rows} = await pool.query<Checkpoint>(
        `select ${CHECKPOINT_COLUMNS} from workflow_checkpoints where workflow_id = $1
         order by workflow_checkpoints.id desc limit 1`,
        [id],
      )
      return rows[0]
    },

    /**
     * Goes back to a checkpoint: its step, and its data instead of the present data or (`merge`) on top of it. Answers
     * the checkpoint's data. Throws NOT_FOUND for a checkpoint that is not this workflow's.
     */
    async restore(
      id: string,
      checkpointId: number,
      by: Write,
      mode: 'replace' | 'merge' = 'replace',
    ): Promise<StateData> {
      const {rows} = await pool.query<{step: string; data: StateData}>(
        `select step_name as step, checkpoint_data as data from workflow_checkpoints where workflow_id = $1 and id = $2`,
        [id, checkpointId],
      )
      const [kept] = rows
      if (!kept) throw new AppError('NOT_FOUND', `Workflow ${id} has no checkpoint ${checkpointId}.`)
      await write(id, by, state => ({
        step: kept.step,
        data: mode === 'merge' ? {...state.data, ...kept.data} : kept.data,
      }))
      return kept.data
    },

    /** Lets another agent write. Adding one that takes part already changes nothing. */
    async addParticipant(id: string, agent: string): Promise<void> {
      await get(id)
      await pool.query(
        `update workflow_state set participating_agents = participating_agents || $2::text, updated_at = now()
         where workflow_id = $1 and not $2 = any(participating_agents)`,
        [id, agent],
      )
    },

    async removeParticipant(id: string, agent: string): Promise<void> {
      await get(id)
      await pool.query(
        `update workflow_state set participating_agents = array_remove(participating_agents, $2), updated_at = now()
         where workflow_id = $1`,
        [id, agent],
      )
    },
  }
}
