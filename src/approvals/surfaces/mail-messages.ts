import type {Block, MailDocument} from '../../integrations/email/document.ts'
import type {Json} from '../../kernel/json.ts'
import type {RiskLevel} from '../../kernel/risk-level.ts'
import type {Notice, NoticeEvent} from '../../notifications/notice.ts'
import type {ApprovalRequest} from '../request.ts'
import {needsCode} from './mail-links.ts'
import {decisionText, requestBlocks, utc} from './mail-facts.ts'

/** How the reader of this mail can decide. */
export type Ways =
  | {readonly kind: 'links'; readonly approve: string; readonly reject: string; readonly expiresAt: number}
  /** They may decide, but by mail it can't be proven that it is they. */
  | {readonly kind: 'elsewhere'}
  /** They only want to know. */
  | {readonly kind: 'none'}

export interface Message {
  readonly subject: string
  readonly document: MailDocument
}

type ApprovalEvent = Extract<NoticeEvent, `approval_${string}`>

/** Whether the event asks somebody to decide; such a mail is out of place once the request is decided. */
export function asks(event: NoticeEvent): boolean {
  return ASKING.has(event)
}

const ASKING: ReadonlySet<NoticeEvent> = new Set([
  'approval_required',
  'approval_reminder',
  'approval_escalated',
  'approval_question',
])

/** What a mail about a request says to one reader. Nothing in it is trusted: the document escapes all texts. */
export function requestMessage(
  notice: Pick<Notice, 'event' | 'data'>,
  request: ApprovalRequest,
  ways: Ways,
  now: number,
): Message {
  const {action, risk} = request
  const yours = ways.kind !== 'none'
  const {glyph, state} = stateOf(notice, yours)
  const question = notice.event === 'approval_question' ? textIn(notice.data, 'note') : undefined
  return {
    subject: subjectOf(glyph, risk.level, `${action.title} ${state}`),
    document: {
      heading: `${glyph} ${action.title} ${state}`,
      blocks: [
        ...(question === undefined
          ? []
          : [
              {
                kind: 'quote',
                title: `${textIn(notice.data, 'by') ?? 'somebody'} asks`,
                text: question,
              } as const,
            ]),
        ...outcomeBlocks(request),
        ...wayBlocks(ways, risk.level),
        ...requestBlocks(request, now),
      ],
      footer: [
        ...(ways.kind === 'links'
          ? [
              'The links are yours alone: whoever has them can open the request as you. Don’t forward this mail.',
            ]
          : []),
        FOOTER,
        `Request ${request.id}, correlation id ${request.correlationId}.`,
      ],
    },
  }
}

/** What a mail about anything but a request says: its title, and what the notice brought with it. */
export function noticeMessage({event, level, title, data, at, correlationId}: Notice): Message {
  const glyph = GLYPHS[event] ?? '⚪'
  const {url, error, excerpt, ...rest} = data
  const facts = Object.entries(rest).flatMap(([key, value]): [string, string][] =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      ? [[key.replaceAll('_', ' '), String(value)]]
      : [],
  )
  const quoted = [error, excerpt].filter(text => typeof text === 'string')
  return {
    subject: subjectOf(glyph, level, title),
    document: {
      heading: `${glyph} ${title}`,
      blocks: [
        ...quoted.map((text): Block => ({kind: 'quote', text})),
        {kind: 'facts', facts: [...facts, ['level', level], ['when', utc(at)]]},
        ...(typeof url === 'string'
          ? [{kind: 'buttons', buttons: [{label: 'Have a look', url, look: 'plain'}]} as const]
          : []),
      ],
      footer: [FOOTER, `Correlation id ${correlationId}.`],
    },
  }
}

const FOOTER = 'Replies to this mail are read by nobody and decide nothing.'

const GLYPHS: Partial<Record<NoticeEvent, string>> = {
  break_glass: '⚠️',
  task_completed: '🟢',
  task_failed: '🔴',
  agent_error: '🔴',
  service_down: '🔴',
  service_up: '🟢',
}

function stateOf(
  {event, data}: Pick<Notice, 'event' | 'data'>,
  yours: boolean,
): {readonly glyph: string; readonly state: string} {
  const whose = yours ? 'your' : 'an'
  switch (event as ApprovalEvent) {
    case 'approval_required':
      return {glyph: '⏳', state: `waits for ${whose} approval`}
    case 'approval_reminder':
      return {glyph: '⏳', state: `still waits for ${whose} approval`}
    case 'approval_escalated':
      return {glyph: '⏳', state: yours ? 'was passed on to you' : 'was passed on'}
    case 'approval_question':
      return {glyph: '⏳', state: 'was asked about'}
    case 'approval_vote':
      return {glyph: '⏳', state: 'got a vote'}
    case 'approval_approved':
      return {glyph: '✅', state: 'is approved'}
    case 'approval_rejected':
      return {glyph: '❌', state: 'is rejected'}
    case 'approval_expired':
      return {glyph: '⚪', state: 'expired undecided'}
    case 'approval_cancelled':
      return data['action'] === 'void'
        ? {glyph: '⚠️', state: 'is void: what was approved has moved'}
        : {glyph: '⚪', state: 'was withdrawn'}
  }
}

/** State, level, what and where: enough for a list of mails. */
function subjectOf(glyph: string, level: RiskLevel, text: string): string {
  return `${glyph} [${level}] ${text}`
}

function outcomeBlocks({status, decisions, note}: ApprovalRequest): readonly Block[] {
  if (status === 'pending') return []
  return [
    ...decisions.map((each): Block => ({kind: 'paragraph', text: decisionText(each)})),
    ...(note === undefined ? [] : [{kind: 'paragraph', text: note} as const]),
  ]
}

function wayBlocks(ways: Ways, level: RiskLevel): readonly Block[] {
  switch (ways.kind) {
    case 'none':
      return []
    case 'elsewhere':
      return [
        {
          kind: 'paragraph',
          text: 'Decide in Discord or Linear: by mail it takes a code sent to your Discord account, and we know of none.',
        },
      ]
    case 'links':
      return [
        {
          kind: 'buttons',
          buttons: [
            {label: 'Look and approve', url: ways.approve, look: 'primary'},
            {label: 'Look and reject', url: ways.reject, look: 'danger'},
          ],
        },
        {
          kind: 'paragraph',
          text: `Opening a link decides nothing: a page asks you first${
            needsCode(level) ? ', with a code sent to your Discord' : ''
          }. The links work until ${utc(ways.expiresAt)}, for one decision.`,
        },
      ]
  }
}

function textIn(data: Readonly<Record<string, Json>>, key: string): string | undefined {
  const value = data[key]
  return typeof value === 'string' && value !== '' ? value : undefined
}
