import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {expect, test} from 'vitest'
import {silentLogger} from '../../../src/platform/logger.ts'
import {createMetrics} from '../../../src/platform/metrics.ts'
import {loadFolder} from '../../../src/runtime/load-plugins.ts'
import {openWorkflows} from '../../../src/runtime/workflows.ts'
import type {AgentDefinition} from '../../../src/sdk/index.ts'

test('a process with wrong definitions does not start, and names each fault with its file and line', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-workflows-'))
  try {
    await writeFile(
      join(folder, 'ship.yaml'),
      ['name: ship', 'steps:', '  - id: test', '    agent: cicid', '    action: run_pipeline', ''].join('\n'),
    )
    await writeFile(join(folder, 'other.yaml'), 'name: another\nsteps: [{id: a, value: 1}]\n')
    const opening = openWorkflows({
      pool: {} as never,
      databaseUrl: '',
      instance: 'here',
      agents: await loadFolder<AgentDefinition>('agents', agent => agent.id),
      outbox: {relay: () => undefined},
      locks: {} as never,
      metrics: createMetrics(),
      log: silentLogger,
      folder,
    })
    await expect(opening).rejects.toMatchObject({
      code: 'START_FAILED',
      message: expect.stringMatching(
        /\/other\.yaml:1:1 name is another.*\n.*\/ship\.yaml:4:5 step test: agent is cicid.* Did you mean "cicd"\?/,
      ) as string,
    })
  } finally {
    await rm(folder, {recursive: true})
  }
})
