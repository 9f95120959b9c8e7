import {createHash, generateKeyPairSync} from 'node:crypto'
import {chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {parse as parseDotenv} from 'dotenv'
import {describe, expect, test} from 'vitest'
import {ensureApiToken, ensureSecretKey} from '../../../src/platform/config/api-token.ts'
import {isCron} from '../../../src/platform/config/cron.ts'
import {environmentSchema, SECRETS} from '../../../src/platform/config/environment.ts'
import {ConfigError} from '../../../src/platform/config/faults.ts'
import {describeIntegrations} from '../../../src/platform/config/integrations.ts'
import {loadConfig} from '../../../src/platform/config/load-config.ts'
import {fileJsonSchema} from '../../../src/platform/config/signalbox-file.ts'

type Files = Readonly<Record<string, string>>

/** Loads from a folder `/app` that holds these files. */
function load(env: Record<string, string> = {}, files: Files = {}) {
  return loadConfig({
    env,
    cwd: '/app',
    readFile(path) {
      const text = files[path.replace('/app/', '')]
      if (text === undefined) throw Object.assign(new Error(`no such file ${path}`), {code: 'ENOENT'})
      return text
    },
  })
}

function faultsOf(env: Record<string, string>, files: Files = {}): string[] {
  try {
    load(env, files)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({message}) => message)
    throw error
  }
  return []
}

const yamlFaults = (yaml: string, env: Record<string, string> = {}) => faultsOf(env, {'signalbox.yaml': yaml})
const discord = {DISCORD_TOKEN: 'discord-secret', DISCORD_APPLICATION_ID: '1'}

describe('defaults', () => {
  test('nothing set is a working configuration with every integration off', () => {
    const config = load()
    expect(config).toMatchObject({
      home: '/app/.signalbox',
      database: {},
      http: {host: '127.0.0.1', port: 8009},
      log: {level: 'info'},
      admin: {userIds: [], roleIds: [], allowSecretWrites: false},
      runs: {pollIntervalMs: 3000, discoveryTimeoutMs: 30_000, watchTimeoutMs: 180_000},
      interactionHandoverMs: 840_000,
      registry: {heartbeatMs: 10_000, leaseMs: 30_000},
      approvals: {sweepMs: 5000},
    })
    expect([...config.roles]).toEqual(['bot', 'worker', 'api'])
    for (const off of ['discord', 'github', 'linear', 'smtp', 'notifications', 'llm', 'redis'])
      expect(config).not.toHaveProperty(off)
    expect(describeIntegrations(config).filter(line => line.includes(': off'))).toHaveLength(6)
  })

  test('the target client exists though nobody configured it', () => {
    const config = load({GITHUB_TOKEN: 't', GITHUB_REPOSITORY: 'acme/web'})
    expect(config.targets.get('client')).toEqual({
      name: 'client',
      repository: 'acme/web',
      workflow: 'client-deploy.yml',
      ref: 'main',
      environment: 'development',
      service: 'client',
      inputs: {},
      verify: {},
      ship: {
        checks: [],
        autoPromote: false,
        autoRollback: true,
        minChecks: 3,
        promoteAt: {checks: 4, share: 80},
        timeoutMs: 30_000,
        expires: 3_600_000,
      },
    })
  })

  test('an instance without a name gets one of its own', () => {
    expect(load().instanceId).not.toBe(load().instanceId)
    expect(load({INSTANCE_ID: 'a1'}).instanceId).toBe('a1')
  })
})

