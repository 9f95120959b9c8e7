import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {z} from 'zod'
import {optionForms, parseOptions, toDiscordCommand, usageOf} from '../../../src/bot/command-form.ts'
import {loadFolder} from '../../../src/runtime/load-plugins.ts'
import {defineCommand, type CommandDefinition} from '../../../src/sdk/index.ts'

const commands = await loadFolder<CommandDefinition>('commands', command => command.name)

function aCommand(input: z.ZodObject, changes: Partial<CommandDefinition> = {}): CommandDefinition {
  return defineCommand({
    name: 'paint',
    description: 'Paint something',
    topic: 'look',
    access: 'everyone',
    visibility: 'channel',
    input,
    agent: 'painter',
    action: 'paint',
    acknowledge: () => 'painting',
    ...changes,
  })
}

const paint = aCommand(
  z.object({
    colour: z.enum(['red', 'blue']).default('red').describe('what colour'),
    wall: z.string().min(2).max(20).describe('which wall'),
    coats: z.int().min(1).max(3).default(1).describe('how often'),
    dry: z.boolean().optional().describe('let it dry'),
  }),
)

describe('one declaration gives', () => {
  test('the list of options that Discord registers, required ones first', () => {
    expect(toDiscordCommand(paint)).toEqual({
      name: 'paint',
      description: 'Paint something',
      options: [
        {type: 3, name: 'wall', description: 'which wall', required: true, min_length: 2, max_length: 20},
        {
          type: 3,
          name: 'colour',
          description: 'what colour',
          required: false,
          choices: [
            {name: 'red', value: 'red'},
            {name: 'blue', value: 'blue'},
          ],
        },
        {type: 4, name: 'coats', description: 'how often', required: false, min_value: 1, max_value: 3},
        {type: 5, name: 'dry', description: 'let it dry', required: false},
      ],
    })
  })

  test('the line of usage', () => {
    expect(usageOf(paint)).toBe('/paint wall:… [colour:red|blue] [coats:n] [dry:true|false]')
    expect(usageOf(aCommand(z.object({})))).toBe('/paint')
  })

  test('the check, with its defaults', () => {
    expect(parseOptions(paint, {wall: 'north'})).toEqual({
      ok: true,
      options: {wall: 'north', colour: 'red', coats: 1},
    })
  })

  test('suggestions for options that have them', () => {
    const completing = aCommand(z.object({wall: z.string().describe('which')}), {
      complete: {wall: async () => []},
    })
    expect(toDiscordCommand(completing).options).toMatchObject([{name: 'wall', autocomplete: true}])
  })

  test('a check and a form that agree on which options there are and which are required', () => {
    for (const command of [...commands.values(), paint]) {
      for (const form of optionForms(command)) {
        const missing = parseOptions(command, {})
        const complains = !missing.ok && missing.problems.some(problem => problem.startsWith(`${form.name}:`))
        expect(complains, `${command.name} ${form.name}`).toBe(form.required)
      }
    }
  })
})

