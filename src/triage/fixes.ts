import {refusePath} from '../changes/checks.ts'
import type {ProposedFix} from '../sdk/index.ts'
import type {Failure} from './failure.ts'
import {appended, replacedWord, type Patch} from './patch.ts'

/** Texts of the commit that failed, by path. */
export type Sources = ReadonlyMap<string, string>

/** A name, and the registry that would know it. */
export interface PackageName {
  readonly registry: 'npm' | 'pypi'
  readonly name: string
}

/** Names that registries give out. Whatever else a log calls a module is not put into a command line. */
const NPM_NAME = /^(?:@[a-z\d][\w.-]*\/)?[a-z\d][\w.-]*$/i
const PYTHON_NAME = /^[a-z_]\w*$/i
/** Modules that come in a package of another name. */
const PYTHON_PACKAGES: Readonly<Record<string, string>> = {
  bs4: 'beautifulsoup4',
  cv2: 'opencv-python',
  dateutil: 'python-dateutil',
  dotenv: 'python-dotenv',
  jose: 'python-jose',
  jwt: 'PyJWT',
  PIL: 'Pillow',
  psycopg2: 'psycopg2-binary',
  serial: 'pyserial',
  sklearn: 'scikit-learn',
  yaml: 'PyYAML',
}
const REQUIREMENTS = 'requirements.txt'
const MANIFEST = 'package.json'

/** The files of the repository that a fix for this failure is made from. */
export function filesFor({kind, tool, file, subject}: Failure): readonly string[] {
  const own = file === undefined ? [] : [file]
  if (kind !== 'missing_dependency' || subject === undefined) return own
  return [...own, isPython(tool) ? REQUIREMENTS : MANIFEST]
}

/** The package that a missing module would come in; undefined where it is a file of the repository, or no name at all. */
export function packageOf({kind, tool, subject}: Failure, sources: Sources): PackageName | undefined {
  if (kind !== 'missing_dependency' || subject === undefined) return undefined
  if (isPython(tool)) {
    const module = subject.split('.')[0] ?? subject
    const ours = [...sources.keys()].some(path => path === `${module}.py` || path.startsWith(`${module}/`))
    if (ours || !PYTHON_NAME.test(module)) return undefined
    return {registry: 'pypi', name: PYTHON_PACKAGES[module] ?? module}
  }
  const name = subject
    .split('/')
    .slice(0, subject.startsWith('@') ? 2 : 1)
    .join('/')
  return NPM_NAME.test(name) && !/^[./]/.test(subject) ? {registry: 'npm', name} : undefined
}

/**
 * What to do about a failure. Never a command to be run by anybody but a person who read it. `registered`: whether the
 * registry has the package that is missing, undefined where nobody knows.
 */
export function fixFor(
  failure: Failure,
  sources: Sources,
  {registered}: {readonly registered?: boolean | undefined} = {},
): ProposedFix {
  const {kind, tool, subject} = failure
  switch (kind) {
    case 'missing_dependency': {
      if (subject === undefined) return lockfile()
      const wanted = packageOf(failure, sources)
      const fix = isPython(tool)
        ? pythonModule(wanted, sources)
        : nodeModule(failure, subject, wanted, sources)
      return wanted && registered === false && !isListed(wanted, sources) ? unregistered(wanted) : fix
    }
    case 'code_error':
    case 'test_failure':
      return meantWord(failure, sources) ?? lookAt(failure)
    case 'lint':
      return playbook('let the linter mend what it can, and look at the rest', {
        steps: [isPlainPath(failure.file) ? `npx eslint --fix ${failure.file}` : 'npx eslint --fix .'],
        test: 'run the lint job again',
      })
    case 'memory':
      return {
        ...{kind: 'config', title: 'give the step more memory, or less to do at once', risk: 'low'},
        steps: ['NODE_OPTIONS: --max-old-space-size=6144', 'or fewer workers, or a larger runner'],
        test: 'run the job again and watch its memory',
      }
    case 'timeout':
      return {
        ...{kind: 'config', title: 'find out what hangs; only then give it more time', risk: 'medium'},
        steps: ['timeout-minutes: of the job or step', 'the last lines of its log name what it was at'],
        test: 'run the job again',
      }
    case 'permission':
      return playbook('grant what the step asks for, and no more', {
        risk: 'high',
        steps: ['permissions: of the workflow, or the role it assumes'],
        test: 'run the job again',
      })
    case 'network':
      return playbook('run the failed jobs again: this may pass by itself', {
        steps: ['Re-run failed jobs, on the page of the run'],
        test: 'it goes through without a change',
      })
    case 'configuration':
      return playbook('set what the step expects', {
        risk: 'medium',
        steps: ['look at the step’s env: and at the files it reads'],
        test: 'run the job again',
      })
    case 'job_failure':
      return playbook('read the step’s log: it does not say what broke in a form that we know', {
        risk: 'medium',
        steps: [],
        test: 'run the job again',
      })
  }
}

