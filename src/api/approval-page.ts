import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify'
import {createHash, createHmac, randomBytes, timingSafeEqual} from 'node:crypto'
import type {LinkOutcome, MailLinks, OpenedLink} from '../approvals/surfaces/mail-links.ts'
import type {RefusalCode} from '../approvals/request.ts'
import type {Clock} from '../kernel/clock.ts'
import {formatDuration} from '../kernel/time.ts'
import {
  CONTENT_SECURITY_POLICY,
  deadLinkPage,
  decisionPage,
  FIELDS,
  sentencePage,
  standingPage,
  type View,
} from './approval-page-html.ts'
import {createRateLimit} from './rate-limit.ts'
import type {RouteDescription} from './openapi.ts'
import {header, rawBody, type RouteAccess} from './server.ts'
import {VOTE_STATUS} from './vote-status.ts'

const COOKIE = 'signalbox_link'
/** From opening the link to deciding; long enough to read a release, short enough for a borrowed phone. */
const VISIT_S = 30 * 60
const PER_MINUTE = 60
const MAX_TEXT = 1000

const PATH = '/approvals/:id/decide/:decision'
const HTML = 'text/html'

/** A vote that lacks words: the form is shown again. */
const ASKED_AGAIN: ReadonlySet<RefusalCode> = new Set(['REASON_REQUIRED', 'JUSTIFICATION_REQUIRED'])

/**
 * The page behind the links in approval mails. Gateways and mail programs fetch such links before people do, some from
 * afar and several times: so GET and HEAD change nothing, opening burns nothing, and a POST from the form decides. The
 * link's token is traded for a cookie of this path at once, so that it stands in no address bar, history or referrer.
 */
