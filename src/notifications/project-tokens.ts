import {createHash, randomBytes} from 'node:crypto'
import type {Pool} from 'pg'
import type {LinearTokens} from '../integrations/linear/refresh.ts'
import type {LinearAnswer} from '../integrations/linear/linear.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError, toError} from '../kernel/errors.ts'
import type {Logger} from '../platform/logger.ts'
import {transaction, type Db} from '../platform/postgres.ts'
import type {Seal} from '../platform/sealed.ts'

/** Refreshed while it is still good for so long, so that nobody has to wait for it. */
const AHEAD_MS = 3_600_000
/** Used up to here when it can't be refreshed. */
const MARGIN_MS = 60_000
const INSTALL_WITHIN_MS = 600_000

export type ProjectTokens = ReturnType<typeof createProjectTokens>

/**
 * The tokens that projects were installed with: sealed in Postgres, refreshed ahead of their end by one process at a
 * time. A refresh token is used up by its use, so the next one is committed before anybody acts on it.
 */
export function createProjectTokens({
  pool,
  seal,
  refresh,
  clock,
  log,
}: {
  readonly pool: Pool
  readonly seal: Seal
  readonly refresh: (token: string) => Promise<LinearAnswer<LinearTokens>>
  readonly clock: Clock
  readonly log: Logger
}) {
  interface Row {
    sealed: string
    expires_at: Date
  }

  const placeOf = (project: string) => `project ${project}`

  function opened(project: string, {sealed}: Row): {readonly access: string; readonly refresh: string} {
    return JSON.parse(seal.open(sealed, placeOf(project))) as {access: string; refresh: string}
  }

  async function write(db: Db, project: string, {access, refresh, expiresInMs}: LinearTokens): Promise<void> {
    await db.query(
      `insert into project_tokens (project, sealed, expires_at) values ($1, $2, $3)
       on conflict (project) do update
       set sealed = excluded.sealed, expires_at = excluded.expires_at, refreshed_at = now()`,
      [
        project,
        seal.seal(JSON.stringify({access, refresh}), placeOf(project)),
        new Date(clock() + expiresInMs),
      ],
    )
  }

  /** Whoever comes second waits for the row, and finds the new token in it. */
  function refreshed(project: string): Promise<string> {
    return transaction(pool, async db => {
      const {rows} = await db.query<Row>(
        'select sealed, expires_at from project_tokens where project = $1 for update',
        [project],
      )
      const row = rows[0]
      if (!row) throw notInstalled(project)
      const tokens = opened(project, row)
      if (row.expires_at.getTime() - clock() > AHEAD_MS) return tokens.access
      const answer = await refresh(tokens.refresh)
      if (answer.kind === 'ok') {
        await write(db, project, answer.value)
        return answer.value.access
      }
      const reason = answer.kind === 'missing' ? 'missing' : answer.reason
      if (row.expires_at.getTime() - clock() > MARGIN_MS) {
        log.warn({project, reason}, 'the token of a project could not be refreshed yet')
        return tokens.access
      }
      if (answer.kind === 'failed')
        throw new AppError('UPSTREAM_UNAVAILABLE', `The token of project ${project} can't be refreshed now.`)
      throw notInstalled(project)
    })
  }

  return {
    /** Whether the app was installed for the project. */
    async has(project: string): Promise<boolean> {
      const {rowCount} = await pool.query('select from project_tokens where project = $1', [project])
      return rowCount === 1
    },

    /**
     * A token that is good for a while.
     * @throws NOT_CONFIGURED when the app has to be installed (again) for the project; UPSTREAM_UNAVAILABLE.
     */
    async tokenOf(project: string): Promise<string> {
      const {rows} = await pool.query<Row>(
        'select sealed, expires_at from project_tokens where project = $1',
        [project],
      )
      const row = rows[0]
      if (!row) throw notInstalled(project)
      return row.expires_at.getTime() - clock() > AHEAD_MS ? opened(project, row).access : refreshed(project)
    },

    /** Keeps what an installation answered with. */
    put: (project: string, tokens: LinearTokens): Promise<void> => write(pool, project, tokens),

    /** When each installed project's token ends, in milliseconds since the epoch. */
    async installed(): Promise<readonly {readonly project: string; readonly expiresAt: number}[]> {
      const {rows} = await pool.query<{project: string; expires_at: Date}>(
        'select project, expires_at from project_tokens order by project',
      )
      return rows.map(({project, expires_at}) => ({project, expiresAt: expires_at.getTime()}))
    },

    /** Begins an installation: what Linear is to give back with its answer, once, within ten minutes. */
    async begin(project: string): Promise<string> {
      const state = randomBytes(24).toString('base64url')
      await pool.query(
        'insert into project_installations (state_hash, project, expires_at) values ($1, $2, $3)',
        [hashOf(state), project, new Date(clock() + INSTALL_WITHIN_MS)],
      )
      return state
    },

    /** The project whose installation began with this; undefined when none did, or it came back already. */
    async cameBack(state: string): Promise<string | undefined> {
      const {rows} = await pool.query<{project: string; expires_at: Date}>(
        'delete from project_installations where state_hash = $1 returning project, expires_at',
        [hashOf(state)],
      )
      const row = rows[0]
      return row && row.expires_at.getTime() > clock() ? row.project : undefined
    },

    /** Refreshes what is about to end, and forgets installations that nobody came back from. */
    async sweep(): Promise<number> {
      await pool.query('delete from project_installations where expires_at < $1', [new Date(clock())])
      const {rows} = await pool.query<{project: string}>(
        'select project from project_tokens where expires_at < $1',
        [new Date(clock() + AHEAD_MS)],
      )
      for (const {project} of rows) {
        await refreshed(project).catch((error: unknown) =>
          log.error({project, reason: toError(error).message}, 'the token of a project is about to end'),
        )
      }
      return rows.length
    },
  }
}

function notInstalled(project: string): AppError {
  return new AppError('NOT_CONFIGURED', `The Linear app has to be installed for project ${project}.`)
}

function hashOf(state: string): string {
  return createHash('sha256').update(state).digest('hex')
}
