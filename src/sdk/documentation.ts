/** The documents that there are. */
export type DocumentKind = 'api_reference' | 'user_guide' | 'deployment_guide'

/** A document as written from one commit. */
export interface GeneratedDocument {
  readonly repository: string
  readonly kind: DocumentKind
  /** The commit it describes. */
  readonly sha: string
  readonly markdown: string
  /** What it was made from. */
  readonly sources: readonly string[]
}

/** What a source file holds, by its declarations. */
export interface CodeOutline {
  readonly path: string
  readonly sha: string
  readonly lines: number
  readonly language: string
  /** The comment at its head, if any. */
  readonly about: string | undefined
  readonly imports: readonly string[]
  readonly exports: readonly {
    readonly kind: string
    readonly name: string
    readonly line: number
    readonly about: string | undefined
  }[]
}

/** Documents written from a repository’s own sources, and kept in one draft pull request. */
export interface DocumentationPort {
  /** Written from the repository's files as they are on a branch, the default one unless told. Changes nothing. */
  generate(query: {
    readonly repository: string
    readonly kind: DocumentKind
    readonly ref?: string | undefined
    readonly signal: AbortSignal
  }): Promise<GeneratedDocument>
  /**
   * Puts documents on our own branch and keeps one draft pull request open for it; undefined when the default branch
   * says the same already. @throws INVALID_INPUT for a text that is too large or holds a secret.
   */
  publish(
    document: GeneratedDocument,
    signal: AbortSignal,
  ): Promise<{readonly url: string; readonly files: readonly string[]} | undefined>
  /** Keeps a marked section of the README that lists the generated documents; the same pull request. */
  publishReadme(
    repository: string,
    signal: AbortSignal,
  ): Promise<{readonly url: string; readonly files: readonly string[]} | undefined>
  /** What can be told about a file without running it. */
  outline(query: {
    readonly repository: string
    readonly path: string
    readonly ref?: string | undefined
    readonly signal: AbortSignal
  }): Promise<CodeOutline>
}
