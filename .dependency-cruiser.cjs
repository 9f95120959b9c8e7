// The floors of the house. Imports only go down; the messages say what to do instead.
const floors = [
  ['kernel'],
  ['sdk'],
  ['platform'],
  ['integrations'],
  ['events'],
  ['registry', 'locks', 'access', 'audit', 'invocations'],
  [
    'workflows',
    'approvals',
    'deployments',
    'changes',
    'pipelines',
    'plans',
    'planning',
    'proposals',
    'releases',
    'reviews',
    'qa',
    'documentation',
    'health',
    'settings',
    'tools',
    'relay',
    'summary',
    'traces',
    'triage',
    'verification',
    'notifications',
    'evaluation',
    'conversations',
  ],
  ['bot', 'worker', 'api', 'emulators'],
  ['runtime'],
]
const path = rooms => `^src/(${rooms.join('|')})/`
const climb = (rooms, i) => ({
  name: `${rooms[0]}-floor-never-climbs`,
  severity: 'error',
  comment: `Code on the floor of ${rooms.join(', ')} must not know who stands above it. Take what you need as a parameter and let src/runtime/ hand it in.`,
  from: {path: path(rooms)},
  to: {
    path: `^(src/(${floors
      .slice(i + 1)
      .flat()
      .join('|')})|commands|agents|scripts|tests)/`,
  },
})

module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      comment: 'Two files that need each other are one file, or share a third that both may import.',
      from: {pathNot: 'node_modules'},
      to: {circular: true, viaOnly: {dependencyTypesNot: ['type-only']}},
    },
    ...floors.slice(0, -1).map(climb),
    {
      name: 'decisions-have-no-io',
      severity: 'error',
      comment: 'A decision is pure: give it facts as arguments and let the service beside it do the IO.',
      from: {path: '(^|/)(decide|next|risk|score|policy)\\.ts$', pathNot: '^tests/'},
      to: {dependencyTypes: ['core', 'npm']},
    },
    {
      name: 'vendors-are-strangers',
      severity: 'error',
      comment: 'One vendor must not know another; a feature above both brings them together.',
      from: {path: '^src/integrations/([^/]+)/'},
      to: {path: '^src/integrations/', pathNot: '^src/integrations/$1/'},
    },
    {
      name: 'emulators-know-no-product',
      severity: 'error',
      comment:
        'An emulator stands in for a vendor: it may not read our product code, or it would only prove that we agree with ourselves.',
      from: {path: '^src/emulators/'},
      to: {path: '^src/(?!emulators|kernel|platform)'},
    },
    {
      name: 'plugins-see-the-sdk',
      severity: 'error',
      comment: 'Commands and agents import src/sdk and src/kernel only; services arrive by parameter.',
      from: {path: '^(commands|agents)/'},
      to: {path: '^src/(?!sdk|kernel)'},
    },
    {
      name: 'production-runs-without-dev-packages',
      severity: 'error',
      comment: 'Move the package to dependencies, or the import to tests/.',
      from: {path: '^(src|commands|agents)/'},
      to: {dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only']},
    },
    {
      name: 'no-orphans',
      severity: 'error',
      comment: 'Nothing imports this file. Delete it, or wire it in.',
      from: {orphan: true, path: '^src/'},
      to: {},
    },
  ],
  options: {
    doNotFollow: {path: 'node_modules'},
    tsPreCompilationDeps: true,
    tsConfig: {fileName: 'tsconfig.json'},
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
}
