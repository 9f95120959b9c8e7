import type {Pool} from 'pg'
import type {Json} from '../kernel/json.ts'

/** What became of the wish to begin an effect. */
export type EffectPermit =
  | {readonly kind: 'begun'}
  /** The run was cancelled, or the attempt is over or somebody else's. */
  | {readonly kind: 'refused'}
  /** The run is paused; the attempt still counts. */
  | {readonly kind: 'paused'}
  /** Begun before, with no word of how it ended. */
  | {readonly kind: 'uncertain'}
  | {readonly kind: 'done'; readonly result: Json}

export interface EffectKey {
  readonly run: string
  readonly path: string
  readonly attempt: number
  readonly name: string
}

/** Who wants to begin an effect: the owner with its fence, or the holder of an attempt that it opened. */
export type Performer =
  | {readonly kind: 'owner'; readonly instance: string; readonly fence: number}
  | {readonly kind: 'attempt'; readonly holder: string}

export interface Beginning {
  /** It undoes something, which a cancelled run permits. */
  readonly compensation: boolean
  /** Of this try, a UUID: asked again because an answer was lost, it has begun what it began. */
  readonly mark: string
}

// The share lock meets the update that stops the run: either this effect had begun before the stop was acknowledged, or
// it sees the stop.
const mayBegin = (condition: string) => `
  with asked as (
    ${condition}
  ), begun as (
    insert into workflow_effects (key, workflow_id, mark)
    select $1, workflow_id, $4 from asked where stop is null or ($3 and stop = 'cancel')
    on conflict (key) do nothing
    returning key
  )
  select (select stop from asked) as stop, exists (select from asked) as counts, exists (select from begun) as begun,
    (select json_build_object('state', state, 'result', result, 'own', mark = $4)
      from workflow_effects where key = $1) as earlier`

const BEGIN_AS_OWNER = mayBegin(`
    select workflow_id, stop from workflow_state
    where workflow_id = $2 and owner = $5 and fence = $6 for share`)

const BEGIN_AS_ATTEMPT = mayBegin(`
    select s.workflow_id, s.stop from workflow_state s join workflow_attempts a using (workflow_id)
    where s.workflow_id = $2 and a.path = $5 and a.attempt = $6 and a.holder = $7
    for share of s for key share of a`)

/** The rows of effects outside: each is begun at most once for its key, and only while its run permits it. */
export function createEffectStore({pool}: {readonly pool: Pool}) {
  return {
    /** Whether an effect may begin now; `begun` and `uncertain` leave its row `begun` until `finishEffect`. */
    async beginEffect(key: EffectKey, by: Performer, {compensation, mark}: Beginning): Promise<EffectPermit> {
      for (;;) {
        const {rows} = await pool.query<{
          counts: boolean
          stop: 'pause' | 'cancel' | null
          begun: boolean
          earlier: {state: 'begun' | 'done'; result: Json; own: boolean | null} | null
        }>(
          by.kind === 'owner'
            ? {
                name: 'workflows-effect-owner',
                text: BEGIN_AS_OWNER,
                values: [effectKey(key), key.run, compensation, mark, by.instance, by.fence],
              }
            : {
                name: 'workflows-effect-attempt',
                text: BEGIN_AS_ATTEMPT,
                values: [effectKey(key), key.run, compensation, mark, key.path, key.attempt, by.holder],
              },
        )
        const [answer] = rows
        if (!answer?.counts) return {kind: 'refused'}
        if (answer.begun) return {kind: 'begun'}
        if (answer.stop === 'pause') return {kind: 'paused'}
        if (answer.stop === 'cancel' && !compensation) return {kind: 'refused'}
        if (answer.earlier) {
          const {state, result, own} = answer.earlier
          if (state === 'done') return {kind: 'done', result}
          return {kind: own ? 'begun' : 'uncertain'}
        }
        // Somebody's insert committed while this statement ran: the next one sees it.
      }
    },

    async finishEffect(key: EffectKey, result: Json): Promise<void> {
      await pool.query({
        name: 'workflows-effect-done',
        text: `update workflow_effects set state = 'done', result = $2, done_at = now() where key = $1`,
        values: [effectKey(key), JSON.stringify(result)],
      })
    },
  }
}

/** `run:path:attempt[:name]`: what makes an effect one. */
export function effectKey({run, path, attempt, name}: EffectKey): string {
  return name === '' ? `${run}:${path}:${attempt}` : `${run}:${path}:${attempt}:${name}`
}
