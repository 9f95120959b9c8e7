import {setTimeout as sleep} from 'node:timers/promises'
import {InteractionType} from 'discord-api-types/v10'
import {afterAll, beforeAll, expect, test} from 'vitest'
import type {Conversation, MessageView} from '../../src/emulators/discord/index.ts'
import {chanceFrom, type Chance} from '../support/chance.ts'
import {createVisitor} from '../support/visitor.ts'
import {addressOf, openCouncil, tokenOf, type Council, type Member} from './council.ts'

const RACES = Number(process.env['CHAOS_APPROVALS'] ?? 6)
const SEED = Number(process.env['CHAOS_SEED'] ?? 1)
const LANES = 4
const SHOWN_WITHIN_MS = 60_000
const DONE_WITHIN_MS = 120_000

const SURFACES = [
  'discord button',
  'discord command',
  'linear reply',
  'linear reaction',
  'mail',
  'http',
] as const
type SurfaceName = (typeof SURFACES)[number]

/** Somebody tries to decide, some milliseconds after the start of the race. */
interface Attempt {
  readonly who: Member | 'mallory'
  readonly decision: 'approve' | 'reject'
  readonly by: SurfaceName
  readonly afterMs: number
}

interface Row {
  readonly id: string
  readonly status: string
  readonly decisions: readonly {
    readonly principal: string
    readonly decision: string
    readonly surface: string
  }[]
  readonly used_at: Date | null
}

/** Approved deploys that began, and ended well. */
let shipped = 0
let council: Council
let opened: Council | undefined
beforeAll(async () => {
  council = opened = await openCouncil({lanes: LANES, seed: SEED})
}, 120_000)
afterAll(() => opened?.close(), 120_000)

test(`${RACES} races of decisions on all surfaces, with workers killed in between: one decision, one deploy at most, all surfaces agree`, async () => {
  const seeds = Array.from({length: RACES}, (_, index) => SEED + index)
  const endings: string[] = []
  shipped = 0
  const lane = async (number: number) => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
      const ending = await race(seed, number).catch((error: unknown) => {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        })
      })
      endings.push(ending)
    }
  }
  await Promise.all(Array.from({length: LANES}, (_, number) => lane(number)))
  await council.peace()
  const count = (ending: string) => endings.filter(each => each === ending).length
  console.info(
    `${RACES} races: ${count('approved')} approved and ${shipped} of them shipped, ${count('rejected')} rejected, ${council.kills()} kills`,
  )
  expect(count('approved') + count('rejected')).toBe(RACES)
  // A run in which everything was refused proves little.
  expect(count('approved')).toBeGreaterThan(RACES / 10)
  expect(shipped).toBeGreaterThanOrEqual(0.9 * count('approved'))
}, 3_600_000)

async function race(seed: number, lane: number): Promise<string> {
  const chance = chanceFrom(seed)
  const asker: Member = chance.pick(['grace', 'ada'])
  const target = `lane-${lane}`
  // An address of its own: the very same command again within ten seconds would join the first.
  const line = `/deploy-client wait:true target:${target} api_base:https://api.example.com/${seed}`
  const talk = await council.member(asker).runs(line)
  const id = await eventually(
    `the request of ${target}`,
    () => pendingFor(target),
    () => textOf(talk.reply()),
  )
  const attempts = attemptsOf(chance, asker)
  const spot = await whereItIsShown(id)

  const errors: unknown[] = []
  const tries = attempts.map(async ({afterMs, ...attempt}) => {
    await sleep(afterMs)
    await TRY[attempt.by]({...attempt, id, spot}).catch((error: unknown) => errors.push(error))
  })
  await Promise.all(tries)
  if (errors.length > 0) throw errors[0]
  // Whatever was too little is topped up, until somebody's word decides.
  for (const who of ['hugo', 'lin', 'cleo', 'ada'] as const) {
    if (who === asker || (await rowOf(id)).status !== 'pending') continue
    await TRY.http({who, decision: 'approve', id, spot})
  }
  const row = await eventually('the decision', async () => {
    const now = await rowOf(id)
    return now.status === 'approved' || now.status === 'rejected' ? now : undefined
  })
  // Late: everything that was drawn before is still there to be pressed.
  await TRY['discord button']({who: 'lin', decision: 'approve', id, spot})
  await TRY['linear reply']({who: 'cleo', decision: 'reject', id, spot})

  checkRecord(row, asker)
  if (await checkDeploy(talk, row)) shipped++
  await checkSurfaces(row, spot)
  const after = await rowOf(id)
  expect({status: after.status, decisions: after.decisions}).toEqual({
    status: row.status,
    decisions: row.decisions,
  })
  return row.status
}

