import {measureQueuePath, onRedis, type PathResult, type Yardstick} from './queue-path.ts'
import {startServers} from './servers.ts'
import {measureBurst, measureMemory} from './whole-bot.ts'

const ROUNDS = 5

const YARDSTICKS = {
  postgres: 'Postgres, BullMQ as it comes',
  unwaited: 'Postgres, not waiting for disk',
  redis: 'Redis',
  recorded: 'Redis, two rows committed',
} as const satisfies Record<Yardstick, string>

/** `npm run bench -- commands [burst] [path] [memory]`: some of the three, or all of them. */
export async function benchCommands(parts: readonly string[]): Promise<void> {
  const wanted = (part: string) => parts.length === 0 || parts.includes(part)
  const servers = await startServers()
  try {
    if (wanted('burst')) {
      const {p50, p99, max, p99Range, failed} = await measureBurst(servers, {size: 200, rounds: ROUNDS})
      say('Acknowledgement in a burst of 200 slash commands, at Discord’s end')
      say(
        `  p50 ${ms(p50)}   p99 ${ms(p99)} (${ms(p99Range[0])} to ${ms(p99Range[1])})   max ${ms(max)}   lost ${failed}`,
      )
      say(`  goal: p99 < 250 ms ${verdict(p99 < 250 && failed === 0)}\n`)
    }
    if (wanted('path')) {
      say(
        'A command’s whole way (recorded, queued, worked, result recorded) over a bare BullMQ job, on the same backend',
      )
      say(
        `  ${'a bare job on'.padEnd(31)}   in flight   commands/s    jobs/s   ratio  (min to max)     CPU µs each`,
      )
      for (const yardstick of ['postgres', 'unwaited', 'redis', 'recorded'] as const) {
        if (onRedis(yardstick) && servers.redisUrl === undefined) {
          say(
            `  ${YARDSTICKS[yardstick]}: not measured, there is no redis-server or valkey-server on the PATH`,
          )
          continue
        }
        const results = await measureQueuePath(servers, yardstick, {
          rounds: ROUNDS,
          ms: 1_000,
          inFlights: [1, 10, 50],
        })
        for (const result of results) say(pathLine(result))
      }
      say('')
    }
    if (wanted('memory')) {
      const {rest, restCollected, warm, after, commands} = await measureMemory(servers, {commands: 10_000})
      say('Memory of bot, worker and api in one process')
      say('                                    RSS MB   heap MB')
      for (const [name, {rss, heap}] of [
        ['at rest', rest],
        ['at rest, after a collection', restCollected],
        ['after 2,000 commands, collected', warm],
        [`after ${commands.toLocaleString('en')} commands, collected`, after],
      ] as const) {
        say(`  ${name.padEnd(34)}${rss.toFixed(0).padStart(6)}${heap.toFixed(1).padStart(10)}`)
      }
      say(
        `  goal: at rest < 150 MB ${verdict(rest.rss < 150)}   no growth (heap within 10 %) ${verdict(after.heap < warm.heap * 1.1)}\n`,
      )
    }
  } finally {
    await servers.close()
  }
}

function pathLine({yardstick, inFlight, product, raw, ratio, cpuMicros}: PathResult): string {
  return [
    `  ${YARDSTICKS[yardstick].padEnd(31)}`,
    String(inFlight).padStart(12),
    product.toFixed(0).padStart(13),
    raw.toFixed(0).padStart(10),
    `${ratio.median.toFixed(2)}x`.padStart(8),
    `  (${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)})`,
    `${cpuMicros.product.toFixed(0)} / ${cpuMicros.raw.toFixed(0)}`.padStart(16),
    `   ${verdict(ratio.median >= 0.8)}`,
  ].join('')
}

function verdict(reached: boolean): string {
  return reached ? 'reached' : 'missed'
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