describe('sources', () => {
  test('a .env is read, never wins over the environment, and changes nothing around it', () => {
    const files = {'.env': 'HTTP_PORT=1111\nLOG_LEVEL=debug\n'}
    const env = {HTTP_PORT: '2222'}
    expect(load(env, files)).toMatchObject({http: {port: 2222}, log: {level: 'debug'}})
    expect(env).toEqual({HTTP_PORT: '2222'})
    expect(process.env['LOG_LEVEL']).not.toBe('debug')
  })

  test('an empty variable is one that is not set', () => {
    expect(load({DISCORD_TOKEN: '', HTTP_PORT: ' '})).toMatchObject({http: {port: 8009}})
  })

  test.each(SECRETS)('%s may come from a file', name => {
    const {privateKey} = generateKeyPairSync('rsa', {
      modulusLength: 1024,
      privateKeyEncoding: {type: 'pkcs8', format: 'pem'},
      publicKeyEncoding: {type: 'spki', format: 'pem'},
    })
    const values: Record<string, string> = {
      DATABASE_URL: 'postgres://u:file-secret@h/d',
      REDIS_URL: 'redis://:file-secret@h',
      SMTP_URL: 'smtp://u:file-secret@h',
      SIGNALBOX_SECRET_KEY: 'file-secret'.repeat(3),
      GITHUB_APP_PRIVATE_KEY: privateKey,
    }
    const complete = {
      GITHUB_WEBHOOK_SECRET: {GITHUB_TOKEN: 't', GITHUB_REPOSITORY: 'a/b'},
      GITHUB_TOKEN: {GITHUB_REPOSITORY: 'a/b'},
      GITHUB_APP_PRIVATE_KEY: {GITHUB_APP_ID: '1', GITHUB_APP_INSTALLATION_ID: '2', GITHUB_REPOSITORY: 'a/b'},
      DISCORD_TOKEN: {DISCORD_APPLICATION_ID: '1'},
      LINEAR_CLIENT_SECRET: {LINEAR_CLIENT_ID: 'c'},
      LINEAR_WEBHOOK_SECRET: {LINEAR_API_KEY: 'k'},
      SMTP_PASS: {SMTP_HOST: 'h', SMTP_USER: 'u'},
      LLM_API_KEY: {LLM_BASE_URL: 'https://llm.example.com/v1', LLM_MODEL: 'm'},
    } as Record<string, Record<string, string>>
    const secret = values[name] ?? 'file-secret'
    const config = load({...complete[name], [`${name}_FILE`]: '/run/secret'}, {'/run/secret': `${secret}\n`})
    expect(config.secrets).toContain(secret)
  })

  test('a secret given twice, an unreadable file and an empty one are faults', () => {
    expect(faultsOf({API_TOKEN: 'a', API_TOKEN_FILE: 'f'}, {f: 'b'})).toEqual([
      'API_TOKEN_FILE and API_TOKEN are both set; keep one.',
    ])
    expect(faultsOf({API_TOKEN_FILE: 'gone'})).toEqual([
      "API_TOKEN_FILE names a file that can't be read (ENOENT).",
    ])
    expect(faultsOf({API_TOKEN_FILE: 'f'}, {f: '\n'})).toEqual(['API_TOKEN_FILE names a file that is empty.'])
  })

  test('a configured file that is missing is a fault, the default one is not', () => {
    expect(faultsOf({SIGNALBOX_CONFIG: 'other.yaml'})).toEqual([
      'SIGNALBOX_CONFIG names a file that does not exist.',
    ])
    expect(faultsOf({})).toEqual([])
  })
})

describe('integrations', () => {
  test.each([
    [{DISCORD_TOKEN: 'x'}, 'DISCORD_TOKEN is set but DISCORD_APPLICATION_ID is missing.'],
    [{DISCORD_STATUS_CHANNEL_ID: '1'}, 'DISCORD_STATUS_CHANNEL_ID is set but DISCORD_TOKEN is missing.'],
    [
      {GITHUB_REPOSITORY: 'a/b'},
      'GITHUB_REPOSITORY is set but GITHUB_TOKEN (or GITHUB_APP_ID + GITHUB_APP_PRIVATE_KEY + GITHUB_APP_INSTALLATION_ID) is missing.',
    ],
    [
      {GITHUB_APP_ID: '1', GITHUB_REPOSITORY: 'a/b'},
      'GITHUB_APP_ID is set but GITHUB_APP_PRIVATE_KEY is missing.',
    ],
    [
      {GITHUB_TOKEN: 't', GITHUB_APP_ID: '1', GITHUB_REPOSITORY: 'a/b'},
      'GITHUB_TOKEN and GITHUB_APP_ID are both set; keep one.',
    ],
    [{GITHUB_TOKEN: 't'}, 'GITHUB_REPOSITORY is missing; the target client, which always exists, needs it.'],
    [{LINEAR_CLIENT_ID: 'x'}, 'LINEAR_CLIENT_ID is set but LINEAR_CLIENT_SECRET is missing.'],
    [
      {LINEAR_APPROVAL_HUB_ISSUE_ID: 'OPS-1'},
      'LINEAR_APPROVAL_HUB_ISSUE_ID is set but LINEAR_API_KEY (or LINEAR_CLIENT_ID + LINEAR_CLIENT_SECRET) is missing.',
    ],
    [{SMTP_HOST: 'h', SMTP_USER: 'u'}, 'SMTP_USER is set but SMTP_PASS is missing.'],
    [{SMTP_HOST: 'h', SMTP_URL: 'smtp://h'}, 'SMTP_HOST and SMTP_URL are both set; keep one.'],
    [
      {NOTIFICATION_EMAIL_FROM: 'a@b.c', NOTIFICATION_EMAIL_TO: 'd@e.f'},
      'NOTIFICATION_EMAIL_FROM is set but SMTP_HOST (or SMTP_URL) is missing.',
    ],
    [{LLM_BASE_URL: 'https://x.example.com'}, 'LLM_BASE_URL is set but LLM_MODEL is missing.'],
  ])('half set is a fault: %o', (env, fault) => {
    expect(faultsOf(env)).toContain(fault)
  })

  test('complete ones are there, and start-up says so without their secrets', () => {
    const config = load({
      ...discord,
      GITHUB_TOKEN: 'github-secret',
      GITHUB_REPOSITORY: 'a/b',
      LINEAR_API_KEY: 'linear-secret',
      SMTP_URL: 'smtps://u:mail%2Fsecret@mail.example.com',
      NOTIFICATION_EMAIL_FROM: 'Signalbox <bot@b.c>',
      NOTIFICATION_EMAIL_TO: 'a@b.c, ,d@e.f',
      LLM_BASE_URL: 'http://ollama:11434/v1/',
      LLM_MODEL: 'm',
      DATABASE_URL: 'postgres://u:db-secret@h/d',
    })
    expect(config).toMatchObject({
      discord: {token: 'discord-secret', applicationId: '1', apiUrl: 'https://discord.com/api'},
      github: {
        auth: {kind: 'token', token: 'github-secret'},
        apiUrl: 'https://api.github.com',
        repository: 'a/b',
        throttle: true,
        timeoutMs: 10_000,
      },
      linear: {auth: {kind: 'key', apiKey: 'linear-secret'}},
      smtp: {host: 'mail.example.com', port: 465, tls: true, auth: {user: 'u', pass: 'mail/secret'}},
      notifications: {emailTo: ['a@b.c', 'd@e.f']},
      llm: {baseUrl: 'http://ollama:11434/v1', model: 'm'},
    })
    const lines = describeIntegrations(config).join('\n')
    for (const secret of ['discord-secret', 'github-secret', 'linear-secret', 'mail/secret', 'db-secret']) {
      expect(config.secrets).toContain(secret)
      expect(lines).not.toContain(secret)
    }
  })
})

