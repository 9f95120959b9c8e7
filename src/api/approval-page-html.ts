import {createHash} from 'node:crypto'
import {decisionText, requestBlocks, utc} from '../approvals/surfaces/mail-facts.ts'
import type {OpenedLink} from '../approvals/surfaces/mail-links.ts'
import {blocksHtml} from '../integrations/email/document.ts'
import {escapeHtml} from '../kernel/html.ts'

const STYLE = `
:root{color-scheme:light dark;--line:#8886;--soft:#8881;--go:#1a7f37;--stop:#b42318}
*{box-sizing:border-box}
body{margin:0;font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:42rem;margin:0 auto;padding:1rem}
h1{font-size:1.375rem;line-height:1.3;margin:.5rem 0 1rem;overflow-wrap:anywhere}
h2{font-size:1.0625rem;margin:1.5rem 0 .25rem}
p,ul,table,blockquote{margin:0 0 .75rem;overflow-wrap:anywhere}
ul{padding-left:1.25rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line)}
th{width:8rem;font-weight:600}
td{overflow-wrap:anywhere}
form{margin:1rem 0;padding:1rem;border:1px solid var(--line);border-radius:.5rem;background:var(--soft)}
label{display:block;font-weight:600;margin:0 0 .25rem}
input,textarea{display:block;width:100%;font:inherit;padding:.625rem;margin:0 0 1rem;border:1px solid #888;border-radius:.375rem}
input.code{max-width:12rem;letter-spacing:.25em}
button{font:inherit;font-weight:600;min-height:2.75rem;padding:.625rem 1.25rem;border:1px solid #888;border-radius:.375rem;cursor:pointer}
button.approve,button.reject{color:#fff;border-color:transparent}
button.approve{background:var(--go)}
button.reject{background:var(--stop)}
:focus-visible{outline:3px solid #4c8dff;outline-offset:2px}
.note{padding:.75rem 1rem;border-left:.25rem solid var(--stop);background:var(--soft)}
.hint{font-size:.9375rem}
@media (max-width:26rem){th,td{display:block;width:auto;border:0;padding:0}td{padding-bottom:.5rem;border-bottom:1px solid var(--line)}}
`

/** Nothing runs, nothing is loaded, nothing frames the page, and its forms come back to us only. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ')

/** The names of the form's fields. */
export const FIELDS = {
  step: 'step',
  view: 'view',
  proof: 'proof',
  code: 'code',
  reason: 'reason',
  justification: 'justification',
} as const

/** A showing of the form: what its fields that nobody sees hold. */
export interface View {
  readonly view: string
  readonly proof: string
}

/**
 * The request with the form that decides it, or that asks for the code first. What is decided comes before the form;
 * whoever types a code in has read it. `note` says what did not work.
 */
export function decisionPage(link: OpenedLink, view: View, now: number, note?: string): string {
  const {request, decision, proof} = link
  const hasCode = proof.kind === 'code' && proof.codeUntil !== undefined
  const parts = [blocksHtml(requestBlocks(request, now)), form(link, view, now)]
  return page(
    `${decision === 'approve' ? 'Approve' : 'Reject'} ${request.action.title}?`,
    [
      ...(note === undefined ? [] : [noteHtml(note)]),
      `<p>You are <strong>${escapeHtml(link.person)}</strong>. The decision is yours alone and takes effect at once.</p>`,
      ...(hasCode ? parts.toReversed() : parts),
    ].join('\n'),
  )
}

/** How the request stands, for somebody who can't or needn't decide it any more. */
export function standingPage(
  {request, person}: Pick<OpenedLink, 'request' | 'person'>,
  now: number,
  note?: string,
): string {
  const {action, status, decisions, note: why} = request
  const counts = decisions.some(({principal}) => principal === person)
  const standing =
    status === 'pending' && counts ? 'your decision counts, others are awaited' : STATUS[status]
  const votes = decisions.map(each => `<li>${escapeHtml(decisionText(each))}</li>`).join('')
  return page(
    `${action.title}: ${standing}`,
    [
      ...(note === undefined ? [] : [noteHtml(note)]),
      ...(votes === '' ? [] : [`<ul>${votes}</ul>`]),
      ...(why === undefined ? [] : [`<p>${escapeHtml(why)}</p>`]),
      '<p>There is nothing for you to do on this page any more. You can close it.</p>',
      blocksHtml(requestBlocks(request, now)),
    ].join('\n'),
  )
}

/** The same answer for links that never were, have expired, or came without what belongs to them. */
export function deadLinkPage(): string {
  return page(
    'This link does not work',
    '<p>It may have expired, or not have been copied whole. Open it from the mail once more, or look for the request in Discord or Linear.</p>',
  )
}

/** A sentence, for what concerns the visit and not the request. */
export function sentencePage(title: string, sentence: string): string {
  return page(title, `<p>${escapeHtml(sentence)}</p>`)
}

const STATUS = {
  pending: 'still waits',
  approved: 'approved',
  rejected: 'rejected',
  expired: 'expired undecided',
  cancelled: 'cancelled',
} as const

function form(link: OpenedLink, view: View, now: number): string {
  const {decision, request, proof} = link
  const hidden = (step: 'send-code' | 'decide') =>
    [
      [FIELDS.step, step],
      [FIELDS.view, view.view],
      [FIELDS.proof, view.proof],
    ]
      .map(([name = '', value = '']) => `<input type="hidden" name="${name}" value="${escapeHtml(value)}">`)
      .join('')
  if (proof.kind === 'code' && proof.codeUntil === undefined)
    return proof.codesLeft > 0
      ? `<form method="post">${hidden('send-code')}
<p>Because the risk is ${request.risk.level}, the link alone is not enough.</p>
<button>Send a code to my Discord</button></form>`
      : noteHtml('This link has had its share of codes. Decide in Discord or Linear.')
  const code =
    proof.kind === 'none'
      ? ''
      : `<label for="code">Code from your Discord messages</label>
<input class="code" id="code" name="${FIELDS.code}" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" maxlength="6" required aria-describedby="code-hint">
<p class="hint" id="code-hint">Six digits, valid until ${utc(proof.codeUntil ?? now)}.</p>`
  const again =
    proof.kind === 'code' && proof.codesLeft > 0
      ? `<form method="post">${hidden('send-code')}<p>It did not arrive?</p><button>Send another code</button></form>`
      : ''
  return `<form method="post">${hidden('decide')}
${code}${words(link)}
<button class="${decision}">${decision === 'approve' ? 'Approve' : 'Reject'}</button></form>${again}`
}

function words({decision, request}: OpenedLink): string {
  if (decision === 'reject') return area(FIELDS.reason, 'Why not? The requester reads it.')
  return request.required.justification ? area(FIELDS.justification, 'Why is it right to do this?') : ''
}

function area(name: string, label: string): string {
  return `<label for="${name}">${label}</label>
<textarea id="${name}" name="${name}" rows="3" maxlength="1000" required></textarea>`
}

function noteHtml(text: string): string {
  return `<p class="note" role="alert">${escapeHtml(text)}</p>`
}

function page(title: string, body: string): string {
  const heading = escapeHtml(title)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${heading} · Signalbox</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${heading}</h1>
${body}
</main>
</body>
</html>
`
}
