import {randomUUID} from 'node:crypto'
import {openGithubClient, split, type GithubClient} from '../integrations/github/client.ts'
import {systemClock} from '../kernel/clock.ts'
import type {Config} from '../platform/config/config.ts'
import type {ServiceFinding} from '../sdk/index.ts'

const KINDS = ['variables', 'secrets'] as const

/**
 * Whether /set-frontend and /set-api-base could write, where they are switched on. GitHub judges who asks before it looks
 * for what is asked: taking away something that is not there changes nothing, and tells.
 */
export async function examineSettings({admin, github, targets}: Config): Promise<readonly ServiceFinding[]> {
  if (!github || !admin.allowSecretWrites) return []
  const client = await openGithubClient({...github, clock: systemClock})
  const repositories = new Set([
    ...(github.repository === undefined ? [] : [github.repository]),
    ...[...targets.values()].flatMap(({repository}) => repository ?? []),
  ])
  const nobodyAdmin = admin.userIds.length === 0 && admin.roleIds.length === 0
  return [
    ...(nobodyAdmin
      ? [
          {
            ok: false,
            what: 'settings: ALLOW_SECRET_WRITES is on, and nobody is an admin',
            next: 'set ADMIN_USER_IDS or ADMIN_ROLE_IDS, or switch it off',
          },
        ]
      : []),
    ...(await Promise.all([...repositories].map(repository => examineRepository(client, repository)))).flat(),
  ]
}

async function examineRepository(
  client: GithubClient,
  repository: string,
): Promise<readonly ServiceFinding[]> {
  return Promise.all(
    KINDS.map(async (kind): Promise<ServiceFinding> => {
      const failure = await refusalOf(client, repository, kind)
      if (failure.kind === 'missing')
        return {ok: true, what: `settings: ${kind} of ${repository} can be written`}
      const what =
        failure.kind === 'refused'
          ? `settings: ${kind} of ${repository} can’t be written`
          : `settings: GitHub does not say whether ${kind} of ${repository} can be written`
      return {ok: false, what, next: 'reason' in failure ? failure.reason : 'try again in a minute'}
    }),
  )
}

async function refusalOf(client: GithubClient, repository: string, kind: (typeof KINDS)[number]) {
  try {
    await client.send('GET /repos/{owner}/{repo}', split(repository))
  } catch (error) {
    const seen = client.failureOf(error)
    return seen.kind === 'missing'
      ? ({kind: 'refused', reason: 'the token can’t see the repository'} as const)
      : seen
  }
  try {
    const name = `SIGNALBOX_${randomUUID().replaceAll('-', '').toUpperCase()}`
    await client.send(`DELETE /repos/{owner}/{repo}/actions/${kind}/{name}`, {...split(repository), name})
    return {kind: 'missing'} as const
  } catch (error) {
    return client.failureOf(error)
  }
}
