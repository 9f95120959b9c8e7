import {z} from 'zod'
import {split, type GithubClient} from './client.ts'
import {nothing} from './octokit-schemas.ts'
import type {SettingsHost} from './repository-host.ts'

const variable = z.object({value: z.string()}).transform(({value}) => value)
const secret = z
  .object({updated_at: z.iso.datetime({offset: true})})
  .transform(seen => ({updatedAt: Date.parse(seen.updated_at)}))
const secretsKey = z
  .object({key_id: z.string(), key: z.string()})
  .transform(({key_id, key}) => ({keyId: key_id, key}))

/** Over GitHub's REST API. */
export function octokitSettings(github: GithubClient): SettingsHost {
  return {
    variable: ({repository: name, name: of, signal}) =>
      github.read(
        'GET /repos/{owner}/{repo}/actions/variables/{name}',
        {...split(name), name: of},
        variable,
        {
          signal,
        },
      ),

    createVariable: ({repository: name, name: of, value, signal}) =>
      github.write(
        'POST /repos/{owner}/{repo}/actions/variables',
        {...split(name), name: of, value},
        nothing,
        signal,
      ),

    updateVariable: ({repository: name, name: of, value, signal}) =>
      github.write(
        'PATCH /repos/{owner}/{repo}/actions/variables/{name}',
        {...split(name), name: of, value},
        nothing,
        signal,
      ),

    deleteVariable: ({repository: name, name: of, signal}) =>
      github.write(
        'DELETE /repos/{owner}/{repo}/actions/variables/{name}',
        {...split(name), name: of},
        nothing,
        signal,
      ),

    secret: ({repository: name, name: of, signal}) =>
      github.read(
        'GET /repos/{owner}/{repo}/actions/secrets/{secret_name}',
        {...split(name), secret_name: of},
        secret,
        {signal, remember: false},
      ),

    secretsKey: ({repository: name, signal}) =>
      github.read('GET /repos/{owner}/{repo}/actions/secrets/public-key', split(name), secretsKey, {
        signal,
        remember: false,
      }),

    putSecret: ({repository: name, name: of, keyId, encrypted, signal}) =>
      github.write(
        'PUT /repos/{owner}/{repo}/actions/secrets/{secret_name}',
        {...split(name), secret_name: of, encrypted_value: encrypted, key_id: keyId},
        nothing,
        signal,
      ),
  }
}
