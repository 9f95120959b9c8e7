import type {ChangedFile} from '../integrations/github/repository-host.ts'
import {carriesInput, readWorkflow} from '../pipelines/workflow-file.ts'
import {addedLines} from '../reviews/patch.ts'
import type {QaCheck, QaEvidence, QaReport} from '../sdk/index.ts'
import {fitsAny} from './glob.ts'
import {RULES_FILE, type Rule} from './rules.ts'

const MOST_EVIDENCE = 3
/** Files whose whole text one rule looks at. */
const MOST_READ = 30

/** A pull request as it was read, at one commit. */
export interface Change {
  /** `complete`: these are all that it changes. */
  readonly files: {readonly items: readonly ChangedFile[]; readonly complete: boolean}
  /** Every path of its head; undefined: GitHub does not list them all. Empty where no rule asks. */
  readonly paths: readonly string[] | undefined
  /** The texts of its head that rules ask for; a path that is not among them could not be read. */
  readonly texts: ReadonlyMap<string, string>
}

type Finding = Pick<QaCheck, 'outcome' | 'reason'> & {readonly evidence?: readonly QaEvidence[]}

/** Whether the rules that apply need to know what else is in the repository. */
export function asksForPaths(rules: readonly Rule[], files: readonly ChangedFile[]): boolean {
  return rules.some(rule => applies(rule, files) && (rule.check.exists ?? rule.check.contains) !== undefined)
}

/** The paths whose texts the rules ask for, of those at the head; changed ones first, at most 30 for each rule. */
export function pathsToRead(
  rules: readonly Rule[],
  files: readonly ChangedFile[],
  paths: readonly string[],
): readonly string[] {
  const asked = rules
    .filter(rule => applies(rule, files))
    .flatMap(({check}) => {
      const {contains} = check
      const workflow = check.trigger ?? check.input ?? check.runName
      if (contains) return inScope(contains.in, files, paths).slice(0, MOST_READ)
      return workflow ? living(files).filter(path => fitsAny(workflow.in, path)) : []
    })
  return [...new Set(asked)]
}

/** What the rules say of a change. `expired` is asked before each rule: those that come too late are not looked at. */
export function judge(
  rules: readonly Rule[],
  change: Change,
  expired: () => boolean = () => false,
): Pick<QaReport, 'verdict' | 'checks' | 'unread'> {
  const {items, complete} = change.files
  const all: Finding = complete
    ? {outcome: 'passed', reason: `all ${items.length} were listed`}
    : {outcome: 'unknown', reason: `GitHub lists ${items.length} files at most; there are more`}
  const checks: QaCheck[] = [
    {id: 'all-files', title: 'every changed file is known', severity: 'must', evidence: [], ...all},
    ...(items.some(({path}) => path === RULES_FILE) ? [ownRules] : []),
    ...rules.map((rule): QaCheck => {
      const {id, title, severity, why, fix} = rule
      const finding: Finding = expired()
        ? {outcome: 'unknown', reason: 'the time for looking was over'}
        : findingOf(rule, change)
      const evidence = (finding.evidence ?? []).slice(0, MOST_EVIDENCE)
      return {id, title, severity, why, fix, ...finding, evidence}
    }),
  ]
  return {verdict: verdictOf(checks), checks, unread: items.flatMap(unreadOf)}
}

/** Nothing that must hold fails, and nothing of it was left unlooked at. */
export function verdictOf(checks: readonly QaCheck[]): QaReport['verdict'] {
  const outcomes = checks.filter(({severity}) => severity === 'must').map(({outcome}) => outcome)
  if (outcomes.includes('failed')) return 'fail'
  return outcomes.includes('unknown') ? 'unknown' : 'pass'
}

/** A change may not weaken what it is checked by. */
const ownRules: QaCheck = {
  id: 'own-rules',
  title: 'the rules are left as they are',
  severity: 'should',
  outcome: 'failed',
  reason: 'it changes its own rules; those of the branch it is merged into were used',
  fix: 'have somebody read what the new rules let pass',
  evidence: [{file: RULES_FILE}],
}

function findingOf(rule: Rule, change: Change): Finding {
  const {check} = rule
  const files = change.files.items
  if (!applies(rule, files)) return {outcome: 'skipped', reason: 'nothing that it is about changes'}
  if (check.changed) return changed(check.changed, change)
  if (check.exists) return exists(check.exists, change)
  if (check.contains) return contains(check.contains, change)
  if (check.forbids) return forbids(check.forbids, files)
  const {trigger, input, runName} = check
  if (trigger)
    return ofWorkflows(
      trigger.in,
      change,
      file => file.triggers.get(trigger.event),
      `has no ${trigger.event}`,
    )
  if (input)
    return ofWorkflows(
      input.in,
      change,
      file => file.inputs?.get(input.name)?.line,
      `takes no input ${input.name}`,
      file => file.triggers.get('workflow_dispatch'),
    )
  if (runName)
    return ofWorkflows(
      runName.in,
      change,
      file =>
        file.runName && carriesInput(file.runName.text, runName.input) ? file.runName.line : undefined,
      `has a run name without inputs.${runName.input}`,
      file => file.runName?.line,
    )
  return {outcome: 'unknown', reason: 'the rule asks for nothing'}
}

function applies({when}: Rule, files: readonly ChangedFile[]): boolean {
  return when === undefined || living(files).some(path => fitsAny(when, path))
}

function changed(globs: readonly string[], {files}: Change): Finding {
  const found = living(files.items).filter(path => fitsAny(globs, path))
  if (found.length > 0) return {outcome: 'passed', reason: `${found.length} changed`, evidence: places(found)}
  return files.complete
    ? {outcome: 'failed', reason: `nothing changes in ${globs.join(', ')}`}
    : {outcome: 'unknown', reason: 'it may be among the files that GitHub does not list'}
}

