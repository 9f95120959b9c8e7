import {existsSync, readdirSync, readFileSync} from 'node:fs'
import {expect, test} from 'vitest'

const checkout = new URL('../../../', import.meta.url)
const page = readFileSync(new URL('docs/architecture.md', checkout), 'utf8')
const [, tree = ''] = page.split('```')

test('the tree names every folder of src, and no other', () => {
  const named = [...tree.matchAll(/^ {2}([a-z]+)\/ /gm)].map(([, name]) => name)
  const folders = readdirSync(new URL('src/', checkout), {withFileTypes: true})
    .filter(entry => entry.isDirectory())
    .map(({name}) => name)
  expect(named.sort()).toEqual(folders.sort())
})

test('every file of src that it names is there', () => {
  const named = [...page.matchAll(/`(?:src\/)?([a-z][a-z-]*\/[a-z/-]+\.ts)`/g)].map(([, path = '']) => path)
  expect(named.length).toBeGreaterThan(5)
  expect(named.filter(path => !existsSync(new URL(`src/${path}`, checkout)))).toEqual([])
})
