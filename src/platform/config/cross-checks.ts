import {didYouMean, type Fault} from './faults.ts'
import {pathText, type Locate} from './read-file.ts'
import {DIAGNOSE_DEFAULTS} from './sections/diagnose.ts'
import type {SignalboxFile} from './signalbox-file.ts'

/** The roles that approvals know by themselves; principals may hold others. */
const KNOWN_ROLES = ['developer', 'team_lead', 'tech_lead', 'cto', 'security_team']

interface Surroundings {
  readonly githubConfigured: boolean
  readonly defaultRepository: boolean
  readonly statusChannel: boolean
}

/** What no single setting shows: accounts that two people claim, roles nobody has, targets without a repository. */
export function crossCheck(file: SignalboxFile, locate: Locate, surroundings: Surroundings): Fault[] {
  const fault = (path: readonly PropertyKey[], message: string): Fault => ({
    path: pathText(path),
    message: `${locate(path)} ${message}`,
  })
  return [
    ...duplicateAccounts(file).map(({path, owner}) => fault(path, `belongs to ${owner} already.`)),
    ...unknownRoles(file).map(({path, role, known}) =>
      fault(path, `is a role that no principal has.${didYouMean(role, known)}`),
    ),
    ...Object.entries(file.approvals.policies)
      .filter(([level, policy]) => level !== 'low' && policy?.expires === 'never')
      .map(([level]) =>
        fault(
          ['approvals', 'policies', level, 'expires'],
          'may be never for low risk only; give it a duration.',
        ),
      ),
    ...unknownOnCall(file).map(({path, name, known}) =>
      fault(path, `is neither a principal nor a role that one has.${didYouMean(name, known)}`),
    ),
    ...unknownWatchers(file).map(({path, person, known}) =>
      fault(path, `is no principal.${didYouMean(person, known)}`),
    ),
    ...file.relay.people.flatMap((person, i) => {
      const path = ['relay', 'people', i]
      const principal = file.principals.find(({id}) => id === person)
      if (principal?.discord !== undefined) return []
      return [
        principal
          ? fault(path, 'has no account at Discord; add it to principals.')
          : fault(
              path,
              `is no principal.${didYouMean(
                person,
                file.principals.map(({id}) => id),
              )}`,
            ),
      ]
    }),
    ...Object.entries(file.targets).flatMap(([name, {project}]) =>
      project === undefined || file.projects[project] !== undefined
        ? []
        : [
            fault(
              ['targets', name, 'project'],
              `is none of projects.${didYouMean(project, Object.keys(file.projects))}`,
            ),
          ],
    ),
    ...Object.entries(file.tools.agents).flatMap(([agent, {servers, tools}]) => {
      const known = Object.keys(file.tools.servers)
      const checked = (list: string, names: readonly string[]) =>
        names.flatMap((name, i) =>
          known.includes(name)
            ? []
            : [
                fault(
                  ['tools', 'agents', agent, list, i],
                  `is none of tools.servers.${didYouMean(name, known)}`,
                ),
              ],
        )
      return [
        ...checked('servers', servers),
        ...checked(
          'tools',
          tools.map(tool => tool.slice(0, tool.indexOf('.'))),
        ),
      ]
    }),
    ...targetsOfDiagnosis(file).map(name =>
      fault(
        ['diagnose', 'workflow'],
        `ships the target ${name}. A diagnosis must ship nothing; name another file.`,
      ),
    ),
    ...Object.keys(file.notifications.projects)
      .filter(name => file.projects[name] === undefined)
      .map(name =>
        fault(
          ['notifications', 'projects', name],
          `is none of projects.${didYouMean(name, Object.keys(file.projects))}`,
        ),
      ),
    ...Object.entries(file.notifications.projects)
      .filter(([name, {createIssues}]) => createIssues && file.projects[name]?.team === undefined)
      .map(([name]) =>
        fault(['notifications', 'projects', name, 'createIssues'], `needs projects.${name}.team.`),
      ),
    ...(surroundings.statusChannel ? [] : file.digests)
      .flatMap(({channel}, i) => (channel === undefined ? [i] : []))
      .map(i => fault(['digests', i, 'channel'], 'is missing, and so is DISCORD_STATUS_CHANNEL_ID.')),
    ...(surroundings.githubConfigured && !surroundings.defaultRepository
      ? missingRepositories(file, fault)
      : []),
  ]
}