function exists(globs: readonly string[], {paths}: Change): Finding {
  const found = (paths ?? []).filter(path => fitsAny(globs, path))
  if (found.length > 0) return {outcome: 'passed', reason: 'it is there', evidence: places(found)}
  return paths
    ? {outcome: 'failed', reason: `there is no ${globs.join(', ')}`}
    : {outcome: 'unknown', reason: 'GitHub does not list all files of the repository'}
}

interface Wanted {
  readonly in: readonly string[]
  readonly all?: readonly string[] | undefined
  readonly any?: readonly string[] | undefined
}

function contains({in: globs, all = [], any = []}: Wanted, {files, paths, texts}: Change): Finding {
  const scope = inScope(globs, files.items, paths ?? [])
  const read = scope.slice(0, MOST_READ).flatMap(path => {
    const text = texts.get(path)
    return text === undefined ? [] : [{path, lines: text.toLowerCase().split('\n')}]
  })
  const find = (words: string): QaEvidence | undefined => {
    for (const {path, lines} of read) {
      const index = lines.findIndex(line => line.includes(words.toLowerCase()))
      if (index >= 0) return {file: path, line: index + 1}
    }
    return undefined
  }
  const one = any.map(find).find(place => place !== undefined)
  const found = all.map(find)
  const missing = [
    ...all.filter((_, index) => found[index] === undefined),
    ...(any.length > 0 && !one ? [any.join(' or ')] : []),
  ]
  const evidence = [...found, one].filter(place => place !== undefined)
  if (missing.length === 0) return {outcome: 'passed', reason: 'found', evidence}
  if (read.length < scope.length || paths === undefined)
    return {
      outcome: 'unknown',
      reason: `not found in ${read.length} of ${paths ? scope.length : 'many'} files; the rest was not read`,
    }
  return {
    outcome: 'failed',
    reason:
      scope.length === 0 ? `there is no file in ${globs.join(', ')}` : `not found: ${missing.join(', ')}`,
    evidence: places(scope),
  }
}

function forbids({in: globs, all = [], any = []}: Wanted, files: readonly ChangedFile[]): Finding {
  const scope = files.filter(({path, status}) => status !== 'removed' && fitsAny(globs, path))
  const found = scope.flatMap(({path, patch = ''}) =>
    addedLines(patch).flatMap(({line, text}) => {
      const lower = text.toLowerCase()
      const has = (words: string) => lower.includes(words.toLowerCase())
      return all.every(has) && (any.length === 0 || any.some(has)) ? [{file: path, line}] : []
    }),
  )
  if (found.length > 0)
    return {
      outcome: 'failed',
      reason: `${found.length} new ${found.length === 1 ? 'line does' : 'lines do'}`,
      evidence: found,
    }
  const hidden = scope
    .filter(({patch, additions}) => patch === undefined && additions > 0)
    .map(({path}) => path)
  return hidden.length > 0
    ? {outcome: 'unknown', reason: 'GitHub does not show all of the change', evidence: places(hidden)}
    : {outcome: 'passed', reason: 'no new line does'}
}

type Reading = Extract<ReturnType<typeof readWorkflow>, {ok: true}>['file']

/** Holds for each changed workflow, or names those for which it does not. */
function ofWorkflows(
  globs: readonly string[],
  {files, texts}: Change,
  lineOf: (file: Reading) => number | undefined,
  lack: string,
  nearest: (file: Reading) => number | undefined = () => undefined,
): Finding {
  const scope = living(files.items).filter(path => fitsAny(globs, path))
  if (scope.length === 0) return {outcome: 'skipped', reason: 'no workflow changes'}
  const failed: QaEvidence[] = []
  const good: QaEvidence[] = []
  for (const path of scope) {
    const text = texts.get(path)
    if (text === undefined)
      return {outcome: 'unknown', reason: 'it could not be read', evidence: [{file: path}]}
    const reading = readWorkflow(text)
    if (!reading.ok)
      return {
        outcome: 'failed',
        reason: `the workflow ${reading.problem}`,
        evidence: [at(path, reading.line)],
      }
    const line = lineOf(reading.file)
    if (line === undefined) failed.push(at(path, nearest(reading.file)))
    else good.push(at(path, line))
  }
  return failed.length > 0
    ? {outcome: 'failed', reason: `the workflow ${lack}`, evidence: failed}
    : {outcome: 'passed', reason: 'it does', evidence: good}
}

function at(file: string, line: number | undefined): QaEvidence {
  return line === undefined ? {file} : {file, line}
}

function places(paths: readonly string[]): readonly QaEvidence[] {
  return paths.slice(0, MOST_EVIDENCE).map(file => ({file}))
}

/** What is there after the change. */
function living(files: readonly ChangedFile[]): readonly string[] {
  return files.filter(({status}) => status !== 'removed').map(({path}) => path)
}

/** Of the head's paths, what changes first. */
function inScope(
  globs: readonly string[],
  files: readonly ChangedFile[],
  paths: readonly string[],
): readonly string[] {
  const all = new Set([...living(files), ...paths])
  return [...all].filter(path => fitsAny(globs, path))
}

/** GitHub shows no lines of very large and of binary files. */
function unreadOf({path, status, patch, additions, deletions}: ChangedFile): QaReport['unread'] {
  if (patch !== undefined || status === 'removed') return []
  if (additions > 0) return [{file: path, why: `too large for GitHub to show: ${additions} new lines`}]
  return deletions > 0 || status === 'renamed' || status === 'copied' || status === 'unchanged'
    ? []
    : [{file: path, why: 'has no lines: binary, or empty'}]
}
