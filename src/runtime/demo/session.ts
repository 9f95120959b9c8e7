import {
  ClientRefusal,
  type Conversation,
  type MessageView,
  type Person,
} from '../../emulators/discord/index.ts'
import {toError} from '../../kernel/errors.ts'
import {CHANNEL} from './cast.ts'
import {chosen, complete, type Suggestion, type Surroundings} from './completion.ts'
import {crash} from './crash.ts'
import type {Pace} from './pace.ts'
import type {Stage} from './stage.ts'
import {buttonLabels} from './view/message-lines.ts'
import type {View} from './view/view.ts'

/** What a person at the keyboard can do, whatever the view: it takes typed lines and knows how they could go on. */
export interface Session {
  readonly person: Person
  /** Carries a line out; resolves when it is on its way (or, with `toTheEnd`, answered). `quit` is told, not done. */
  enter(line: string, options?: {readonly toTheEnd?: boolean}): Promise<'quit' | 'page' | 'done'>
  /** What could stand at the end of the line; the bot is asked where only it knows. */
  suggest(line: string): Promise<readonly Suggestion[]>
}

/** No more than what an 80 by 24 terminal shows above its prompt. */
export const HELP = [
  'Type slash commands as in Discord; Tab completes them, Enter sends them.',
  '  /agents                                      who works here',
  '  /status-digest period:weekly                 what ran, and how it went',
  '  /deploy-client wait:true                     deploy, follow it to its end',
  '  /deploy-client target:production ref:v1.4.0  what two persons have to approve',
  '  /cancel id:…                                 stop one of yours (Tab helps)',
  '  /approvals · /locks · /help                  what waits, is locked, can be run',
  '  /ask text:what waits for approval            or say it in your own words',
  '',
  '  as hugo            be somebody else (ada, grace, ben, hugo, cleo, …)',
  '  press Approve      press a button of the newest message that has it',
  '  write not today    fill in the form that a button such as Reject opens',
  '  kill worker        kill -9 the worker (or the bot) and start another',
  '  help · quit        this page · end the demo (Ctrl-C too)',
  '',
  'PageUp and PageDown turn the pages of the channel. ada is an admin, grace a',
  'developer, ben a designer, hugo a team lead, cleo the CTO: production takes two',
  'of ada, hugo and cleo. Discord, GitHub, Linear and the mailbox are emulators on',
  'this machine; everything between them is the real thing.',
] as const

export function createSession({
  stage,
  view,
  pace,
  person: first,
}: {
  readonly stage: Stage
  readonly view: View
  readonly pace: Pace
  readonly person: Person
}): Session {
  const {discord, cast, product} = stage
  const channel = discord.channel(CHANNEL)
  const people = new Map(
    [cast.ada, cast.grace, cast.ben, cast.hugo, cast.cleo].map(each => [each.name, each]),
  )
  let person = first
  /** What opened the form that waits to be filled in. */
  let form: Conversation | undefined

  async function carryOut(line: string): Promise<Conversation | undefined> {
    if (line.startsWith('/')) return person.runs(line, {channel})
    const [, word, rest = ''] = /^(\S+)\s*(.*)$/.exec(line) ?? []
    switch (word) {
      case 'as':
        return become(rest.trim())
      case 'press':
        return press(rest.trim())
      case 'write':
        return write(rest.trim())
      case 'kill':
        if (rest !== 'worker' && rest !== 'bot')
          throw new ClientRefusal('Say which: kill worker, or kill bot')
        await crash(rest, {product, tell: (text, tone) => view.tell(text, tone), pace})
        return undefined
      default:
        throw new ClientRefusal(`Commands begin with a slash. Type help to see what can be typed here.`)
    }
  }

  function become(name: string): undefined {
    if (!/^[\w.-]{1,32}$/.test(name))
      throw new ClientRefusal('Say who: as ada, as grace, as ben, or a new name of letters and digits')
    person = people.get(name) ?? discord.person(name)
    people.set(name, person)
    view.tell(`you are ${name} now`)
  }

  /** Undefined where it opened a form, which `write` answers. */
  async function press(label: string): Promise<Conversation | undefined> {
    const message = withButtons().find(each =>
      buttonLabels(each.components).some(known => known.toLowerCase() === label.toLowerCase()),
    )
    const exact =
      message && buttonLabels(message.components).find(known => known.toLowerCase() === label.toLowerCase())
    if (!message || exact === undefined)
      throw new ClientRefusal(
        `No message has a button ${label} to press. There is: ${pressable().join(', ') || 'none'}`,
      )
    const talk = await (await person.presses(message, exact)).acknowledged()
    if (!talk.modal) return talk
    form = talk
    view.tell(`${talk.modal.title} · ${fieldOf(talk)} Answer with: write …`)
    return undefined
  }

  async function write(text: string): Promise<Conversation> {
    if (!form) throw new ClientRefusal('No form is open. Buttons such as Reject and Ask open one')
    const talk = await person.submits(form, {[fieldOf(form)]: text})
    form = undefined
    return talk
  }

  function withButtons(): MessageView[] {
    return person.sees(channel).reverse()
  }

  function pressable(): string[] {
    return [...new Set(withButtons().flatMap(message => buttonLabels(message.components)))]
  }

  function surroundings(): Surroundings {
    return {commands: discord.registrations, people: [...people.keys()], buttons: pressable()}
  }

  return {
    get person() {
      return person
    },
    async enter(text, {toTheEnd = false} = {}) {
      const line = text.trim()
      if (line === '') return 'done'
      if (line === 'quit' || line === 'exit') return 'quit'
      if (line === 'help') return 'page'
      try {
        const talk = await carryOut(line)
        if (talk && toTheEnd) await settled(talk, () => channel.messages())
      } catch (error) {
        view.tell(toError(error).message, 'bad')
      }
      return 'done'
    },
    async suggest(line) {
      const {suggestions, ask} = complete(line, surroundings())
      if (!ask) return suggestions
      const choices = await person.completes(line, {channel}).catch(() => [])
      return choices.map(choice => chosen(line, choice))
    },
  }
}

/** The label of a form's first field. */
function fieldOf({modal}: Conversation): string {
  return (
    modal?.components.map(field => (field.type === 18 ? field.label : '')).find(label => label !== '') ?? ''
  )
}

/** Until the answer does not change any more, or it goes on for longer than a deploy takes here. */
async function settled(talk: Conversation, messages: () => readonly MessageView[]): Promise<void> {
  const isOver = () =>
    talk.failed !== undefined || (talk.reply()?.loading === false && !talk.reply()?.content.startsWith('🟡'))
  await talk.settled(isOver, {timeoutMs: 45_000, what: 'the answer to be final'})
  const answer = talk.reply()
  if (!answer || !/^(🟢|🔴|⚪)/u.test(answer.content)) return
  // The notice at a deploy's end follows within moments; where there is none, nothing is missing.
  const noticed = () => messages().some(message => message.replyTo === answer.id)
  await talk.settled(noticed, {timeoutMs: 2_000}).catch(() => undefined)
}
