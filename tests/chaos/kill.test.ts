import {afterAll, describe, test} from 'vitest'
import {play, type Played} from './kill-run.ts'
import {PHASES, scenarioOf, titleOf, type Phase} from './scenario.ts'

/** One for each victim and for each of the moments that were hardest to get right. */
const CHOSEN = [12, 31, 69, 86, 257]

const runs = Number(process.env['CHAOS_RUNS'] ?? 0)
const from = Number(process.env['CHAOS_SEED'] ?? 1)
const seeds = runs > 0 ? Array.from({length: runs}, (_, index) => from + index) : CHOSEN

describe('whatever is killed in a watched deploy, it is dispatched once and ends with one true message', () => {
  const played = new Map<Phase, Played[]>()

  afterAll(() => {
    if (runs === 0) return
    for (const phase of PHASES) {
      const all = played.get(phase)
      if (!all) continue
      const ended = ['followed', 'unheard', 'interrupted']
        .map(ending => `${all.filter(each => each.ending === ending).length} ${ending}`)
        .join(', ')
      const slowest = Math.max(...all.map(each => each.tookMs))
      console.log(
        `${phase.padEnd(24)} ${all.filter(each => each.killed).length} kills: ${ended}; slowest ${slowest} ms`,
      )
    }
  })

  test.concurrent.each(seeds.map(scenarioOf).map(scenario => [titleOf(scenario), scenario] as const))(
    '%s',
    async (_title, scenario) => {
      const result = await play(scenario)
      played.set(scenario.phase, [...(played.get(scenario.phase) ?? []), result])
    },
  )
})