describe('formats', () => {
  test.each([
    ['HTTP_PORT', '65536', 'must be a whole number from 0 to 65535'],
    ['HTTP_PORT', '80.5', 'must be a whole number from 0 to 65535'],
    ['RUN_POLL_INTERVAL_MS', '1e3', 'must be a whole number from 10 to 3600000'],
    ['ROLES', 'bot,wrker', 'must be a comma list of bot, worker and api'],
    ['ROLES', ',', 'must be a comma list of bot, worker and api'],
    ['ALLOW_SECRET_WRITES', 'yes', 'must be true or false'],
    ['ADMIN_USER_IDS', '1,ada', 'must be a comma list of Discord ids'],
    ['DATABASE_URL', 'mysql://h/d', 'must be an address that begins with postgres:// or postgresql://'],
    ['API_TOKEN', 'two words', 'must not contain spaces, line breaks or other unusual characters'],
    [
      'ALLOWED_DOMAINS',
      'https://example.com',
      'must be a comma list of domains such as example.com or *.example.com',
    ],
    [
      'PUBLIC_URL',
      'https://u:p@example.com',
      'must be an http:// or https:// address without user name and password',
    ],
    ['AGENT_LEASE_MS', '5000', 'must be greater than AGENT_HEARTBEAT_MS'],
  ])('%s=%s %s', (name, value, reason) => {
    expect(faultsOf({[name]: value})).toEqual([`${name} ${reason}.`])
  })

  test('a token is never sent over the public internet in the clear, but an emulator may be near', () => {
    const github = {GITHUB_TOKEN: 't', GITHUB_REPOSITORY: 'a/b'}
    for (const url of ['http://api.github.com', 'http://8.8.8.8:3000', 'http://api.github.com:81']) {
      expect(faultsOf({...github, GITHUB_API_URL: url})).toEqual([
        'GITHUB_API_URL must begin with https://, or the token would travel in the clear.',
      ])
    }
    for (const url of [
      'http://127.0.0.1:4001',
      'http://localhost:4001',
      'http://github-emulator:4001',
      'https://ghe.example.com/api/v3',
    ]) {
      expect(load({...github, GITHUB_API_URL: url}).github?.apiUrl).toBe(url)
    }
  })

  test('all faults of environment and file come at once, and no secret is in them', () => {
    const faults = faultsOf(
      {
        DISCORD_TOKEN: 'my secret token',
        HTTP_PORT: 'x',
        DATABASE_URL: 'mysql://u:hunter2@h',
        GITHUB_APP_PRIVATE_KEY: 'not-a-key',
      },
      {'signalbox.yaml': 'targets: {client: {environment: prod}}\nacess: {}'},
    )
    expect(faults.length).toBeGreaterThanOrEqual(8)
    for (const fault of faults) {
      expect(fault).toMatch(/[.?]$/)
      expect(fault).not.toMatch(/my secret|hunter2|not-a-key/)
    }
  })
})

