import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {loadFolder} from '../../../src/runtime/load-plugins.ts'

let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'signalbox-plugins-'))
  await mkdir(join(root, 'commands'))
  await writeFile(join(root, 'package.json'), '{"type": "module"}')
})
afterEach(() => rm(root, {recursive: true, force: true}))

async function load(files: Readonly<Record<string, string>>) {
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, 'commands', name), text)
  return loadFolder<{name: unknown}>('commands', plugin => plugin.name, pathToFileURL(`${root}/`))
}

describe('a folder of plugins', () => {
  test('is loaded by name, in order, leaving out what is no plugin', async () => {
    const plugins = await load({
      'ship.js': 'export default {name: "ship"}',
      'deploy-client.js': 'export default {name: "deploy-client"}',
      'agents_list.js': 'export default {name: "agents_list"}',
      'notes.md': 'not code',
      'types.d.ts': 'export {}',
      '_draft.js': 'throw new Error("never loaded")',
      'ship.js.map': '{}',
    })
    expect([...plugins.keys()]).toEqual(['agents_list', 'deploy-client', 'ship'])
    expect(plugins.get('ship')).toEqual({name: 'ship'})
  })

  test('may be empty', async () => {
    expect((await load({})).size).toBe(0)
  })

  test.each<[string, Record<string, string>, RegExp]>([
    [
      'without a default export',
      {'ship.js': 'export const ship = 1'},
      /^commands\/ship\.js has no default export/,
    ],
    [
      'whose default export is nothing',
      {'ship.js': 'export default null'},
      /^commands\/ship\.js has no default export/,
    ],
    ['that declares no name', {'ship.js': 'export default {}'}, /^commands\/ship\.js declares no name/],
    [
      'whose name is no text',
      {'ship.js': 'export default {name: 7}'},
      /^commands\/ship\.js declares no name/,
    ],
    [
      'whose name is another',
      {'ship.js': 'export default {name: "sail"}'},
      /^commands\/ship\.js declares sail: file name and name must be the same/,
    ],
    [
      'that declares a name again',
      {'ship.js': 'export default {name: "ship"}', 'tow.js': 'export default {name: "ship"}'},
      /^commands\/tow\.js declares ship, which another file in commands\/ declares too/,
    ],
    [
      'that fails while loading',
      {'ship.js': 'throw new Error("no sails")'},
      /^commands\/ship\.js can't be loaded: no sails/,
    ],
    [
      'that imports what is not there',
      {'ship.js': 'import "./missing.js"\nexport default {name: "ship"}'},
      /^commands\/ship\.js can't be loaded/,
    ],
  ])('is refused for a file %s, by its name', async (_what, files, message) => {
    await expect(load(files)).rejects.toMatchObject({
      code: 'START_FAILED',
      message: expect.stringMatching(message) as string,
    })
  })
})
