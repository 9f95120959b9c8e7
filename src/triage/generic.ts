import {evidenceAt, type Failure, type FailureKind, type Parser} from './failure.ts'

interface Sign {
  readonly kind: FailureKind
  readonly pattern: RegExp
}

/** What any tool may meet, whatever it is written in. */
const SIGNS: readonly Sign[] = [
  {
    kind: 'memory',
    pattern: /\b(heap out of memory|OOMKilled|out of memory|signal: killed|exit code 137|MemoryError)\b/i,
  },
  {
    kind: 'timeout',
    pattern:
      /(exceeded the maximum execution time|timed out after|deadline exceeded|\bETIMEOUT\b|The operation was canceled)/i,
  },
  {
    kind: 'permission',
    pattern:
      /(\bAccessDenied\b|access denied|permission denied|\bEACCES\b|not authori[sz]ed|Resource not accessible by integration|\b40[13] (?:Unauthorized|Forbidden))/i,
  },
  {
    kind: 'network',
    pattern:
      /(\b(?:ECONNRESET|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ENOTFOUND)\b|socket hang up|connection (?:reset|refused|timed out)|TLS handshake|temporary failure in name resolution|could not resolve host|\b(?:502 Bad Gateway|503 Service Unavailable|504 Gateway Time-?out))/i,
  },
  {
    kind: 'configuration',
    pattern:
      /((?:missing|required|undefined) (?:environment )?variable|environment variable \S+ is (?:not set|required|missing)|command not found|No such file or directory)/i,
  },
]

const EXIT = /Process completed with exit code (-?\d+)/
const MARKED = /^##\[error\](.+)$/

/** The last line that fits each sign; where none does, what the runner itself says. */
export const generic: Parser = lines => {
  const found = SIGNS.flatMap(({kind, pattern}): Failure[] => {
    const at = lines.findLastIndex(line => pattern.test(line))
    const text = lines[at]
    const code = text === undefined ? undefined : pattern.exec(text)?.[1]
    if (text === undefined || code === undefined) return []
    const message = text.replace(MARKED, '$1').trim()
    return [{kind, tool: 'runner', message, code, evidence: evidenceAt(lines, at - 3, at + 1)}]
  })
  return found.length > 0 ? found : ended(lines)
}

function ended(lines: readonly string[]): readonly Failure[] {
  const marked = lines.findLastIndex(line => MARKED.test(line) && !EXIT.test(line))
  const exited = lines.findLastIndex(line => EXIT.test(line))
  const at = marked === -1 ? exited : marked
  const text = lines[at]
  if (text === undefined) return []
  const exit = EXIT.exec(lines[exited] ?? '')?.[1]
  return [
    {
      ...{kind: 'job_failure', tool: 'runner', message: text.replace(MARKED, '$1').trim()},
      ...(exit === undefined ? {} : {code: `exit ${exit}`}),
      evidence: evidenceAt(lines, at - 8, at),
    },
  ]
}
