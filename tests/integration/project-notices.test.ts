import {randomUUID} from 'node:crypto'
import type pg from 'pg'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {startLinearEmulator, type LinearEmulator} from '../../src/emulators/linear/index.ts'
import type {LinearTokens} from '../../src/integrations/linear/refresh.ts'
import type {LinearAnswer} from '../../src/integrations/linear/linear.ts'
import {openSdkLinear} from '../../src/integrations/linear/sdk-linear.ts'
import {AppError} from '../../src/kernel/errors.ts'
import {createFollowUpNotices} from '../../src/notifications/channels/linear-follow-up.ts'
import {createProjectNotices} from '../../src/notifications/channels/linear-project.ts'
import type {NewNotice, Notice} from '../../src/notifications/notice.ts'
import {createProjectTokens} from '../../src/notifications/project-tokens.ts'
import {createProjects} from '../../src/notifications/projects.ts'
import type {ProjectNotices} from '../../src/platform/config/config.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createSeal} from '../../src/platform/sealed.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {aNotice} from '../support/notices.ts'

function written(more: Partial<Notice>): Notice {
  return {...aNotice(more), id: randomUUID(), seq: 1, at: Date.now(), ...more}
}
const how = (more: {readonly key?: string; readonly thread?: string} = {}) => ({
  key: randomUUID(),
  thread: undefined,
  signal: AbortSignal.timeout(10_000),
  ...more,
})

