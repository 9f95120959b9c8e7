import {z} from 'zod'
import {code, link, plain} from '../src/kernel/markdown.ts'
import {
  defineAction,
  defineAgent,
  wasCancelled,
  type DraftedFix,
  type ProposedFix,
  type Reply,
  type TriagedFailure,
  type TriageReport,
} from '../src/sdk/index.ts'

const SHOWN = 4
/** Lines of a log or a patch that a message has room for. */
const EXCERPT_LINES = 14

/**
 * Reads why runs fail. It proposes, and opens a draft where a person orders it: whatever a log says is somebody's words,
 * not an order.
 */
export default defineAgent({
  id: 'triage',
  name: 'Triage',
  description: 'Finds out from logs why a run or a pull request fails, and proposes what to do',
  command: '/triage',
  queue: {concurrency: 5, timeoutMs: 180_000},
  actions: {
    triage: defineAction({
      description:
        'Find the cause of a failing run or pull request, with its place, a proposal and how sure it is',
      input: z.object({
        ref: z.string().min(1).max(300).describe('#7, the number of a run, or the address of either'),
        repository: z.string().max(300).optional().describe('owner/name, one of ours'),
        repo_url: z.string().max(300).optional().describe('the same, or its address'),
        comment: z.boolean().default(false).describe('say it on the pull request, too'),
        draft: z
          .boolean()
          .default(false)
          .describe('open the patch, where there is one, as a draft pull request'),
      }),
      output: z.object({
        verdict: z.enum(['failing', 'passing', 'pending', 'none']),
        repository: z.string(),
        sha: z.string(),
        failures: z.int(),
        cause: z
          .object({
            kind: z.string(),
            message: z.string(),
            file: z.string().nullable(),
            line: z.int().nullable(),
            job: z.string(),
            confidence: z.int(),
            grade: z.string(),
          })
          .nullable(),
        fix: z
          .object({
            kind: z.enum(['patch', 'config', 'playbook']),
            title: z.string(),
            risk: z.string(),
            steps: z.array(z.string()),
            diff: z.string().nullable(),
          })
          .nullable(),
        comment_url: z.string().nullable(),
        draft_url: z.string().nullable(),
      }),
      async run({ref, repository, repo_url, comment, draft}, {services: {triage}, effect, signal}) {
        const report = await triage.investigate({ref, repository: repo_url ?? repository, signal})
        const settled = report.verdict === 'failing' || report.verdict === 'passing'
        const said =
          comment && settled
            ? await effect('comment', {
                run: async () => {
                  const posted = await triage.comment(report, signal)
                  return posted ? {url: posted.url, number: posted.number} : null
                },
                // Saying it again replaces what was said.
                find: async () => undefined,
              })
            : undefined
        const drafted =
          draft && report.verdict === 'failing'
            ? await effect('draft', {
                run: () => triage.draft(report, signal),
                // What an earlier try opened is found by its branch.
                find: async () => undefined,
              })
            : undefined
        return {
          kind: 'replied',
          reply: describe(report, said, drafted),
          output: outputOf(report, said?.url ?? null, drafted),
        }
      },
    }),
  },
})

type Said = {readonly url: string; readonly number: number} | null | undefined

function outputOf(
  {verdict, repository, sha, failures, fix}: TriageReport,
  url: string | null,
  drafted: DraftedFix | undefined,
) {
  const [cause] = failures
  return {
    ...{verdict, repository, sha, failures: failures.length},
    cause: cause
      ? {
          ...{kind: cause.kind, message: cause.message, job: cause.job.name},
          ...{file: cause.file ?? null, line: cause.line ?? null},
          ...{confidence: cause.confidence, grade: cause.grade},
        }
      : null,
    fix: fix
      ? {
          ...{kind: fix.kind, title: fix.title, risk: fix.risk, steps: [...fix.steps]},
          diff: fix.diff ?? null,
        }
      : null,
    comment_url: url,
    draft_url: drafted?.kind === 'drafted' ? drafted.url : null,
  }
}

