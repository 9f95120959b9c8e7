import {z} from 'zod'
import {link, plain} from '../src/kernel/markdown.ts'
import {defineAction, defineAgent, explanationAction, statusAction} from '../src/sdk/index.ts'

const repository = z.string().max(300).optional()
const ref = z.string().max(200).optional().describe('branch, tag or commit; the default branch otherwise')
/** The same file put there twice is put there once: these effects may be tried again. */
const again = async () => undefined

/** Writes down what a repository's files say, and proposes it as a draft. Never writes to a branch of people's. */
export default defineAgent({
  id: 'documentation',
  name: 'Documentation',
  description: 'Writes documentation from the sources and proposes it as one draft pull request',
  queue: {concurrency: 6, timeoutMs: 300_000},
  actions: {
    generate_docs: defineAction({
      description: 'Write a document from a repository’s files, and with publish propose it',
      input: z.object({
        repo_url: repository.describe('address of the repository, or owner/name'),
        repository: repository.describe('the same'),
        doc_type: z.enum(['api_reference', 'user_guide', 'deployment_guide']).describe('which document'),
        ref,
        publish: z.boolean().default(false).describe('open or update the draft pull request'),
      }),
      output: z.object({
        doc_type: z.string(),
        repository: z.string(),
        sha: z.string(),
        markdown: z.string(),
        /** Those changed by the proposal; none without one. */
        files: z.array(z.string()),
        sources: z.array(z.string()),
        pr_url: z.string().nullable(),
      }),
      async run({repo_url, repository: name, doc_type, ref: at, publish}, {services, effect, signal}) {
        const of = services.pipelines.repository(repo_url ?? name)
        const document = await services.documentation.generate({
          repository: of,
          kind: doc_type,
          ref: at,
          signal,
        })
        const proposed = publish
          ? await effect('proposal', {
              run: async () => (await services.documentation.publish(document, signal)) ?? null,
              find: again,
            })
          : null
        return {
          kind: 'replied',
          reply: {
            state: 'ok',
            title: `${doc_type.replace('_', ' ')} · ${document.sources.length} files read`,
            lines: proposed
              ? [link('the draft pull request', proposed.url)]
              : [
                  publish
                    ? 'nothing changed since it was last published'
                    : `${document.markdown.length} characters`,
                ],
          },
          output: {
            doc_type,
            repository: of,
            sha: document.sha,
            markdown: document.markdown,
            files: proposed ? [...proposed.files] : [],
            sources: [...document.sources],
            pr_url: proposed?.url ?? null,
          },
        }
      },
    }),

    update_readme: defineAction({
      description: 'Keep a section of the README that lists the generated documents, in the same draft',
      input: z.object({
        repo_url: repository.describe('address of the repository, or owner/name'),
        repository: repository.describe('the same'),
      }),
      output: z.object({repository: z.string(), files: z.array(z.string()), pr_url: z.string().nullable()}),
      async run({repo_url, repository: name}, {services, effect, signal}) {
        const of = services.pipelines.repository(repo_url ?? name)
        const proposed = await effect('proposal', {
          run: async () => (await services.documentation.publishReadme(of, signal)) ?? null,
          find: again,
        })
        return {
          kind: 'replied',
          reply: {
            state: 'ok',
            title: proposed ? 'README · proposed' : 'README · nothing to change',
            lines: proposed ? [link('the draft pull request', proposed.url)] : [plain(of)],
          },
          output: {repository: of, files: proposed ? [...proposed.files] : [], pr_url: proposed?.url ?? null},
        }
      },
    }),

    explain_code: explanationAction(),
    get_status: statusAction('documentation'),
  },
})
