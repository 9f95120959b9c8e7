import type {Uptime} from '../health/uptime.ts'
import type {ScheduledWork} from './schedules.ts'

/** Looks whether services are up, as often as is configured. */
export function scheduledUptime({everyMs, watch}: Pick<Uptime, 'everyMs' | 'watch'>): ScheduledWork {
  return {
    name: 'uptime',
    schedules: everyMs === undefined ? [] : [{id: 'uptime', when: {everyMs}, data: null}],

    async run(_job, signal) {
      const checks = await watch(signal)
      return {online: checks.filter(({state}) => state === 'online').length}
    },
  }
}
