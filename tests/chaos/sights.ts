import type {Change as DiscordChange} from '../../src/emulators/discord/index.ts'
import type {Change as GithubChange} from '../../src/emulators/github/index.ts'
import type {LogLine} from '../support/processes.ts'
import type {Phase} from './scenario.ts'

/** Anything that an onlooker of the world can notice. */
export type Sight =
  | {readonly of: 'discord'; readonly change: DiscordChange}
  | {readonly of: 'github'; readonly change: GithubChange}
  | {readonly of: 'log'; readonly process: string; readonly line: LogLine}

export const isVerdict = (content: string): boolean => /^(?:🟢|🔴|⚪|⏱️|⚠️)/u.test(content)

const discord = (fits: (change: DiscordChange) => boolean) => (sight: Sight) =>
  sight.of === 'discord' && fits(sight.change)
const github = (fits: (change: GithubChange) => boolean) => (sight: Sight) =>
  sight.of === 'github' && fits(sight.change)
const log = (fits: (line: LogLine) => boolean) => (sight: Sight) => sight.of === 'log' && fits(sight.line)
const asked = (route: string) =>
  github(
    change =>
      change.kind === 'request' && change.request.route === route && change.request.status === undefined,
  )
const answered = (route: string) =>
  github(
    change =>
      change.kind === 'request' && change.request.route === route && (change.request.status ?? 500) < 400,
  )

/** By what each phase is recognized. What the emulators can't see is read from the log. */
export const SIGNS: Readonly<Record<Phase, (sight: Sight) => boolean>> = {
  'interaction sent': discord(change => change.kind === 'interaction.sent'),
  'interaction acknowledged': discord(change => change.kind === 'interaction.acknowledged'),
  'command recorded': log(line => line['msg'] === 'command accepted'),
  'first edit': discord(change => change.kind === 'message.edited'),
  'dispatch begun': log(line => line['event'] === 'dispatch-began'),
  'dispatch arriving': asked('dispatch'),
  'run created': github(change => change.kind === 'run' && change.action === 'requested'),
  'dispatch answered': answered('dispatch'),
  'run listed': answered('workflowRuns'),
  'run observed': answered('run'),
  'job in progress': github(change => change.kind === 'job' && change.action === 'in_progress'),
  'job failed': github(
    change => change.kind === 'job' && change.job === 'deploy' && change.action === 'completed',
  ),
  'log read': asked('logs'),
  'run completed': github(change => change.kind === 'run' && change.action === 'completed'),
  'final edit': discord(
    change =>
      change.kind === 'message.edited' &&
      change.message.interactionId !== undefined &&
      isVerdict(change.message.content),
  ),
  'closing posted': discord(
    change => change.kind === 'message.created' && change.message.interactionId === undefined,
  ),
}

/** One line for the timeline; undefined for what would only fill it. */
export function describeSight(sight: Sight): string | undefined {
  switch (sight.of) {
    case 'log':
      return `${sight.process}: ${describeLine(sight.line)}`
    case 'github':
      return describeGithub(sight.change)
    case 'discord':
      return describeDiscord(sight.change)
  }
}

function describeLine({time: _time, level, msg, stray, ...fields}: LogLine): string {
  return stray === undefined
    ? `${String(level)} ${String(msg)} ${JSON.stringify(fields).slice(0, 300)}`
    : JSON.stringify(stray)
}

function describeGithub(change: GithubChange): string | undefined {
  switch (change.kind) {
    case 'run':
      return `GitHub: run ${change.runId} ${change.action}`
    case 'job':
      return `GitHub: job ${change.job} ${change.action}`
    case 'request': {
      const {route, status} = change.request
      return `GitHub: ${route} ${status === undefined ? 'asked' : `answered ${status}`}`
    }
    case 'delivery':
      return change.delivery.outcome === 'sending'
        ? undefined
        : `GitHub: webhook ${change.delivery.event} ${change.delivery.outcome}`
  }
}

function describeDiscord(change: DiscordChange): string | undefined {
  switch (change.kind) {
    case 'message.created':
    case 'message.edited':
      return `Discord: ${change.kind} ${change.message.id} “${change.message.content}”`
    case 'request':
      return change.request.status < 400
        ? undefined
        : `Discord: ${change.request.name} answered ${change.request.status}`
    default:
      return `Discord: ${change.kind}`
  }
}
