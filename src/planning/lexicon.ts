/**
 * The words that requests turn on, by the part that they play. What a request asks for follows from the family of its
 * verb and the thing that it is about (`grammar.ts`), so that a new word is a word more in a list here and no new rule.
 */

/** What a request can be about. */
export type Thing =
  | 'change'
  | 'pipeline'
  | 'failure'
  | 'environment'
  | 'target'
  | 'health'
  | 'docs'
  | 'readme'
  | 'code'
  | 'issues'
  | 'variable'
  | 'shipment'
  | 'rollback'
  | 'review'
  | 'analysis'
  | 'diagnosis'

/** How something stands. */
export type State = 'good' | 'up' | 'bad'

/**
 * Verbs by what they do to what they are about, as base forms; `roll_back` is a verb with its particle, which may stand
 * apart from it. Of several families of a verb, the first one that knows the thing says what is meant.
 */
const VERBS = {
  run: 'run execute start kick_off trigger launch invoke repeat fire_up fire_off spin_up',
  ship: 'deploy ship release promote launch roll_out',
  carry: 'push publish bring get put move send take land',
  undo: 'rollback roll_back go_back back_out',
  restore: 'revert restore undo',
  try: 'lint build',
  probe: 'test',
  review: 'review code-review inspect proofread look_over look_through go_through go_over read_through',
  look: 'check look confirm monitor validate verify',
  verify: 'verify',
  triage: 'triage',
  find: 'diagnose investigate debug troubleshoot find_out figure_out work_out look_into dig_into',
  sort: 'label sort prioritise prioritize groom',
  heal: 'heal self-heal',
  mend: 'fix repair recover',
  explain: 'explain describe summarise summarize clarify outline walk_through',
  analyse: 'analyse analyze scan audit',
  document: 'document',
  light: 'do make cut perform give have take get need schedule arrange request go',
  set: 'set configure change update switch adjust toggle',
  tidy: 'refactor restructure clean_up tidy tidy_up simplify extract rename deduplicate modernise modernize untangle',
  make: 'implement build add create fix develop write make change support introduce upgrade bump code remove replace migrate port improve update refresh generate integrate handle solve resolve repair work_on enable disable allow extend expand correct patch adjust convert optimise optimize actualise actualize speed_up reduce move delete drop set_up revise draft prepare publish bring complete finish expose hide wrap translate localise localize style cache throttle debounce limit prevent validate sanitise sanitize encrypt mock stub cover design rewrite split turn_off turn_on',
  obtain: 'get have',
}
export type Family = keyof typeof VERBS

const THINGS: Readonly<Record<Thing, string>> = {
  change: 'pr prs mr mrs pull pulls diff patch changes changeset commit commits branch main master',
  pipeline:
    'test tests suite suites pipeline pipelines ci build builds lint linter linting e2e checks workflow workflows nightly specs job jobs run runs',
  failure: 'failure failures fail fails failed failing error errors crash crashes',
  environment: 'production prod live staging stage preprod development dev outage incident',
  target: 'site website server app service system backend frontend',
  health: 'health healthcheck uptime healthy alive reachable responding',
  docs: 'doc docs documentation guide guides manual manuals reference runbook runbooks handbook changelog wiki tutorial tutorials',
  readme: 'readme readme.md',
  code: 'code module',
  issues: 'issues backlog tickets',
  variable: 'variable variables config-value env-var',
  shipment: 'deploy deployment redeploy redeployment release rollout',
  rollback: 'rollback revert',
  review: 'review reviews re-review eyes',
  analysis: 'analysis scan audit',
  diagnosis: 'diagnosis diagnostics',
}

const STATES: Readonly<Record<State, string>> = {
  good: 'pass passes passed green ok okay done finished finishes successful succeed succeeds succeeded through clean happy fine good well clear complete completes completed works worked',
  up: 'up healthy alive reachable available responding responsive answering online running doing',
  bad: 'fail fails failed failing red broken broke breaks down unhealthy dead slow unreachable unresponsive offline crashing crashes crashed wrong weird strange odd gone stuck ill sick outdated stale obsolete missing incomplete unhappy',
}

/** Words that say nothing of what is wanted, whatever they stand beside. */
const PARTICLES = new Set(
  'the a an my our your its his her their this that these those it them they all some any every each both another new latest last newest current previous whole entire only just also too as well please pls plz kindly thanks thank thx you again now today tonight tomorrow quickly quick asap soon immediately really still yet even maybe once more time one first second third finally then next afterwards so is are be been being was were has have had do does did will would should must can could not me us i we there here to and or of for on in at with from by about against into onto via over through up out if whether unit integration security full complete own everyone everything something anything nothing somehow stuff thing things sth somebody someone anybody team folks guys no number'.split(
    ' ',
  ),
)

