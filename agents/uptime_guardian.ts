import {z} from 'zod'
import {code, plain} from '../src/kernel/markdown.ts'
import {
  defineAction,
  defineAgent,
  type Reply,
  type ServiceHistory,
  type UptimeCheck,
} from '../src/sdk/index.ts'

const WINDOWS = {'24h': 24 * 3_600_000, '7d': 7 * 24 * 3_600_000} as const
/** Of a message of 1,500 characters; a service with its history takes three lines. */
const SERVICES_SHOWN = 10

/** Looks whether services are up, and says how they were. Changes nothing. */
export default defineAgent({
  id: 'uptime_guardian',
  name: 'Uptime Guardian',
  description: 'Looks whether the bot, the API, the frontend and the targets are up',
  command: '/uptime-check',
  queue: {concurrency: 5, timeoutMs: 60_000},
  actions: {
    check: defineAction({
      description: 'Whether everything is up now, and how it was',
      askable: true,
      input: z.object({period: z.enum(['24h', '7d']).optional()}),
      async run({period}, {signal, services: {uptime}}) {
        const [checks, histories] = await Promise.all([
          uptime.check(signal),
          period === undefined ? [] : uptime.history(WINDOWS[period]),
        ])
        const past = period === undefined ? [] : pastNote(period, histories, uptime.everyMs)
        return {kind: 'replied', reply: describe(checks, histories, past)}
      },
    }),
  },
})

function describe(
  checks: readonly UptimeCheck[],
  histories: readonly ServiceHistory[],
  past: readonly string[],
): Reply {
  const looked = checks.filter(({state}) => state !== 'skipped' && state !== 'request_error')
  const down = looked.filter(({state}) => state !== 'online')
  // What is wrong comes first, and is not what a long list leaves out.
  const ordered = [...down, ...checks.filter(check => !down.includes(check))]
  const lines = ordered.slice(0, SERVICES_SHOWN).flatMap(check => {
    const history = histories.find(({service}) => service === check.service)
    return [lineOf(check), ...(history ? historyLines(history) : [])]
  })
  const more = ordered.length - SERVICES_SHOWN
  return {
    ...headOf(checks, looked, down),
    lines: [...lines, ...(more > 0 ? [`and ${more} more`] : []), ...hint(checks), ...past],
  }
}

function headOf(
  checks: readonly UptimeCheck[],
  looked: readonly UptimeCheck[],
  down: readonly UptimeCheck[],
): Pick<Reply, 'state' | 'title'> {
  const unasked = checks.length - looked.length
  if (looked.length === 0) return {state: 'other', title: 'nothing could be looked at'}
  if (down.length > 0)
    return {
      state: down.length === looked.length ? 'failure' : 'partial',
      title: `${down.length} of ${looked.length} ${looked.length === 1 ? 'service is' : 'services are'} down`,
    }
  const times = looked.flatMap(({ms}) => ms ?? [])
  const average =
    times.length === 0
      ? ''
      : ` · average ${Math.round(times.reduce((sum, ms) => sum + ms, 0) / times.length)} ms`
  const all =
    looked.length === 1
      ? `${plain(looked[0]?.service ?? '', 40)} is up`
      : `all ${looked.length} services are up`
  return {state: 'ok', title: `${all}${average}${unasked > 0 ? ` · ${unasked} not looked at` : ''}`}
}

function lineOf({service, state, ms, place, reason}: UptimeCheck): string {
  const glyph =
    state === 'online' ? '🟢' : state === 'skipped' ? '⚪' : state === 'request_error' ? '⚠️' : '🔴'
  const parts = [
    `${glyph} **${plain(service, 60)}** ${code(state)}`,
    ...(ms === undefined ? [] : [`${ms} ms`]),
    ...(place === undefined ? [] : [plain(place, 60)]),
    ...(reason === undefined || state === 'online' ? [] : [plain(reason, 160)]),
  ]
  return parts.join(' · ')
}

function historyLines({availability, p50Ms, p95Ms, picture}: ServiceHistory): readonly string[] {
  const latency = p50Ms === undefined ? 'no answer' : `p50 ${p50Ms} ms · p95 ${p95Ms ?? p50Ms} ms`
  return [`${code(picture)}`, `${availability} % · ${latency}`]
}

/** What to set where nothing, or only the bot itself, is configured. */
function hint(checks: readonly UptimeCheck[]): readonly string[] {
  const configured = checks.some(({service, state}) => service !== 'bot' && state !== 'skipped')
  return configured ? [] : ['set `API_BASE_URL` and `FRONTEND_BASE_URL`, and `PUBLIC_URL` for the bot itself']
}

function pastNote(
  period: keyof typeof WINDOWS,
  histories: readonly ServiceHistory[],
  everyMs: number | undefined,
): readonly string[] {
  if (histories.length > 0) return [`the last ${period}, from then to now · ✕ down · dots: nobody looked`]
  return [
    everyMs === undefined
      ? `there is no history: an operator can add ${code('uptime: {}')} to signalbox.yaml`
      : `there is no history of the last ${period} yet`,
  ]
}