describe('signalbox.yaml', () => {
  test('the example of the contract is read as it stands', () => {
    const config = load(
      {...discord, GITHUB_TOKEN: 't', GITHUB_REPOSITORY: 'acme/default'},
      {
        'signalbox.yaml': `
targets:
  client:
    repository: acme/web
    workflow: client-deploy.yml
    ref: main
    environment: development
    service: web
    inputs: { VITE_API_BASE: "\${{ options.api_base }}", DEBUG: true }
    verify: { frontend: https://web.example.com, api: https://api.example.com/ }
  docs: {}
principals:
  - { id: ada, discord: "111", github: ada, linear: "<user id>", email: ada@example.com, roles: [tech_lead] }
access:
  deploy-client: { roles: [developer, team_lead, tech_lead], discordRoles: ["222"] }
approvals:
  policies:
    high: { expires: 60m, approvers: 2, roles: [team_lead, tech_lead, cto], escalateTo: [cto], mailAfter: 10m, justification: false }
    low: { expires: never }
  quietHours: { from: "22:00", to: "07:00", timezone: UTC }
digests: [ { cron: "0 16 * * *", timezone: UTC, channel: "333", period: daily } ]
uptime: { every: 2m, channel: "444" }
projects: {}
`,
      },
    )
    expect(config.targets.get('client')).toMatchObject({
      repository: 'acme/web',
      service: 'web',
      inputs: {VITE_API_BASE: '${{ options.api_base }}', DEBUG: 'true'},
      verify: {frontend: 'https://web.example.com', api: 'https://api.example.com'},
    })
    expect(config.targets.get('docs')).toMatchObject({
      repository: 'acme/default',
      workflow: 'docs-deploy.yml',
      service: 'docs',
    })
    expect(config.qa).toEqual({postReviews: 'off'})
    expect(config.diagnose).toEqual({
      repository: 'acme/default',
      workflow: 'diagnose-dispatch.yml',
      ref: 'main',
      artifact: 'diagnose-summary',
      expected: false,
    })
    expect(config.principals).toEqual([
      {
        id: 'ada',
        discord: '111',
        github: 'ada',
        linear: '<user id>',
        email: 'ada@example.com',
        roles: ['tech_lead'],
      },
    ])
    expect(config.access.get('deploy-client')).toEqual({
      roles: ['developer', 'team_lead', 'tech_lead'],
      discordRoles: ['222'],
    })
    expect(config.approvalPolicies.get('high')).toMatchObject({
      expires: 3_600_000,
      mailAfter: 600_000,
      approvers: 2,
    })
    expect(config.approvalPolicies.get('low')).toEqual({expires: 'never'})
    expect(config.approvals.quietHours).toEqual({from: '22:00', to: '07:00', timezone: 'UTC'})
    expect(config.digests).toEqual([{cron: '0 16 * * *', timezone: 'UTC', channel: '333', period: 'daily'}])
    expect(config.uptime).toEqual({everyMs: 120_000, channel: '444', alert: true})
  })

  test.each([
    [
      'targets:\n  client:\n    environment: prod',
      'signalbox.yaml:3 targets.client.environment must be one of development, staging, production.',
    ],
    [
      'targets:\n  client:\n    enviroment: staging',
      'signalbox.yaml:3 targets.client.enviroment is not a known setting. Did you mean "environment"?',
    ],
    [
      'targets:\n  client: {repository: acme/web}\ndiagnose:\n  workflow: client-deploy.yml',
      'signalbox.yaml:4 diagnose.workflow ships the target client. A diagnosis must ship nothing; name another file.',
    ],
    ['qa: {postReviews: always}', 'signalbox.yaml:1 qa.postReviews must be one of off, comment, decide.'],
    [
      'diagnose: {workflow: ../x.yml}',
      'signalbox.yaml:1 diagnose.workflow must be the file name of a workflow, such as client-deploy.yml.',
    ],
    ['acess: {}', 'signalbox.yaml:1 acess is not a known setting. Did you mean "access"?'],
    ['xyzzy: {}', 'signalbox.yaml:1 xyzzy is not a known setting.'],
    [
      'targets:\n  Client: {}',
      'signalbox.yaml:2 targets.Client must be a short name of lower-case letters, digits and dashes.',
    ],
    ['principals:\n  - {discord: "1"}', 'signalbox.yaml:2 principals[0].id is missing.'],
    [
      'principals:\n  - {id: a, discord: 12345678901234567890}',
      'signalbox.yaml:2 principals[0].discord must be a Discord id: digits only, in quotes, since numbers that large lose digits.',
    ],
    ['principals: [{id: a}, {id: b}, {id: a}]', 'signalbox.yaml:1 principals[2].id belongs to a already.'],
    [
      'principals:\n  - {id: a, discord: "1"}\n  - {id: b, discord: "1"}',
      'signalbox.yaml:3 principals[1].discord belongs to a already.',
    ],
    [
      'principals: [{id: a, github: Ada}, {id: b, github: ada}]',
      'signalbox.yaml:1 principals[1].github belongs to a already.',
    ],
    [
      'access: {x: {roles: [tech_led]}}',
      'signalbox.yaml:1 access.x.roles[0] is a role that no principal has. Did you mean "tech_lead"?',
    ],
    [
      'approvals: {policies: {high: {expires: 60}}}',
      'signalbox.yaml:1 approvals.policies.high.expires must be a duration such as 90s, 30m, 2h, 14d, or never.',
    ],
    [
      'approvals: {policies: {low: {expires: never}, high: {expires: never}}}',
      'signalbox.yaml:1 approvals.policies.high.expires may be never for low risk only; give it a duration.',
    ],
    [
      'approvals: {quietHours: {from: "22:00", to: "24:00"}}',
      'signalbox.yaml:1 approvals.quietHours.to must be a time of day as "HH:MM", in quotes.',
    ],
    [
      'approvals: {quietHours: {from: "22:00", to: "07:00", timezone: Mars}}',
      'signalbox.yaml:1 approvals.quietHours.timezone must be a time zone such as UTC or Europe/Berlin.',
    ],
    [
      'digests: [{cron: "0 16 * *", channel: "1"}]',
      'signalbox.yaml:1 digests[0].cron must be a cron schedule of five fields, such as "0 16 * * *".',
    ],
    [
      'digests: [{cron: "0 16 * * *"}]',
      'signalbox.yaml:1 digests[0].channel is missing, and so is DISCORD_STATUS_CHANNEL_ID.',
    ],
    ['uptime: {every: 10s}', 'signalbox.yaml:1 uptime.every must be 30s or longer.'],
    ['uptime: {every: often}', 'signalbox.yaml:1 uptime.every must be a duration such as 90s, 30m or 2h.'],
    [
      'projects: {p: {id: x, tokenFrom: LINEAR_P}}',
      'LINEAR_P is missing; signalbox.yaml takes a token from it.',
    ],
    ['a: 1\na: 2', 'signalbox.yaml:2 is not valid YAML: duplicate key.'],
    ['- a', 'signalbox.yaml:1 must be a group of settings.'],
  ])('%j is a fault with its line and path', (yaml, fault) => {
    expect(yamlFaults(yaml)).toEqual([fault])
  })

  test('with GitHub on, a target needs a repository of its own or the default one', () => {
    const yaml = 'targets:\n  client: {repository: a/b}\n  docs: {}'
    expect(yamlFaults(yaml, {GITHUB_TOKEN: 't'})).toEqual([
      'signalbox.yaml:3 targets.docs.repository is missing, and so is GITHUB_REPOSITORY.',
    ])
    expect(yamlFaults(yaml)).toEqual([])
  })

  test('a section with nothing in it is one left out', () => {
    expect(yamlFaults('targets:\nprincipals:\n# - {id: a}\n')).toEqual([])
    expect(yamlFaults('')).toEqual([])
  })

  test('a document that unfolds into something enormous is refused', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefghi'
        .split('')
        .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`).join()}]`),
    ].join('\n')
    expect(yamlFaults(bomb)).toEqual(['signalbox.yaml refers to itself too often to be read.'])
  })

  test('a project takes its own token from the environment or a file', () => {
    const config = load(
      {TOKEN_P_FILE: 't'},
      {'signalbox.yaml': 'projects: {p: {id: x, tokenFrom: TOKEN_P}}', t: 'project-secret'},
    )
    expect(config.projects.get('p')).toEqual({id: 'x', token: 'project-secret'})
    expect(config.secrets).toContain('project-secret')
  })
})

