import type {FastifyInstance} from 'fastify'
import {z} from 'zod'
import {authorizeUrl, exchangeCode, type LinearApp} from '../integrations/linear/refresh.ts'
import {AppError} from '../kernel/errors.ts'
import type {ProjectTokens} from '../notifications/project-tokens.ts'
import type {Project} from '../platform/config/config.ts'

const project = z.object({
  name: z.string(),
  id: z.string().describe('in Linear'),
  token: z.enum(['own', 'installed', 'workspace']).describe('what is used for it'),
  expires_at: z.iso.datetime().nullable().describe('of an installed token; it is refreshed before'),
})
const projectsShape = z.object({projects: z.array(project)})
const installing = z.object({
  authorize_url: z.string().describe('to be opened by an admin of the workspace within ten minutes'),
})
const params = z.object({name: z.string()})
const answer = z.object({
  state: z.string().min(1).max(200),
  code: z.string().min(1).max(2000).optional(),
  error: z.string().optional(),
})
const PAGE = 'text/plain; charset=utf-8'
const CALLBACK = '/linear/callback'

/** Installs the Linear app project by project, so that each has a token of its own. */
export function projectRoutes({
  projects,
  installing: parts,
  publicUrl,
}: {
  readonly projects: ReadonlyMap<string, Project>
  /** Undefined without an app. */
  readonly installing: {readonly app: LinearApp; readonly tokens: ProjectTokens} | undefined
  readonly publicUrl: () => string
}) {
  function found(name: string): Project {
    const known = projects.get(name)
    if (known) return known
    const names = [...projects.keys()].join(', ') || 'none is configured'
    throw new AppError('NOT_FOUND', `There is no project ${name}. Projects: ${names}.`)
  }

  return (app: FastifyInstance): void => {
    app.get(
      '/linear/projects',
      {
        config: {
          access: 'token',
          about: {
            summary: 'The Linear projects, and whose token is used for each',
            answers: {200: {description: 'as configured', content: projectsShape}},
          },
        },
      },
      async () => {
        const installed = new Map(
          ((await parts?.tokens.installed()) ?? []).map(each => [each.project, each.expiresAt]),
        )
        return {
          projects: [...projects].map(([name, {id, token}]) => {
            const expiresAt = token === undefined ? installed.get(name) : undefined
            return {
              name,
              id,
              token: token !== undefined ? 'own' : expiresAt !== undefined ? 'installed' : 'workspace',
              expires_at: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
            }
          }),
        } satisfies z.output<typeof projectsShape>
      },
    )

    app.post(
      '/linear/projects/:name/install',
      {
        config: {
          access: 'token',
          about: {
            summary: 'Begins the installation of the Linear app for a project',
            answers: {200: {description: 'where to go on', content: installing}},
          },
        },
      },
      async request => {
        const {name} = params.parse(request.params)
        found(name)
        if (!parts)
          throw new AppError('NOT_CONFIGURED', 'Set LINEAR_CLIENT_ID and LINEAR_CLIENT_SECRET first.')
        const state = await parts.tokens.begin(name)
        const redirectUri = `${publicUrl()}${CALLBACK}`
        return {authorize_url: authorizeUrl(parts.app, {redirectUri, state})} satisfies z.output<
          typeof installing
        >
      },
    )

    app.get(
      CALLBACK,
      {
        config: {
          access: 'link',
          about: {
            summary: 'Where Linear sends the admin back to: what was begun comes back once',
            query: answer,
            answers: {
              200: {description: 'installed', content: PAGE},
              403: {description: 'Linear did not let us in', content: PAGE},
              404: {description: 'nothing was begun', content: PAGE},
              502: {description: 'Linear gave no token', content: PAGE},
            },
          },
        },
      },
      async (request, reply) => {
        const given = answer.safeParse(request.query)
        const name = given.success ? await parts?.tokens.cameBack(given.data.state) : undefined
        void reply.type(PAGE).header('referrer-policy', 'no-referrer').header('cache-control', 'no-store')
        if (!parts || !given.success || name === undefined)
          return reply.status(404).send('This installation is over, or was never begun. Begin it again.\n')
        const {code} = given.data
        if (code === undefined) return reply.status(403).send('Linear did not let us in. Nothing changed.\n')
        const tokens = await exchangeCode(parts.app, {code, redirectUri: `${publicUrl()}${CALLBACK}`})
        if (tokens.kind !== 'ok')
          return reply.status(502).send('Linear gave no token for this. Begin the installation again.\n')
        await parts.tokens.put(name, tokens.value)
        return reply.send(`Signalbox is installed for project ${name}. You can close this page.\n`)
      },
    )
  }
}