describe('tasks of a Linear project', () => {
  let linear: LinearEmulator
  beforeEach(async () => {
    linear = await startLinearEmulator()
  })
  afterEach(() => linear.close())

  function aProject(options: Partial<ProjectNotices> = {}) {
    const web = linear.project('Web')
    const team = linear.team('OPS').id
    const projects = createProjects({
      projects: new Map([
        ['web', {id: web.id, team}],
        ['docs', {id: randomUUID()}],
      ]),
      open: () =>
        openSdkLinear({auth: {kind: 'key', apiKey: linear.key()}, apiUrl: linear.url, clock: Date.now}),
    })
    const channel = createProjectNotices({
      projects,
      rules: new Map([['web', {updateIssues: true, createIssues: false, ...options}]]),
    })
    const notice = (more: Partial<NewNotice> = {}) =>
      written({event: 'task_failed', story: 'run:wf-1', project: 'web', title: 'deploy failed', ...more})
    return {projects, channel, notice, web}
  }

  test('are told on the issue they are about, in words that mention nobody', async () => {
    const {channel, notice, web} = aProject()
    const {url} = linear.person('grace')
    const issue = linear.issue('Ship it', {projectId: web.id})
    const told = await channel.tell(
      notice({data: {issue: issue.identifier, error: `boom ${url} **x**`}, title: `@grace ${url}`}),
      how(),
    )
    const [comment] = linear.comments(issue.identifier)
    expect(told).toEqual({kind: 'told', id: comment?.id})
    expect(comment?.body).toContain('🔴')
    expect(linear.mentioned(comment?.body ?? '')).toEqual([])
  })

  test('once, though told twice under one key', async () => {
    const {channel, notice, web} = aProject()
    const issue = linear.issue('Ship it', {projectId: web.id})
    const [same, again] = [notice({data: {issue: issue.identifier}}), how()]
    expect(await channel.tell(same, again)).toEqual(await channel.tell(same, again))
    expect(linear.comments(issue.identifier)).toHaveLength(1)
  })

  test('never touch an issue of another project, or of none', async () => {
    const {channel, notice} = aProject()
    const other = linear.project('Other')
    for (const issue of [linear.issue('Theirs', {projectId: other.id}), linear.issue('Nobody’s')]) {
      expect(await channel.tell(notice({data: {issue: issue.identifier}}), how())).toMatchObject({
        kind: 'refused',
        reason: `${issue.identifier} is no issue of project web`,
      })
    }
    expect(linear.comments()).toEqual([])
  })

  test('whose issue moved to another project meanwhile are told there no more', async () => {
    const {channel, notice, web} = aProject()
    const issue = linear.issue('Ship it', {projectId: web.id})
    await channel.tell(notice({data: {issue: issue.identifier}}), how())
    Object.assign(issue, {project: linear.project('Other')})
    const again = await channel.tell(notice({data: {issue: issue.identifier}}), how())
    expect(again.kind).toBe('refused')
  })

  test('without an issue get one where that is wanted, and go on there', async () => {
    const {channel, notice, web} = aProject({createIssues: true})
    const first = how()
    const told = await channel.tell(notice(), first)
    expect(told).toEqual({kind: 'told', id: first.key})
    expect(linear.issues()).toMatchObject([{id: first.key, title: 'deploy failed', project: {id: web.id}}])
    await channel.tell(notice({event: 'task_completed'}), how({thread: first.key}))
    expect(linear.issues()).toHaveLength(1)
    expect(linear.comments(first.key)).toHaveLength(1)
  })

  test('are not told where that is not wanted', async () => {
    const quiet = aProject({updateIssues: false})
    const issue = linear.issue('Ship it', {projectId: quiet.web.id})
    expect(await quiet.channel.tell(quiet.notice({data: {issue: issue.identifier}}), how())).toMatchObject({
      kind: 'skipped',
    })
    expect(await quiet.channel.tell(quiet.notice(), how())).toMatchObject({kind: 'skipped'})
    expect(linear.requests).toEqual([])
  })

  test('belong to a project that is named: any other name is answered with those there are', async () => {
    const {projects, channel, notice} = aProject()
    await expect(projects.of('webb')).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: 'There is no project webb. Projects: web, docs.',
    })
    await expect(projects.of(undefined)).rejects.toThrow('A project has to be named. Projects: web, docs.')
    expect(channel.tells(notice())).toBe(true)
    expect(channel.tells(notice({project: 'webb'}))).toBe(false)
    expect(channel.tells(notice({event: 'approval_required'}))).toBe(false)
  })

  test('a broken glass is followed up: an urgent issue below the hub that calls those who approve', async () => {
    const hub = linear.issue('Approvals')
    const grace = linear.person('grace')
    const channel = createFollowUpNotices({
      linear: await openSdkLinear({
        auth: {kind: 'key', apiKey: linear.key()},
        apiUrl: linear.url,
        clock: Date.now,
      }),
      hubIssue: hub.identifier,
      people: {find: async id => ({id, roles: [], accounts: id === 'grace' ? {linear: grace.id} : {}})},
    })
    const broken = written({
      event: 'break_glass',
      level: 'critical',
      people: ['grace', 'lin'],
      title: `ada broke the glass: ${linear.person('eve').url}`,
    })
    const first = how()
    expect(await channel.tell(broken, first)).toEqual({kind: 'told', id: first.key})
    expect(await channel.tell(broken, first)).toEqual({kind: 'told', id: first.key})
    const [, issue, ...more] = linear.issues()
    expect(more).toEqual([])
    expect(issue).toMatchObject({id: first.key, priority: 1})
    expect(issue?.parent?.id).toBe(hub.id)
    expect(linear.mentioned(issue?.description ?? '')).toEqual(['grace'])
    await channel.tell(written({...broken, people: [], title: 'used it'}), how({thread: first.key}))
    expect(linear.comments(first.key)).toHaveLength(1)
  })
})

