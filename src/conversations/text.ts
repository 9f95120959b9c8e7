import {REPLY_STATES, type Reply} from '../sdk/index.ts'

/** A reply as plain text, for those who don't render Discord's marks. */
export function textOf({state, title, lines = [], excerpt}: Reply): string {
  return [`${REPLY_STATES[state].glyph} ${title}`, ...lines, ...(excerpt === undefined ? [] : [excerpt])]
    .join('\n')
    .replace(/\\([\\`*_~|>#[\]()])/g, '$1')
    .replace(/<t:(\d+):[a-zA-Z]>/g, (_, seconds: string) => new Date(Number(seconds) * 1000).toISOString())
    .replaceAll('\u200b', '')
}
