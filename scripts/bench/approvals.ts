import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {startLinearEmulator, type LinearEmulator} from '../../src/emulators/linear/index.ts'
import {startMailbox, type Mailbox} from '../../src/emulators/mailbox/index.ts'
import type {Asked} from './approvals-target.ts'
import {measureWaiting} from './approvals-waiting.ts'
import {forkChild, type Child} from './child.ts'
import {startServers} from './servers.ts'
import {stage} from './stages.ts'
import {percentile} from './statistics.ts'
import {sayVerdicts, type Verdict} from './verdicts.ts'

const REQUESTS = 200
const PARKED = 10_000
const ALL_TOLD_WITHIN_MS = 120_000

/** What decides, and how it is known on each surface. */
const PEOPLE = [
  {id: 'grace', roles: ['developer']},
  {id: 'hugo', roles: ['team_lead']},
  {id: 'lin', roles: ['tech_lead']},
] as const

interface Bench {
  readonly linear: LinearEmulator
  readonly mailbox: Mailbox
  /** Worker and api of production, which tell people. */
  readonly product: Child
  /** Who asks. */
  readonly asker: Child
  readonly databaseUrl: string
}

/**
 * `npm run bench -- approvals [quick]`: how soon people are told of a request in Linear and by mail, their emulators
 * answering at once, and what 10,000 requests that wait cost, the vote that decides one beside DBOS.
 */
export async function benchApprovals(args: readonly string[]): Promise<void> {
  const quick = args.includes('quick')
  const servers = await startServers()
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-bench-approvals-'))
  const linear = await startLinearEmulator({requestsPerHour: 10_000_000})
  const mailbox = await startMailbox()
  const product = forkChild('product', {execArgv: [...process.execArgv, '--expose-gc']})
  const asker = forkChild('approvals-target')
  try {
    const databaseUrl = await servers.database()
    const env = await environmentOf({folder, linear, mailbox, databaseUrl})
    await asker.ask({open: {env, cwd: folder}})
    await product.ask({env, cwd: folder})
    const bench: Bench = {linear, mailbox, product, asker, databaseUrl}
    const verdicts = [
      ...(await measureTelling(bench, {
        title: 'one each 100 ms',
        count: quick ? 50 : REQUESTS,
        everyMs: 100,
      })),
      ...(await measureTelling(bench, {title: 'all at once', count: quick ? 20 : 50, everyMs: 0})),
      ...(await measureWaiting({...bench, servers}, quick ? 1_000 : PARKED)),
    ]
    process.stdout.write('\n')
    sayVerdicts(verdicts)
    await Promise.all([product.ask('close'), asker.ask('close')])
  } finally {
    await Promise.all([product.kill(), asker.kill()])
    await Promise.all([linear.close(), mailbox.close()])
    await servers.close()
    await rm(folder, {recursive: true, force: true})
  }
}

async function environmentOf({
  folder,
  linear,
  mailbox,
  databaseUrl,
}: Pick<Bench, 'linear' | 'mailbox' | 'databaseUrl'> & {readonly folder: string}): Promise<
  Record<string, string>
> {
  const hub = linear.issue('Approvals')
  const principals = PEOPLE.map(({id, roles}) => ({
    id,
    linear: linear.person(id).id,
    email: `${id}@example.com`,
    roles,
  }))
  // Nothing is to come due while it is measured.
  await writeFile(
    join(folder, 'signalbox.yaml'),
    JSON.stringify({principals, approvals: {policies: {high: {expires: '30d'}}}}),
  )
  return {
    DATABASE_URL: databaseUrl,
    SIGNALBOX_HOME: join(folder, 'home'),
    SIGNALBOX_CONFIG: join(folder, 'signalbox.yaml'),
    ROLES: 'worker,api',
    HTTP_PORT: '0',
    LOG_LEVEL: 'error',
    LINEAR_API_URL: linear.url,
    LINEAR_API_KEY: linear.key(),
    LINEAR_WEBHOOK_SECRET: 'bench-webhook-secret',
    LINEAR_APPROVAL_HUB_ISSUE_ID: hub.identifier,
    SMTP_HOST: mailbox.host,
    SMTP_PORT: String(mailbox.port),
    SMTP_TLS: 'false',
    NOTIFICATION_EMAIL_FROM: 'signalbox@example.com',
    NOTIFICATION_EMAIL_TO: 'ops@example.com',
  }
}

/** From before the transaction that asks to the moment at which Linear has the request and the last approver's mail is in. */
async function measureTelling(
  {linear, mailbox, asker}: Bench,
  {title, count, everyMs}: {readonly title: string; readonly count: number; readonly everyMs: number},
): Promise<readonly Verdict[]> {
  const asked = await stage(`${count} requests, ${title}`, () =>
    asker.ask<readonly Asked[]>({ask: count, everyMs}),
  )
  const inLinear = () =>
    new Map(
      asked.flatMap(({id, at}) => {
        const seen = [
          ...linear.issues().map(({description, createdAt}) => ({text: description, createdAt})),
          ...linear.comments().map(({body, createdAt}) => ({text: body, createdAt})),
        ].filter(({text}) => text.includes(id))
        return seen.length === 0 ? [] : [[id, Math.min(...seen.map(each => each.createdAt)) - at] as const]
      }),
    )
  const byMail = () =>
    new Map(
      asked.flatMap(({id, at}) => {
        const mails = mailbox.mails.filter(mail => mail.text.includes(id))
        const readers = new Set(mails.map(({recipient}) => recipient))
        return readers.has('lin@example.com') && readers.has('hugo@example.com')
          ? [[id, Math.max(...mails.map(mail => mail.at)) - at] as const]
          : []
      }),
    )
  const until = Date.now() + ALL_TOLD_WITHIN_MS
  while ((inLinear().size < count || byMail().size < count) && Date.now() < until) await sleep(250)
  const verdict = (where: string, told: ReadonlyMap<string, number>, goalMs: number): Verdict => {
    const ms = [...told.values()]
    const [p50, p99] = [percentile(ms, 0.5), percentile(ms, 0.99)]
    const missing = told.size < count ? `, ${count - told.size} never` : ''
    return {
      what: `${where}, ${count} requests, ${title}`,
      measured: `p50 ${p50.toFixed(0)} p99 ${p99.toFixed(0)} ms${missing}`,
      goal: `p99 < ${goalMs} ms`,
      reached: told.size === count && p99 < goalMs,
    }
  }
  return [verdict('told in Linear', inLinear(), 1_000), verdict('told by mail', byMail(), 3_000)]
}
