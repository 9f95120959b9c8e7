import {parseArgs} from 'node:util'
import {createOctokitRepositoryHost} from '../src/integrations/github/octokit-repository-host.ts'
import {systemClock} from '../src/kernel/clock.ts'
import {AppError} from '../src/kernel/errors.ts'
import {createQa} from '../src/qa/port.ts'
import {reportText} from '../src/qa/report.ts'
import {runOperator} from '../src/runtime/operator.ts'

const USAGE = 'npm run qa -- --pr <number> [--repo owner/name] [--json]'
const WITHIN_MS = 120_000

/** Checks one pull request and prints the report; posts nothing. Exit code 0: passes. 1: does not. 2: could not be checked. */
let checked = false
await runOperator(async ({config, say}) => {
  const {number, repository = config.github?.repository, json} = readArguments()
  if (!config.github) throw new AppError('NOT_CONFIGURED', 'GitHub is not set up here: set GITHUB_TOKEN.')
  if (repository === undefined)
    throw new AppError('INVALID_INPUT', `Name a repository, or set GITHUB_REPOSITORY. ${USAGE}`)
  const host = await createOctokitRepositoryHost({...config.github, clock: systemClock})
  const qa = createQa({host, postReviews: 'off', clock: systemClock})
  const report = await qa.check({repository, number, signal: AbortSignal.timeout(WITHIN_MS)})
  say(json ? JSON.stringify(report, undefined, 2) : reportText(report))
  checked = true
  return report.verdict === 'pass'
})
if (!checked) process.exitCode = 2

function readArguments(): {
  readonly number: number
  readonly repository: string | undefined
  readonly json: boolean
} {
  try {
    const {values} = parseArgs({
      options: {pr: {type: 'string'}, repo: {type: 'string'}, json: {type: 'boolean', default: false}},
    })
    const {pr = '', repo, json} = values
    const isName = repo === undefined || /^[\w-]{1,39}\/[\w.-]{1,100}$/.test(repo)
    if (/^[1-9]\d{0,9}$/.test(pr) && isName) return {number: Number(pr), repository: repo, json}
  } catch {
    // Told below, like every other argument that is not understood.
  }
  throw new AppError('INVALID_INPUT', USAGE)
}