function describe(report: TriageReport, said: Said, drafted: DraftedFix | undefined): Reply {
  const {about, repository, url, failures, fix, verdict, runs, unread, left, explanation} = report
  const where = `${about} of ${plain(repository, 40)}`
  const page = link(about.startsWith('#') ? 'the pull request' : 'the run', url)
  const told =
    said === undefined
      ? []
      : [
          said === null
            ? 'there is no open pull request to say it on'
            : `said in ${link(`a comment on #${said.number}`, said.url)}`,
        ]
  if (verdict !== 'failing') return {...QUIET[verdict](where), lines: [page, ...told]}
  const [cause, ...others] = failures
  const more = others.length - SHOWN
  const rest = [
    ...others
      .slice(0, SHOWN)
      .map(
        one =>
          `· ${place(one)}${plain(one.message, 90)} · ${one.confidence} % · job ${code(one.job.name, 30)}`,
      ),
    ...(more > 0 ? [`and ${more} more`] : []),
    ...unread.slice(0, 3).map(({job, why}) => `❔ job ${code(job, 40)}: ${plain(why, 80)}`),
    ...(left > 0 ? [`❔ ${left} more failing jobs or runs were not looked at`] : []),
    ...told,
    [page, ...runs.slice(0, 3).map(run => link(run.workflow, run.url))].join(' · '),
  ]
  if (!cause) {
    const what = wasCancelled(report) ? 'was cancelled' : 'fails'
    return {state: 'partial', title: `${where} · ${what}, and the logs don’t say why`, lines: rest}
  }
  return {
    state: cause.grade === 'needs review' ? 'partial' : 'failure',
    title: `${where} · ${cause.what}`,
    lines: [
      `**${cause.confidence} %** sure · ${cause.grade} · ${link(`job ${cause.job.name}`, cause.job.url)}${cause.job.step === undefined ? '' : ` › step ${code(cause.job.step, 60)}`}`,
      `${place(cause)}${plain(cause.message, 240)}`,
      ...(fix ? fixLines(fix, drafted) : []),
      ...(explanation.kind === 'given'
        ? [`💬 ${plain(explanation.text, 350)} (a model’s words, unchecked)`]
        : []),
      ...(explanation.kind === 'failed'
        ? [`the model did not explain it: ${plain(explanation.reason, 100)}`]
        : []),
      ...rest,
    ],
    excerpt: (fix?.diff?.trimEnd().split('\n') ?? cause.evidence).slice(0, EXCERPT_LINES).join('\n'),
  }
}

const QUIET = {
  passing: (where: string) => ({state: 'success', title: `${where} · nothing fails`}) as const,
  pending: (where: string) =>
    ({state: 'running', title: `${where} · nothing failed so far, it still runs`}) as const,
  none: (where: string) => ({state: 'other', title: `${where} · no workflow ran for it`}) as const,
}

function fixLines(
  {kind, title, risk, steps, test, file}: ProposedFix,
  drafted: DraftedFix | undefined,
): readonly string[] {
  return [
    `🔧 **${kind}**, risk ${risk}: ${plain(title, 160)}`,
    ...steps.slice(0, 3).map(step => `→ ${code(step, 120)}`),
    `then: ${plain(test, 100)}${drafted?.kind === 'drafted' ? '' : ' · nothing was changed'}`,
    ...draftLines(drafted, file !== undefined),
  ]
}

function draftLines(drafted: DraftedFix | undefined, drafts: boolean): readonly string[] {
  switch (drafted?.kind) {
    case undefined:
      return drafts ? [`${code('draft:true')} opens the patch as a draft pull request`] : []
    case 'drafted':
      return [`opened as ${link(`#${drafted.number}`, drafted.url)}, a draft for people to review`]
    case 'nothing':
      return [plain(drafted.reason, 300)]
  }
}

function place({file, line, url}: TriagedFailure): string {
  if (file === undefined) return ''
  const label = code(`${file}${line === undefined ? '' : `:${line}`}`, 80)
  return url === undefined || url.length > 300 ? `${label} ` : `[${label}](<${url}>) `
}