describe('options that arrive', () => {
  const problemsOf = (given: Record<string, unknown>) => {
    const parsed = parseOptions(paint, given)
    return parsed.ok ? [] : parsed.problems
  }

  test('are told everything that is wrong at once', () => {
    const problems = problemsOf({wall: 'x', colour: 'green', coats: 9, dry: 'yes', frame: 1, lamp: 2})
    const about = (what: string) => problems.filter(problem => problem.startsWith(what))
    for (const option of ['wall:', 'colour:', 'coats:', 'dry:']) expect(about(option), option).toHaveLength(1)
    expect(about('there is no option frame, lamp')).toHaveLength(1)
    expect(problems).toHaveLength(5)
  })

  test.each([
    ['a missing one', {}, 'wall: '],
    ['text for a number', {wall: 'north', coats: '2'}, 'coats: '],
    ['a broken number', {wall: 'north', coats: 1.5}, 'coats: '],
    ['a number that is none', {wall: 'north', coats: Number.NaN}, 'coats: '],
    ['a list for text', {wall: ['north']}, 'wall: '],
    ['nothing for text', {wall: null}, 'wall: '],
  ])('are refused for %s', (_what, given, start) => {
    const problems = problemsOf(given)
    expect(problems.length).toBeGreaterThan(0)
    for (const problem of problems) expect(problem.startsWith(start), problem).toBe(true)
  })

  test('never get past the check with a name that was not declared', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect(
        problemsOf(
          Object.fromEntries([
            ['wall', 'north'],
            [name, 'x'],
          ]),
        ),
        name,
      ).toHaveLength(1)
    }
  })

  test('never make the check throw, and what passes holds to the declaration', () => {
    const values = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.jsonValue(),
    )
    const given = fc.dictionary(
      fc.oneof(fc.constantFrom('wall', 'colour', 'coats', 'dry'), fc.string()),
      values,
    )
    fc.assert(
      fc.property(given, options => {
        const parsed = parseOptions(paint, options)
        if (!parsed.ok) return void expect(parsed.problems.length).toBeGreaterThan(0)
        expect(['red', 'blue']).toContain(parsed.options['colour'])
        expect([1, 2, 3]).toContain(parsed.options['coats'])
        expect([true, false, undefined]).toContain(parsed.options['dry'])
      }),
    )
  })
})

describe('a declaration that Discord has no form for is refused by file and option', () => {
  test.each([
    [
      'a list',
      z.object({walls: z.array(z.string()).describe('x')}),
      'commands/paint.ts: option walls is neither',
    ],
    ['a fraction', z.object({share: z.number().describe('x')}), 'commands/paint.ts: option share is neither'],
    ['no description', z.object({wall: z.string()}), 'commands/paint.ts: option wall has no description'],
  ])('%s', (_what, input, message) => {
    expect(() => toDiscordCommand(aCommand(input))).toThrow(message)
  })

  test('suggestions for an option that is not there', () => {
    expect(() => toDiscordCommand(aCommand(z.object({}), {complete: {wall: async () => []}}))).toThrow(
      'commands/paint.ts: completes option wall, which it does not have',
    )
  })
})

describe.each([...commands.values()])('/$name', command => {
  const {name, description, options = []} = toDiscordCommand(command)
  // docs: application-commands, "Application Command Naming" and the tables of the two objects.
  const NAME = /^[-_'\p{L}\p{N}]{1,32}$/u

  test('is registered within Discord’s limits', () => {
    expect(name).toMatch(NAME)
    expect(name).toBe(name.toLowerCase())
    expect(description.length).toBeGreaterThanOrEqual(1)
    expect(description.length).toBeLessThanOrEqual(100)
    expect(options.length).toBeLessThanOrEqual(25)
    expect(JSON.stringify({name, description, options}).length).toBeLessThanOrEqual(8000)
  })

  test('has options within Discord’s limits, required ones first', () => {
    for (const option of options) {
      expect(option.name).toMatch(NAME)
      expect(option.name).toBe(option.name.toLowerCase())
      expect(option.description.length).toBeGreaterThanOrEqual(1)
      expect(option.description.length).toBeLessThanOrEqual(100)
      const {
        choices = [],
        autocomplete,
        max_length: longest = 6000,
      } = option as {choices?: unknown[]; autocomplete?: boolean; max_length?: number}
      expect(choices.length).toBeLessThanOrEqual(25)
      expect(longest).toBeLessThanOrEqual(6000)
      expect(autocomplete === true && choices.length > 0).toBe(false)
    }
    expect(new Set(options.map(option => option.name)).size).toBe(options.length)
    const required = options.map(option => option.required === true)
    expect(required).toEqual([...required].sort((a, b) => Number(b) - Number(a)))
  })

  test('has a title for every input it accepts, short enough for a message', () => {
    const parsed = parseOptions(command, {id: '9f3c21aa', target: 'x'.repeat(60)})
    const given = parsed.ok ? parsed : parseOptions(command, {})
    const options = given.ok ? given.options : {id: '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21'}
    const title = command.acknowledge(options)
    expect(title.length).toBeGreaterThan(0)
    expect(title.length).toBeLessThanOrEqual(80)
  })
})