function isPython(tool: string): boolean {
  return tool === 'python' || tool === 'pytest'
}

/** The repository says that it needs it. */
function isListed({registry, name}: PackageName, sources: Sources): boolean {
  if (registry === 'npm') return sources.get(MANIFEST)?.includes(`"${name}"`) ?? false
  const lines = sources.get(REQUIREMENTS)?.split('\n') ?? []
  return lines.some(line => line.split(/[\s=<>~![;#]/)[0]?.toLowerCase() === name.toLowerCase())
}

function unregistered({registry, name}: PackageName): ProposedFix {
  return playbook(`${registry} has no package ${name}: mind the spelling, or whose registry it is in`, {
    risk: 'medium',
    steps: [],
    test: 'run the job again',
  })
}

function pythonModule(wanted: PackageName | undefined, sources: Sources): ProposedFix {
  if (!wanted)
    return playbook('the module is not on the path: check PYTHONPATH and the import', {
      risk: 'medium',
      steps: [],
      test: 'run the tests again',
    })
  const {name} = wanted
  const text = sources.get(REQUIREMENTS)
  if (isListed(wanted, sources))
    return playbook(`${REQUIREMENTS} lists it: the job does not install it, or into another environment`, {
      steps: [`pip install -r ${REQUIREMENTS}`],
      test: 'run the job again',
    })
  if (text === undefined)
    return playbook('declare the module among the dependencies', {
      risk: 'medium',
      steps: [
        `add ${name} where the project declares its dependencies`,
        'check that it is the package you mean',
      ],
      test: 'run the tests again',
    })
  return {
    ...{kind: 'patch', title: `declare ${name} in ${REQUIREMENTS}`, risk: 'medium'},
    steps: [`check that ${name} is the package you mean, and pin its version`],
    ...patchOf(REQUIREMENTS, appended(REQUIREMENTS, text, name)),
    test: 'run the tests again',
  }
}

function nodeModule(
  {file}: Failure,
  subject: string,
  wanted: PackageName | undefined,
  sources: Sources,
): ProposedFix {
  if (/^[./]/.test(subject))
    return playbook('the import leads to a file that is not there: mend the path, or add the file', {
      risk: 'medium',
      steps: file === undefined ? [] : [`look at the import in ${file}`],
      test: 'run the job again',
    })
  if (!wanted)
    return playbook('the module has no name that npm gives out: look at the import', {
      risk: 'medium',
      steps: [],
      test: 'run the job again',
    })
  return isListed(wanted, sources)
    ? playbook(`${MANIFEST} declares it: the job does not install it, or the lockfile is older`, {
        steps: ['npm ci', 'npm install, and commit package-lock.json, where they differ'],
        test: 'run the job again',
      })
    : playbook('declare the package', {
        risk: 'medium',
        steps: [`npm install ${wanted.name}`, 'check that it is the package you mean; commit both files'],
        test: 'run the job again',
      })
}

function lockfile(): ProposedFix {
  return playbook('bring the lockfile to what the manifest says', {
    steps: ['npm install', 'commit package-lock.json'],
    test: 'npm ci goes through',
  })
}

function meantWord({file, line, meant}: Failure, sources: Sources): ProposedFix | undefined {
  const text = file === undefined ? undefined : sources.get(file)
  if (file === undefined || line === undefined || meant === undefined || text === undefined) return undefined
  const patch = replacedWord(file, text, {line, ...meant})
  return patch === undefined
    ? undefined
    : {
        ...{
          kind: 'patch',
          title: `write ${meant.right} for ${meant.wrong}, as the tool suggests`,
          risk: 'low',
        },
        steps: [],
        ...patchOf(file, patch),
        test: 'run the job again',
      }
}

/** Without the file where only people may change it: nobody is offered a draft that would be refused. */
function patchOf(path: string, {diff, text}: Patch): Pick<ProposedFix, 'diff' | 'file'> {
  return refusePath(path) === undefined ? {diff, file: {path, text}} : {diff}
}

function lookAt({kind, file, line, subject}: Failure): ProposedFix {
  const where = file === undefined ? 'the place' : `${file}${line === undefined ? '' : `:${line}`}`
  return kind === 'test_failure'
    ? playbook('run this one test, and decide whether it or the code is wrong', {
        risk: 'medium',
        steps: [where],
        test: subject === undefined ? 'the test passes' : 'it passes, and so do the others',
      })
    : playbook('mend the code at this place', {risk: 'medium', steps: [where], test: 'run the job again'})
}

function isPlainPath(path: string | undefined): path is string {
  return path !== undefined && /^[\w@][\w@./-]*$/.test(path) && !path.includes('..')
}

function playbook(
  title: string,
  {
    risk = 'low',
    ...how
  }: {readonly risk?: ProposedFix['risk']; readonly steps: readonly string[]; readonly test: string},
): ProposedFix {
  return {kind: 'playbook', title, risk, ...how}
}
