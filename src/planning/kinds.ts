import {AppError} from '../kernel/errors.ts'
import type {Surroundings} from './build.ts'
import {saysWhat, type TaskKind} from './grammar.ts'
import {
  askPeople,
  asText,
  conditionOf,
  headOf,
  holderOf,
  lockOf,
  outputOf,
  perform,
  question,
  refused,
  startWorkflow,
  type Emission,
  type Place,
  type Stop,
  type Target,
  type Values,
} from './steps.ts'
import {environmentsOf, looked, targetFor} from './targets.ts'
import type {Task} from './tasks.ts'

/** Adds the steps of a task, or says what keeps it from being planned. */
export function emit(task: Task, place: Place, house: Surroundings): Emission | Stop {
  try {
    return EMIT[task.kind](task, place, house)
  } catch (error) {
    // Such as a repository that is not ours: whoever asked can mend it.
    if (error instanceof AppError && error.disposition === 'user') return refused(error.message)
    throw error
  }
}

const EMIT: Readonly<Record<TaskKind, (task: Task, place: Place, house: Surroundings) => Emission | Stop>> = {
  implement: write,
  refactor: write,

  review(task, place, house) {
    const {facts} = task
    const repository = house.repositoryOf(facts.repository)
    const [written] = place.earlier(['implement', 'refactor'])
    if (facts.pull !== undefined || !written) {
      if (facts.pull === undefined)
        return question('Which pull request should be reviewed? Say its number.', 'pr_number')
      const id = place.idFor('review')
      return perform({
        task,
        place,
        house,
        id,
        title: `review pull request #${facts.pull}`,
        values: {repo_url: repository, pr_number: facts.pull},
        more: {timeout: '5m', retry: {max: 2, delay: '5s'}},
        proof: {
          holds: `steps.${id}.output.verdict == "proceed"`,
          otherwise: `The review blocks it: \${{ steps.${id}.output.summary }}`,
          words: 'nothing speaks against it',
        },
      })
    }
    const number = outputOf(written, house, ['pr_number', 'pull_number', 'number'])
    if (number === undefined)
      return refused('What is implemented here comes without a pull request to review.')
    return perform({
      task,
      place,
      house,
      id: place.idFor('review'),
      title: 'review the change',
      values: {repo_url: repository, pr_number: `\${{ ${number} }}`},
      // Without a model nothing was written that could be reviewed: then an issue asks a person to.
      more: {timeout: '5m', retry: {max: 2, delay: '5s'}, if: `${number} != null`},
    })
  },

  analyse(task, place, house) {
    const {facts} = task
    const id = place.idFor('analyse')
    return perform({
      task,
      place,
      house,
      id,
      title: facts.path === undefined ? 'analyse the code' : `analyse ${facts.path}`,
      values: {
        repo_url: house.repositoryOf(facts.repository),
        pr_number: facts.pull,
        path: asText(place, `${id}_path`, facts.path),
        ref: asText(place, `${id}_ref`, facts.ref),
      },
    })
  },

  explain(task, place, house) {
    const {facts} = task
    if (facts.path === undefined) return question('Which file should be explained? Say its path.', 'path')
    const id = place.idFor('explain')
    return perform({
      task,
      place,
      house,
      id,
      title: `explain ${facts.path}`,
      values: {
        repo_url: house.repositoryOf(facts.repository),
        path: place.text(`${id}_path`, facts.path),
        ref: asText(place, `${id}_ref`, facts.ref),
      },
    })
  },

  test(task, place, house) {
    const {facts} = task
    const repository = house.repositoryOf(facts.repository)
    const id = place.idFor('test')
    const pipeline = facts.pipeline ?? 'test'
    const head = facts.pull === undefined ? undefined : headOf(facts.pull, repository, place, house)
    if (head && 'stop' in head) return head
    const [written] = place.earlier(['implement', 'refactor'])
    const branch = written && outputOf(written, house, ['branch', 'head_ref'])
    const ref = facts.ref ?? house.targets.find(target => target.repository === repository)?.ref ?? 'main'
    const at: Values = head
      ? {sha: head.sha}
      : facts.sha !== undefined
        ? {sha: facts.sha}
        : branch === undefined
          ? {ref: place.text(`${id}_ref`, ref)}
          : {ref: `\${{ ${branch} }}`}
    const of = head ? ` of pull request #${facts.pull ?? ''}` : branch === undefined ? ` on ${ref}` : ''
    return perform({
      task,
      place,
      house,
      id,
      title: `run ${pipeline === 'test' ? 'the tests' : `pipeline ${pipeline}`}${of}`,
      values: {pipeline, repo_url: repository, ...at},
      needs: head ? [head.from] : [],
      more: {timeout: '30m', ...(branch === undefined || head ? {} : {if: `${branch} != null`})},
      proof: {
        holds: `steps.${id}.output.passed`,
        otherwise: `The pipeline ended as \${{ steps.${id}.output.conclusion }}.`,
        words: 'the pipeline passed',
      },
    })
  },

  validate(task, place, house) {
    const {facts} = task
    const repository = house.repositoryOf(facts.repository)
    const head = facts.pull === undefined ? undefined : headOf(facts.pull, repository, place, house)
    if (head && 'stop' in head) return head
    const sha = head?.sha ?? facts.sha
    if (sha === undefined)
      return question('The build of which pull request should be judged? Say its number.', 'pr_number')
    const id = place.idFor('validate')
    return perform({
      task,
      place,
      house,
      id,
      title: head ? `see how the build of #${facts.pull ?? ''} did` : `see how ${sha.slice(0, 7)} did`,
      values: {repo_url: repository, sha},
      needs: head ? [head.from] : [],
      proof: {
        holds: `steps.${id}.output.passed`,
        otherwise: `The build is \${{ steps.${id}.output.status }}.`,
        words: 'the build passed',
      },
    })
  },

  deploy(task, place, house) {
    const {facts} = task
    const target = targetFor(facts, house)
    if ('stop' in target) return target
    if (facts.pull !== undefined) return shipPull(facts.pull, target, task, place, house)
    const {name, environment, ref: own} = target
    const ref = facts.ref ?? own
    const [written] = place.earlier(['implement', 'refactor'])
    if (written) place.note(`It ships what ${own} holds then: merge the change before you approve that.`)
    const id = place.idFor('deploy')
    const at = asText(place, `${id}_ref`, facts.ref)
    // People are asked about the commit that it holds; a change has yet to be merged while they are.
    const what = written ? {} : {ref: at ?? own}
    const gate = askPeople('deploy', `Deploy ${name} to ${environment}`, target, what, place)
    return perform({
      task,
      place,
      house,
      holder: ['cicd', 'deploy_artifact'],
      id,
      title: `deploy ${name} to ${environment}, from ${ref}`,
      values: {target: name, ref: at},
      after: [gate],
      more: {timeout: '30m', lock: lockOf(target)},
    })
  },

  rollback(task, place, house) {
    const target = targetFor(task.facts, house)
    if ('stop' in target) return target
    const {name, environment} = target
    const gate = askPeople('rollback', `Roll ${name} back in ${environment}`, target, {}, place)
    return perform({
      task,
      place,
      house,
      id: place.idFor('rollback'),
      title: `roll ${name} back in ${environment}`,
      values: {target: name},
      after: [gate],
      more: {timeout: '30m', lock: lockOf(target)},
    })
  },

  configure(task, place, house) {
    const {facts} = task
    const {variable} = facts
    if (!variable) return question('Which variable should be set to what? Say NAME=value.', 'variable')
    const repository = house.repositoryOf(facts.repository)
    // One that nobody names is taken for the riskiest.
    const environment = facts.environment ?? 'production'
    const gate = place.idFor('approve_configure')
    const id = place.idFor('configure')
    const value = place.text(`${id}_value`, variable.value)
    // What is in the value names no issue.
    const ticket = variable.value.includes(facts.issue ?? variable.value) ? undefined : facts.issue
    if (ticket === undefined)
      place.note(
        'Setting a variable takes a change ticket where it takes an approval: name it, such as OPS-12.',
      )
    place.risk({operation: 'update_config', environment, resource: 'infrastructure'})
    place.add(
      {
        id: gate,
        needs: [...place.needs],
        ...conditionOf(place),
        approval: {
          title: `Set ${variable.name} of ${repository}`,
          operation: 'update_config',
          environment,
          resource: 'infrastructure',
          ...(ticket === undefined ? {} : {ticket}),
          details: {repository, name: variable.name, value, words: place.text(`${gate}_words`, place.words)},
        },
      },
      {title: `ask people about ${variable.name}`, kind: 'gate', prepares: false},
    )
    return perform({
      task,
      place,
      house,
      id,
      title: `set ${variable.name} of ${repository}`,
      values: {repo_url: repository, name: variable.name, value},
      after: [gate],
    })
  },

  health(task, place, house) {
    const where = looked(task.facts, house)
    if ('stop' in where) return where
    const id = place.idFor('health')
    return perform({
      task,
      place,
      house,
      id,
      title: `check the health of ${where.target ?? where.environment ?? 'the endpoints'}`,
      values: {...where},
      proof: {
        holds: `steps.${id}.output.status == "healthy"`,
        otherwise: `Its health is \${{ steps.${id}.output.status }}.`,
        words: 'it is healthy',
      },
    })
  },

  heal(task, place, house) {
    const {facts} = task
    const target = facts.target === undefined ? undefined : targetFor(facts, house)
    if (target && 'stop' in target) return target
    const environment = target?.environment ?? facts.environment
    if (environment === undefined)
      return question(`Which environment should be healed: ${environmentsOf(house)}?`, 'target')
    place.risk({operation: 'deploy', environment, resource: 'infrastructure'})
    return startWorkflow(
      'self-healing',
      {
        environment,
        ...(target ? {target: target.name} : {}),
        ...(facts.issue === undefined ? {} : {ticket: facts.issue}),
      },
      {id: place.idFor('heal'), title: `find and fix what is wrong with ${target?.name ?? environment}`},
      place,
      house,
    )
  },

  diagnose: explainIllness,

  triage(task, place, house) {
    const {facts} = task
    const holder = holderOf('triage', house)
    if (holder?.[0] !== 'triage') return explainIllness(task, place, house)
    const ref =
      facts.pull === undefined ? (/\b\d{8,15}\b/.exec(task.words)?.[0] ?? facts.ref) : `#${facts.pull}`
    if (ref === undefined) return question('Which run or pull request failed? Say its number.', 'pr_number')
    return perform({
      task,
      place,
      house,
      id: place.idFor('triage'),
      title: `find out why ${facts.pull === undefined ? `run ${ref}` : ref} fails`,
      values: {ref, pr_number: facts.pull, repo_url: house.repositoryOf(facts.repository)},
    })
  },

  triage_issues: (task, place, house) =>
    perform({
      task,
      place,
      house,
      id: place.idFor('triage_issues'),
      title: 'sort the open issues',
      values: {repo_url: house.repositoryOf(task.facts.repository)},
    }),

  docs(task, place, house) {
    const {facts} = task
    const repo_url = house.repositoryOf(facts.repository)
    const id = place.idFor('docs')
    if (facts.document === undefined)
      return startWorkflow(
        'parallel-docs',
        {repo_url, publish: true},
        {id, title: `propose all documents of ${repo_url}`},
        place,
        house,
      )
    return perform({
      task,
      place,
      house,
      id,
      title: `propose the ${facts.document.replaceAll('_', ' ')} of ${repo_url}`,
      values: {repo_url, doc_type: facts.document, publish: true},
      more: {timeout: '5m', retry: {max: 2, delay: '5s'}},
    })
  },

  readme: (task, place, house) =>
    perform({
      task,
      place,
      house,
      id: place.idFor('readme'),
      title: `propose a README of ${house.repositoryOf(task.facts.repository)}`,
      values: {repo_url: house.repositoryOf(task.facts.repository)},
    }),
}

