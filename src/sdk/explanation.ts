import {z} from 'zod'
import {code, ellipsis, plain} from '../kernel/markdown.ts'
import {defineAction, type ActionDefinition} from './agent.ts'
import type {CodeOutline} from './documentation.ts'

const SHOWN = 15

/** `explain_code`, as every agent has it that reads sources. Changes nothing. */
export function explanationAction(): ActionDefinition {
  return defineAction({
    description: 'What a file offers and needs, from its own lines',
    pure: true,
    askable: true,
    input: z.object({
      repo_url: z.string().max(300).optional().describe('address of the repository, or owner/name'),
      repository: z.string().max(300).optional().describe('the same'),
      path: z.string().min(1).max(500).describe('the file'),
      ref: z.string().max(200).optional().describe('branch, tag or commit; the default branch otherwise'),
    }),
    output: z.object({
      path: z.string(),
      sha: z.string(),
      lines: z.int(),
      language: z.string(),
      about: z.string().nullable(),
      imports: z.array(z.string()),
      exports: z.array(
        z.object({kind: z.string(), name: z.string(), line: z.int(), about: z.string().nullable()}),
      ),
    }),
    async run({repo_url, repository: name, path, ref}, {services: {pipelines, documentation}, signal}) {
      const repository = pipelines.repository(repo_url ?? name)
      const outline = await documentation.outline({repository, path, ref, signal})
      return {
        kind: 'replied',
        reply: {
          state: 'info',
          title: ellipsis(`${path.split('/').at(-1) ?? path} · ${outline.language}`, 80),
          lines: linesOf(outline),
        },
        output: {
          ...outline,
          about: outline.about ?? null,
          exports: outline.exports.map(entry => ({...entry, about: entry.about ?? null})),
        },
      }
    },
  })
}

function linesOf({about, imports, exports, lines}: CodeOutline): readonly string[] {
  const more = exports.length - SHOWN
  return [
    ...(about === undefined ? [] : [plain(about, 300)]),
    `${lines} lines · ${imports.length} imports · ${exports.length} exports`,
    ...exports.slice(0, SHOWN).map(entry => {
      const words = entry.about === undefined ? '' : ` ${plain(entry.about, 120)}`
      return `${entry.kind} ${code(entry.name)}${words}`
    }),
    ...(more > 0 ? [`and ${more} more`] : []),
  ]
}
