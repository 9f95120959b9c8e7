import {describe, expect, test} from 'vitest'
import uptimeGuardian from '../../../agents/uptime_guardian.ts'
import {renderReply} from '../../../src/integrations/discord/render.ts'
import type {ActionContext, ServiceHistory, UptimeCheck} from '../../../src/sdk/index.ts'

async function told(
  checks: readonly UptimeCheck[],
  {
    period,
    histories = [],
    everyMs,
  }: {period?: '24h' | '7d'; histories?: readonly ServiceHistory[]; everyMs?: number} = {},
): Promise<string> {
  const uptime = {check: async () => checks, history: async () => histories, everyMs}
  const context = {services: {uptime}, signal: new AbortController().signal} as unknown as ActionContext
  const result = await uptimeGuardian.actions['check']?.run({period}, context)
  if (result?.kind !== 'replied') throw new Error('no reply')
  const {content, embeds} = renderReply(result.reply)
  return `${content}\n${embeds[0]?.description ?? ''}`
}

const online = (service: string, ms: number): UptimeCheck => ({
  service,
  state: 'online',
  ms,
  place: `${service}.test`,
})
const skipped = (service: string, variable: string): UptimeCheck => ({
  service,
  state: 'skipped',
  reason: `${variable} is not set`,
})

describe('the answer of /uptime-check', () => {
  test('with all up says so with their times and the average', async () => {
    const text = await told([online('bot', 10), online('api', 20), online('frontend', 60)])
    expect(text).toMatch(/^✅ all 3 services are up · average 30 ms\n/)
    expect(text).toContain('🟢 **api** `online` · 20 ms · api.test')
  })

  test('does not count what is skipped as down, and says that it was not looked at', async () => {
    const text = await told([online('bot', 10), online('api', 20), skipped('frontend', 'FRONTEND_BASE_URL')])
    expect(text).toMatch(/^✅ all 2 services are up · average 15 ms · 1 not looked at/)
    expect(text).toContain('⚪ **frontend** `skipped` · FRONTEND\\_BASE\\_URL is not set')
  })

  test('with some down says how many of those looked at, and shows them first with the reason', async () => {
    const text = await told([
      online('bot', 10),
      skipped('frontend', 'FRONTEND_BASE_URL'),
      {service: 'api', state: 'error_503', ms: 5, reason: 'It answered 503.'},
    ])
    expect(text).toMatch(/^⚠️ 1 of 2 services are down\n🔴 \*\*api\*\* `error_503` · 5 ms · It answered 503/)
  })

  test('with all down is red', async () => {
    const text = await told([{service: 'api', state: 'timeout', reason: 'No answer within 10 s (timeout).'}])
    expect(text).toMatch(/^🔴 1 of 1 service is down/)
  })

  test('with nothing configured names the variables, and calls nothing healthy', async () => {
    const text = await told([
      {service: 'bot', state: 'skipped', reason: 'the bot runs in another process: set PUBLIC_URL'},
      skipped('api', 'API_BASE_URL'),
      skipped('frontend', 'FRONTEND_BASE_URL'),
    ])
    expect(text).toMatch(/^⚪ nothing could be looked at/)
    expect(text).toContain('set `API_BASE_URL` and `FRONTEND_BASE_URL`, and `PUBLIC_URL`')
  })

  test('of an address that may not be called is neither up nor down', async () => {
    const text = await told([
      online('bot', 10),
      {service: 'api', state: 'request_error', reason: 'The address leads to a private or local network.'},
    ])
    expect(text).toMatch(/^✅ bot is up · average 10 ms · 1 not looked at/)
    expect(text).toContain('⚠️ **api** `request_error`')
  })

  test('with a period says where there is no history, and how to have one', async () => {
    expect(await told([online('bot', 1)], {period: '7d'})).toContain(
      'there is no history: an operator can add',
    )
    expect(await told([online('bot', 1)], {period: '7d', everyMs: 60_000})).toContain(
      'no history of the last 7d yet',
    )
  })

  test('with forty services and their history is one message, with what is down in it', async () => {
    const checks = Array.from({length: 40}, (_, n): UptimeCheck =>
      n === 39
        ? {service: `service-${n}`, state: 'error_500', reason: 'x'.repeat(400)}
        : online(`service-${n}`, n),
    )
    const histories = checks.map(({service}) => ({
      service,
      checks: 1440,
      availability: 99.9,
      p50Ms: 100,
      p95Ms: 200,
      picture: '█'.repeat(24),
      change: 0,
    }))
    const text = await told(checks, {period: '24h', histories})
    expect(text.length).toBeLessThanOrEqual(1650)
    expect(text).toContain('🔴 **service-39**')
    expect(text).toContain('and 30 more')
    expect(text).not.toContain('… and')
  })
})