/** A change to the code, from the words that ask for it. */
function write(task: Task, place: Place, house: Surroundings): Emission | Stop {
  const {kind, words, facts} = task
  if (!saysWhat(words)) return question('What should be changed? Say it in a sentence.', 'task')
  const id = place.idFor(kind)
  const text = place.text(`${id}_description`, words)
  const repository = house.repositoryOf(facts.repository)
  return perform({
    task,
    place,
    house,
    id,
    title: words,
    values: {
      description: text,
      task: text,
      instructions: text,
      title: text,
      repo_url: repository,
      issue: facts.issue,
      path: asText(place, `${id}_path`, facts.path),
    },
    more: {name: kind === 'refactor' ? 'refactor the code' : 'change the code', timeout: '30m'},
  })
}

/** Looks for issues, and asks an agent what explains them. */
function explainIllness(task: Task, place: Place, house: Surroundings): Emission | Stop {
  const where = looked(task.facts, house)
  if ('stop' in where) return where
  if (where.target === undefined && where.environment === undefined)
    return question(`What is ill: ${environmentsOf(house)}?`, 'target')
  const look = place.idFor('look')
  const seen = perform({
    task: {...task, kind: 'health'},
    place,
    house,
    id: look,
    title: `look at ${where.target ?? where.environment ?? ''}`,
    values: {...where},
    prepares: true,
  })
  if ('stop' in seen) return seen
  return perform({
    task,
    place,
    house,
    id: place.idFor('diagnose'),
    title: `say what is wrong with ${where.target ?? where.environment ?? ''}`,
    values: {task: 'diagnose_issue', ...where, issues: `\${{ steps.${look}.output.issues }}`},
    after: [look],
  })
}

