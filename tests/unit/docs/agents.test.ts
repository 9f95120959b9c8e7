import {existsSync, readFileSync} from 'node:fs'
import {expect, test} from 'vitest'
import {loadFolder} from '../../../src/runtime/load-plugins.ts'
import type {AgentDefinition} from '../../../src/sdk/index.ts'

const checkout = new URL('../../../', import.meta.url)
const page = readFileSync(new URL('docs/agents.md', checkout), 'utf8')
const [, section = ''] = page.split('\n## What each action leaves')
const [table = '', looks = ''] = section.split('\nNo more than a look: ')
const rows = table
  .split('\n')
  .filter(line => line.startsWith('| `'))
  .map(line => line.slice(1, -1).split(' | '))

/** `agent.action`; an action named alone is of the agent before it. */
function actionsIn(text: string): readonly string[] {
  let agent = ''
  return [...text.matchAll(/`([\w.-]+)`/g)].map(([, name = '']) => {
    if (name.includes('.')) agent = name.split('.')[0] ?? ''
    return name.includes('.') ? name : `${agent}.${name}`
  })
}

test('every action that may leave something has a row, and no other', async () => {
  const agents = await loadFolder<AgentDefinition>('agents', agent => agent.id)
  const effects = [...agents.values()].flatMap(({id, actions}) =>
    Object.entries(actions).flatMap(([name, {pure}]) => (pure === true ? [] : [`${id}.${name}`])),
  )
  const [impure = ''] = looks.split(';')
  const named = [...rows.flatMap(([actions = '']) => actionsIn(actions)), ...actionsIn(impure)]
  expect(named.sort()).toEqual(effects.sort())
})

test('every row names a test that reads the effect back, and one that attempts it again', () => {
  const missing = rows.flatMap(row => {
    expect(row, row[0]).toHaveLength(3)
    return row.slice(1).flatMap(cell => {
      const links = [...cell.matchAll(/\[([^\]]+)\]\(\.\.\/(tests\/[^)]+)\)/g)]
      expect(links.length, cell).toBeGreaterThan(0)
      return links.flatMap(([, name = '', file = '']) => (isTestOf(file, name) ? [] : [`${file} › ${name}`]))
    })
  })
  expect(missing).toEqual([])
})

function isTestOf(file: string, name: string): boolean {
  const path = new URL(file, checkout)
  const source = existsSync(path) ? readFileSync(path, 'utf8') : ''
  return ["'", '"', '`'].some(quote => source.includes(`${quote}${name}${quote}`))
}
