import {existsSync, readdirSync, readFileSync} from 'node:fs'
import {describe, expect, test} from 'vitest'

const checkout = new URL('../../../', import.meta.url)
const page = readFileSync(new URL('docs/parity.md', checkout), 'utf8')

/** Every defect that was ever noted, in order. Nothing leaves this list; what is new comes to its end. */
const DEFECTS = [
  'raw-errors',
  'commands-drift',
  'ship-dead-end',
  'verify-in-time',
  'wait-in-time',
  'limit-as-timeout',
  'long-list',
  'triage-silent',
  'summary-local',
  'anyone-confirms',
  'boolean-as-text',
  'deleted-workflow',
  'artifact-unread',
  'fixed-repository',
  'invented-pr',
  'anyone-executes',
  'refused-after-all',
  'invented-tests',
  'triage-unread',
  'fix-not-draft',
  'log-as-command',
  'claimed-fix',
  'nothing-healthy',
  'failed-step-ok',
  'stale-error',
  'inside-urls',
  'unchecked-urls',
  'lost-audit',
  'audit-unprovisioned',
  'refusals-unaudited',
  'audited-after',
  'open-by-default',
  'rules-unloaded',
  'secrets-in-text',
  'trace-of-others',
  'alert-raw',
  'alert-twice',
  'alert-lost',
  'undeployable',
]

const AREAS = [
  'admin auth',
  'agent registry',
  'Actions verifier',
  'dispatcher',
  'HTTP checker',
  'message composer',
  'multi-agent commands',
  'QA prompt document',
  'QA checker',
  'everyday runs',
  'time formatter',
  'URL validator',
  'relay',
  'audit store',
  'logger and redaction',
  'trace store',
  'alerts',
  'RBAC',
  'retries',
  'health snapshot',
  'messenger',
  'triage',
  'uptime',
  'summary',
  'conversational UI changes',
  'backend tasks',
  'state store',
  'registration of commands',
  'readiness of a house',
  'acceptance',
]

/** The cells of each row of the table below a heading, without its head. */
function rowsBelow(heading: string): readonly (readonly string[])[] {
  const section = page.split(/^## /m).find(part => part.startsWith(heading)) ?? ''
  const rows = section.split('\n').filter(line => line.startsWith('|'))
  return rows.slice(2).map(row =>
    row
      .slice(1, -1)
      .split('|')
      .map(cell => cell.trim()),
  )
}

const tables = ['Defects', 'Behaviour', 'The whole list'].map(rowsBelow)
const named = [...page.matchAll(/\[([^\]]+)\]\(\.\.\/(tests\/[^)]+)\)/g)].map(
  ([, name = '', file = '']) => [name, file] as const,
)

test('every defect that was noted has a row, and every area of behaviour', () => {
  const [defects = [], behaviours = []] = tables
  expect(defects.map(([id]) => id)).toEqual(DEFECTS.map(id => `\`${id}\``))
  expect([...new Set(behaviours.map(([area]) => area))]).toEqual(AREAS)
})

test('every row is shown by a test', () => {
  for (const row of tables.flat()) {
    expect(row, row[0]).toHaveLength(3)
    const [, , shown = ''] = row
    expect(shown, row.join(' | ')).toMatch(/\]\(\.\.\/tests\//)
  }
  expect(page).not.toContain('TODO')
})

test('every command has tests for each way in which the vendor that it asks fails, or asks none', () => {
  const failures = rowsBelow('Vendor failures')
  const commands = readdirSync(new URL('commands', checkout)).map(file => file.replace('.ts', ''))
  const named = commands.sort().map(name => `\`/${name}\``)
  expect(failures.map(([command]) => command)).toEqual([...named, 'each message'])
  const section = page.split(/^## /m).find(part => part.startsWith('Vendor failures')) ?? ''
  const numbers = [...section.matchAll(/^(\d+)\. \[/gm)].map(([, number]) => number)
  const used = new Set<string>()
  for (const [command, asks, ...cells] of failures) {
    expect(cells, command).toHaveLength(5)
    for (const cell of cells) {
      if (asks === 'nobody') expect(cell, command).toBe('—')
      else expect(numbers, command).toEqual(expect.arrayContaining(cell.split(', ')))
      for (const number of cell.split(', ')) used.add(number)
    }
  }
  expect(numbers.filter(number => number === undefined || !used.has(number))).toEqual([])
})

describe('a test that the page names', () => {
  test.each([...new Set(named.map(([, file]) => file))])('is in %s', file => {
    const path = new URL(file, checkout)
    const source = existsSync(path) ? readFileSync(path, 'utf8') : ''
    const literals = new Set(
      source.match(/'[^'\n]*'|"[^"\n]*"|`[^`\n]*`/g)?.map(literal => literal.slice(1, -1)),
    )
    const missing = named.filter(([name, where]) => where === file && !literals.has(name))
    expect(missing.map(([name]) => name)).toEqual([])
  })
})
