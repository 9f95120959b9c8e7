import type {Pool} from 'pg'
import type {Audit} from '../audit/audit.ts'
import {auditLinear} from '../audit/linear.ts'
import {refreshTokens, type LinearApp} from '../integrations/linear/refresh.ts'
import type {Linear} from '../integrations/linear/linear.ts'
import {openSdkLinear} from '../integrations/linear/sdk-linear.ts'
import type {Clock} from '../kernel/clock.ts'
import {createProjectNotices} from '../notifications/channels/linear-project.ts'
import type {NoticeChannel} from '../notifications/notice.ts'
import {createProjectTokens, type ProjectTokens} from '../notifications/project-tokens.ts'
import {createProjects, type Projects} from '../notifications/projects.ts'
import {ensureSecretKey} from '../platform/config/api-token.ts'
import type {Config, LinearConfig} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import {createSeal} from '../platform/sealed.ts'

/** The Linear projects of signalbox.yaml. */
export interface HouseProjects {
  readonly channel: NoticeChannel
  readonly projects: Projects
  /** What can be installed project by project; undefined without an app. */
  readonly installing: {readonly app: LinearApp; readonly tokens: ProjectTokens} | undefined
}

export async function openProjects({
  config,
  linear,
  workspace,
  audit,
  pool,
  clock,
  log,
}: {
  readonly config: Config
  readonly linear: LinearConfig
  /** Linear as the workspace's own credentials see it. */
  readonly workspace: Linear
  readonly audit: Pick<Audit, 'around'>
  readonly pool: Pool
  readonly clock: Clock
  readonly log: Logger
}): Promise<HouseProjects> {
  const {auth, apiUrl} = linear
  const app = auth.kind === 'app' ? {...auth, apiUrl} : undefined
  const tokens =
    app &&
    createProjectTokens({
      pool,
      seal: createSeal(config.secretKey ?? (await ensureSecretKey(config.home))),
      refresh: token => refreshTokens(app, token),
      clock,
      log,
    })
  const clients = new Map<string, Promise<Linear>>()

  function client(name: string, token: string | (() => Promise<string>)): Promise<Linear> {
    const known = clients.get(name)
    if (known) return known
    const opening = openSdkLinear({auth: authOf(token), apiUrl, clock}).then(linear =>
      auditLinear(linear, audit),
    )
    clients.set(name, opening)
    return opening
  }

  const projects = createProjects({
    projects: config.projects,
    async open(name, {token}) {
      if (token !== undefined) return client(name, token)
      // It may be installed, by another process too, while this one runs.
      if (tokens && (await tokens.has(name))) return client(name, () => tokens.tokenOf(name))
      return workspace
    },
  })
  return {
    projects,
    channel: createProjectNotices({projects, rules: config.notificationRules.projects}),
    installing: app &&
      tokens && {
        app,
        tokens: {
          ...tokens,
          put: (project, granted) =>
            audit.around({action: 'linear.install', subject: project}, () => tokens.put(project, granted)),
        },
      },
  }
}

/** A personal key goes into the header as it is; everything else is a bearer token. */
function authOf(token: string | (() => Promise<string>)) {
  if (typeof token !== 'string') return {kind: 'token', token} as const
  return token.startsWith('lin_api_')
    ? ({kind: 'key', apiKey: token} as const)
    : ({kind: 'token', token: () => Promise.resolve(token)} as const)
}
