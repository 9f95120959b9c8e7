import {createInterface, emitKeypressEvents, type Interface, type Key} from 'node:readline'
import type {ReadStream} from 'node:tty'
import {Writable} from 'node:stream'
import type {Suggestion} from './completion.ts'
import type {createPace} from './pace.ts'
import {HELP, type Session} from './session.ts'
import type {TerminalView} from './view/terminal.ts'

const ASK_AFTER_MS = 120

/** During the tour: Enter goes on, `s` skips the rest, the page keys turn pages, Ctrl-C ends. */
export function steerTour({
  input,
  view,
  pace,
  end,
}: {
  readonly input: ReadStream
  readonly view: TerminalView
  readonly pace: ReturnType<typeof createPace>
  readonly end: () => void
}): {close(): void} {
  const onKey = (_text: string | undefined, key: Key) => {
    if (key.ctrl && (key.name === 'c' || key.name === 'd')) end()
    else if (key.name === 'return' || key.name === 'enter') pace.next()
    else if (key.name === 's') pace.skip()
    else turnPage(key, view)
  }
  emitKeypressEvents(input)
  input.setRawMode(true)
  input.resume()
  input.on('keypress', onKey)
  return {close: () => void input.off('keypress', onKey)}
}

/**
 * The prompt. Node's line editor does the editing and the history and writes to nobody; the view shows its line.
 * Suggestions appear while one types; Tab takes what they have in common, then one after the other.
 */
export function openPrompt({
  input,
  view,
  session,
  end,
}: {
  readonly input: ReadStream
  readonly view: TerminalView
  readonly session: Session
  readonly end: () => void
}): {close(): void} {
  const editor: Interface = createInterface({
    input,
    output: nobody(),
    terminal: true,
    historySize: 100,
    tabSize: 1,
    completer: takeSuggestion,
  })
  let offered: {readonly for: string; readonly list: readonly Suggestion[]} = {for: '', list: []}
  let selected: number | undefined
  let asking: NodeJS.Timeout | undefined

  function show(): void {
    view.prompt({text: editor.line, cursor: editor.cursor, suggestions: offered.list, selected})
  }

  async function offer(line: string): Promise<void> {
    const list = await session.suggest(line)
    // What was typed meanwhile asks for itself.
    if (editor.line !== line) return
    offered = {for: line, list}
    selected = undefined
    show()
  }

  function setLine(line: string): void {
    editor.write(null, {ctrl: true, name: 'e'})
    editor.write(null, {ctrl: true, name: 'u'})
    editor.write(line)
  }

  function takeSuggestion(line: string, done: (error: null, result: [string[], string]) => void): void {
    void (async () => {
      if (selected === undefined && offered.for !== line) await offer(line)
      const {list} = offered
      const common = list.length > 0 && selected === undefined ? commonStart(list.map(each => each.line)) : ''
      const [only] = list
      if (only && list.length === 1) setLine(only.line)
      else if (common.length > line.length) setLine(common)
      else if (list.length > 0) {
        selected = selected === undefined ? 0 : (selected + 1) % list.length
        setLine(list[selected]?.line ?? line)
      }
      done(null, [[], line])
      if (selected === undefined) await offer(editor.line)
      show()
    })()
  }

  const onKey = (_text: string | undefined, key: Key | undefined) => {
    if (key?.name === 'tab') return
    if (key && turnPage(key, view)) return
    selected = undefined
    view.page()
    clearTimeout(asking)
    asking = setTimeout(() => void offer(editor.line), ASK_AFTER_MS)
    show()
  }

  editor.on('line', line => {
    offered = {for: '', list: []}
    void (async () => {
      const next = await session.enter(line)
      view.person = session.person
      if (next === 'quit') end()
      // After the key that sent the line, which would take the page away again.
      if (next === 'page') setImmediate(() => view.page(HELP))
    })()
  })
  editor.on('SIGINT', end)
  editor.on('close', end)
  input.on('keypress', onKey)
  view.person = session.person
  show()
  return {
    close() {
      clearTimeout(asking)
      input.off('keypress', onKey)
      editor.off('close', end)
      editor.close()
    },
  }
}

function turnPage(key: Key, view: TerminalView): boolean {
  if (key.name !== 'pageup' && key.name !== 'pagedown') return false
  view.scroll(key.name === 'pageup' ? 1 : -1)
  return true
}

function commonStart(lines: readonly string[]): string {
  const [first = '', ...others] = lines
  let length = first.length
  for (const line of others) while (!line.startsWith(first.slice(0, length))) length--
  return first.slice(0, length)
}

function nobody(): Writable {
  return new Writable({write: (_chunk, _encoding, done) => done()})
}