describe('the token of a project', () => {
  const HOUR = 3_600_000
  let database: TestDatabase
  let pool: pg.Pool
  let now: number
  beforeEach(async () => {
    database = await createTestDatabase()
    pool = createPool({connectionString: database.url, onError: () => undefined})
    now = Date.now()
  })
  afterEach(async () => {
    await pool.end()
    await database.drop()
  })

  /** A Linear that uses up each refresh token, as the real one does. */
  function issuer() {
    let good = 'refresh-0'
    const used: string[] = []
    return {
      used,
      async refresh(token: string): Promise<LinearAnswer<LinearTokens>> {
        used.push(token)
        if (token !== good) return {kind: 'refused', reason: 'invalid_grant'}
        good = `refresh-${used.length}`
        await new Promise(resolve => setTimeout(resolve, 300))
        return {
          kind: 'ok',
          value: {access: `access-${used.length}`, refresh: good, expiresInMs: 24 * HOUR},
        }
      },
    }
  }
  const first: LinearTokens = {access: 'access-0', refresh: 'refresh-0', expiresInMs: 24 * HOUR}
  const open = (refresh: (token: string) => Promise<LinearAnswer<LinearTokens>>, secret = 'k'.repeat(32)) =>
    createProjectTokens({pool, seal: createSeal(secret), refresh, clock: () => now, log: silentLogger})

  test('lies encrypted, and opens with our key for our project only', async () => {
    const tokens = open(issuer().refresh)
    await tokens.put('web', first)
    const {rows} = await pool.query<{row: string}>('select t::text as row from project_tokens t')
    expect(rows[0]?.row).not.toMatch(/access-0|refresh-0/)
    expect(await tokens.tokenOf('web')).toBe('access-0')
    await expect(open(issuer().refresh, 'x'.repeat(32)).tokenOf('web')).rejects.toThrow(
      'SIGNALBOX_SECRET_KEY',
    )
    await pool.query(`update project_tokens set project = 'docs'`)
    await expect(tokens.tokenOf('docs')).rejects.toMatchObject({code: 'NOT_CONFIGURED'})
    await expect(tokens.tokenOf('web')).rejects.toThrow('has to be installed for project web')
  })

  test('is refreshed ahead of its end, once, however many ask for it in however many processes', async () => {
    const linear = issuer()
    const processes = [open(linear.refresh), open(linear.refresh), open(linear.refresh)]
    await processes[0]?.put('web', first)
    now += 23.5 * HOUR
    const answers = await Promise.all(
      processes.flatMap(tokens => [tokens.tokenOf('web'), tokens.tokenOf('web')]),
    )
    expect(new Set(answers)).toEqual(new Set(['access-1']))
    expect(linear.used).toEqual(['refresh-0'])
    now += 23.5 * HOUR
    expect(await processes[2]?.sweep()).toBe(1)
    expect(linear.used).toEqual(['refresh-0', 'refresh-1'])
    expect(await processes[1]?.tokenOf('web')).toBe('access-2')
  })

  test('that can’t be refreshed now is used to its end, and no longer', async () => {
    const tokens = open(async () => ({kind: 'failed', reason: 'HTTP 502'}))
    await tokens.put('web', first)
    now += 23.5 * HOUR
    expect(await tokens.tokenOf('web')).toBe('access-0')
    now += 0.5 * HOUR
    await expect(tokens.tokenOf('web')).rejects.toMatchObject({code: 'UPSTREAM_UNAVAILABLE'})
  })

  test('that Linear takes back has to be installed again', async () => {
    const tokens = open(async () => ({kind: 'refused', reason: 'invalid_grant'}))
    await tokens.put('web', first)
    now += 24 * HOUR
    await expect(tokens.tokenOf('web')).rejects.toBeInstanceOf(AppError)
    await expect(tokens.tokenOf('web')).rejects.toMatchObject({code: 'NOT_CONFIGURED'})
  })

  test('an installation comes back once, in time, and to the project it was begun for', async () => {
    const tokens = open(issuer().refresh)
    const state = await tokens.begin('web')
    expect(await tokens.cameBack('forged')).toBeUndefined()
    expect(await tokens.cameBack(state)).toBe('web')
    expect(await tokens.cameBack(state)).toBeUndefined()
    const late = await tokens.begin('web')
    now += 601_000
    expect(await tokens.cameBack(late)).toBeUndefined()
    const forgotten = await tokens.begin('web')
    now += 601_000
    await tokens.sweep()
    expect(await tokens.cameBack(forgotten)).toBeUndefined()
    expect((await pool.query('select from project_installations')).rowCount).toBe(0)
  })
})