const IRREGULAR: Readonly<Record<string, string>> = {
  ran: 'run',
  built: 'build',
  rebuilt: 'build',
  written: 'write',
  wrote: 'write',
  rewritten: 'rewrite',
  brought: 'bring',
  sent: 'send',
  taken: 'take',
  made: 'make',
  gotten: 'get',
  got: 'get',
  gone: 'go',
  done: 'do',
  redone: 'do',
  given: 'give',
  seen: 'see',
  found: 'find',
  split: 'split',
  set: 'set',
  put: 'put',
}

const tableOf = <Part extends string>(lists: Readonly<Record<Part, string>>) => {
  const table = new Map<string, readonly Part[]>()
  for (const [part, words] of Object.entries(lists) as [Part, string][])
    for (const word of words.split(' ')) table.set(word, [...(table.get(word) ?? []), part])
  return table
}
const FAMILIES = tableOf(VERBS)
const KINDS = tableOf(THINGS)
const STANDS = tableOf(STATES)
/** The particles that each verb may have. */
const PHRASAL = new Map<string, readonly string[]>()
for (const name of FAMILIES.keys()) {
  const [verb = '', particle] = name.split('_')
  if (particle !== undefined) PHRASAL.set(verb, [...(PHRASAL.get(verb) ?? []), particle])
}

export type Form = 'base' | 's' | 'past' | 'ing'

export interface Verb {
  readonly lemma: string
  readonly form: Form
}

/** The verb that a word is a form of: `redeployed` is of `deploy`, in the past. */
export function verbIn(word: string): Verb | undefined {
  const known = (lemma: string) => FAMILIES.has(lemma) || PHRASAL.has(lemma)
  const irregular = IRREGULAR[word]
  if (known(word)) return {lemma: word, form: 'base'}
  if (irregular !== undefined) return {lemma: irregular, form: 'past'}
  for (const [ending, form] of ENDINGS) {
    if (!word.endsWith(ending)) continue
    const stem = word.slice(0, -ending.length)
    const lemma = [stem, `${stem}e`, stem.replace(/(.)\1$/, '$1'), stem.replace(/i$/, 'y')].find(known)
    if (lemma !== undefined && stem.length > 1) return {lemma, form}
  }
  const again = /^re-?(.{3,})$/.exec(word)?.[1]
  return again === undefined ? undefined : verbIn(again)
}
const ENDINGS: readonly (readonly [string, Form])[] = [
  ['ing', 'ing'],
  ['ed', 'past'],
  ['es', 's'],
  ['s', 's'],
]

/** The families of a verb, of it with its particle where one of the words behind it is one. */
export function familiesOf(lemma: string, behind: readonly string[]): readonly Family[] {
  const particle = PHRASAL.get(lemma)?.find(one => behind.slice(0, FARTHEST).includes(one))
  return (
    (particle === undefined ? undefined : FAMILIES.get(`${lemma}_${particle}`)) ?? FAMILIES.get(lemma) ?? []
  )
}
/** Words between a verb and its particle: `roll the client of acme back`. */
const FARTHEST = 6

/** Whether a word is the particle of the verb before it. */
export function isParticleOf(lemma: string, word: string): boolean {
  return PHRASAL.get(lemma)?.includes(word) ?? false
}

export function thingIn(word: string): Thing | undefined {
  return KINDS.get(word)?.[0]
}

export function stateIn(word: string): State | undefined {
  return STANDS.get(word)?.[0]
}

export function saysNothing(word: string): boolean {
  return PARTICLES.has(word)
}

/** Words of their own that a slip in one of ours would make. */
const OTHER_WORDS = new Set(
  'lunch sever compete filed cashed though thorough covert crate insect warp mater preform'.split(' '),
)

/** Whether a word is one as it stands, of ours or not. */
export function isWord(word: string): boolean {
  return OTHER_WORDS.has(word.replace(/s$/, '')) || saysNothing(word) || verbIn(word) !== undefined
}

/** All words that people may mistype: those of the lists, long enough to be told from others. */
export const TELLING: readonly string[] = [
  ...new Set(
    [
      ...FAMILIES.keys(),
      ...KINDS.keys(),
      ...STANDS.keys(),
      ...'then after before once first finally afterwards please something everything'.split(' '),
    ].flatMap(word => word.split('_')),
  ),
].filter(word => /^[a-z]{4,}$/.test(word))