/** Some who may, some who may not, at almost the same time, now and then twice. */
function attemptsOf(chance: Chance, asker: Member): readonly Attempt[] {
  const people = ['hugo', 'lin', 'cleo', 'lin', 'hugo', asker, 'mallory'] as const
  const attempts = Array.from({length: 3 + chance.upTo(4)}, (): Attempt => {
    const who = chance.pick(people)
    return {
      who,
      decision: chance.oneIn(6) ? 'reject' : 'approve',
      // Who is nobody here has no token and gets no mail.
      by: who === 'mallory' ? chance.pick(SURFACES.slice(0, 4)) : chance.pick(SURFACES),
      afterMs: chance.upTo(250),
    }
  })
  return attempts.flatMap(attempt => (chance.oneIn(4) ? [attempt, attempt] : [attempt]))
}

/** Where the request stands on each surface, once it stands there. */
interface Spot {
  readonly message: MessageView
  readonly linear: {readonly issue: string; readonly root: string}
  link(who: Member, decision: 'approve' | 'reject'): string | undefined
}

async function whereItIsShown(id: string): Promise<Spot> {
  const {world, linear, mailbox} = council
  const message = await eventually('the message of the request', () =>
    world.discord
      .channel('general')
      .messages()
      .find(
        each =>
          textOf(each).includes(id.slice(0, 8)) &&
          each.content.includes('waits for') &&
          JSON.stringify(each.components).includes('Approve'),
      ),
  )
  const root = await eventually('its thread in Linear', () =>
    linear.comments().find(({body, parent}) => !parent && body.includes(id)),
  )
  const mailTo = (who: Member) =>
    mailbox.inbox(addressOf(who)).find(({links}) => links.some(({url}) => url.includes(id)))
  await eventually('the mails', () => mailTo('lin') && mailTo('hugo'))
  return {
    message,
    linear: {issue: root.issue.id, root: root.id},
    link: (who, decision) =>
      mailTo(who)?.links.find(({url}) => url.includes(`${id}/decide/${decision}/`))?.url,
  }
}

type Try = Omit<Attempt, 'by' | 'afterMs'> & {readonly id: string; readonly spot: Spot}

