import {existsSync, readdirSync, readFileSync} from 'node:fs'
import {dirname, join, relative} from 'node:path'
import {fileURLToPath} from 'node:url'
import {expect, test} from 'vitest'

const checkout = fileURLToPath(new URL('../../../', import.meta.url))
const pages = ['.', 'docs'].flatMap(folder =>
  readdirSync(join(checkout, folder))
    .filter(name => name.endsWith('.md'))
    .map(name => join(folder, name)),
)
const textOf = (page: string) => readFileSync(join(checkout, page), 'utf8')

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  return [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test('every link within the repository leads somewhere', () => {
  const links = pages.flatMap(page =>
    [...textOf(page).matchAll(/\]\((?!https?:)([^)\s#]*)(?:#([^)\s]+))?\)/g)].map(
      ([, path = '', anchor]) => ({page, path, anchor}),
    ),
  )
  expect(links.length).toBeGreaterThan(50)
  const dead = links.filter(({page, path, anchor}) => {
    const target = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(checkout, target))) return true
    return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).includes(anchor)
  })
  expect(dead).toEqual([])
})

test('the index of docs/ names every page', () => {
  const index = textOf('docs/README.md')
  const unnamed = pages
    .filter(page => dirname(page) === 'docs' && page !== join('docs', 'README.md'))
    .map(page => relative('docs', page))
    .filter(name => !index.includes(`](${name})`))
  expect(unnamed).toEqual([])
})