test('a configuration can not be changed', () => {
  const config = load({}, {'signalbox.yaml': 'targets: {docs: {}}'})
  expect(() => ((config.http as {port: number}).port = 1)).toThrow(TypeError)
  expect(() => (config.targets as Map<string, unknown>).set('x', {})).toThrow(TypeError)
  expect(() => (config.roles as Set<string>).delete('bot')).toThrow(TypeError)
  expect(() => ((config.targets.get('docs') as {ref: string}).ref = 'x')).toThrow(TypeError)
})

describe('what is published about it', () => {
  const root = new URL('../../../', import.meta.url)

  test('signalbox.schema.json is what the validation uses: else run scripts/schema.ts', () => {
    expect(JSON.parse(readFileSync(new URL('signalbox.schema.json', root), 'utf8'))).toEqual(fileJsonSchema())
  })

  test('.env.example names every variable and no other, with the defaults that hold', () => {
    const example = parseDotenv(readFileSync(new URL('.env.example', root), 'utf8'))
    expect(Object.keys(example).sort()).toEqual(Object.keys(environmentSchema.shape).sort())
    const comparable = (env: Record<string, string>) => ({
      ...load({INSTANCE_ID: 'x', ...env}),
      targets: 0,
      roles: [...load(env).roles],
    })
    const filled = Object.fromEntries(Object.entries(example).filter(([, value]) => value !== ''))
    expect(comparable(filled)).toEqual(comparable({}))
  })
})

