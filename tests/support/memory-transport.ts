import type {Transport, TransportWatcher} from '../../src/events/transport.ts'

/** A server that any number of in-process transports share; it can go away, and forget everybody. */
export function createMemoryServer() {
  const nodes = new Set<Node>()
  let running = true

  interface Node {
    readonly nodeId: string
    readonly topics: Map<string, (messages: readonly unknown[]) => void>
    readonly watchers: TransportWatcher[]
    forgottenSince: number | undefined
  }

  return {
    stop(): void {
      running = false
      for (const {watchers} of nodes) for (const watcher of watchers) watcher.down('stopped')
    },
    /** With `forgetful`, nobody is known until `remember`. */
    start({forgetful = false} = {}): void {
      running = true
      for (const node of nodes) {
        if (forgetful) node.forgottenSince = Date.now()
        else for (const watcher of node.watchers) watcher.up()
      }
    },
    remember(nodeId: string): void {
      for (const node of nodes) {
        if (node.nodeId !== nodeId || node.forgottenSince === undefined) continue
        const since = node.forgottenSince
        node.forgottenSince = undefined
        for (const watcher of node.watchers) watcher.gap(since)
        for (const watcher of node.watchers) watcher.up()
      }
    },

    transport(nodeId: string): Transport {
      const node: Node = {nodeId, topics: new Map(), watchers: [], forgottenSince: undefined}
      nodes.add(node)
      const isUp = (): boolean => running && node.forgottenSince === undefined
      return {
        kind: 'memory',
        nodeId,
        isUp,
        async publish(topic, messages) {
          if (!isUp()) throw new Error('the server is away')
          const text = JSON.stringify(messages)
          const reached = [...nodes].filter(
            each => each.topics.has(topic) && each.forgottenSince === undefined,
          )
          setImmediate(() => {
            for (const each of reached) each.topics.get(topic)?.(JSON.parse(text) as unknown[])
          })
          return {reached: reached.length}
        },
        subscribe(topic, listener) {
          node.topics.set(topic, listener)
          return {ready: Promise.resolve(), close: async () => void node.topics.delete(topic)}
        },
        async listeners(topic) {
          if (!isUp()) throw new Error('the server is away')
          return [...nodes].filter(each => each.topics.has(topic)).map(each => each.nodeId)
        },
        watch: watcher => void node.watchers.push(watcher),
        async close() {
          nodes.delete(node)
        },
      }
    },
  }
}