/** How each surface is used. What it answers is not asked here: the record and the surfaces tell in the end. */
const TRY: Readonly<Record<SurfaceName, (attempt: Try) => Promise<unknown>>> = {
  async 'discord button'({who, decision, id, spot}) {
    // A rejection opens a form; the command says the same in one go.
    if (decision === 'reject') return TRY['discord command']({who, decision, id, spot})
    // As it was drawn: an old message stays clickable.
    const [drawn] = /v1:approve:[^"]+/.exec(JSON.stringify(spot.message.components)) ?? []
    return council.member(who).sendsRaw({
      type: InteractionType.MessageComponent,
      data: {custom_id: drawn, component_type: 2},
      message: spot.message,
    })
  },
  'discord command': async ({who, decision, id}) =>
    council
      .member(who)
      .runs(decision === 'approve' ? `/approve id:${id}` : `/reject id:${id} reason:not-today`),
  async 'linear reply'({who, decision, spot: {linear}}) {
    council.linear.person(who).comments(linear.issue, {
      replyTo: linear.root,
      body: decision === 'approve' ? '/approve' : '/deny not today',
    })
  },
  async 'linear reaction'({who, decision, spot: {linear}}) {
    council.linear.person(who).reacts(linear.root, decision === 'approve' ? '+1' : '-1')
  },
  async mail({who, decision, spot}) {
    const url = who === 'mallory' ? undefined : spot.link(who, decision)
    // The requester gets no links.
    if (url === undefined) return
    const visitor = createVisitor()
    const page = await visitor.opens(url)
    const button = 'Send a code to my Discord'
    // Decided meanwhile: the page says so and has nothing to press.
    if (!page.forms.some(form => form.button === button)) return
    const sent = await visitor.presses(page, button)
    const decide = sent.forms.find(form => form.button === 'Approve' || form.button === 'Reject')
    if (!decide) return
    const code = council
      .member(who)
      .receives()
      .map(({content}) => /`(\d{6})`/.exec(content)?.[1])
      .filter(each => each !== undefined)
      .at(-1)
    await visitor.presses(sent, decide.button, {code: code ?? '', reason: 'not today'})
  },
  async http({who, decision, id}) {
    if (who === 'mallory') return
    const response = await fetch(`${council.apiUrl}/${decision}/${id}`, {
      method: 'POST',
      headers: {authorization: `Bearer ${tokenOf(who)}`, 'content-type': 'application/json'},
      body: JSON.stringify(decision === 'approve' ? {} : {reason: 'not today'}),
    })
    expect([200, 403, 409, 410]).toContain(response.status)
  },
}

/** The decisions that count are of different persons, none of them who asked; enough of them where it was approved. */
function checkRecord(row: Row, asker: Member): void {
  const principals = row.decisions.map(({principal}) => principal)
  expect(new Set(principals).size).toBe(principals.length)
  expect(principals).not.toContain(asker)
  for (const principal of principals) expect(['hugo', 'lin', 'cleo', 'ada']).toContain(principal)
  if (row.status === 'approved') {
    expect(row.decisions.map(({decision}) => decision)).toEqual(['approve', 'approve'])
    expect(principals.some(principal => principal !== 'hugo')).toBe(true)
  } else {
    expect(row.decisions.filter(({decision}) => decision === 'reject')).toHaveLength(1)
    expect(row.decisions.at(-1)?.decision).toBe('reject')
  }
}

/**
 * One dispatch where it was approved, none otherwise, and the message tells which. A worker killed at the dispatch, and
 * the next one too, leaves it undone: then the message says that it is not sure. Answers whether it shipped.
 */
async function checkDeploy(talk: Conversation, row: Row): Promise<boolean> {
  const {world} = council
  const text = await eventually(
    'the end of the deploy',
    () => {
      const content = textOf(talk.reply())
      return /^(🟢|⛔|⚪|🔴|⏱️|⚠️)/u.test(content) ? content : undefined
    },
    () => textOf(talk.reply()),
  )
  const short = /`([0-9a-f]{8})…`/.exec(text)?.[1] ?? 'none'
  const runs = world.github
    .repository('acme/web')
    .runs.filter(run => run.inputs['correlation_id']?.startsWith(short))
  if (row.status !== 'approved') {
    expect(text).toMatch(/rejected/)
    expect(runs.length, text).toBe(0)
    return false
  }
  expect(text).toMatch(runs.length === 1 ? /^🟢/u : /^⚠️.*not sure it started/u)
  expect(runs.length, text).toBeLessThanOrEqual(1)
  return runs.length === 1
}

/** What people see says how it ended, everywhere, and nothing that could be pressed is left. */
async function checkSurfaces(row: Row, spot: Spot): Promise<void> {
  const {world, linear} = council
  await eventually('the end in Discord', () => {
    const message = world.discord
      .channel('general')
      .messages()
      .find(({id}) => id === spot.message.id)
    return message?.components.length === 0 && message.content.includes(row.status)
  })
  await eventually('the end in Linear', () => {
    const root = linear.comments().find(({id}) => id === spot.linear.root)
    return (
      root !== undefined && root.body.toLowerCase().includes(row.status) && !root.body.includes('/approve')
    )
  })
  for (const decision of ['approve', 'reject'] as const) {
    const url = spot.link('lin', decision)
    if (url === undefined) continue
    const page = await createVisitor().opens(url)
    expect(page.forms.filter(({button}) => /Approve|Reject|code/.test(button))).toEqual([])
  }
  const inThread = () => linear.comments().filter(({parent}) => parent?.id === spot.linear.root)
  // An answer to somebody who came too late says how it ended as well.
  const verdicts = () => inThread().filter(({body}) => body.split('\n')[0]?.endsWith(`** ${row.status}`))
  await eventually(
    'the end in the thread in Linear',
    () => verdicts().length > 0,
    () => [row.status, ...inThread().map(({user, body}) => `${user.displayName}: ${body}`)].join('\n'),
  )
  expect(verdicts()).toHaveLength(1)
}

async function pendingFor(target: string): Promise<string | undefined> {
  const {rows} = await council.db.query<{id: string}>(
    `select id from approval_requests where action ->> 'target' = $1 and status = 'pending'`,
    [target],
  )
  return rows[0]?.id
}

async function rowOf(id: string): Promise<Row> {
  const {rows} = await council.db.query<Row>(
    'select id, status, decisions, used_at from approval_requests where id = $1',
    [id],
  )
  if (!rows[0]) throw new Error(`no request ${id}`)
  return rows[0]
}

function textOf(message: MessageView | undefined): string {
  return `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
}

async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
  describe: () => string = () => '',
): Promise<NonNullable<T>> {
  const within =
    what.startsWith('the end') || what.startsWith('the decision') ? DONE_WITHIN_MS : SHOWN_WITHIN_MS
  const deadline = Date.now() + within
  for (;;) {
    const found = await probe()
    if (found) return found
    if (Date.now() > deadline) throw new Error(`Waited ${within} ms in vain for ${what}. ${describe()}`)
    await sleep(50)
  }
}