test.each([
  ['0 16 * * *', true],
  ['*/5 0-6,22-23 1,15 jan-mar mon-fri', true],
  ['30 0 16 * * *', true],
  ['0 16 * * 7', true],
  ['60 * * * *', false],
  ['* 24 * * *', false],
  ['* * 0 * *', false],
  ['*/0 * * * *', false],
  ['5-1 * * * *', false],
  ['1-2-3 * * * *', false],
  ['* * * foo *', false],
  ['* * * *', false],
  ['@daily', false],
  ['', false],
])('%j is a schedule: %s', (text, valid) => {
  expect(isCron(text)).toBe(valid)
})

describe('the API token', () => {
  const newHome = () => join(mkdtempSync(join(tmpdir(), 'signalbox-token-')), 'home')

  test('is made once, kept for its owner alone, and the same ever after', async () => {
    const home = newHome()
    const token = await ensureApiToken(home)
    expect(token).toMatch(/^[\w-]{43}$/)
    expect(await ensureApiToken(home)).toBe(token)
    expect(statSync(join(home, 'api-token')).mode & 0o777).toBe(0o600)
    expect(statSync(home).mode & 0o777).toBe(0o700)
  })

  test('is one for all that start together, and leaves nothing behind', async () => {
    const home = newHome()
    const tokens = await Promise.all(Array.from({length: 20}, () => ensureApiToken(home)))
    expect(new Set(tokens).size).toBe(1)
    expect(readdirSync(home)).toEqual(['api-token'])
  })

  test('is not what rows are sealed with', async () => {
    const home = newHome()
    const key = await ensureSecretKey(home)
    expect(key).not.toBe(await ensureApiToken(home))
    expect(await ensureSecretKey(home)).toBe(key)
    writeFileSync(join(home, 'secret-key'), '\n')
    await expect(ensureSecretKey(home)).rejects.toThrow('Delete it, or set SIGNALBOX_SECRET_KEY.')
  })

  test('is closed to others when somebody opened it', async () => {
    const home = newHome()
    const token = await ensureApiToken(home)
    chmodSync(join(home, 'api-token'), 0o644)
    expect(await ensureApiToken(home)).toBe(token)
    expect(statSync(join(home, 'api-token')).mode & 0o777).toBe(0o600)
  })

  test('is not taken from a broken file, nor kept where a file is in the way', async () => {
    const home = newHome()
    mkdirSync(home)
    writeFileSync(join(home, 'api-token'), '\n')
    await expect(ensureApiToken(home)).rejects.toMatchObject({code: 'START_FAILED'})
    await expect(ensureApiToken(join(home, 'api-token'))).rejects.toMatchObject({code: 'START_FAILED'})
  })
})

