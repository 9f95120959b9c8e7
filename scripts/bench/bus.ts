import type {BusRound, BusRoundResult, BusTargetOptions} from './bus-target.ts'
import {forkChild, type Child} from './child.ts'
import {startServers, type Servers} from './servers.ts'
import {median} from './statistics.ts'
import {sayVerdicts, type Verdict} from './verdicts.ts'

interface Measured {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p95Ms: number
  /** Rounds per second over those of the floor in the same round. */
  readonly ratio: readonly number[]
}

interface Size {
  readonly rounds: number
  readonly roundMs: number
}

/** `npm run bench -- bus [publish] [request]`: the bus over bare Redis pub/sub (P13), requests between processes (P14). */
export async function benchBus(
  parts: readonly string[],
  size: Size = {rounds: 5, roundMs: 700},
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = []
  const wanted = (part: string) => parts.length === 0 || parts.includes(part)
  const servers = await startServers()
  try {
    if (servers.redisUrl === undefined)
      say(
        'There is no redis-server or valkey-server on the PATH: Postgres alone, and no floor to compare with.',
      )
    if (wanted('publish')) {
      say(
        'Publish to one subscriber in another process’s place, over bare Redis pub/sub (no inbox, no liveness)',
      )
      const results = await measure(servers, 'publish', [1, 256], size)
      for (const {name, inFlight, measured} of results) say(line(name, inFlight, measured))
      for (const {inFlight, measured} of results.filter(each => each.name === 'redis')) {
        const [ratio, p50] = [median(measured.ratio), measured.p50Ms]
        verdicts.push(
          goal(
            `P13 publish @${inFlight} over Redis pub/sub`,
            `${ratio.toFixed(2)}x`,
            '≥ 0.25x',
            ratio >= 0.25,
          ),
          ...(inFlight === 1 ? [goal('P13 publish @1', `p50 ${p50.toFixed(2)} ms`, '< 1 ms', p50 < 1)] : []),
        )
      }
      say('')
    }
    if (wanted('request')) {
      say(
        'Request and response between two processes, over bare Redis pub/sub both ways (no deadline, no directory)',
      )
      const results = await measure(servers, 'ask', [1, 50], size)
      for (const {name, inFlight, measured} of results) say(line(name, inFlight, measured))
      for (const {name, inFlight, measured} of results.filter(each => each.name !== 'pub/sub')) {
        const {p50Ms: p50, p95Ms: p95, perSecond} = measured
        verdicts.push(
          goal(`a request @${inFlight} on ${name}`, `p95 ${p95.toFixed(1)} ms`, '< 2 s', p95 < 2_000),
          ...(name === 'redis' && inFlight === 1
            ? [goal('P14 request @1', `p50 ${p50.toFixed(2)} ms`, '< 3 ms', p50 < 3)]
            : []),
          ...(name === 'redis' && inFlight > 1
            ? [goal(`P14 request @${inFlight}`, `${perSecond.toFixed(0)}/s`, '≥ 5,000/s', perSecond >= 5_000)]
            : []),
        )
      }
      say('')
    }
    sayVerdicts(verdicts)
    return verdicts
  } finally {
    await servers.close()
  }
}

/** All targets in one run, round by round, in alternating order, the first round dropped. */
async function measure(
  servers: Servers,
  role: 'publish' | 'ask',
  inFlights: readonly number[],
  {rounds: count, roundMs}: Size,
) {
  const redis = servers.redisUrl === undefined ? undefined : {redisUrl: servers.redisUrl}
  const places: [string, Pick<BusTargetOptions, 'kind' | 'where'>][] = [
    ...(redis
      ? ([['pub/sub', {kind: 'raw', where: redis}]] as [string, Pick<BusTargetOptions, 'kind' | 'where'>][])
      : []),
    ...(redis
      ? ([['redis', {kind: 'product', where: redis}]] as [string, Pick<BusTargetOptions, 'kind' | 'where'>][])
      : []),
    ['postgres', {kind: 'product', where: {databaseUrl: await servers.database()}}],
  ]
  const children: Child[] = []
  const open = async (options: BusTargetOptions): Promise<Child> => {
    const child = forkChild('bus-target')
    children.push(child)
    await child.ask(options)
    return child
  }
  try {
    const targets: {name: string; child: Child}[] = []
    for (const [name, where] of places) {
      if (role === 'ask') await open({...where, role: 'answer'})
      targets.push({name, child: await open({...where, role})})
    }
    const results: {name: string; inFlight: number; measured: Measured}[] = []
    for (const inFlight of inFlights) {
      const rounds: Map<string, BusRoundResult>[] = []
      for (let round = -1; round < count; round++) {
        const seen = new Map<string, BusRoundResult>()
        for (const {name, child} of round % 2 === 0 ? targets : [...targets].reverse())
          seen.set(name, await child.ask<BusRoundResult>({inFlight, ms: roundMs} satisfies BusRound))
        if (round >= 0) rounds.push(seen)
      }
      for (const {name} of targets) {
        const of = (which: string) => rounds.flatMap(seen => seen.get(which) ?? [])
        const floor = of('pub/sub')
        results.push({
          name,
          inFlight,
          measured: {
            perSecond: median(of(name).map(each => each.perSecond)),
            p50Ms: median(of(name).map(each => each.p50Ms)),
            p95Ms: median(of(name).map(each => each.p95Ms)),
            ratio: of(name).map((each, index) => each.perSecond / (floor[index]?.perSecond ?? Number.NaN)),
          },
        })
      }
    }
    for (const child of children) await child.ask('close')
    return results
  } finally {
    await Promise.all(children.map(child => child.kill()))
  }
}

function line(name: string, inFlight: number, {perSecond, p50Ms, ratio}: Measured): string {
  return [
    `  ${name.padEnd(10)}@${String(inFlight).padEnd(5)}`,
    `${perSecond.toFixed(0).padStart(8)}/s`,
    `p50 ${p50Ms.toFixed(2)} ms`.padStart(16),
    `${median(ratio).toFixed(2)}x`.padStart(8),
    `  (${Math.min(...ratio).toFixed(2)} to ${Math.max(...ratio).toFixed(2)})`,
  ].join('')
}

function goal(what: string, measured: string, promised: string, reached: boolean): Verdict {
  return {what, measured, goal: promised, reached}
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
