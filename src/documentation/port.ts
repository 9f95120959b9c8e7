import {createProposals} from '../proposals/proposals.ts'
import {valueIfAny, valueOf} from '../integrations/github/look.ts'
import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import {redactText} from '../platform/redact.ts'
import {holdsSecretShape} from '../platform/secret-text.ts'
import {notConfigured} from '../pipelines/port.ts'
import type {DocumentationPort, DocumentKind} from '../sdk/index.ts'
import {outlineOf} from './outline.ts'
import {sourcesFor, titleOfKind, withSection, writeDocument, type Source} from './write.ts'

/** Ours alone; what follows is the commit that the branch began at. */
const BRANCH = 'signalbox/docs-'
const FOLDER = 'docs/generated'
const TITLE = 'Documentation, written from the sources'
const BODY =
  'Signalbox keeps this branch up to date with what the sources say. Read it before you merge it; close it to begin anew.'
/** Also what a workflow's step may answer, with room to spare. */
const LARGEST = 60_000
const READ_AT_ONCE = 5

const FILES: Readonly<Record<DocumentKind, string>> = {
  api_reference: `${FOLDER}/api-reference.md`,
  user_guide: `${FOLDER}/user-guide.md`,
  deployment_guide: `${FOLDER}/deployment-guide.md`,
}

/** Writes documents from a repository's files, and proposes them as one draft pull request. */
export function createDocumentation({
  host,
  clock,
}: {
  readonly host: RepositoryHost | undefined
  readonly clock: Clock
}): DocumentationPort {
  function github(): RepositoryHost {
    if (!host) throw notConfigured()
    return host
  }

  const proposals = () => createProposals({host: github(), clock})

  async function defaultBranch(repository: string, signal: AbortSignal): Promise<string> {
    const look = await github().repository({repository, signal})
    return valueOf(look, unseen(repository), clock).defaultBranch
  }

  async function textAt(repository: string, path: string, ref: string, signal: AbortSignal) {
    return valueIfAny(await github().file({repository, path, ref, signal}), clock)
  }

  async function propose(
    repository: string,
    path: string,
    text: string,
    message: string,
    signal: AbortSignal,
  ): Promise<{readonly url: string; readonly files: readonly string[]} | undefined> {
    if (text.length > LARGEST)
      throw new AppError('INVALID_INPUT', `The document is larger than ${LARGEST / 1000} kB.`)
    if (holdsSecretShape(text))
      throw new AppError(
        'INVALID_INPUT',
        'The document would hold a secret from the sources. Take it out there first.',
      )
    const kept = await proposals().keep({
      repository,
      prefix: BRANCH,
      title: TITLE,
      body: BODY,
      edits: new Map([[path, before => (before?.text === text ? undefined : text)]]),
      message: () => message,
      signal,
    })
    return kept && {url: kept.pull.url, files: kept.files}
  }

  return {
    async generate({repository, kind, ref, signal}) {
      const at = ref ?? (await defaultBranch(repository, signal))
      const missing = `${repository} has no branch, tag or commit ${at}.`
      const branch = await github().branchHead({repository, branch: at, signal})
      // What is read is one commit, whatever is pushed meanwhile; a tag or a commit is taken as it is.
      const sha = branch.kind === 'seen' ? branch.value : at
      const tree = valueOf(await github().tree({repository, ref: sha, signal}), missing, clock)
      const blobs = new Map(tree.files.map(file => [file.path, file.sha]))
      const wanted = sourcesFor(kind, tree.files, Infinity)
      const chosen = sourcesFor(kind, tree.files)
      const sources: Source[] = []
      for (let i = 0; i < chosen.length; i += READ_AT_ONCE) {
        signal.throwIfAborted()
        const read = chosen.slice(i, i + READ_AT_ONCE).map(async path => {
          const look = await github().blob({repository, sha: blobs.get(path) ?? '', signal})
          return {path, text: valueOf(look, missing, clock)}
        })
        sources.push(...(await Promise.all(read)))
      }
      const markdown = writeDocument(kind, {
        repository,
        sha,
        sources,
        left: wanted.length - chosen.length,
      })
      return {
        repository,
        kind,
        sha,
        markdown: shortened(redactText(markdown)),
        sources: chosen,
      }
    },

    publish: ({repository, kind, markdown}, signal) =>
      propose(repository, FILES[kind], markdown, `Document: ${titleOfKind(kind)}`, signal),

    async publishReadme(repository, signal) {
      const base = await defaultBranch(repository, signal)
      const readme = await textAt(repository, 'README.md', base, signal)
      if (!readme) throw new AppError('NOT_FOUND', `${repository} has no README.md.`)
      const open = (await proposals().find({repository, prefix: BRANCH, base, signal}))?.headRef
      const known = await Promise.all(
        (Object.keys(FILES) as DocumentKind[]).map(async kind => {
          const path = FILES[kind]
          const there =
            (await textAt(repository, path, base, signal)) ??
            (open === undefined ? undefined : await textAt(repository, path, open, signal))
          return there ? [{title: titleOfKind(kind), path}] : []
        }),
      )
      const documents = known.flat()
      if (documents.length === 0)
        throw new AppError('NOT_FOUND', `${repository} has no generated documents yet; publish one first.`)
      return propose(
        repository,
        'README.md',
        withSection(readme.text, documents),
        'List the documentation in the README',
        signal,
      )
    },

    async outline({repository, path, ref, signal}) {
      const at = ref ?? (await defaultBranch(repository, signal))
      const look = await github().file({repository, path, ref: at, signal})
      const {sha, text} = valueOf(look, `${repository} has no file ${path} at ${at}.`, clock)
      return {path, sha, ...outlineOf(path, text)}
    },
  }
}

function unseen(repository: string): string {
  return `${repository} was not found, or our token can’t see it.`
}

/** Cut at the end of a line, and said so. */
function shortened(markdown: string): string {
  if (markdown.length <= LARGEST) return markdown
  const note = '\n\n_The rest is left out: it would be too long._\n'
  const kept = markdown.slice(0, LARGEST - note.length)
  return kept.slice(0, kept.lastIndexOf('\n')) + note
}
