import {z} from 'zod'
import {shortId} from '../src/kernel/correlation.ts'
import {code, plain, timestamp} from '../src/kernel/markdown.ts'
import {parseDuration} from '../src/kernel/time.ts'
import {
  defineAction,
  defineAgent,
  type AuditedCase,
  type AuditEnd,
  type AuditVerdict,
  type Reply,
} from '../src/sdk/index.ts'

const ENDS: Readonly<Record<AuditEnd, string>> = {
  refused: '⛔ refused',
  done: '✅ done',
  failed: '❌ failed',
  unknown: '⚠️ outcome unknown',
  open: '⏳ no outcome recorded',
}

/** Reads the record of refusals and effects to those who may. */
export default defineAgent({
  id: 'audit_keeper',
  name: 'Audit Keeper',
  description: 'Finds what was refused and done, and proves that nothing of it was changed',
  command: '/audit',
  // A walk along a million records takes its time.
  queue: {concurrency: 2, timeoutMs: 300_000},
  actions: {
    audit: defineAction({
      description: 'Search, show, verify or export the record',
      input: z.object({
        action: z.enum(['search', 'show', 'verify', 'export']),
        who: z.string().optional(),
        what: z.string().optional(),
        since: z.string().optional(),
        id: z.string().optional(),
        head: z.string().optional(),
      }),
      async run({action, who, what, since, id, head}, {services: {audit}, now}) {
        const reply = async (): Promise<Reply> => {
          switch (action) {
            case 'search': {
              const backMs = since === undefined ? undefined : parseDuration(since)
              const query = {who: who && nameOf(who), what, correlationId: id}
              return found(
                await audit.search({...query, since: backMs === undefined ? undefined : now() - backMs}),
              )
            }
            case 'show':
              return shown(await audit.show(id ?? ''))
            case 'verify':
              return verdict(await audit.verify(head))
            case 'export': {
              const {url, records} = await audit.export()
              return {
                state: 'ok',
                title: `audit · ${count(records)} to export`,
                lines: [
                  `as JSON lines, with the API token: ${code(`curl -H "Authorization: Bearer $API_TOKEN" ${url}`, 300)}`,
                  'each line carries its hash: anybody can recompute it from the rest of the line',
                ],
              }
            }
          }
        }
        return {kind: 'replied', reply: await reply()}
      },
    }),
  },
})

/** People may write a mention. */
function nameOf(who: string): string {
  return /^<@!?(\d+)>$/.exec(who)?.[1] ?? who.replace(/^@/, '')
}

function found(cases: readonly AuditedCase[]): Reply {
  if (cases.length === 0)
    return {state: 'other', title: 'audit · nothing found', lines: ['widen the search, or leave options out']}
  return {
    state: 'info',
    title: `audit · ${cases.length === 10 ? 'the latest 10' : count(cases.length)}`,
    lines: cases.map(lineOf),
  }
}

function lineOf({id, at, action, actor, subject, end}: AuditedCase): string {
  return `${ENDS[end]} · ${code(action)} ${plain(subject, 40)} · ${plain(actor, 30)} · ${timestamp(at)} · ${code(id.slice(0, 8))}`
}

function shown(cases: readonly AuditedCase[]): Reply {
  const [only] = cases
  if (!only)
    return {
      state: 'error',
      title: 'audit · no such record',
      lines: ['give the id of a record or of a command, or the first 8 characters of one'],
    }
  if (cases.length > 1)
    return {state: 'info', title: `audit · ${count(cases.length)} of one command`, lines: cases.map(lineOf)}
  const {seq, id, at, action, actor, subject, correlationId, end, endedAt, details} = only
  return {
    state: 'info',
    title: `audit · record ${seq}`,
    lines: [
      `${ENDS[end]} · ${code(action)} ${plain(subject, 200)}`,
      `by ${plain(actor, 60)} · ${timestamp(at, 'f')} (${timestamp(at)})`,
      ...(endedAt === undefined ? [] : [`its end was recorded ${timestamp(endedAt, 'f')}`]),
      ...details.map(([name, value]) => `${name.replaceAll('_', ' ')}: ${code(value, 200)}`),
      `record ${code(id)}`,
      ...(correlationId === undefined ? [] : [`command ${code(shortId(correlationId))}`]),
    ],
  }
}

function verdict(verdict: AuditVerdict): Reply {
  switch (verdict.kind) {
    case 'whole':
      return {
        state: 'ok',
        title: `audit · whole, ${count(verdict.records)}`,
        lines: [
          verdict.proved
            ? 'every record is as it was written, and what you noted is part of it'
            : 'every record is as it was written',
          'note this head somewhere else: with it, `/audit action:verify head:…` proves later that nothing before it was rewritten',
          code(verdict.head),
        ],
      }
    case 'broken':
      return {
        state: 'failure',
        title: `audit · broken at record ${verdict.seq}`,
        lines: [
          `record ${verdict.seq} ${verdict.what}`,
          'somebody with access to the database changed it, or a backup was restored; what comes before is whole',
        ],
      }
    case 'rewritten':
      return {
        state: 'failure',
        title: 'audit · not the record that you noted',
        lines: [
          `it is whole in itself (${count(verdict.records)}), but record ${verdict.noted} is not the one of your head`,
          'somebody with access to the database wrote it anew, or a backup was restored',
        ],
      }
  }
}

function count(records: number): string {
  return `${records.toLocaleString('en')} record${records === 1 ? '' : 's'}`
}
