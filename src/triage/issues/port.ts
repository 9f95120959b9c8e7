import {valueOf} from '../../integrations/github/look.ts'
import type {FullIssue, RepositoryHost} from '../../integrations/github/repository-host.ts'
import type {Llm} from '../../integrations/llm/llm.ts'
import type {Clock} from '../../kernel/clock.ts'
import type {IssueVerdict, TriagePort} from '../../sdk/index.ts'
import {sayOnce} from '../comment.ts'
import {commentOn, judgeIssues} from './judge.ts'
import {CODEOWNERS, ownerOf, pathsIn} from './owners.ts'
import {suggest} from './suggest.ts'

/** By it our comment on an issue is found again. */
const ISSUE_MARK = '<!-- signalbox:issue-triage -->'
/** Files whose last authors are asked for, of all issues together. */
const MOST_HISTORIES = 20

/** Judges open issues by rules, has a model suggest more, and says on the issues what came of the rules. */
export function createIssueTriage({
  host,
  llm,
  clock,
}: {
  readonly host: () => RepositoryHost
  readonly llm: Llm
  readonly clock: Clock
}): Pick<TriagePort, 'issues' | 'applyVerdict'> {
  async function codeowners(repository: string, signal: AbortSignal): Promise<string> {
    const missing = `${repository} was not found, or our token can’t see it.`
    const {defaultBranch} = valueOf(await host().repository({repository, signal}), missing, clock)
    for (const path of CODEOWNERS) {
      const look = await host().file({repository, path, ref: defaultBranch, signal})
      if (look.kind === 'seen') return look.value.text
    }
    return ''
  }

  /** Whom CODEOWNERS names for the files of an issue, or else who changed one of them last. */
  function createOwners(repository: string, rules: string, signal: AbortSignal) {
    let histories = 0
    return async ({title, body}: FullIssue): Promise<IssueVerdict['owner']> => {
      const paths = pathsIn(`${title}\n${body}`)
      for (const path of paths) {
        const login = ownerOf(rules, path)
        if (login !== undefined) return {login, why: `CODEOWNERS has ${path}`}
      }
      for (const path of paths) {
        if (histories === MOST_HISTORIES) return undefined
        histories += 1
        const look = await host().commitsOfFile({repository, path, signal})
        const author = look.kind === 'seen' ? look.value[0]?.author : undefined
        if (author !== undefined && /^[\w-]+$/.test(author))
          return {login: author, why: `changed ${path} last`}
      }
      return undefined
    }
  }

  return {
    async issues({repository, limit, signal}) {
      const missing = `${repository} has no issues, or our token can’t see them.`
      const {items, complete} = valueOf(await host().issuesInFull({repository, signal}), missing, clock)
      const {done, verdicts} = judgeIssues(items, limit)
      const ownerFor = createOwners(
        repository,
        verdicts.length === 0 ? '' : await codeowners(repository, signal),
        signal,
      )
      const {suggestions, unasked} = await suggest(llm, {all: items, verdicts, signal})
      const judged: IssueVerdict[] = []
      for (const verdict of verdicts) {
        signal.throwIfAborted()
        const issue = items.find(({number}) => number === verdict.number)
        const owner = issue && (await ownerFor(issue))
        judged.push({...verdict, owner, suggestion: suggestions.get(verdict.number)})
      }
      return {repository, open: items.length, complete, done, verdicts: judged, unasked}
    },

    async applyVerdict({repository, verdict}, signal) {
      const {number, labels} = verdict
      const text = commentOn(verdict)
      const about = {repository, number, signal}
      // The labels come last: with them it is done, and not looked at again.
      const said =
        text === undefined
          ? undefined
          : await sayOnce({host: host(), clock}, {...about, mark: ISSUE_MARK, text})
      valueOf(
        await host().addLabels({...about, labels}),
        `${repository} has no issue #${number} any more.`,
        clock,
      )
      return {comment: said?.url ?? null}
    },
  }
}
