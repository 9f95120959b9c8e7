/**
 * What carries messages between the processes of a fleet: topics of dot-separated segments, several messages in one
 * frame, in order per topic and publisher. At least once while a process's lease lasts; what was sent while it had
 * none is a gap, and the transport says so.
 */
export interface Transport {
  readonly kind: 'postgres' | 'redis' | 'memory'
  /** This process on the transport. */
  readonly nodeId: string
  /** Whether the last thing asked of it worked. */
  isUp(): boolean
  /**
   * Resolves when the frame is in the inbox of every process that listens to the topic now, with their number: this
   * one counts too. Rejects when that is not certain; the frame may then have arrived all the same.
   */
  publish(topic: string, messages: readonly unknown[]): Promise<{readonly reached: number}>
  /** Listening survives outages and lost leases. One listener a topic. */
  subscribe(topic: string, listener: (messages: readonly unknown[]) => void): TransportSubscription
  /** The nodes that listen to a topic; some of them may have died within their lease. */
  listeners(topic: string): Promise<readonly string[]>
  /** Tells of every change from here on. */
  watch(watcher: TransportWatcher): void
  close(): Promise<void>
}

export interface TransportSubscription {
  /** Resolves when it has begun; while the transport is away that takes as long as it stays away. */
  readonly ready: Promise<void>
  close(): Promise<void>
}

export interface TransportWatcher {
  up(): void
  down(reason: string): void
  /** What was sent to this process since then (milliseconds since the epoch, its own clock) may never come. */
  gap(sinceMs: number): void
}
