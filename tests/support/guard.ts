import type {Pool} from 'pg'

/** One attempt to write to a guarded resource; `accepted` says what the guard thought of it. */
export interface GuardedWrite {
  readonly resource: string
  readonly client: string
  readonly fence: number
  readonly step: 'enter' | 'leave' | 'betrayed'
}

/**
 * Something outside that protects itself by fencing numbers alone: it remembers the highest one it has seen, refuses
 * lower ones, and knows nothing of our tables. Every attempt is recorded in the order in which it decided.
 */
export async function createGuard(db: Pick<Pool, 'query'>): Promise<void> {
  await db.query(`
    create table guards (resource text primary key, highest bigint not null default 0);
    create table guard_log (
      id bigint generated always as identity, resource text not null, client text not null, fence bigint not null,
      step text not null, accepted boolean not null);
    create function guarded_write(r text, c text, f bigint, s text) returns boolean language plpgsql as $$
    declare
      ok boolean;
    begin
      insert into guards (resource) values (r) on conflict do nothing;
      select highest <= f into ok from guards where resource = r for update;
      if ok then update guards set highest = f where resource = r; end if;
      insert into guard_log (resource, client, fence, step, accepted) values (r, c, f, s, ok);
      return ok;
    end $$`)
}

/** Writes, and answers whether the guard let it. */
export async function guardedWrite(
  db: Pick<Pool, 'query'>,
  {resource, client, fence, step}: GuardedWrite,
): Promise<boolean> {
  const {rows} = await db.query<{ok: boolean}>('select guarded_write($1, $2, $3, $4) as ok', [
    resource,
    client,
    fence,
    step,
  ])
  return rows[0]?.ok === true
}

export async function guardHistory(
  db: Pick<Pool, 'query'>,
  resource: string,
): Promise<readonly (GuardedWrite & {readonly accepted: boolean})[]> {
  const {rows} = await db.query<GuardedWrite & {accepted: boolean}>(
    'select resource, client, fence::int, step, accepted from guard_log where resource = $1 order by id',
    [resource],
  )
  return rows
}
