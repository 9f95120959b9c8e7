import {stringify} from 'yaml'
import type {DiscordEmulator, Person} from '../../emulators/discord/index.ts'
import type {GithubEmulator, JobScript, Repository} from '../../emulators/github/index.ts'
import type {LinearEmulator, Person as LinearPerson} from '../../emulators/linear/index.ts'

/** The small company that the demo shows: five people, one repository, three targets and two weeks of history. */
export interface Cast {
  /** The id of the channel that all of it plays in. */
  readonly channel: string
  /** A tech lead and admin. */
  readonly ada: Person
  /** A developer: may deploy. */
  readonly grace: Person
  /** A designer: may not. */
  readonly ben: Person
  /** A team lead and the CTO: they approve what goes to production. */
  readonly hugo: Person
  readonly cleo: Person
  readonly repository: Repository
  /** Ada, as Linear knows her. */
  readonly adaInLinear: LinearPerson
  /** The identifier of the issue under which approvals are asked for in Linear. */
  readonly hub: string
}

export const CHANNEL = 'deploys'
export const REPOSITORY = 'acme/web'
/** Where Ada reads her mail. */
export const ADA_MAIL = 'ada@acme.test'

const WORKFLOWS = {
  client: {file: 'client-deploy.yml', name: 'Client deploy'},
  staging: {file: 'staging-deploy.yml', name: 'Staging deploy'},
  production: {file: 'production-deploy.yml', name: 'Production deploy'},
} as const

/** How the staging deploy breaks, the first time; tried again, it goes through. */
export const STAGING_FAULT = {
  step: 'Upload to bucket',
  line: 'upload failed: AccessDenied: deployer is not authorized to perform s3:PutObject',
} as const

/** Puts people, repository and history into the emulators. */
export function castInto({
  discord,
  github,
  linear,
}: {
  readonly discord: DiscordEmulator
  readonly github: GithubEmulator
  readonly linear: LinearEmulator
}): Cast {
  const channel = discord.channel(CHANNEL).id
  const repository = github.repository(REPOSITORY)
  repository.branch('feature/checkout')
  repository.branch('feature/dark-mode')
  repository.tag('v1.4.0')
  const inputs = {correlation_id: {}, requester: {}, VITE_API_BASE: {}}
  repository.workflow(WORKFLOWS.client.file, {name: WORKFLOWS.client.name, inputs, jobs: deployJobs()})
  repository.workflow(WORKFLOWS.production.file, {
    name: WORKFLOWS.production.name,
    inputs,
    jobs: deployJobs(),
  })
  let broken = true
  repository.workflow(WORKFLOWS.staging.file, {
    name: WORKFLOWS.staging.name,
    inputs,
    script({correlation_id: dispatched}) {
      if (dispatched === undefined || !broken) return deployJobs()
      broken = false
      return brokenJobs()
    },
  })
  repository.workflow('diagnose-dispatch.yml', {
    name: 'Diagnose on Demand',
    inputs: {correlation_id: {}, requester: {}, channel_id: {}, frontend_url: {}, api_base: {}},
    jobs: [diagnoseJob()],
    artifacts: ({correlation_id: id, api_base: api}) => [
      {name: 'diagnose-summary', files: {'diagnose-summary.json': JSON.stringify(diagnosisOf(id, api))}},
    ],
  })
  // What whoever approves a deploy to production is shown of the commit.
  repository.workflow('ci.yml', {
    name: 'CI',
    jobs: [{name: 'test', steps: [{name: 'Test', ms: 900, run: 'npm test'}]}],
  })
  repository.startRun({
    workflow: 'ci.yml',
    event: 'push',
    title: 'Keep the coupon through checkout',
    actor: 'grace',
    ageMs: 3 * 3_600_000,
    conclusion: 'success',
  })
  for (const {workflow, hoursAgo, minutes, conclusion, actor} of HISTORY) {
    repository.startRun({
      workflow: WORKFLOWS[workflow].file,
      event: 'workflow_dispatch',
      title: `${WORKFLOWS[workflow].name} — by ${actor}`,
      actor,
      ageMs: hoursAgo * 3_600_000,
      durationMs: minutes * 60_000,
      conclusion,
    })
  }
  repository.issue('Checkout forgets the coupon', 'grace', ['ready'])
  repository.issue('Dark mode for the receipts', 'ben', ['ready'])
  return {
    channel,
    ada: discord.person('ada'),
    grace: discord.person('grace'),
    ben: discord.person('ben'),
    hugo: discord.person('hugo'),
    cleo: discord.person('cleo'),
    repository,
    adaInLinear: linear.person('ada'),
    hub: linear.issue('Approvals', {by: 'cleo'}).identifier,
  }
}

/** The product's configuration for this company, as the text of a signalbox.yaml. */
export function configurationFor({channel, ada, grace, ben, hugo, cleo, adaInLinear}: Cast): string {
  return stringify({
    targets: {
      client: {
        repository: REPOSITORY,
        workflow: WORKFLOWS.client.file,
        ref: 'main',
        environment: 'development',
        service: 'web',
      },
      staging: {
        repository: REPOSITORY,
        workflow: WORKFLOWS.staging.file,
        ref: 'main',
        environment: 'staging',
        service: 'web',
      },
      production: {
        repository: REPOSITORY,
        workflow: WORKFLOWS.production.file,
        ref: 'main',
        environment: 'production',
        service: 'web',
      },
    },
    principals: [
      {
        id: 'ada',
        discord: ada.id,
        github: 'ada',
        linear: adaInLinear.id,
        email: ADA_MAIL,
        roles: ['tech_lead'],
      },
      {id: 'grace', discord: grace.id, github: 'grace', roles: ['developer']},
      {id: 'ben', discord: ben.id, github: 'ben', roles: ['designer']},
      {id: 'hugo', discord: hugo.id, roles: ['team_lead']},
      {id: 'cleo', discord: cleo.id, roles: ['cto']},
    ],
    // Only production stops for people here: two of them, a tech lead or the CTO among them.
    approvals: {policies: {medium: {approvers: 0}}},
    access: {
      'deploy-client': {roles: ['developer', 'tech_lead']},
      'take-over': {roles: ['developer', 'tech_lead']},
      workflow: {roles: ['developer', 'tech_lead']},
      'verify-run': {roles: ['developer', 'tech_lead']},
      ship: {roles: ['developer', 'tech_lead']},
      qa: {roles: ['developer', 'tech_lead']},
      triage: {roles: ['developer', 'tech_lead']},
      'triage-issues': {roles: ['tech_lead']},
      doctor: {roles: ['tech_lead']},
    },
    relay: {channels: [channel], people: ['grace']},
  })
}

