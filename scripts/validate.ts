import {commandLine} from '../src/runtime/command-line.ts'
import {runOperator} from '../src/runtime/operator.ts'

commandLine({
  name: 'npm run validate',
  purpose:
    'Asks a running system at PUBLIC_URL, else HTTP_HOST and HTTP_PORT, what a monitor would ask first. Exit code 1: it is not as it should be.',
})

await runOperator(async ({config, say}) => {
  const base = config.http.publicUrl ?? `http://${config.http.host}:${config.http.port}`
  const checks: readonly [string, string, (response: Response, text: string) => boolean][] = [
    ['is alive', '/health/live', response => response.status === 200],
    ['is ready', '/health/ready', response => response.status === 200],
    [
      'has metrics',
      '/metrics',
      (response, text) =>
        (response.status === 200 && text.includes('process_cpu_seconds_total')) || response.status === 401,
    ],
    ['answers the unknown with 404', '/no-such-page', response => response.status === 404],
    [
      'trusts no unsigned webhook',
      '/webhooks/github',
      response => response.status === 401 || response.status === 503,
    ],
  ]
  try {
    await fetch(base, {signal: AbortSignal.timeout(5000)})
  } catch {
    say(`❌ nobody answers at ${base}`)
    say('   → start it with `npm start`, or set PUBLIC_URL (or HTTP_HOST and HTTP_PORT) to where it runs')
    return false
  }
  let failed = 0
  for (const [what, path, holds] of checks) {
    try {
      const response = await fetch(base + path, {
        method: path.startsWith('/webhooks') ? 'POST' : 'GET',
        signal: AbortSignal.timeout(5000),
        ...(path.startsWith('/webhooks') ? {body: '{}', headers: {'content-type': 'application/json'}} : {}),
      })
      const text = await response.text()
      const ok = holds(response, text)
      if (!ok) failed++
      say(
        `${ok ? '✅' : '❌'} ${what} (${path}: ${response.status})${ok ? '' : `\n   → ${text.slice(0, 300)}`}`,
      )
    } catch {
      failed++
      say(`❌ ${what} (${path}: no answer from ${base})`)
    }
  }
  say(failed === 0 ? 'The system is as it should be.' : `${failed} of ${checks.length} checks failed.`)
  return failed === 0
})
