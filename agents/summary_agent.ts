import {z} from 'zod'
import {code, ellipsis, link, plain} from '../src/kernel/markdown.ts'
import {defineAction, defineAgent, type Reply, type SummaryDraft} from '../src/sdk/index.ts'

const PREVIEWED = 1000
/** Of a message, for what is left out and the preview together; and what the latter has in any case. */
const ROOM = 1240
const LEAST_PREVIEWED = 350

/** Keeps the file of dated summaries: what was merged and shipped, and what comes next. */
export default defineAgent({
  id: 'summary_agent',
  name: 'Summary Agent',
  description: 'Puts a dated status section on top of the summary file, through a pull request',
  command: '/update-summary',
  queue: {concurrency: 3, timeoutMs: 120_000},
  actions: {
    update: defineAction({
      description: 'Propose a section for the summary file, or only show it',
      input: z.object({notes: z.string().optional(), dry_run: z.boolean()}),
      async run({notes, dry_run}, {correlationId, services: {summary}, signal, effect}) {
        const draft = await summary.compose({correlationId, notes, signal})
        if (dry_run) return {kind: 'replied', reply: preview(draft)}
        const proposed = await effect('propose the summary', {
          run: () => summary.propose({...draft, correlationId}, signal),
          // Proposing again finds the section and changes nothing.
          find: () => Promise.resolve(undefined),
        })
        const lines = [
          `${link(`pull request #${proposed.number}`, proposed.url)} ${proposed.opened ? 'opened' : 'updated'} · ${code(draft.path)}`,
          ...(notes === undefined ? [] : [`» ${plain(notes, 100)}`]),
          ...omissions(draft),
        ]
        const state = draft.omitted.length === 0 ? 'ok' : 'partial'
        const title = `summary of ${plain(draft.repository, 40)} · proposed`
        return {kind: 'replied', reply: {state, title, lines}, output: proposed}
      },
    }),
  },
})

function preview(draft: SummaryDraft): Reply {
  const {repository, path, markdown} = draft
  const left = omissions(draft)
  const shown = Math.max(LEAST_PREVIEWED, Math.min(PREVIEWED, ROOM - left.join('\n').length))
  const more = markdown.length - shown
  return {
    state: 'info',
    title: `summary of ${plain(repository, 40)} · dry run`,
    lines: [
      `nothing was written; this would go on top of ${code(path)}${more > 0 ? `, and ${more} characters more` : ''}`,
      ...left,
      block(ellipsis(markdown, shown)),
    ],
  }
}

function omissions({omitted}: SummaryDraft): readonly string[] {
  return omitted.map(({section, reason}) => `left out ${section}: ${plain(reason, 200)}`)
}

/** A fence can't be escaped inside itself, so back-ticks inside are kept apart. */
function block(text: string): string {
  return `\`\`\`\n${text.trimEnd().replace(/`(?=`)/g, '`\u200b')}\n\`\`\``
}
