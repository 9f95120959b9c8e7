import {z} from 'zod'
import {code, link, plain} from '../src/kernel/markdown.ts'
import {
  defineAction,
  defineAgent,
  diagnosisAction,
  explanationAction,
  statusAction,
  type Finding,
} from '../src/sdk/index.ts'

const FINDINGS_SHOWN = 8

const repository = z.string().max(300).optional()
const finding = z.object({
  severity: z.enum(['critical', 'warning', 'note']),
  rule: z.string(),
  file: z.string().nullable(),
  line: z.int().nullable(),
  message: z.string(),
})
const sha = z.string().regex(/^[0-9a-f]{40}$/)

/** Reads what a pull request changes, and says what a person should look at. Never approves. */
export default defineAgent({
  id: 'code-review',
  name: 'Code Review',
  description: 'Reviews pull requests and files by rules, explains files and failed runs',
  queue: {concurrency: 5, timeoutMs: 300_000},
  actions: {
    review_code: defineAction({
      description: 'Review a pull request and keep one comment on it up to date',
      input: z.object({
        repo_url: repository.describe('address of the repository, or owner/name'),
        repository: repository.describe('the same'),
        pr_number: z.int().min(1).describe('number of the pull request'),
        comment: z.boolean().default(true).describe('say it on the pull request, too'),
      }),
      output: z.object({
        verdict: z.enum(['proceed', 'block']),
        findings: z.array(finding),
        /** All of them, also those not listed. */
        comments: z.int(),
        repository: z.string(),
        head_sha: sha,
        /** Its branch; null when that is in a fork. */
        head_ref: z.string().nullable(),
        base_sha: sha,
        summary: z.string(),
        review_url: z.string().nullable(),
      }),
      async run({repo_url, repository: name, pr_number, comment}, {services, effect, signal}) {
        const review = await services.reviews.review({
          repository: services.pipelines.repository(repo_url ?? name),
          number: pr_number,
          signal,
        })
        const posted = comment
          ? await effect('review', {
              run: async () => ({...(await services.reviews.publish(review, signal))}),
              // Saying it again replaces what was said.
              find: async () => undefined,
            })
          : undefined
        const {verdict, findings, total, headSha, headRef, baseSha, summary, url} = review
        const where = `#${pr_number} of ${review.repository}`
        return {
          kind: 'replied',
          reply: {
            state: verdict === 'proceed' ? 'ok' : 'error',
            title: verdict === 'proceed' ? `${where} · nothing against it` : `${where} · not like this`,
            lines: [
              summary,
              ...findings.slice(0, FINDINGS_SHOWN).map(findingLine),
              ...(total > FINDINGS_SHOWN ? [`and ${total - FINDINGS_SHOWN} more`] : []),
              link('the pull request', posted?.url ?? url),
            ],
          },
          output: {
            verdict,
            findings,
            comments: total,
            repository: review.repository,
            head_sha: headSha,
            head_ref: headRef,
            base_sha: baseSha,
            summary,
            review_url: posted?.url ?? null,
          },
        }
      },
    }),

    static_analysis: defineAction({
      description:
        'What the rules say of files as they stand: secrets, keys, conflict markers, what was left to do',
      pure: true,
      askable: true,
      input: z.object({
        repo_url: repository.describe('address of the repository, or owner/name'),
        repository: repository.describe('the same'),
        path: z.string().min(1).max(500).optional().describe('a file or folder; everything otherwise'),
        ref: z.string().max(200).optional().describe('branch, tag or commit; the default branch otherwise'),
      }),
      output: z.object({
        verdict: z.enum(['proceed', 'block']),
        findings: z.array(finding),
        /** All of them, also those not listed. */
        total: z.int(),
        repository: z.string(),
        ref: z.string(),
        files: z.int(),
        /** Text files that were not read, since there are too many. */
        left: z.int(),
      }),
      async run({repo_url, repository: name, path, ref}, {services, signal}) {
        const analysis = await services.reviews.analyse({
          repository: services.pipelines.repository(repo_url ?? name),
          path,
          ref,
          signal,
        })
        const {findings, total, files, left} = analysis
        const verdict = findings.some(({severity}) => severity === 'critical') ? 'block' : 'proceed'
        return {
          kind: 'replied',
          reply: {
            state: verdict === 'proceed' ? 'ok' : 'error',
            title: `${analysis.repository} · ${total === 0 ? 'nothing found' : `${total} found`}`,
            lines: [
              `${files} files read${left > 0 ? `, ${left} more were not` : ''}`,
              ...findings.slice(0, FINDINGS_SHOWN).map(findingLine),
              ...(total > FINDINGS_SHOWN ? [`and ${total - FINDINGS_SHOWN} more`] : []),
            ],
          },
          output: {...analysis, verdict, findings: [...findings]},
        }
      },
    }),

    explain_code: explanationAction(),
    execute_task: diagnosisAction('code-review'),
    get_status: statusAction('code-review'),
  },
})

const GLYPHS = {critical: '❌', warning: '⚠️', note: '·'}

function findingLine({severity, file, line, message}: Finding): string {
  const where = file === null ? '' : `${code(`${file}${line === null ? '' : `:${line}`}`)} `
  return `${GLYPHS[severity]} ${where}${plain(message)}`
}
