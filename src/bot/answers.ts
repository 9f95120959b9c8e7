import {
  InteractionResponseType,
  MessageFlags,
  type APICommandAutocompleteInteractionResponseCallbackData,
  type APIInteractionResponse,
} from 'discord-api-types/v10'
import {renderReply} from '../integrations/discord/render.ts'
import {shortId} from '../kernel/correlation.ts'
import {code, link, plain} from '../kernel/markdown.ts'
import type {CommandDefinition, Reply, Suggestion} from '../sdk/index.ts'

/*
 * What the pipeline itself says, before any agent does: each says what is the matter and what to do next.
 */

export function refusal(command: CommandDefinition, reasons: readonly string[]): Reply {
  return {state: 'refused', title: `you can’t run /${command.name} yet`, lines: bullets(reasons)}
}

export function notYourButton(reasons: readonly string[]): Reply {
  return {state: 'refused', title: 'you can’t press this', lines: bullets(reasons)}
}

/** `why` is a whole sentence. */
export function nothingToShow(why: string): Reply {
  return {state: 'refused', title: 'there is nothing to show', lines: [plain(why, 400)]}
}

export function invalid(command: CommandDefinition, problems: readonly string[]): Reply {
  return {
    state: 'error',
    title: `/${command.name} was not started`,
    lines: [...bullets(problems.map(problem => plain(problem, 300))), 'see `/help`'],
  }
}

export function unknownCommand(name: string): Reply {
  return {
    state: 'error',
    title: `there is no /${plain(name, 32)} here`,
    lines: ['see `/help` for what there is'],
  }
}

export function goneControl(what = 'button'): Reply {
  return {
    state: 'refused',
    title: `this ${what} is not in use any more`,
    lines: ['run the command again to get fresh ones'],
  }
}

/** What going back does, and the button that does it. */
export function goBack(title: string, backTo: string, release: string): Reply {
  return {
    state: 'partial',
    title: `${title} · go back?`,
    lines: [`ships ${code(backTo.slice(0, 7))} once more, the last commit that went well`],
    controls: [
      {
        ...{kind: 'action', label: 'Yes, roll back', action: 'confirm-roll-back'},
        ...{subject: release, style: 'danger'},
      },
    ],
  }
}

/** A release that nobody decides about any more, or not yet; `words` say how it stands. */
export function closedRelease(title: string, words: string): Reply {
  return {
    state: 'other',
    title: `${title} · ${words}`,
    lines: ['there is nothing to decide about it; its message says how it went'],
  }
}

/** `url` leads to the first one's message, once there is one. */
export function joined(title: string, firstId: string, url: string | undefined): Reply {
  return {
    state: 'info',
    title: `${title} · you just asked for this`,
    lines: [
      `joined ${code(shortId(firstId))} instead of starting it twice`,
      ...(url === undefined ? [] : [link('go to its message', url)]),
    ],
  }
}

export function heardTooLate(command: CommandDefinition, asker: string): Reply {
  return {
    state: 'partial',
    title: `/${command.name} did not start`,
    lines: [`${plain(asker, 60)}, I heard you too late. Nothing was started: run it again`],
  }
}

/** What the bot or the sweep says of a command that was acknowledged and will never be recorded. */
export function interrupted(command: string, correlationId: string): Reply {
  return {
    state: 'error',
    title: `/${plain(command, 32)} was interrupted`,
    lines: [
      `nothing was started · code INTERRUPTED · ${code(correlationId)}`,
      'run the command again; if it stays, give an admin this id',
    ],
  }
}

export function ourFault(correlationId: string): Reply {
  return {
    state: 'error',
    title: 'something went wrong on our side',
    lines: [
      `nothing was started · code INTERNAL · ${code(correlationId)}`,
      'try again; if it stays, give an admin this id',
    ],
  }
}

/** A reply as the first answer, for the asker's eyes only. */
export function privately(reply: Reply): APIInteractionResponse {
  const body = renderReply(reply)
  return {
    type: InteractionResponseType.ChannelMessageWithSource,
    data: {
      ...body,
      embeds: [...body.embeds],
      components: [...body.components],
      allowed_mentions: {parse: []},
      flags: MessageFlags.Ephemeral,
    },
  }
}

export function suggestions(choices: readonly Suggestion[]): APIInteractionResponse {
  const data: APICommandAutocompleteInteractionResponseCallbackData = {choices: [...choices]}
  return {type: InteractionResponseType.ApplicationCommandAutocompleteResult, data}
}

function bullets(lines: readonly string[]): readonly string[] {
  return lines.map(line => `· ${line}`)
}