describe('freezes and broken glass', () => {
  const approvals = (yaml: string) =>
    load({}, {'signalbox.yaml': `principals: [{id: ada, roles: [tech_lead]}]\napprovals:\n${yaml}`}).approvals

  test('a period between moments, one of every week, and who may break the glass', () => {
    expect(
      approvals(`
  freezes:
    - {from: 2026-12-20T18:00:00+01:00, to: "2027-01-02T08:00:00Z", environments: [staging, production], reason: holidays}
    - {weekly: {from: "Fri 16:00", to: "Mon 08:00", timezone: Europe/Berlin}, reason: weekend}
  breakGlass: {roles: [tech_lead]}`),
    ).toMatchObject({
      freezes: [
        {
          from: Date.parse('2026-12-20T17:00:00Z'),
          to: Date.parse('2027-01-02T08:00:00Z'),
          environments: ['staging', 'production'],
          reason: 'holidays',
        },
        {
          weekly: {from: (4 * 24 + 16) * 60, to: 8 * 60, timezone: 'Europe/Berlin'},
          environments: ['production'],
          reason: 'weekend',
        },
      ],
      breakGlass: {roles: ['tech_lead'], maximum: 3_600_000},
    })
  })

  test('nothing is frozen and nobody may unless it says so', () => {
    const {limits, ...rest} = load().approvals
    expect(rest).toEqual({sweepMs: 5000, freezes: [], waived: new Set()})
    expect(Object.fromEntries(limits)).toEqual({team_lead: 10, tech_lead: 20, cto: 50})
  })

  test('business hours with who is on call, limits, and what need not be given', () => {
    const {schedule, limits, waived} = approvals(`
  schedule: {timezone: Europe/Berlin, days: [mon, tue], from: "08:30", onCall: {secondary: ada, escalateAfter: 10m}}
  limits: {tech_lead: 5, security_team: 3}
  operations: {infrastructure: {ticket: false}}`)
    expect(schedule).toEqual({
      ...{timezone: 'Europe/Berlin', days: ['mon', 'tue'], from: '08:30', to: '17:00'},
      onCall: {primary: 'tech_lead', secondary: 'ada', escalateAfterMs: 600_000},
    })
    expect(Object.fromEntries(limits)).toEqual({team_lead: 10, tech_lead: 5, cto: 50, security_team: 3})
    expect([...waived]).toEqual(['ticket'])
  })

  test.each([
    ['schedule: {from: "17:00", to: "09:00"}', 'schedule.to must be later than from, on the same day.'],
    ['schedule: {days: []}', 'schedule.days must name a day'],
    ['schedule: {days: [Mon]}', 'schedule.days[0] must be one of mon, tue'],
    ['schedule: {timezone: Mars}', 'schedule.timezone must be a time zone'],
    ['schedule: {onCall: {escalateAfter: never}}', 'schedule.onCall.escalateAfter must be a duration'],
    [
      'schedule: {onCall: {primary: adda, secondary: ada}}',
      'schedule.onCall.primary is neither a principal nor a role that one has. Did you mean "ada"?',
    ],
    // A role that nobody holds wakes nobody.
    ['schedule: {onCall: {primary: ada}}', 'schedule.onCall.secondary is neither a principal'],
    ['limits: {tech_laed: 5}', 'limits.tech_laed is a role that no principal has. Did you mean "tech_lead"?'],
    ['limits: {tech_lead: 0}', 'limits.tech_lead must be'],
    ['operations: {infrastructure: {tickets: false}}', 'Did you mean "ticket"?'],
  ])('%s is a fault', (line, message) => {
    const faults = yamlFaults(`principals: [{id: ada, roles: [tech_lead]}]\napprovals:\n  ${line}`)
    expect(faults).toEqual([expect.stringContaining(message)])
  })

  test.each([
    ['{reason: x}', 'must have either from and to, or weekly'],
    ['{from: 2026-12-20T18:00:00Z, reason: x}', 'must have either from and to, or weekly'],
    ['{from: 2026-12-20, to: 2026-12-21T00:00:00Z, reason: x}', 'from must be a moment with its zone'],
    [
      '{from: 2026-12-20T18:00:00, to: 2026-12-21T00:00:00Z, reason: x}',
      'from must be a moment with its zone',
    ],
    ['{from: 2026-12-22T00:00:00Z, to: 2026-12-21T00:00:00Z, reason: x}', 'to must be later than from'],
    ['{weekly: {from: Fri, to: "Mon 08:00"}, reason: x}', 'weekly.from must be a day and a time'],
    ['{weekly: {from: "Mon 08:00", to: "Mon 08:00"}, reason: x}', 'weekly.to must not be the same as from'],
    ['{weekly: {from: "Fri 16:00", to: "Mon 08:00"}}', 'reason is missing'],
    [
      '{weekly: {from: "Fri 16:00", to: "Mon 08:00"}, environments: [], reason: x}',
      'environments must name an environment',
    ],
    [
      '{weekly: {from: "Fri 16:00", to: "Mon 08:00"}, enviroments: [staging], reason: x}',
      'Did you mean "environments"?',
    ],
  ])('a freeze that is not one: %s', (freeze, message) => {
    const faults = yamlFaults(`approvals:\n  freezes:\n    - ${freeze}`)
    expect(faults).toHaveLength(1)
    expect(faults[0]).toContain(`signalbox.yaml:3 approvals.freezes[0]`)
    expect(faults[0]).toContain(message)
  })

  test.each([
    ['{roles: []}', 'must name a role'],
    ['{roles: [tech_laed]}', 'is a role that no principal has. Did you mean "tech_lead"?'],
    ['{roles: [cto], maximum: never}', 'must be a duration such as 90s, 30m or 2h'],
  ])('a glass that is not one: %s', (glass, message) => {
    expect(yamlFaults(`approvals:\n  breakGlass: ${glass}`)).toEqual([expect.stringContaining(message)])
  })
})

describe('tokens of people', () => {
  const yaml = 'principals: [{id: ada, tokenFrom: ADA_TOKEN}, {id: bob, tokenFrom: BOB_TOKEN}]'
  const tokens = {ADA_TOKEN: 'a'.repeat(20), BOB_TOKEN: 'b'.repeat(20)}

  test('come by reference and stay as hashes; the redactor knows them', () => {
    const config = load(
      {...tokens, ADA_TOKEN: '', ADA_TOKEN_FILE: 'f'},
      {'signalbox.yaml': yaml, f: `${'c'.repeat(30)}\n`},
    )
    expect(config.principals).toEqual([
      {id: 'ada', roles: [], tokenHash: createHash('sha256').update('c'.repeat(30)).digest('hex')},
      {id: 'bob', roles: [], tokenHash: createHash('sha256').update('b'.repeat(20)).digest('hex')},
    ])
    expect(config.secrets).toEqual(expect.arrayContaining(['c'.repeat(30), 'b'.repeat(20)]))
  })

  test.each([
    [{BOB_TOKEN: undefined}, 'BOB_TOKEN is missing; signalbox.yaml takes a token from it.'],
    [
      {BOB_TOKEN: tokens.ADA_TOKEN},
      'BOB_TOKEN holds the same token as ADA_TOKEN; each needs one of their own.',
    ],
    [
      {API_TOKEN: tokens.BOB_TOKEN},
      'BOB_TOKEN holds the same token as API_TOKEN; each needs one of their own.',
    ],
    [{BOB_TOKEN: 'short'}, 'BOB_TOKEN must be a token of at least 20 characters without spaces.'],
  ])('%j is a fault', (change, fault) => {
    const env = Object.fromEntries(
      Object.entries({...tokens, ...change}).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      ),
    )
    expect(faultsOf(env, {'signalbox.yaml': yaml})).toEqual([fault])
  })
})

