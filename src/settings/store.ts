import type {Pool} from 'pg'

/** One write of a setting, from its intent on. The values are those of a variable; a secret's are kept nowhere. */
export interface SettingChange {
  readonly id: string
  readonly repository: string
  readonly name: string
  readonly kind: 'variable' | 'secret'
  readonly fingerprint: string
  readonly value: string | null
  readonly previous: string | null
  readonly state: 'begun' | 'done' | 'undone'
}

const COLUMNS = 'id, repository, name, kind, fingerprint, value, previous, state'

export type SettingChangeStore = ReturnType<typeof createSettingChangeStore>

export function createSettingChangeStore({pool}: {readonly pool: Pool}) {
  async function find(id: string): Promise<SettingChange | undefined> {
    const {rows} = await pool.query<SettingChange>(`select ${COLUMNS} from setting_changes where id = $1`, [
      id,
    ])
    return rows[0]
  }

  return {
    /** Before anything is written. `fresh` is false when an earlier try began it: then it is what that one recorded. */
    async begin(
      change: Omit<SettingChange, 'state'>,
    ): Promise<{readonly fresh: boolean; readonly change: SettingChange}> {
      const {id, repository, name, kind, fingerprint, value, previous} = change
      const {rowCount} = await pool.query(
        `insert into setting_changes (id, repository, name, kind, fingerprint, value, previous)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing`,
        [id, repository, name, kind, fingerprint, value, previous],
      )
      if (rowCount === 1) return {fresh: true, change: {...change, state: 'begun'}}
      return {fresh: false, change: (await find(id)) ?? {...change, state: 'begun'}}
    },

    /** Answers whether it stood at `from`. */
    async advance(id: string, from: SettingChange['state'], to: SettingChange['state']): Promise<boolean> {
      const {rowCount} = await pool.query(
        'update setting_changes set state = $3 where id = $1 and state = $2',
        [id, from, to],
      )
      return rowCount === 1
    },

    find,
  }
}
