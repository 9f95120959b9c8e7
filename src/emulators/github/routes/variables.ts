import {checkBody} from '../body.ts'
import {ok, refuse, repositoryRoutesAt, type Route} from '../route.ts'
import {iso} from '../shapes.ts'

const LARGEST_VALUE = 48 * 1024

/** Variables of a repository's workflows. */
export function variableRoutes({now}: {readonly now: () => number}): Route[] {
  const route = repositoryRoutesAt({
    path: '/actions/variables',
    docs: 'actions/variables#',
    permission: 'variables',
    signedIn: true,
  })

  return [
    route('variable', 'GET', '/:name', 'get-a-repository-variable', ({params}, repository) => {
      const name = (params['name'] ?? '').toUpperCase()
      const value = repository.variables.get(name) ?? refuse(404, 'Not Found')
      return ok({name, value, created_at: iso(now()), updated_at: iso(now())})
    }),
    route('createVariable', 'POST', '', 'create-a-repository-variable', ({body}, repository) => {
      checkBody(body, {name: 'string', value: 'string'}, ['name', 'value'])
      const name = (body['name'] as string).toUpperCase()
      if (!/^(?!GITHUB_)[A-Z_][A-Z0-9_]*$/.test(name)) refuse(422, 'Variable name is invalid')
      if (repository.variables.has(name)) refuse(409, 'Already exists - Variable already exists')
      repository.variables.set(name, bounded(body['value'] as string))
      return {status: 201, body: {}}
    }),
    route(
      'updateVariable',
      'PATCH',
      '/:name',
      'update-a-repository-variable',
      ({params, body}, repository) => {
        checkBody(body, {name: 'string', value: 'string'})
        const name = (params['name'] ?? '').toUpperCase()
        if (!repository.variables.has(name)) refuse(404, 'Not Found')
        if (body['value'] !== undefined) repository.variables.set(name, bounded(body['value'] as string))
        return {status: 204}
      },
    ),
    route('deleteVariable', 'DELETE', '/:name', 'delete-a-repository-variable', ({params}, repository) => {
      if (!repository.variables.delete((params['name'] ?? '').toUpperCase())) refuse(404, 'Not Found')
      return {status: 204}
    }),
  ]
}

function bounded(value: string): string {
  if (Buffer.byteLength(value) > LARGEST_VALUE) refuse(422, 'Variable value is too large')
  return value
}