function duplicateAccounts({
  principals,
}: SignalboxFile): {readonly path: PropertyKey[]; readonly owner: string}[] {
  const accounts = ['id', 'discord', 'github', 'linear', 'email'] as const
  return accounts.flatMap(account => {
    const owners = new Map<string, string>()
    return principals.flatMap((principal, i) => {
      // Logins and addresses don't tell capital letters apart, and neither may we.
      const value = principal[account]?.toLowerCase()
      if (value === undefined) return []
      const owner = owners.get(value)
      owners.set(value, owner ?? principal.id)
      return owner === undefined ? [] : [{path: ['principals', i, account], owner}]
    })
  })
}

function unknownRoles(file: SignalboxFile) {
  const known = new Set([...KNOWN_ROLES, ...file.principals.flatMap(({roles}) => roles)])
  const used = [
    ...Object.entries(file.access).map(([name, {roles}]) => ({at: ['access', name, 'roles'], roles})),
    ...Object.entries(file.approvals.policies).flatMap(([level, policy]) => [
      {at: ['approvals', 'policies', level, 'roles'], roles: policy?.roles ?? []},
      {at: ['approvals', 'policies', level, 'escalateTo'], roles: policy?.escalateTo ?? []},
    ]),
    {at: ['approvals', 'breakGlass', 'roles'], roles: file.approvals.breakGlass?.roles ?? []},
  ]
  return [
    ...used.flatMap(({at, roles}) => roles.map((role, i) => ({path: [...at, i] as PropertyKey[], role}))),
    ...Object.keys(file.approvals.limits).map(role => ({path: ['approvals', 'limits', role], role})),
  ].flatMap(each => (known.has(each.role) ? [] : [{...each, known}]))
}

/** People who are to be called at night must be there. */
function unknownOnCall({principals, approvals: {schedule}}: SignalboxFile) {
  const known = new Set(principals.flatMap(({id, roles}) => [id, ...roles]))
  return (['primary', 'secondary'] as const).flatMap(place => {
    const name = schedule?.onCall[place]
    const path: PropertyKey[] = ['approvals', 'schedule', 'onCall', place]
    return name === undefined || known.has(name) ? [] : [{path, name, known}]
  })
}

/** People who are to be told things, or spared them, and whom nobody knows. */
function unknownWatchers({principals, notifications}: SignalboxFile) {
  const known = new Set(principals.map(({id}) => id))
  const named = (['levels', 'events', 'projects'] as const).flatMap(section =>
    Object.entries<{readonly watchers?: readonly string[] | undefined}>(notifications[section]).flatMap(
      ([name, {watchers = []}]) =>
        watchers.map((person, i) => ({
          path: ['notifications', section, name, 'watchers', i] as PropertyKey[],
          person,
        })),
    ),
  )
  const spared = Object.keys(notifications.people).map(person => ({
    path: ['notifications', 'people', person] as PropertyKey[],
    person,
  }))
  return [...named, ...spared].flatMap(each => (known.has(each.person) ? [] : [{...each, known}]))
}

/** Targets that the diagnose workflow would ship, as far as the file says. */
function targetsOfDiagnosis({targets, ...file}: SignalboxFile): readonly string[] {
  const diagnose = {repository: undefined, ...(file.diagnose ?? DIAGNOSE_DEFAULTS)}
  return Object.entries(targets)
    .filter(([name, {repository, workflow = `${name}-deploy.yml`}]) => {
      const elsewhere =
        repository !== undefined && diagnose.repository !== undefined && repository !== diagnose.repository
      return workflow === diagnose.workflow && !elsewhere
    })
    .map(([name]) => name)
}

function missingRepositories(
  {targets}: SignalboxFile,
  fault: (path: readonly PropertyKey[], message: string) => Fault,
): Fault[] {
  const named = Object.entries(targets)
    .filter(([, target]) => target.repository === undefined)
    .map(([name]) => fault(['targets', name, 'repository'], 'is missing, and so is GITHUB_REPOSITORY.'))
  if (targets['client'] !== undefined) return named
  return [
    ...named,
    {
      path: 'GITHUB_REPOSITORY',
      message: 'GITHUB_REPOSITORY is missing; the target client, which always exists, needs it.',
    },
  ]
}