export function approvalPageRoutes({
  links,
  publicUrl,
  clock,
}: {
  readonly links: Pick<MailLinks, 'open' | 'sendCode' | 'decide' | 'turnAway'>
  /** How the outside reaches this server, without a slash at its end. */
  readonly publicUrl: () => string
  readonly clock: Clock
}) {
  /** Of one link; and of an address, without a link that works: behind a proxy, many people share one. */
  const visits = createRateLimit({limit: PER_MINUTE, windowMs: 60_000, clock})

  /** The link in the visitor's hand; undefined for all that is not one, whatever it is that is wrong. */
  async function opened(request: FastifyRequest, token: string | undefined): Promise<OpenedLink | undefined> {
    const {id, decision} = request.params as {id: string; decision: string}
    const link = token === undefined ? undefined : await links.open(token)
    if (link?.request.id === id && link.decision === decision) return link
    visits.count(addressOf(request))
    return undefined
  }

  function tooMany(
    request: FastifyRequest,
    reply: FastifyReply,
    token: string | undefined,
  ): FastifyReply | undefined {
    const visited =
      token === undefined ? undefined : `link ${createHash('sha256').update(token).digest('hex')}`
    const wait = Math.max(visits.wait(addressOf(request)), visited === undefined ? 0 : visits.wait(visited))
    if (visited !== undefined) visits.count(visited)
    if (wait === 0) return undefined
    return show(
      reply.header('retry-after', Math.ceil(wait / 1000)),
      429,
      sentencePage('Too many visits', `Come back in ${formatDuration(wait)}.`),
    )
  }

  /** What a visitor with a link that works is shown; the others are answered here. */
  async function visit(
    request: FastifyRequest,
    reply: FastifyReply,
    token: string | undefined,
    shown: (link: OpenedLink) => FastifyReply | Promise<FastifyReply>,
  ): Promise<FastifyReply> {
    const refusal = tooMany(request, reply, token)
    if (refusal) return refusal
    const link = await opened(request, token)
    return link ? shown(link) : show(reply, 404, deadLinkPage())
  }

  /** Whether the form was sent by a page of ours. Under our own referrer policy browsers say `null` for the origin. */
  function comesFromHere(request: FastifyRequest): boolean {
    const site = header(request, 'sec-fetch-site')
    const origin = header(request, 'origin')
    if (site !== undefined && site !== 'same-origin') return false
    return origin === undefined || origin === 'null' || origin === new URL(publicUrl()).origin
  }

  /** Without the token; below whatever path a proxy serves us under. */
  function pathOf({request, decision}: OpenedLink): string {
    return `${new URL(publicUrl()).pathname.replace(/\/$/, '')}/approvals/${request.id}/decide/${decision}`
  }

  function backTo(reply: FastifyReply, link: OpenedLink): FastifyReply {
    return protect(reply).redirect(pathOf(link), 303)
  }

  const showForm = (reply: FastifyReply, link: OpenedLink, status = 200, note?: string) =>
    show(reply, status, decisionPage(link, newView(link), clock(), note))
  const showStanding = (reply: FastifyReply, link: OpenedLink, status = 200, note?: string) =>
    show(reply, status, standingPage(link, clock(), note))

  async function sendCode(reply: FastifyReply, link: OpenedLink): Promise<FastifyReply> {
    const sent = await links.sendCode(link)
    switch (sent.kind) {
      case 'sent':
        return backTo(reply, link)
      case 'wait':
        return showForm(
          reply,
          link,
          429,
          `A code was sent a moment ago. Another one can be sent in ${formatDuration(sent.forMs)}.`,
        )
      case 'unreachable':
        return showForm(
          reply,
          link,
          502,
          'The code could not be sent: Discord does not let us write to you. Allow direct messages from the server, or decide in Discord or Linear.',
        )
      case 'used-up':
        return showForm(reply, link, 429)
    }
  }

  async function afterDeciding(
    reply: FastifyReply,
    link: OpenedLink,
    outcome: LinkOutcome,
  ): Promise<FastifyReply> {
    switch (outcome.kind) {
      case 'counted':
        return backTo(reply, link)
      case 'wrong-code':
        return showForm(
          reply,
          outcome.triesLeft > 0 ? link : withoutCode(link),
          403,
          outcome.triesLeft > 0
            ? `That is not the code. ${outcome.triesLeft} tries are left.`
            : 'That is not the code, and it was the last try.',
        )
      case 'no-code':
        return showForm(
          reply,
          withoutCode(link),
          403,
          'The code does not work any more. Ask for another one.',
        )
      case 'refused': {
        const now = {...link, request: outcome.request ?? link.request}
        return ASKED_AGAIN.has(outcome.code)
          ? showForm(reply, now, 422, outcome.message)
          : showStanding(reply, now, VOTE_STATUS[outcome.code], outcome.message)
      }
    }
  }

  async function takeForm(
    request: FastifyRequest,
    reply: FastifyReply,
    link: OpenedLink,
  ): Promise<FastifyReply> {
    const fields = new URLSearchParams(rawBody(request).toString('utf8'))
    const view = fields.get(FIELDS.view) ?? ''
    const evidence = {ip: request.ip, user_agent: shortly(request, 'user-agent')}
    if (!comesFromHere(request) || !isProven(link, view, fields.get(FIELDS.proof) ?? '')) {
      await links.turnAway(link, {
        code: 'FORGED',
        note: 'the form was not sent from the page that was shown',
        evidence: {
          ...evidence,
          origin: shortly(request, 'origin'),
          site: shortly(request, 'sec-fetch-site'),
        },
      })
      return showForm(
        reply,
        link,
        403,
        'The form was not sent from this page. Read it once more, then decide.',
      )
    }
    if (!isOpen(link)) {
      await links.turnAway(link, {...overAlready(link), evidence})
      return showStanding(reply, link, 409, 'Nothing was changed: it is over already.')
    }
    if (fields.get(FIELDS.step) === 'send-code') return sendCode(reply, link)
    const reason = text(fields.get(FIELDS.reason))
    const justification = text(fields.get(FIELDS.justification))
    if (link.decision === 'reject' && reason === undefined)
      return showForm(reply, link, 422, 'Say why: the requester wants to know.')
    const outcome = await links.decide(link, {
      view,
      ...given('code', text(fields.get(FIELDS.code))),
      ...given('reason', reason),
      ...given('justification', justification),
      evidence,
    })
    return afterDeciding(reply, link, outcome)
  }

  return (app: FastifyInstance): void => {
    const describe = (
      summary: string,
      description: string,
    ): {config: {access: RouteAccess; about: RouteDescription}} => ({
      config: {access: 'link', about: {summary, answers: {200: {description, content: HTML}}}},
    })

    app.head(
      `${PATH}/:token`,
      describe('Nothing, for programs that look ahead', 'empty'),
      (_request, reply) => protect(reply).status(200).type(`${HTML}; charset=utf-8`).send(),
    )
    app.get(
      `${PATH}/:token`,
      {
        ...describe('The link of an approval mail: goes on to the page', 'only when the link does not work'),
        exposeHeadRoute: false,
      },
      async (request, reply) => {
        const {token} = request.params as {token: string}
        return visit(request, reply, token, link => {
          const secure = publicUrl().startsWith('https:') ? '; Secure' : ''
          reply.header(
            'set-cookie',
            `${COOKIE}=${token}; Path=${pathOf(link)}; Max-Age=${VISIT_S}; HttpOnly; SameSite=Lax${secure}`,
          )
          return backTo(reply, link)
        })
      },
    )

    app.get(
      PATH,
      describe('What is to be decided, and the form that decides it', 'the page'),
      (request, reply) =>
        visit(request, reply, cookie(request), link =>
          isOpen(link) ? showForm(reply, link) : showStanding(reply, link),
        ),
    )

    app.post(
      PATH,
      describe('Decides, or asks for the code first: the page’s own form, URL-encoded', 'how it stands'),
      (request, reply) => visit(request, reply, cookie(request), link => takeForm(request, reply, link)),
    )
  }
}

