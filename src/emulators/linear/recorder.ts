/** A request as the emulator saw it; credentials are not kept. */
export interface RecordedRequest {
  /** Root fields of the operation, or `token`; empty for what can't be read. */
  readonly operations: readonly string[]
  readonly variables: Readonly<Record<string, unknown>>
  readonly at: number
  /** Who the token belonged to. */
  user?: string
  /** Absent while unanswered, and for ever when a fault swallowed the answer. */
  status?: number
}

export interface Recorder {
  readonly requests: readonly RecordedRequest[]
  readonly record: (request: RecordedRequest) => void
  /** Requests with that root field. */
  readonly count: (operation: string, predicate?: (request: RecordedRequest) => boolean) => number
}

export function createRecorder(): Recorder {
  const requests: RecordedRequest[] = []
  return {
    requests,
    record: request => void requests.push(request),
    count: (operation, predicate = () => true) =>
      requests.filter(request => request.operations.includes(operation) && predicate(request)).length,
  }
}
