/** A request as the emulator saw it; credentials are not kept. */
export interface RecordedRequest {
  readonly method: string
  /** Name of the route (`dispatch`, `run`, …), or `unknown`. */
  readonly route: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly body: unknown
  readonly headers: Readonly<Record<string, string>>
  readonly at: number
  /** Who the token belonged to. */
  login?: string
  /** Absent while unanswered, and for ever when a fault swallowed the answer. */
  status?: number
}

export interface Recorder {
  readonly requests: readonly RecordedRequest[]
  readonly record: (request: RecordedRequest) => void
  readonly count: (route: string, predicate?: (request: RecordedRequest) => boolean) => number
}

export function createRecorder(): Recorder {
  const requests: RecordedRequest[] = []
  return {
    requests,
    record: request => void requests.push(request),
    count: (route, predicate = () => true) =>
      requests.filter(request => request.route === route && predicate(request)).length,
  }
}
