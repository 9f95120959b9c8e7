import {mkdirSync, realpathSync} from 'node:fs'
import {relative, resolve} from 'node:path'
import {createInterface} from 'node:readline'
import {toError} from '../../kernel/errors.ts'
import {CHANNEL} from './cast.ts'
import {openPrompt, steerTour} from './keyboard.ts'
import {createPace, withoutPauses} from './pace.ts'
import {createSession, HELP} from './session.ts'
import {openStage, type Stage, type StageOptions} from './stage.ts'
import {playTour} from './tour.ts'
import {createTerminalView} from './view/terminal.ts'
import {createTranscript} from './view/transcript.ts'
import type {View} from './view/view.ts'

export interface DemoOptions {
  /** Plays the tour for a machine: no waiting, plain text, an exit code. */
  readonly once: boolean
  readonly step: StageOptions['step']
}

/** A machine must never wait for ever; set-up and tour together take a fraction of it. */
const ONCE_WITHIN_MS = 115_000

/** Runs the demo to its end and answers the exit code. */
export async function runDemo({once, step}: DemoOptions): Promise<number> {
  const {stdin: input, stdout: output, env} = process
  const living = !once && input.isTTY && output.isTTY && env['TERM'] !== 'dumb'
  const colour = !once && output.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  const home = homeOf(env['SIGNALBOX_HOME'])
  const redisUrl = env['REDIS_URL'] || undefined
  const say = (text: string) => void output.write(`${text}\n`)

  let over = false
  let end: (code: number) => void = () => {}
  const ended = new Promise<number>(resolveEnd => {
    end = code => {
      over = true
      resolveEnd(code)
    }
  })
  process.on('SIGINT', () => end(130))
  process.on('SIGTERM', () => end(143))
  process.on('SIGHUP', () => end(129))
  // The terminal is gone, or whoever read our output: that must not keep us from taking everything down.
  for (const stream of [input, output]) stream.on('error', () => end(129))
  if (once) {
    const late = () => {
      say(`\nThe demo did not come to its end within ${ONCE_WITHIN_MS / 1000} s.`)
      end(1)
    }
    setTimeout(late, ONCE_WITHIN_MS - performance.now()).unref()
  }

  const closers: {close(): void}[] = []
  let tellDeath = (headline: string, lastWords: readonly string[]): void =>
    say([headline, ...lastWords].join('\n'))
  let opening: Promise<Stage> | undefined

  async function play(): Promise<number> {
    say(
      `  Queues are on ${redisUrl === undefined ? 'Postgres (with REDIS_URL set: on Redis)' : 'Redis, as REDIS_URL says'}.`,
    )
    opening = openStage({
      home,
      redisUrl,
      speed: living ? 1 : 2,
      step,
      onDeath: (name, lastWords) =>
        tellDeath(
          `The ${name} died unexpectedly. The end of ${name}.log (another starts with: kill ${name})`,
          lastWords,
        ),
    })
    const stage = await opening
    // Ended while it was being built up: whoever waits for the end takes it down.
    if (over) return 0
    return living ? playToPerson(stage) : playAsText(stage)
  }

  async function playAsText(stage: Stage): Promise<number> {
    const {discord, cast} = stage
    const write = (text: string) => void output.write(text)
    const view = createTranscript({
      discord,
      channel: discord.channel(CHANNEL),
      runs: () => cast.repository.runs,
      write,
      colour,
    })
    closers.push(view)
    tellDeath = (headline, lastWords) => view.tell([headline, ...lastWords].join('\n'), 'bad')
    const {kept, of} = await playTour({stage, view, pace: withoutPauses})
    say(`\ndemo: ${kept} of ${of} scenes as promised`)
    if (!once) await takeLines(stage, view)
    return kept === of ? 0 : 1
  }

  async function playToPerson(stage: Stage): Promise<number> {
    const {discord, github, cast} = stage
    const pace = createPace()
    const view = createTerminalView({
      output,
      colour,
      discord,
      github,
      channel: discord.channel(CHANNEL),
      runs: () => cast.repository.runs,
      person: cast.grace,
      pace,
    })
    closers.push(view)
    tellDeath = (headline, lastWords) => {
      view.tell(headline, 'bad')
      view.page([headline, '', ...lastWords])
    }
    const steering = steerTour({input, view, pace, end: () => end(0)})
    await playTour({stage, view, pace})
    steering.close()
    view.scene()
    view.tell('Type a slash command, for example /deploy-client wait:true')
    const session = createSession({stage, view, pace, person: cast.grace})
    closers.push(openPrompt({input, view, session, end: () => end(0)}))
    return ended
  }

  let failure: string | undefined
  const code = await Promise.race([
    ended,
    play().catch((error: unknown) => {
      failure = toError(error).message
      return 1
    }),
  ])
  for (const closer of closers.reverse()) closer.close()
  if (input.isTTY) input.setRawMode(false)
  input.pause()
  if (failure !== undefined) say(`\n${failure}`)
  // Also what was still being built up has to be taken down.
  await (await opening?.catch(() => undefined))?.close()
  const nearby = relative(process.cwd(), home)
  say(
    `\nThe demo has ended. Its data (database, logs, signalbox.yaml) is in ${nearby.startsWith('..') ? home : nearby}`,
  )
  say('Start it again with: npm run demo')
  return code
}

/** Without a terminal: lines of standard input, one after the other, each to its end. */
async function takeLines(stage: Stage, view: View): Promise<void> {
  view.scene()
  const session = createSession({stage, view, pace: withoutPauses, person: stage.cast.grace})
  for await (const line of createInterface({input: process.stdin})) {
    if (line.trim() === '') continue
    await view.types(session.person, line)
    const next = await session.enter(line, {toTheEnd: true})
    if (next === 'quit') return
    if (next === 'page') view.page(HELP)
    view.outcome([])
  }
}

function homeOf(given: string | undefined): string {
  const home = resolve(given || '.signalbox/demo')
  mkdirSync(home, {recursive: true})
  return realpathSync(home)
}
