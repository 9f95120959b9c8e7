import {afterEach, describe, expect, test} from 'vitest'
import {startProcess, type ProductProcess} from '../support/processes.ts'
import {redisMissing} from '../support/redis.ts'
import {openWorld, WEBHOOK_SECRET, type World} from '../support/world.ts'

const redisReason = redisMissing()
describe.each([{queue: 'postgres'}, {queue: 'redis'}] as const)(
  'bot, two workers and api as four processes on one Postgres, queue on $queue',
  ({queue}) => {
    if (queue === 'redis' && redisReason !== undefined) return test.skip(redisReason)

    let world: World
    const processes: ProductProcess[] = []
    afterEach(async () => {
      await Promise.all(processes.map(each => each.kill('SIGKILL')))
      await world.close()
    })

    test('a worker told to stop in mid-watch drains and exits 0 while the deploy goes on to its end', async () => {
      world = await openWorld({queue, roles: 'api', webhooks: false, env: {RUN_POLL_INTERVAL_MS: '100'}})
      // Only its stage is wanted: from here on the product runs in processes of its own.
      await world.app.stop()
      const {discord, github, env} = world
      const launch = async (name: string, roles: string) => {
        const started = await startProcess({name, env: {...env, ROLES: roles}})
        processes.push(started)
        return started
      }
      const [, first, second, api] = await Promise.all([
        launch('bot', 'bot'),
        launch('worker-1', 'worker'),
        launch('worker-2', 'worker'),
        launch('api', 'api'),
      ])
      const {url} = (await api.logged('listening')) as {url: string}
      github.webhooks({url: `${url}/webhooks/github`, secret: WEBHOOK_SECRET})
      await discord.waitForGateway()
      // Long enough that both workers have looked at it before one is told to stop.
      github.repository('acme/web').workflow('client-deploy.yml', {
        name: 'Client Deploy',
        inputs: {correlation_id: {required: true}, requester: {required: true}, VITE_API_BASE: {}},
        jobs: [
          {name: 'build', steps: [{name: 'Build', ms: 30_000}]},
          {name: 'deploy', needs: ['build'], steps: [{name: 'Upload', ms: 40_000}]},
        ],
      })

      const ready = await fetch(`${url}/health/ready`)
      expect(ready.status).toBe(200)
      expect(await ready.json()).toMatchObject({status: 'ok', roles: ['api']})

      const talk = await world.ada.runs('/deploy-client wait:true')
      await talk.settled(({reply}) => reply()?.content.includes('deploying'), {timeoutMs: 20_000})
      const advanced = (worker: ProductProcess) =>
        worker.logs.filter(line => line['msg'] === 'deployment advanced').length
      await discord.eventually(() => advanced(first) > 0 && advanced(second) > 0, {
        what: 'both workers to have looked at the deployment',
        timeoutMs: 20_000,
      })

      const stopAt = Date.now()
      const exit = await first.kill('SIGTERM')
      expect(exit).toEqual({code: 0, signal: null})
      expect(Date.now() - stopAt).toBeLessThan(30_000)
      expect(github.repository('acme/web').runs[0]?.status).toBe('in_progress')

      await talk.settled(({reply}) => reply()?.content.startsWith('🟢 client → development · success'), {
        timeoutMs: 30_000,
      })
      await discord.eventually(
        () =>
          discord
            .channel('general')
            .messages()
            .some(message => message.interactionId === undefined && message.content.startsWith('🟢')),
        {what: 'the closing message', timeoutMs: 15_000},
      )
      expect(github.repository('acme/web').runs).toHaveLength(1)
      expect(github.count('dispatch')).toBe(1)
      expect(github.deliveries.filter(each => each.event === 'workflow_run')).not.toEqual([])
      expect(github.deliveries.filter(each => each.outcome !== 'delivered')).toEqual([])
      expect(api.logs.some(line => line['msg'] === 'webhook accepted')).toBe(true)
      expect((await fetch(`${url}/health/ready`)).status).toBe(200)
    })
  },
)
