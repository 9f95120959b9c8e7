import {z} from 'zod'
import {code, link, plain} from '../src/kernel/markdown.ts'
import {defineAction, defineAgent, type QaCheck, type QaReport, type Reply} from '../src/sdk/index.ts'

const SHOWN = 7

/** Checks pull requests by the rules of their repository. Says what it could not look at; passes nothing unseen. */
export default defineAgent({
  id: 'qa_checker',
  name: 'QA Checker',
  description: 'Checks pull requests by the rules in qa.yaml of their repository',
  command: '/qa',
  queue: {concurrency: 5, timeoutMs: 120_000},
  actions: {
    check: defineAction({
      description: 'Check a pull request by rules',
      input: z.object({pr: z.int().min(1), target: z.string().optional(), repository: z.string().optional()}),
      output: z.object({
        verdict: z.enum(['pass', 'fail', 'unknown']),
        failed: z.array(z.string()),
        warned: z.array(z.string()),
        unknown: z.array(z.string()),
        review_url: z.string().nullable(),
      }),
      async run({pr, target, repository}, {services: {qa, pipelines}, effect, signal}) {
        const report = await qa.check({
          repository:
            target === undefined ? pipelines.repository(repository) : pipelines.target(target).repository,
          number: pr,
          signal,
        })
        const review =
          qa.posts && report.pull
            ? await effect('review', {
                async run() {
                  const {url, refused = null} = await qa.publish(report, signal)
                  return {url, refused}
                },
                // Saying it again replaces what was said.
                find: async () => undefined,
              })
            : undefined
        const named = (kind: Kind) => report.checks.filter(one => kindOf(one) === kind).map(({id}) => id)
        return {
          kind: 'replied',
          reply: describe(report, review),
          output: {
            verdict: report.verdict,
            failed: named('failed'),
            warned: named('warned'),
            unknown: named('unknown'),
            review_url: review?.url ?? null,
          },
        }
      },
    }),
  },
})

const GLYPHS = {passed: '✅', failed: '❌', warned: '⚠️', unknown: '❔', skipped: '➖'}
const COUNTED = {
  passed: 'passed',
  failed: 'failed',
  warned: 'warned',
  unknown: 'not looked at',
  skipped: 'not about this change',
}
type Kind = keyof typeof GLYPHS

function kindOf({outcome, severity}: QaCheck): Kind {
  return outcome === 'failed' && severity === 'should' ? 'warned' : outcome
}

/** What is wrong comes first. */
function describe(
  report: QaReport,
  review: {readonly url: string; readonly refused: string | null} | undefined,
): Reply {
  const {checks, pull, rules, unread} = report
  const ranked = (['failed', 'warned', 'unknown'] as const).flatMap(kind =>
    checks.filter(check => kindOf(check) === kind),
  )
  const more = ranked.length - SHOWN
  const counts = (Object.keys(COUNTED) as Kind[]).flatMap(kind => {
    const number = checks.filter(check => kindOf(check) === kind).length
    return number === 0 ? [] : [`${number} ${COUNTED[kind]}`]
  })
  const [hidden] = unread
  return {
    ...headline(report),
    lines: [
      `${checks.length} ${checks.length === 1 ? 'check' : 'checks'}: ${counts.join(', ')}`,
      ...ranked.slice(0, SHOWN).map(checkLines),
      ...(more > 0 ? [`and ${more} more`] : []),
      ...(hidden
        ? [
            `no lines to look at in ${unread.length === 1 ? '' : `${unread.length} files, such as `}${code(hidden.file)}`,
          ]
        : []),
      ...(pull
        ? [
            `${rules === 'default' ? 'our rules for deploys: it has no qa.yaml' : `rules: ${code('qa.yaml')} of ${code(pull.baseRef)}`} · ${link('the pull request', pull.url)}`,
          ]
        : []),
      ...(review ? [`said in ${link('a review', review.url)}`] : []),
      ...(typeof review?.refused === 'string' ? [`it only comments: ${plain(review.refused, 200)}`] : []),
    ],
  }
}

function headline({repository, number, verdict, checks}: QaReport): Pick<Reply, 'state' | 'title'> {
  const where = `#${number} of ${plain(repository, 45)}`
  if (verdict === 'fail') return {state: 'failure', title: `${where} · QA fails`}
  if (verdict === 'unknown') return {state: 'partial', title: `${where} · QA is undecided`}
  const anything = checks.some(({id, outcome}) => id !== 'all-files' && outcome !== 'skipped')
  return anything
    ? {state: 'success', title: `${where} · QA passes`}
    : {state: 'other', title: `${where} · no rule is about it`}
}

function checkLines(check: QaCheck): string {
  const {title, reason, fix, outcome, evidence} = check
  const [place] = evidence
  const label = place && code(`${place.file}${place.line === undefined ? '' : `:${place.line}`}`, 80)
  const where = place?.url === undefined ? (label ?? '') : `[${label}](<${place.url}>)`
  return [
    `${GLYPHS[kindOf(check)]} ${plain(title, 100)}: ${plain(reason, 160)}${where === '' ? '' : ` · ${where}`}`,
    ...(fix === undefined || outcome !== 'failed' ? [] : [`→ ${plain(fix, 160)}`]),
  ].join('\n')
}
