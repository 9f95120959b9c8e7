import {canSee, type AppState, type Auth, type Grant, type Permissions} from '../auth.ts'
import {rateFigures, type RateLimits} from '../rate-limits.ts'
import type {Repositories} from '../repositories.ts'
import {ok, page, refuse, type Call, type Route} from '../route.ts'
import {iso, type Shapes} from '../shapes.ts'

/** Who is asking and what they may: user, App, installation, limits, service facts. */
export function accountRoutes({
  shapes,
  auth,
  rateLimits,
  repositories,
}: {
  readonly shapes: Shapes
  readonly auth: Auth
  readonly rateLimits: RateLimits
  readonly repositories: Repositories
}): Route[] {
  const owner = () => repositories.all()[0]?.owner ?? 'octo-org'
  const appOf = (call: Call) => call.caller.app ?? refuse(401, 'A JSON web token could not be decoded')

  return [
    {
      name: 'user',
      method: 'GET',
      path: '/user',
      docs: 'users/users#get-the-authenticated-user',
      for: 'user',
      handle: ({caller}) => ok({...shapes.user(caller.login), name: caller.login, plan: {name: 'free'}}),
    },
    {
      name: 'rateLimit',
      method: 'GET',
      path: '/rate_limit',
      docs: 'rate-limit/rate-limit#get-rate-limit-status-for-the-authenticated-user',
      for: 'anyone',
      free: true,
      handle({caller, apiVersion}) {
        const core = rateFigures(rateLimits.window(caller))
        const search = {limit: 30, remaining: 30, reset: core.reset, used: 0}
        return ok({resources: {core, search}, ...(apiVersion < '2026-03-10' && {rate: core})})
      },
    },
    {
      name: 'meta',
      method: 'GET',
      path: '/meta',
      docs: 'meta/meta#get-github-meta-information',
      for: 'anyone',
      handle: () =>
        ok({
          verifiable_password_authentication: false,
          hooks: ['127.0.0.1/32', '::1/128'],
          api: ['127.0.0.1/32'],
          actions: [],
        }),
    },
    {
      name: 'app',
      method: 'GET',
      path: '/app',
      docs: 'apps/apps#get-the-authenticated-app',
      for: 'app',
      handle: call => ok(shapes.app(appOf(call), owner())),
    },
    {
      name: 'appInstallation',
      method: 'GET',
      path: '/app/installations/:installation',
      docs: 'apps/apps#get-an-installation-for-the-authenticated-app',
      for: 'app',
      handle: call => ok(shapes.installation(installationOf(call, appOf(call)), owner())),
    },
    {
      name: 'installationToken',
      method: 'POST',
      path: '/app/installations/:installation/access_tokens',
      docs: 'apps/apps#create-an-installation-access-token-for-an-app',
      for: 'app',
      handle(call) {
        const app = installationOf(call, appOf(call))
        const {token, expiresAt, grant} = auth.issueInstallationToken(
          app,
          narrow(app, call.body, repositories),
        )
        return {
          status: 201,
          body: {
            token,
            expires_at: iso(expiresAt),
            permissions: grant.permissions,
            repository_selection: grant.repositories || app.repositories ? 'selected' : 'all',
            ...(grant.repositories && {
              repositories: grant.repositories
                .flatMap(name => repositories.find(name) ?? [])
                .map(shapes.repository),
            }),
          },
        }
      },
    },
    {
      name: 'installationRepositories',
      method: 'GET',
      path: '/installation/repositories',
      docs: 'apps/installations#list-repositories-accessible-to-the-app-installation',
      for: 'installation',
      handle: call =>
        page(
          call,
          repositories
            .all()
            .filter(
              one =>
                canSee(call.caller, one) &&
                (call.caller.repositories?.has(one.fullName.toLowerCase()) ?? true),
            ),
          (some, total_count) => ({
            total_count,
            repository_selection: call.caller.repositories ? 'selected' : 'all',
            repositories: some.map(one => shapes.repository(one)),
          }),
        ),
    },
  ]
}

function installationOf({params}: Call, app: AppState): AppState {
  return params['installation'] === String(app.installationId) ? app : refuse(404, 'Not Found')
}

/** A token may have less than its installation, never more. */
function narrow(app: AppState, body: Call['body'], repositories: Repositories): Grant {
  const names = Array.isArray(body['repositories']) ? body['repositories'].map(String) : []
  const ids = Array.isArray(body['repository_ids']) ? body['repository_ids'].map(Number) : []
  const chosen = repositories.all().filter(one => names.includes(one.name) || ids.includes(one.id))
  const allowed = chosen.every(one => app.repositories?.has(one.fullName.toLowerCase()) ?? true)
  if (chosen.length < names.length + ids.length || !allowed) {
    refuse(
      422,
      'There is at least one repository that does not exist or is not accessible to the parent installation.',
    )
  }
  const permissions = body['permissions'] as Permissions | undefined
  for (const [name, level] of Object.entries(permissions ?? {})) {
    const granted = app.permissions[name]
    if (granted !== 'write' && granted !== level) {
      refuse(422, 'The permissions requested are not granted to this installation.')
    }
  }
  return {
    ...(permissions && {permissions}),
    ...(chosen.length > 0 && {repositories: chosen.map(one => one.fullName)}),
  }
}
