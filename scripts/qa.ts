import {createOctokitRepositoryHost} from '../src/integrations/github/octokit-repository-host.ts'
import {systemClock} from '../src/kernel/clock.ts'
import {AppError} from '../src/kernel/errors.ts'
import {createQa} from '../src/qa/port.ts'
import {reportText} from '../src/qa/report.ts'
import {commandLine} from '../src/runtime/command-line.ts'
import {runOperator} from '../src/runtime/operator.ts'

const WITHIN_MS = 120_000
const UNCHECKED = 2

const {options} = commandLine(
  {
    name: 'npm run qa',
    purpose:
      'Checks one pull request by the rules of its repository and prints the report; posts nothing.\nExit code 0: it passes. 1: it does not. 2: it could not be checked.',
    options: {
      pr: {value: 'number', what: 'the pull request', required: true, matches: /^[1-9]\d{0,9}$/},
      repo: {
        value: 'owner/name',
        what: 'where it is; GITHUB_REPOSITORY when left out',
        matches: /^[\w-]{1,39}\/[\w.-]{1,100}$/,
      },
      json: {what: 'the report as JSON'},
    },
  },
  {wrongCode: UNCHECKED},
)

let checked = false
await runOperator(async ({config, say}) => {
  const {pr, repo: repository = config.github?.repository, json} = options
  if (!config.github) throw new AppError('NOT_CONFIGURED', 'GitHub is not set up here: set GITHUB_TOKEN.')
  if (repository === undefined)
    throw new AppError('INVALID_INPUT', 'Name a repository with --repo, or set GITHUB_REPOSITORY.')
  const host = await createOctokitRepositoryHost({...config.github, clock: systemClock})
  const qa = createQa({host, postReviews: 'off', clock: systemClock})
  const report = await qa.check({repository, number: Number(pr), signal: AbortSignal.timeout(WITHIN_MS)})
  say(json ? JSON.stringify(report, undefined, 2) : reportText(report))
  checked = true
  return report.verdict === 'pass'
})
if (!checked) process.exitCode = UNCHECKED
