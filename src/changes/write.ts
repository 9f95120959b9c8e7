import {z} from 'zod'
import {valueOf} from '../integrations/github/look.ts'
import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Llm, LlmAnswer, LlmRequest, Passage} from '../integrations/llm/llm.ts'
import type {Clock} from '../kernel/clock.ts'
import {unseenRepository} from '../pipelines/commit-refs.ts'
import type {NothingWritten, WantedChange, WrittenChange} from '../sdk/index.ts'
import type {Consult} from '../tools/consult.ts'
import {faultsIn, MOST_FILES, MOST_LINES, refusePath, writtenOf} from './checks.ts'
import {applyEdits} from './edits.ts'

/** Whose model and tools it uses. */
const AGENT = 'feature-dev'
const PATHS_SHOWN = 300
const FILES_SHOWN = 5
/** Of all files together: the rest of a call is for the instructions and the answer. */
const CHARS_SHOWN = 24_000
const ANSWER_TOKENS = 4_000

const choice = z.object({files: z.array(z.string().max(200)).max(FILES_SHOWN)})
const answer = z.object({
  title: z.string().min(1).max(72),
  summary: z.string().min(1).max(1_500),
  edits: z
    .array(
      z.object({
        path: z.string().min(1).max(200),
        find: z
          .string()
          .max(20_000)
          .nullable()
          .describe('a passage that stands there exactly once; null: a new file'),
        replace: z.string().max(40_000),
      }),
    )
    .min(1)
    .max(40),
})
type Answer = z.output<typeof answer>

const SYSTEM = [
  'You change code as a careful engineer: as little as does what is wanted, in the style that is there, with a test where tests are.',
  `At most ${MOST_FILES} files and ${MOST_LINES} lines. No workflows, manifests, lockfiles, migrations, scripts or hidden files. No secrets.`,
  'Where files hold ***, something was taken out: leave those lines alone.',
].join('\n')

