import {z} from 'zod'
import {AppError} from '../src/kernel/errors.ts'
import {code, link, plain} from '../src/kernel/markdown.ts'
import {
  defineAction,
  defineAgent,
  type IssuesTriage,
  type IssueVerdict,
  type Reply,
} from '../src/sdk/index.ts'

/**
 * Sorts open issues by rules. Says what it did and nothing else; without `apply` it does nothing. What a model suggests
 * besides is shown as such, and is for people to do.
 */
export default defineAgent({
  id: 'issue_triage',
  name: 'Issue Triage',
  description: 'Sorts open issues: labels, duplicates, priority, owners; asks authors who said too little',
  command: '/triage-issues',
  queue: {concurrency: 2, timeoutMs: 600_000},
  actions: {
    triage_issues: defineAction({
      description: 'Judge open issues, and with apply add labels and one comment each',
      input: z.object({
        repository: z.string().max(300).optional().describe('owner/name, one of ours'),
        repo_url: z.string().max(300).optional().describe('the same, or its address'),
        limit: z.int().min(1).max(50).default(20).describe('how many issues at most'),
        apply: z.boolean().default(false).describe('add the labels and comments'),
      }),
      output: z.object({
        repository: z.string(),
        open: z.int(),
        applied: z.boolean(),
        issues: z.array(
          z.object({
            number: z.int(),
            labels: z.array(z.string()),
            priority: z.enum(['P0', 'P1', 'P2', 'P3']),
            duplicate_of: z.int().nullable(),
            owner: z.string().nullable(),
            asked: z.boolean(),
            /** By a model, and not applied. */
            suggested: z.object({labels: z.array(z.string()), duplicate_of: z.int().nullable()}).nullable(),
            comment_url: z.string().nullable(),
          }),
        ),
        failed: z.array(z.int()),
      }),
      async run({repository: given, repo_url, limit, apply}, context) {
        const {
          services: {triage, pipelines},
          effect,
          signal,
        } = context
        const repository = pipelines.repository(repo_url ?? given)
        // Kept: looked at again after a crash, those that are done would not be among them.
        const look = () => triage.issues({repository, limit, signal})
        const triaged = apply ? await effect('plan', {run: look, find: async () => undefined}) : await look()
        const done: Done[] = []
        for (const verdict of apply ? triaged.verdicts : []) {
          signal.throwIfAborted()
          done.push({number: verdict.number, ...(await applied(verdict))})
          if (done.length % 10 === 0)
            await context.progress({
              state: 'running',
              title: `issues of ${plain(repository, 40)} · ${done.length} of ${triaged.verdicts.length}`,
            })
        }
        return {
          kind: 'replied',
          reply: describe(triaged, apply ? done : undefined),
          output: outputOf(triaged, done, apply),
        }

        /** One issue that can't be changed does not keep the others from it; what may pass is tried again. */
        async function applied(verdict: IssueVerdict): Promise<Omit<Done, 'number'>> {
          try {
            const {comment} = await effect(`issue-${verdict.number}`, {
              run: async () => ({...(await triage.applyVerdict({repository, verdict}, signal))}),
              // Doing it again adds nothing.
              find: async () => undefined,
            })
            return {comment}
          } catch (error) {
            if (error instanceof AppError && error.disposition === 'user')
              return {comment: null, refused: error.message}
            throw error
          }
        }
      },
    }),
  },
})

interface Done {
  readonly number: number
  readonly comment: string | null
  readonly refused?: string
}

function outputOf({repository, open, verdicts}: IssuesTriage, done: readonly Done[], apply: boolean) {
  return {
    ...{repository, open, applied: apply},
    issues: verdicts.map(({number, labels, priority, duplicate, owner, asks, suggestion}) => ({
      ...{number, labels: [...labels], priority, asked: asks},
      duplicate_of: duplicate?.number ?? null,
      owner: owner?.login ?? null,
      suggested: suggestion
        ? {labels: [...suggestion.labels], duplicate_of: suggestion.duplicate?.number ?? null}
        : null,
      comment_url: done.find(one => one.number === number)?.comment ?? null,
    })),
    failed: done.filter(({refused}) => refused !== undefined).map(({number}) => number),
  }
}

function describe(
  {repository, open, complete, done: before, verdicts, unasked}: IssuesTriage,
  done?: readonly Done[],
): Reply {
  const where = `issues of ${plain(repository, 40)}`
  const counted = `${open}${complete ? '' : ' or more'} open · ${before} triaged before`
  if (verdicts.length === 0) return {state: 'ok', title: `${where} · nothing to triage`, lines: [counted]}
  const failed = done?.filter(({refused}) => refused !== undefined) ?? []
  const [first] = failed
  const left = open - before - verdicts.length
  return {
    state: done === undefined ? 'info' : first ? 'partial' : 'ok',
    title: `${where} · ${headline(verdicts.length, done, failed.length)}`,
    lines: [
      `${counted}${left > 0 ? ` · ${left} left for another time` : ''}`,
      ...(first?.refused === undefined ? [] : [`❌ #${first.number}: ${plain(first.refused, 200)}`]),
      ...(done === undefined ? [`nothing was changed · ${code('apply:true')} does it`] : []),
      ...(unasked === undefined ? [] : [`the model suggested nothing: ${plain(unasked, 100)}`]),
      ...[...verdicts].sort(byUrgency).map(verdict => issueLine(verdict, done)),
    ],
  }
}

function headline(all: number, done: readonly Done[] | undefined, failed: number): string {
  if (done === undefined) return `${all} looked at`
  const said = done.filter(({comment}) => comment !== null).length
  return `${all - failed} labelled, ${said} commented${failed > 0 ? `, ${failed} not` : ''}`
}

function suggested({labels, duplicate}: NonNullable<IssueVerdict['suggestion']>): string {
  return [
    ...labels.map(label => plain(label, 40)),
    ...(duplicate ? [`like ${link(`#${duplicate.number}`, duplicate.url)}?`] : []),
  ].join(', ')
}

function byUrgency(one: IssueVerdict, other: IssueVerdict): number {
  return one.priority.localeCompare(other.priority) || one.number - other.number
}

function issueLine(verdict: IssueVerdict, done: readonly Done[] | undefined): string {
  const {number, url, title, labels, priority, reasons, duplicate, owner, asks, suggestion} = verdict
  const outcome = done?.find(one => one.number === number)
  const glyph = outcome === undefined ? '·' : outcome.refused === undefined ? '✅' : '❌'
  const kinds = labels.filter(label => !/^(?:priority|triaged|needs info|duplicate)/.test(label))
  return [
    `${glyph} ${link(`#${number}`, url)} ${plain(title, 50)}`,
    `**${priority}** ${reasons[0] ?? ''}`,
    ...(kinds.length > 0 ? [kinds.join(', ')] : []),
    ...(duplicate
      ? [`like ${link(`#${duplicate.number}`, duplicate.url)} (${Math.round(duplicate.likeness * 100)} %)`]
      : []),
    ...(owner ? [`for ${code(owner.login, 40)}?`] : []),
    ...(asks ? ['too little said'] : []),
    ...(suggestion ? [`💬 a model’s guess: ${suggested(suggestion)}`] : []),
  ].join(' · ')
}