/** What the weekly digest has to come to, by the emulator's own books rather than by GitHub's answers to the product. */
export function weekOf(workflow: keyof typeof WORKFLOWS): {
  readonly total: number
  readonly success: number
  readonly failure: number
} {
  const week = HISTORY.filter(run => run.workflow === workflow && run.hoursAgo < 7 * 24)
  return {
    total: week.length,
    success: week.filter(run => run.conclusion === 'success').length,
    failure: week.filter(run => run.conclusion === 'failure').length,
  }
}

const HISTORY = [
  {workflow: 'client', hoursAgo: 2, minutes: 2.1, conclusion: 'success', actor: 'grace'},
  {workflow: 'client', hoursAgo: 6, minutes: 1.9, conclusion: 'success', actor: 'ada'},
  {workflow: 'client', hoursAgo: 21, minutes: 0.8, conclusion: 'failure', actor: 'grace'},
  {workflow: 'client', hoursAgo: 30, minutes: 2.4, conclusion: 'success', actor: 'grace'},
  {workflow: 'client', hoursAgo: 52, minutes: 2.0, conclusion: 'cancelled', actor: 'ada'},
  {workflow: 'client', hoursAgo: 77, minutes: 2.2, conclusion: 'success', actor: 'grace'},
  {workflow: 'client', hoursAgo: 101, minutes: 2.1, conclusion: 'success', actor: 'grace'},
  {workflow: 'client', hoursAgo: 260, minutes: 2.3, conclusion: 'success', actor: 'ada'},
  {workflow: 'staging', hoursAgo: 5, minutes: 3.2, conclusion: 'success', actor: 'ada'},
  {workflow: 'staging', hoursAgo: 49, minutes: 3.0, conclusion: 'success', actor: 'grace'},
  {workflow: 'staging', hoursAgo: 120, minutes: 1.1, conclusion: 'failure', actor: 'grace'},
  {workflow: 'production', hoursAgo: 46, minutes: 4.2, conclusion: 'success', actor: 'ada'},
  {workflow: 'production', hoursAgo: 140, minutes: 4.0, conclusion: 'success', actor: 'ada'},
] as const

function buildJob(): JobScript {
  return {
    name: 'build',
    steps: [
      {name: 'Check out', ms: 700, run: 'git checkout --progress --force main'},
      {name: 'Install', ms: 900, run: 'npm ci', log: ['added 412 packages in 3s']},
      {
        name: 'Build',
        ms: 1600,
        run: 'npm run build',
        log: ['vite building for production...', '✓ built in 1.58s'],
      },
    ],
  }
}

function diagnoseJob(): JobScript {
  return {
    name: 'diagnose',
    steps: [
      {name: 'Assume role', ms: 1200, run: 'aws sts get-caller-identity'},
      {name: 'Look around', ms: 2400, run: 'npm run diagnose'},
    ],
  }
}

/** Sign-in and CDN are fine, one endpoint of the API is not. */
function diagnosisOf(id: string | undefined, api: string | undefined) {
  const unset = {ok: false, details: 'not configured'}
  return {
    correlation_id: id,
    checks: {
      oidc: {ok: true, details: 'assumed role acme-deployer'},
      s3_read: {ok: true, details: '42 objects'},
      cloudfront: {ok: true, details: 'deployed'},
      api_health: api === undefined || api === '' ? unset : {ok: true, status: 200, ms: 48},
      api_hello: api === undefined || api === '' ? unset : {ok: false, status: 503, ms: 51},
    },
    durations: {total_s: 3.6},
  }
}

function deployJobs(): JobScript[] {
  const deploy: JobScript = {
    name: 'deploy',
    needs: ['build'],
    steps: [
      {name: STAGING_FAULT.step, ms: 1800, run: 'npm run upload', log: ['uploaded 42 files']},
      {name: 'Invalidate cache', ms: 1200, run: 'npm run invalidate', log: ['invalidated /*']},
      {name: 'Smoke test', ms: 900, run: 'npm run smoke', log: ['GET / 200', 'GET /health 200']},
    ],
  }
  return [buildJob(), deploy]
}

function brokenJobs(): JobScript[] {
  const deploy: JobScript = {
    name: 'deploy',
    needs: ['build'],
    steps: [
      {
        name: STAGING_FAULT.step,
        ms: 1500,
        run: 'npm run upload',
        log: [
          'uploading 42 files to s3://acme-web-staging',
          'uploaded assets/index-b81c.css',
          STAGING_FAULT.line,
          '    at upload (scripts/upload.ts:41:11)',
        ],
        conclusion: 'failure',
        exitCode: 1,
      },
      {name: 'Invalidate cache', ms: 1200, run: 'npm run invalidate'},
      {name: 'Smoke test', ms: 900, run: 'npm run smoke'},
    ],
  }
  return [buildJob(), deploy]
}
