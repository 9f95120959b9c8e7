import {mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import pg from 'pg'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {assertSchema, migrate} from '../../src/platform/migrations.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

const log = {info: () => undefined}
let database: TestDatabase
let directory: string

beforeEach(async () => {
  database = await createTestDatabase()
  directory = mkdtempSync(join(tmpdir(), 'migrations-'))
  for (const file of readdirSync('migrations'))
    writeFileSync(join(directory, file), readFileSync(join('migrations', file)))
})

afterEach(async () => {
  await database.drop()
  rmSync(directory, {recursive: true})
})

async function query(sql: string): Promise<unknown[]> {
  const client = new pg.Client({connectionString: database.url})
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

test('a migrated database has nothing left to do and passes the check', async () => {
  await expect(migrate({databaseUrl: database.url, log})).resolves.toEqual([])
  await expect(assertSchema(database.url)).resolves.toBeUndefined()
})

test('several processes that start at once apply each migration exactly once', async () => {
  writeFileSync(join(directory, '9001_one.sql'), 'create table one (id int);')
  writeFileSync(join(directory, '9002_two.sql'), 'create table two (id int);')
  const applied = await Promise.all(
    [1, 2, 3, 4].map(() => migrate({databaseUrl: database.url, directory, log})),
  )
  expect(applied.flat().sort()).toEqual(['9001_one', '9002_two'])
})

test('a failing migration leaves nothing behind, also not of those before it', async () => {
  writeFileSync(join(directory, '9001_good.sql'), 'create table good (id int);')
  writeFileSync(join(directory, '9002_bad.sql'), 'create table bad (id nonsense);')
  await expect(migrate({databaseUrl: database.url, directory, log})).rejects.toThrow('nonsense')
  expect(await query(`select to_regclass('good') as good`)).toEqual([{good: null}])
})

test('a database that lacks a migration is refused with the command that helps', async () => {
  writeFileSync(join(directory, '9001_new.sql'), 'create table new_table (id int);')
  await expect(assertSchema(database.url, directory)).rejects.toMatchObject({
    code: 'SCHEMA_MISMATCH',
    message: 'The database lacks 9001_new: run `npm run migrate` first.',
  })
})

test('a database of a newer version is refused, by the check and by migrate', async () => {
  writeFileSync(join(directory, '9001_future.sql'), 'create table future (id int);')
  await migrate({databaseUrl: database.url, directory, log})
  const attempts = [() => assertSchema(database.url), () => migrate({databaseUrl: database.url, log})]
  for (const attempt of attempts) {
    await expect(attempt()).rejects.toMatchObject({
      code: 'SCHEMA_MISMATCH',
      details: {unknown: ['9001_future']},
    })
  }
})

test('with the queue on Redis no bullmq schema is made', async () => {
  await query('drop schema bullmq cascade')
  await migrate({databaseUrl: database.url, queueOnPostgres: false, log})
  expect(await query(`select 1 from pg_namespace where nspname = 'bullmq'`)).toEqual([])
  await migrate({databaseUrl: database.url, queueOnPostgres: true, log})
  expect(await query(`select 1 as there from pg_namespace where nspname = 'bullmq'`)).toEqual([{there: 1}])
})