function addressOf({ip}: FastifyRequest): string {
  return `address ${ip}`
}

function isOpen({request, usedAt}: OpenedLink): boolean {
  return request.status === 'pending' && usedAt === undefined
}

/** Why a link that is not open decides nothing any more. */
function overAlready({request: {status}}: OpenedLink): {readonly code: RefusalCode; readonly note: string} {
  if (status === 'pending') return {code: 'ALREADY_VOTED', note: 'the link has decided before'}
  if (status === 'expired') return {code: 'EXPIRED', note: 'its time was up'}
  return {code: 'ALREADY_DECIDED', note: `it was ${status} before`}
}

/** As much of a header as is kept. */
function shortly(request: FastifyRequest, name: string): string {
  return (header(request, name) ?? '').slice(0, 200)
}

function withoutCode(link: OpenedLink): OpenedLink {
  return link.proof.kind === 'code' ? {...link, proof: {...link.proof, codeUntil: undefined}} : link
}

function show(reply: FastifyReply, status: number, html: string): FastifyReply {
  return protect(reply).status(status).type(`${HTML}; charset=utf-8`).send(html)
}

function protect(reply: FastifyReply): FastifyReply {
  return reply.headers({
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    'x-robots-tag': 'noindex',
  })
}

/** A form that only a page made for the holder of this token can contain, and only about this version. */
function newView(link: OpenedLink): View {
  const view = randomBytes(16).toString('base64url')
  return {view, proof: proofOf(link, view)}
}

function proofOf({token, digest}: OpenedLink, view: string): string {
  return createHmac('sha256', token).update(`form ${view} ${digest}`).digest('base64url')
}

function isProven(link: OpenedLink, view: string, proof: string): boolean {
  const expected = Buffer.from(proofOf(link, view))
  const actual = Buffer.from(proof)
  return /^[\w-]{22}$/.test(view) && expected.length === actual.length && timingSafeEqual(expected, actual)
}

function cookie(request: FastifyRequest): string | undefined {
  const pair = (header(request, 'cookie') ?? '')
    .split(';')
    .map(each => each.trim())
    .find(each => each.startsWith(`${COOKIE}=`))
  return pair?.slice(COOKIE.length + 1)
}

/** What somebody typed: without zero characters and half surrogate pairs, which Postgres can't keep. */
function text(value: string | null): string | undefined {
  const clean = (value ?? '')
    .replace(/[\0\p{Cs}]/gu, '')
    .trim()
    .slice(0, MAX_TEXT)
  return clean === '' ? undefined : clean
}

function given<K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined ? {} : ({[key]: value} as Partial<Record<K, string>>)
}
