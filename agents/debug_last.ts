import {z} from 'zod'
import {shortId} from '../src/kernel/correlation.ts'
import {code, link, plain, timestamp} from '../src/kernel/markdown.ts'
import {formatDuration} from '../src/kernel/time.ts'
import {defineAction, defineAgent, type Reply, type Trace, type TraceStep} from '../src/sdk/index.ts'

/** Of the 1,500 characters that a message shows, without its signature. */
const ROOM = 1400
const CUT = '… cut here; the rest does not fit'
const MARKS = {done: '✅', failed: '❌', open: '⏳', unknown: '⚠️'} as const
const STATES = {open: 'running', succeeded: 'ok', failed: 'error', cancelled: 'other'} as const

/** Shows people what their own commands did. */
export default defineAgent({
  id: 'debug_last',
  name: 'Tracer',
  description: 'Shows what your own last command did, step by step',
  command: '/debug-last',
  queue: {concurrency: 5, timeoutMs: 15_000},
  actions: {
    show: defineAction({
      description: 'The steps of the caller’s last command, or of an earlier one',
      input: z.object({id: z.string().optional()}),
      async run({id}, {actor, services: {traces}}) {
        if (!traces.enabled) return {kind: 'replied', reply: DISABLED}
        const trace = await traces.find(actor, id)
        return {kind: 'replied', reply: trace ? show(trace) : nothing(id)}
      },
    }),
  },
})

const DISABLED: Reply = {
  state: 'refused',
  title: 'traces are off here',
  lines: ['· an operator can set `ENABLE_DEBUG_CMD=true`'],
}

function nothing(id: string | undefined): Reply {
  return id === undefined
    ? {state: 'other', title: 'no command of yours yet', lines: ['give one, then look here']}
    : {
        state: 'other',
        title: 'no command of yours has that id',
        lines: ['you see your own of the last 14 days; type `id:` for a list'],
      }
}

function show({id, command, status, startedAt, ms, steps, error, runUrl}: Trace): Reply {
  const lasted = ms === undefined ? 'in progress' : `took ${duration(ms)}`
  const lines = [
    `${code(shortId(id))} · ${timestamp(startedAt, 'f')} · ${lasted}`,
    ...steps.map(stepLine),
    ...(error === undefined ? [] : [`❌ ${plain(error, 400)}`]),
  ]
  const last = runUrl === undefined ? [] : [link('run', runUrl)]
  return {
    state: STATES[status],
    title: `/${command} · ${status === 'open' ? 'in progress' : status}`,
    lines: [...fitting(lines, ROOM - last.join('').length), ...last],
    controls: [{kind: 'action', label: 'Copy trace id', action: 'copy', subject: id, style: 'secondary'}],
  }
}

function stepLine({name, status, ms, detail}: TraceStep): string {
  return [
    `${MARKS[status]} ${plain(name, 120)}`,
    ...(ms === undefined ? [] : [duration(ms)]),
    ...(detail === undefined ? [] : [plain(detail, 200)]),
  ].join(' · ')
}

/** Milliseconds where they tell something. */
function duration(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms)} ms` : formatDuration(ms)
}

function fitting(lines: readonly string[], room: number): readonly string[] {
  let left = room - CUT.length
  const kept = lines.findIndex(line => (left -= line.length + 1) < 0)
  return kept === -1 ? lines : [...lines.slice(0, kept), CUT]
}