describe('who is told what', () => {
  const PEOPLE = 'principals: [{id: ada, roles: []}, {id: grace, roles: []}]'
  const PROJECTS = 'projects: {web: {id: x, team: t}, docs: {id: y}}'

  test('by level, event, person and project', () => {
    const {notificationRules: rules} = load(
      {},
      {
        'signalbox.yaml': `
${PEOPLE}
${PROJECTS}
notifications:
  levels: {high: {mail: fallback, watchers: [grace]}}
  events: {task_failed: {mail: high, discord: never, watchers: [ada]}}
  people: {ada: {mail: critical}}
  projects: {web: {watchers: [ada], createIssues: true}, docs: {updateIssues: false}}
`,
      },
    )
    expect([...rules.levels]).toEqual([['high', {mail: 'fallback', watchers: ['grace']}]])
    expect([...rules.events]).toEqual([
      ['task_failed', {from: {mail: 'high', discord: 'never'}, watchers: ['ada']}],
    ])
    expect([...rules.people]).toEqual([['ada', {mail: 'critical'}]])
    expect([...rules.projects]).toEqual([
      ['web', {watchers: ['ada'], updateIssues: true, createIssues: true}],
      ['docs', {updateIssues: false, createIssues: false}],
    ])
  })

  test('is as the product has it where nothing is said', () => {
    const {notificationRules: rules} = load()
    expect([rules.levels, rules.events, rules.people, rules.projects].map(map => map.size)).toEqual([
      0, 0, 0, 0,
    ])
  })

  test('names people, projects, events and levels that there are', () => {
    const faults = (notifications: string) =>
      yamlFaults(`${PEOPLE}\n${PROJECTS}\nnotifications: ${notifications}`)
    expect(faults('{people: {adda: {mail: high}}}')[0]).toMatch(/adda.* is no principal.*ada/)
    expect(faults('{events: {task_failed: {watchers: [eve]}}}')[0]).toMatch(/watchers.* is no principal/)
    expect(yamlFaults('targets: {client: {repository: a/b, project: web}}')[0]).toMatch(
      /targets\.client\.project.* is none of projects/,
    )
    expect(faults('{projects: {webb: {}}}')[0]).toMatch(/webb is none of projects.*web/)
    expect(faults('{projects: {docs: {createIssues: true}}}')[0]).toMatch(/needs projects\.docs\.team/)
    expect(faults('{events: {task_fails: {}}}')).toHaveLength(1)
    expect(faults('{people: {ada: {mail: loud}}}')).toHaveLength(1)
  })
})

describe('what tells others', () => {
  test('relays to the channels and people that are named, and to nobody else', () => {
    const yaml = `
principals: [{id: ada, discord: "111", roles: []}, {id: bob, discord: "222", roles: []}]
relay: {channels: ["333"], people: [ada]}`
    expect(load({}, {'signalbox.yaml': yaml}).relay).toEqual({
      channels: ['333'],
      people: [{name: 'ada', discord: '111'}],
    })
    expect(load().relay).toEqual({channels: [], people: []})
    const faults = (relay: string) => yamlFaults(`principals: [{id: ada, roles: []}]\nrelay: ${relay}`)
    expect(faults('{people: [adda]}')[0]).toMatch(/relay\.people\[0\] is no principal.*ada/)
    expect(faults('{people: [ada]}')[0]).toMatch(/has no account at Discord/)
    expect(faults('{channels: ["#news"]}')).toHaveLength(1)
  })

  test('keeps its summary in STATUS.md unless told, and never outside the repository', () => {
    expect(load().summary).toEqual({path: 'STATUS.md'})
    const file = 'summary: {repository: acme/docs, path: docs/NEWS.md}'
    expect(load({}, {'signalbox.yaml': file}).summary).toEqual({
      repository: 'acme/docs',
      path: 'docs/NEWS.md',
    })
    for (const path of [
      '../STATUS.md',
      '/STATUS.md',
      'a/../../b.md',
      'a/./b.md',
      'run.sh',
      '.github/workflows/x.yml',
    ])
      expect(yamlFaults(`summary: {path: "${path}"}`), path).toHaveLength(1)
  })

  test('shows traces only where an operator says so', () => {
    expect(load().debug.enabled).toBe(false)
    expect(load({ENABLE_DEBUG_CMD: 'true'}).debug.enabled).toBe(true)
  })
})