/** Has a model write a change. What it says is judged by rules; what does not fit is shown to it once. */
export function createWriter({
  host,
  llm,
  consult,
  clock,
}: {
  readonly host: RepositoryHost
  readonly llm: Llm
  readonly consult: Consult
  readonly clock: Clock
}) {
  interface Sources {
    readonly sha: string
    readonly paths: readonly string[]
    readonly blobs: ReadonlyMap<string, {readonly sha: string; readonly size: number}>
  }

  async function sourcesOf({repository, signal}: WantedChange): Promise<Sources> {
    const missing = unseenRepository(repository)
    const {defaultBranch: branch} = valueOf(await host.repository({repository, signal}), missing, clock)
    const sha = valueOf(await host.branchHead({repository, branch, signal}), missing, clock)
    const tree = valueOf(await host.tree({repository, ref: sha, signal}), missing, clock)
    const files = tree.files.filter(({path, size}) => size <= CHARS_SHOWN && refusePath(path) === undefined)
    return {
      sha,
      paths: files.map(({path}) => path),
      blobs: new Map(tree.files.map(({path, sha: blob, size}) => [path, {sha: blob, size}])),
    }
  }

  async function choose(wanted: WantedChange, {paths}: Sources): Promise<readonly string[] | NothingWritten> {
    const {path, signal} = wanted
    if (path !== undefined) {
      const under = path.replace(/\/+$/, '')
      return paths.filter(one => one === under || one.startsWith(`${under}/`)).slice(0, FILES_SHOWN)
    }
    const said = await llm.object({
      ...asking(wanted, [
        {text: paths.slice(0, PATHS_SHOWN).join('\n'), trusted: false, source: 'the names of its files'},
        {
          text: 'Which of them have to be read or changed for it? None where it takes new files only.',
          trusted: true,
        },
      ]),
      schema: choice,
      signal,
    })
    if (said.kind !== 'answered') return nothing(said)
    return said.value.files.filter(file => paths.includes(file))
  }

  async function read({repository, signal}: WantedChange, {blobs}: Sources, paths: readonly string[]) {
    const texts = new Map<string, string>()
    let left = CHARS_SHOWN
    for (const path of paths) {
      const blob = blobs.get(path)
      if (!blob || blob.size > left) continue
      left -= blob.size
      texts.set(
        path,
        valueOf(await host.blob({repository, sha: blob.sha, signal}), `${path} is gone.`, clock),
      )
    }
    return texts
  }

  return async function write(wanted: WantedChange): Promise<WrittenChange | NothingWritten> {
    if (!llm.on) return {kind: 'nothing', reason: 'No language model is configured to write code.'}
    const sources = await sourcesOf(wanted)
    const refused =
      wanted.path !== undefined && sources.blobs.has(wanted.path) ? refusePath(wanted.path) : undefined
    if (refused !== undefined) return {kind: 'nothing', reason: `${refused}.`}
    const chosen = await choose(wanted, sources)
    if ('kind' in chosen) return chosen
    const texts = await read(wanted, sources, chosen)
    if (wanted.kind === 'refactor' && texts.size === 0)
      return {
        kind: 'nothing',
        reason: 'There is no file to rewrite that a model may change and that is small enough.',
      }

    const found = await consult({agent: AGENT, task: taskOf(wanted), signal: wanted.signal})
    const ask = (looked: readonly Passage[]) =>
      asking(wanted, [
        ...[...texts].map(([path, text]) => ({text, trusted: false, source: `the file ${path}`})),
        ...looked,
        {text: 'Write the change.', trusted: true},
      ])
    let first = ask(found)
    let said = await llm.object({...first, schema: answer, signal: wanted.signal})
    if (said.kind === 'over-budget' && found.length > 0) {
      // What was looked up helps, but the change does not wait for it.
      first = ask([])
      said = await llm.object({...first, schema: answer, signal: wanted.signal})
    }
    let judged = judge(said)
    if (judged.kind === 'faulty') {
      const again: LlmRequest = {
        ...first,
        messages: [
          ...first.messages,
          {role: 'assistant', passages: [{text: judged.text, trusted: true}]},
          {
            role: 'user',
            passages: [
              {text: 'That can not be used:', trusted: true},
              {text: judged.faults.join('\n'), trusted: false, source: 'the check'},
              {text: 'Write all of it again.', trusted: true},
            ],
          },
        ],
      }
      judged = judge(await llm.object({...again, schema: answer, signal: wanted.signal}))
    }
    if (judged.kind !== 'faulty') return judged
    return {
      kind: 'nothing',
      reason: `What the model wrote can not be used: ${judged.faults.slice(0, 5).join(' ')}`,
    }

    function judge(
      last: LlmAnswer<Answer>,
    ):
      | WrittenChange
      | NothingWritten
      | {readonly kind: 'faulty'; readonly text: string; readonly faults: readonly string[]} {
      if (last.kind === 'invalid') return {kind: 'faulty', text: last.text, faults: last.faults}
      if (last.kind !== 'answered') return nothing(last)
      const {title, summary, edits} = last.value
      const {files, faults} = applyEdits(edits, inTree(texts, sources))
      const all = [...faults, ...(faults.length > 0 ? [] : faultsIn(files, `${title}\n${summary}`))]
      if (all.length > 0) return {kind: 'faulty', text: JSON.stringify(last.value), faults: all}
      return writtenOf(files, {author: 'model', sha: sources.sha, title, summary})
    }
  }
}

/** What the model was shown, and of the other files that they are there: no new one may take the place of one of them. */
function inTree(
  texts: ReadonlyMap<string, string>,
  {blobs}: {readonly blobs: ReadonlyMap<string, unknown>},
): ReadonlyMap<string, string> {
  return new Map([...[...blobs.keys()].map(path => [path, ''] as const), ...texts])
}

function asking(wanted: WantedChange, passages: readonly Passage[]): LlmRequest {
  return {
    purpose: 'change',
    agent: AGENT,
    system: SYSTEM,
    messages: [{role: 'user', passages: [{text: taskOf(wanted), trusted: true}, ...passages]}],
    maxOutputTokens: ANSWER_TOKENS,
  }
}

function taskOf({kind, description, repository, path, issue}: WantedChange): string {
  const what = kind === 'refactor' ? 'Rewrite without changing what it does' : 'Implement'
  const where = path === undefined ? '' : ` Where: ${path}.`
  const about = issue === undefined ? '' : ` It is about ${issue}.`
  return `${what}, in the repository ${repository}:${where}${about}\n${description}`
}

function nothing(said: Exclude<LlmAnswer<unknown>, {kind: 'answered'}>): NothingWritten {
  switch (said.kind) {
    case 'refused':
      return {kind: 'nothing', reason: 'The model declined.'}
    case 'invalid':
      return {kind: 'nothing', reason: 'The model did not say which files it takes.'}
    default:
      return {kind: 'nothing', reason: `The model could not be asked: ${said.reason}.`}
  }
}
