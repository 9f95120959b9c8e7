import {afterEach, beforeEach, expect, test} from 'vitest'
import type {Transport} from '../../src/events/transport.ts'

export interface TransportServer {
  open(): Transport
  close(): Promise<void>
}

export interface TransportUnderTest {
  start(): Promise<TransportServer>
  /** It may lose what it knew when it stops; then it says so. */
  startRestartable(): Promise<TransportServer & {stop(): Promise<void>; restart(): Promise<void>}>
}

/** What every transport promises, whatever lies beneath. */
export function transportContract({start, startRestartable}: TransportUnderTest): void {
  let server: TransportServer
  let closers: (() => Promise<unknown>)[]

  beforeEach(async () => {
    closers = []
    server = await start()
    closers.push(() => server.close())
  })

  afterEach(async () => {
    for (const close of closers.reverse()) await close()
  })

  function open(at: TransportServer = server): Transport {
    const transport = at.open()
    closers.push(() => transport.close())
    return transport
  }

  async function listen(transport: Transport, topic: string): Promise<unknown[]> {
    const heard: unknown[] = []
    await transport.subscribe(topic, messages => void heard.push(...messages)).ready
    return heard
  }

  test('a message reaches every process that listens to its topic, the sender too, and no other', async () => {
    const [ada, lin] = [open(), open()]
    const [atAda, atLin, elsewhere] = [
      await listen(ada, 'events.task.completed'),
      await listen(lin, 'events.task.completed'),
      await listen(lin, 'events.task.failed'),
    ]
    expect(await ada.publish('events.task.completed', [{n: 1, text: 'ü\u0000"'}])).toEqual({reached: 2})
    await expect.poll(() => [atAda, atLin]).toEqual([[{n: 1, text: 'ü\u0000"'}], [{n: 1, text: 'ü\u0000"'}]])
    expect(elsewhere).toEqual([])
  })

  test('frames of one publisher arrive in order, their messages too', async () => {
    const [ada, lin] = [open(), open()]
    await listen(ada, 'warm-up')
    const heard = await listen(lin, 'ordered')
    const sent: number[] = []
    for (let n = 0; n < 60; n += 3) {
      await ada.publish('ordered', [n, n + 1, n + 2])
      sent.push(n, n + 1, n + 2)
    }
    await expect.poll(() => heard).toEqual(sent)
  })

  test('a topic without listeners is reached by nobody, and says so', async () => {
    const [ada, lin] = [open(), open()]
    await listen(ada, 'warm-up')
    const {ready, close} = lin.subscribe('nodes.lin', () => undefined)
    await ready
    expect(await ada.publish('nodes.lin', [1])).toEqual({reached: 1})
    expect(await ada.listeners('nodes.lin')).toEqual([lin.nodeId])
    await close()
    expect(await ada.publish('nodes.lin', [2])).toEqual({reached: 0})
    expect(await ada.listeners('nodes.lin')).toEqual([])
  })

  test('who has left is not reached any more', async () => {
    const [ada, lin] = [open(), open()]
    await listen(ada, 'warm-up')
    await listen(lin, 'nodes.lin')
    await lin.close()
    expect(await ada.publish('nodes.lin', [1])).toEqual({reached: 0})
  })

  test('an outage is told, publishing rejects meanwhile, and afterwards everything works as before', async () => {
    const place = await startRestartable()
    closers.push(() => place.close())
    const [ada, lin] = [open(place), open(place)]
    const heard = await listen(lin, 'news')
    await listen(ada, 'warm-up')
    expect(ada.isUp()).toBe(true)
    const changes: string[] = []
    ada.watch({
      up: () => changes.push('up'),
      down: () => changes.push('down'),
      gap: () => changes.push('gap'),
    })

    await place.stop()
    await expect.poll(() => ada.isUp(), {timeout: 10_000}).toBe(false)
    await expect(ada.publish('news', ['lost'])).rejects.toThrow()

    await place.restart()
    await expect.poll(() => ada.isUp() && lin.isUp(), {timeout: 15_000}).toBe(true)
    await expect
      .poll(() => ada.publish('news', ['back']).then(({reached}) => reached), {timeout: 10_000})
      .toBe(1)
    await expect.poll(() => heard, {timeout: 10_000}).toContain('back')
    expect(heard).not.toContain('lost')
    expect(changes.filter(change => change !== 'gap')).toEqual(['down', 'up'])
  }, 60_000)

  test('opened while the server is away, it begins when the server comes', async () => {
    const place = await startRestartable()
    closers.push(() => place.close())
    await place.stop()
    const ada = open(place)
    const heard: unknown[] = []
    const {ready} = ada.subscribe('early', messages => void heard.push(...messages))
    await expect(ada.publish('early', [1])).rejects.toThrow()
    await place.restart()
    await ready
    await ada.publish('early', [2])
    await expect.poll(() => heard).toEqual([2])
  }, 60_000)
}
