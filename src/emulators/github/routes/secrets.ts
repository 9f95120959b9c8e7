import sodium from 'libsodium-wrappers'
import {checkBody} from '../body.ts'
import type {RepositoryState} from '../repositories.ts'
import {ok, refuse, repositoryRoutesAt, type Route} from '../route.ts'
import {iso} from '../shapes.ts'

const LARGEST_VALUE = 48 * 1024

/**
 * Secrets of a repository's workflows. What is sent must have been sealed with the repository's public key: it is opened
 * right away, and refused when it does not open. Nobody reads a value over the API.
 */
export async function secretRoutes({now}: {readonly now: () => number}): Promise<Route[]> {
  await sodium.ready
  const {ORIGINAL} = sodium.base64_variants
  const keys = new Map<
    number,
    {readonly id: string; readonly pair: {readonly publicKey: Uint8Array; readonly privateKey: Uint8Array}}
  >()

  function keyOf({id}: RepositoryState) {
    const known = keys.get(id)
    if (known) return known
    const key = {id: String(5_000_000_000 + id), pair: sodium.crypto_box_keypair()}
    keys.set(id, key)
    return key
  }

  function opened(repository: RepositoryState, keyId: string, encrypted: string): string {
    const {id, pair} = keyOf(repository)
    if (keyId !== id) refuse(422, 'Bad request - key_id is not that of the public key')
    try {
      const box = sodium.from_base64(encrypted, ORIGINAL)
      return sodium.to_string(sodium.crypto_box_seal_open(box, pair.publicKey, pair.privateKey))
    } catch {
      return refuse(422, 'Bad request - encrypted_value is not encrypted with the public key')
    }
  }

  const route = repositoryRoutesAt({
    path: '/actions/secrets',
    docs: 'actions/secrets#',
    permission: 'secrets',
    signedIn: true,
  })

  return [
    route('secretsKey', 'GET', '/public-key', 'get-a-repository-public-key', (_call, repository) => {
      const {id, pair} = keyOf(repository)
      return ok({key_id: id, key: sodium.to_base64(pair.publicKey, ORIGINAL)})
    }),
    route('secret', 'GET', '/:name', 'get-a-repository-secret', ({params}, repository) => {
      const name = (params['name'] ?? '').toUpperCase()
      const {createdAt, updatedAt} = repository.secrets.get(name) ?? refuse(404, 'Not Found')
      return ok({name, created_at: iso(createdAt), updated_at: iso(updatedAt)})
    }),
    route(
      'putSecret',
      'PUT',
      '/:name',
      'create-or-update-a-repository-secret',
      ({params, body}, repository) => {
        checkBody(body, {encrypted_value: 'string', key_id: 'string'}, ['encrypted_value', 'key_id'])
        const name = (params['name'] ?? '').toUpperCase()
        if (!/^(?!GITHUB_)[A-Z_][A-Z0-9_]*$/.test(name)) refuse(422, 'Secret name is invalid')
        const value = opened(repository, body['key_id'] as string, body['encrypted_value'] as string)
        if (Buffer.byteLength(value) > LARGEST_VALUE) refuse(422, 'Secret value is too large')
        const known = repository.secrets.get(name)
        repository.secrets.set(name, {value, createdAt: known?.createdAt ?? now(), updatedAt: now()})
        return known ? {status: 204} : {status: 201, body: {}}
      },
    ),
    route('deleteSecret', 'DELETE', '/:name', 'delete-a-repository-secret', ({params}, repository) => {
      if (!repository.secrets.delete((params['name'] ?? '').toUpperCase())) refuse(404, 'Not Found')
      return {status: 204}
    }),
  ]
}