/** A pull request: by the workflow that reviews, tests and asks, unless the description does that itself. */
function shipPull(
  pull: number,
  target: Target,
  task: Task,
  place: Place,
  house: Surroundings,
): Emission | Stop {
  const {name, environment} = target
  const repository = house.repositoryOf(task.facts.repository ?? target.repository)
  if (place.earlier(['review', 'test', 'validate']).length === 0) {
    place.risk({operation: 'deploy', environment})
    return startWorkflow(
      'pr-deployment',
      {pr_number: pull, repo_url: repository, target: name},
      {id: place.idFor('ship'), title: `review, test, approve and ship #${pull} to ${name}, ${environment}`},
      place,
      house,
    )
  }
  const head = headOf(pull, repository, place, house)
  if ('stop' in head) return head
  const what = {repo_url: repository, pr_number: pull, sha: head.sha}
  const gate = askPeople('deploy', `Deploy #${pull} to ${name}, ${environment}`, target, what, place, [
    head.from,
  ])
  return perform({
    task,
    place,
    house,
    holder: ['infrastructure', 'deploy_service'],
    id: place.idFor('deploy'),
    title: `deploy #${pull} to ${name}, ${environment}`,
    values: {target: name, environment, ...what},
    after: [gate],
    more: {timeout: '30m', lock: lockOf(target)},
  })
}
