import type {MergedPullRequest} from '../integrations/github/repository-host.ts'
import {ellipsis, visible} from '../kernel/markdown.ts'
import {formatDuration} from '../kernel/time.ts'
import type {WorkflowRunSummary} from '../sdk/index.ts'

/** What a section of the summary says. A part that could not be read is absent; an empty one says `none`. */
export interface SectionFacts {
  readonly correlationId: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly notes: string | undefined
  readonly merged?: readonly MergedPullRequest[] | undefined
  readonly deploys?: readonly Deploy[] | undefined
  readonly next?:
    readonly {readonly number: number; readonly url: string; readonly title: string}[] | undefined
}

export interface Deploy {
  readonly workflow: string
  readonly run: WorkflowRunSummary
}

/** One section, as it is put on top of what is there; it ends with a rule and an empty line. */
export function sectionOf({correlationId, at, notes, merged, deploys, next}: SectionFacts): string {
  const parts = [
    `${markerOf(correlationId)}\n## ${date(at)}, ${time(at)} UTC`,
    ...(notes === undefined ? [] : [`> ${escaped(notes, 1000)}`]),
    ...part('Merged', merged?.map(mergedLine)),
    ...part('Deploys', deploys?.map(deployLine)),
    ...part(
      'Next steps',
      next?.map(({number, url, title}) => `[#${number}](${address(url)}) ${escaped(title)}`),
    ),
    '---',
  ]
  return `${parts.join('\n\n')}\n\n`
}

/** The section, and below it what was there, byte by byte. */
export function prepended(section: string, before: string): string {
  return section + before
}

/** Whether this command's section is there already. */
export function holdsSection(text: string, correlationId: string): boolean {
  return text.includes(markerOf(correlationId))
}

export function date(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

function time(at: number): string {
  return new Date(at).toISOString().slice(11, 16)
}

/** Readers of the page don't see it. */
function markerOf(correlationId: string): string {
  return `<!-- signalbox:summary ${correlationId} -->`
}

function part(title: string, lines: readonly string[] | undefined): readonly string[] {
  if (!lines) return []
  return [`### ${title}\n\n${(lines.length === 0 ? ['none'] : lines).map(line => `- ${line}`).join('\n')}`]
}

function mergedLine({number, url, title, author, mergedAt}: MergedPullRequest): string {
  return `[#${number}](${address(url)}) ${escaped(title)} · ${escaped(author, 40)} · ${date(mergedAt)}`
}

function deployLine({workflow, run}: Deploy): string {
  const {status, conclusion, createdAt, updatedAt, url} = run
  const lasted = conclusion === null ? [] : [formatDuration(updatedAt - createdAt)]
  const words = (conclusion ?? status).replaceAll('_', ' ')
  const facts = [`${glyphOf(run)} ${escaped(workflow, 80)}`, escaped(words, 40)]
  return [...facts, `${date(createdAt)} ${time(createdAt)} UTC`, ...lasted, `[run](${address(url)})`].join(
    ' · ',
  )
}

function glyphOf({conclusion}: WorkflowRunSummary): string {
  switch (conclusion) {
    case null:
      return '🔄'
    case 'success':
      return '✅'
    case 'failure':
    case 'timed_out':
    case 'startup_failure':
      return '❌'
    default:
      return '⚪'
  }
}

/** Somebody's words as plain words on one line: no markup, no comment that would hide what follows, nobody is pinged. */
function escaped(text: string, maxLength = 120): string {
  return ellipsis(visible(text), maxLength)
    .replace(/[\\`*_~|<>[\]#&$]/g, '\\$&')
    .replace(/^(?:[-+]|\d+(?=[.)]))/, '\u200b$&')
    .replace(/@/g, '@\u200b')
    .replace(/:\/\//g, ':\u200b//')
}

/** GitHub's own field, in round brackets. */
function address(url: string): string {
  return url.replace(/[()\s<>]/g, mark => `%${mark.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
