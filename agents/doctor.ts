import {z} from 'zod'
import {code, link, plain} from '../src/kernel/markdown.ts'
import {
  defineAction,
  defineAgent,
  type ContractBreach,
  type ContractProposal,
  type Reply,
  type ServiceFinding,
  type WorkflowContract,
} from '../src/sdk/index.ts'

const SERVICES_SHOWN = 5
const BREACHES_SHOWN = 4
const LONGEST_LINES = 800
const MOST_BUTTONS = 3

/** Says what of the set-up does not work and what to do about it, and proposes what a pull request can mend. */
export default defineAgent({
  id: 'doctor',
  name: 'Doctor',
  description: 'Looks at each configured service and workflow, and proposes what workflows lack',
  command: '/doctor',
  queue: {concurrency: 2, timeoutMs: 90_000},
  actions: {
    look: defineAction({
      description: 'Look at the set-up, or open a pull request with the lines that a workflow lacks',
      input: z.object({fix: z.string().optional()}),
      async run({fix}, {services: {doctor}, effect, signal}) {
        if (fix === undefined) {
          const {services, contracts} = await doctor.examine(signal)
          return {kind: 'replied', reply: describe(services, contracts)}
        }
        const proposal = await effect('propose', {
          run: async () => toJson(await doctor.propose({id: fix, signal})),
          // Proposing again writes to the pull request that is open.
          find: async () => undefined,
        })
        return {kind: 'replied', reply: proposed(fix, proposal), output: proposal}
      },
    }),
  },
})

function toJson(proposal: ContractProposal | undefined) {
  return proposal ? {...proposal, files: [...proposal.files]} : null
}

function proposed(fix: string, proposal: ReturnType<typeof toJson>): Reply {
  if (!proposal)
    return {
      state: 'other',
      title: `${plain(fix, 40)} · there is nothing that a pull request would mend`,
      lines: ['`/doctor` says how it stands now'],
    }
  const {repository, number, url, opened, files} = proposal
  return {
    state: 'ok',
    title: `${plain(repository, 45)} · ${opened ? 'pull request opened' : 'pull request updated'}`,
    lines: [
      `${link(`draft #${number}`, url)} adds what is missing to ${files.map(path => code(path)).join(', ')}`,
      'nothing changes before somebody reads and merges it',
    ],
    controls: [{kind: 'link', label: 'Pull request ↗', url}],
  }
}

function describe(services: readonly ServiceFinding[], contracts: readonly WorkflowContract[]): Reply {
  const wrong = services.filter(({ok}) => !ok)
  const broken = contracts.filter(({verdict}) => verdict === 'broken')
  const unknown = contracts.filter(({verdict}) => verdict === 'unknown')
  const count = wrong.length + broken.length
  const lacking = broken.find(({breaches}) => breaches.some(({lines}) => lines !== undefined))
  const more = wrong.length - SERVICES_SHOWN
  return {
    ...(count > 0
      ? {state: 'error', title: `doctor · ${count} to mend`}
      : unknown.length > 0
        ? {state: 'partial', title: `doctor · ${unknown.length} could not be looked at`}
        : {state: 'ok', title: 'doctor · everything that is configured works'}),
    lines: [
      ...wrong.slice(0, SERVICES_SHOWN).map(({what, next}) => `❌ ${plain(what, 200)}${advice(next)}`),
      ...(more > 0 ? [`and ${more} more; \`npm run doctor\` shows all`] : []),
      ...[...broken, ...unknown, ...contracts.filter(({verdict}) => verdict === 'kept')].map(contractLines),
      `${services.length - wrong.length} of ${services.length} looks at services and configuration were fine`,
      ...(lacking ? [`what ${code(lacking.workflow)} lacks, with its lines in the mended file:`] : []),
    ],
    ...(lacking ? {excerpt: linesOf(lacking)} : {}),
    controls: [...new Map(broken.filter(({mendable}) => mendable).map(one => [one.repository, one])).values()]
      .slice(0, MOST_BUTTONS)
      .map(({id, repository}) => ({
        kind: 'action',
        label: `Open a PR in ${repository}`,
        action: 'fix-workflow',
        subject: id,
        style: 'primary',
      })),
  }
}

/** As much of the lines to add as a message shows, whole blocks. */
function linesOf({breaches}: WorkflowContract): string {
  const blocks = breaches.flatMap(({lines, line = 1}) =>
    lines ? [[`# line ${line}`, ...lines].join('\n')] : [],
  )
  let length = 0
  const shown = blocks.filter(block => (length += block.length + 1) <= LONGEST_LINES)
  const more = blocks.length - shown.length
  return [...shown, ...(more > 0 ? [`# and ${more} more; npm run doctor shows all`] : [])].join('\n')
}

const GLYPHS = {kept: '✅', broken: '❌', unknown: '❔'}

function contractLines({name, repository, workflow, verdict, breaches}: WorkflowContract): string {
  const head = `${GLYPHS[verdict]} **${plain(name, 40)}** ${code(`${repository} ${workflow}`, 120)}`
  if (breaches.length === 0) return `${head} takes what we send`
  const more = breaches.length - BREACHES_SHOWN
  return [
    head,
    // What a pull request can't mend comes first.
    ...[...breaches]
      .sort((one, other) => Number(one.lines !== undefined) - Number(other.lines !== undefined))
      .slice(0, BREACHES_SHOWN)
      .map(breachLine),
    ...(more > 0 ? [`· and ${more} more`] : []),
  ].join('\n')
}

function breachLine({what, next}: ContractBreach): string {
  return `· ${plain(what, 200)}${advice(next)}`
}

function advice(next: string | undefined): string {
  return next === undefined ? '' : `\n  → ${plain(next, 200)}`
}
