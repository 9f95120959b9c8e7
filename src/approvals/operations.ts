import type {ApprovalAction, Requirement} from './request.ts'
import {wordsOf} from './risk-words.ts'
import {applies, type Condition} from './risk.ts'

/** What has to be given with a request. */
export type Evidence = 'ticket' | 'backup'

/** What an operation takes besides what its level of risk does. Left out: nothing more. */
export interface OperationRule {
  readonly rule: string
  /** For people: `a change of infrastructure`. */
  readonly because: string
  /** Fires when all of it is so. */
  readonly when: Condition
  readonly approvers?: number
  /** One of those who approve holds one of these, who may decide it for that reason, too. */
  readonly including?: readonly string[]
  readonly evidence?: Evidence
  /** What fails on the commit keeps it out, whoever agrees. */
  readonly passingChecks?: true
  /** Mail goes out at once, and quiet hours spare nobody. */
  readonly expedited?: true
}

const CHANGES_OF_DATA = ['delete', 'modify', 'migrate', 'import'] as const
const LEADS = ['tech_lead', 'cto'] as const

/**
 * The rules by operation. They say what an approval takes, never whether there is one: what needs nobody by its level
 * stays so. How many a deploy to production takes is said by its level, and is the operator's to change there.
 */
export const OPERATION_RULES: readonly OperationRule[] = [
  {
    rule: 'production_deployment',
    because: 'a deploy to production',
    when: {operation: ['deploy'], environment: 'production'},
    passingChecks: true,
  },
  {
    rule: 'infrastructure_change',
    because: 'a change of infrastructure',
    when: {
      operation: ['create', 'modify', 'delete', 'scale'],
      resource: ['infrastructure', 'network', 'firewall', 'security_group'],
    },
    approvers: 1,
    including: LEADS,
    evidence: 'ticket',
  },
  {
    rule: 'security_remediation',
    because: 'a security remediation',
    when: {resource: ['vulnerability']},
    approvers: 1,
    including: ['security_team'],
    expedited: true,
  },
  {
    rule: 'data_operation',
    because: 'an operation on data',
    when: {operation: [...CHANGES_OF_DATA, 'export'], resource: ['database', 'data']},
    approvers: 2,
    including: LEADS,
  },
  {
    rule: 'data_change',
    because: 'a change of data',
    when: {operation: CHANGES_OF_DATA, resource: ['database', 'data']},
    evidence: 'backup',
  },
]

/** Those that apply to what would be done. */
export function rulesFor(
  action: Pick<ApprovalAction, 'operation' | 'environment' | 'resource'>,
): readonly OperationRule[] {
  return OPERATION_RULES.filter(({when}) => applies(when, action))
}

/** The stricter of a level's requirement and each of the rules. */
export function raised(required: Requirement, rules: readonly OperationRule[]): Requirement {
  return required.approvers === 0 ? required : rules.reduce(raisedBy, required)
}

/** Why what was given with it is not enough, and what to do about it; undefined: it is. */
export function lackingEvidence(
  given: Pick<ApprovalAction, Evidence>,
  rules: readonly OperationRule[],
  waived: ReadonlySet<Evidence>,
): string | undefined {
  for (const {because, evidence} of rules) {
    if (evidence === undefined || waived.has(evidence)) continue
    const {what, example, otherwise, fits} = EVIDENCE[evidence]
    if (fits(given[evidence] ?? '')) continue
    return `This is ${because}, which takes ${what}: give ${example} as the input \`${evidence}\` of the workflow, whose \`approval\` step hands it on as \`${evidence}\`.${otherwise}`
  }
  return undefined
}

/** Whether it leads back to what went well before: by its name alone, which is no proof that it does. */
export function isWayBack({operation}: Pick<ApprovalAction, 'operation'>): boolean {
  return wordsOf(operation).join(' ') === 'rollback'
}

/** Whether what fails on its commit keeps it out: not of a way back, as what fails there by now went well before. */
export function takesPassingChecks(action: Parameters<typeof rulesFor>[0]): boolean {
  return !isWayBack(action) && rulesFor(action).some(({passingChecks}) => passingChecks)
}

/** Why a commit can't be shipped to there; undefined: nothing of it fails that has to pass. */
export function keptOut(
  action: Parameters<typeof rulesFor>[0],
  {sha, failing}: {readonly sha: string; readonly failing: readonly string[]},
): string | undefined {
  if (failing.length === 0 || !takesPassingChecks(action)) return undefined
  const more = failing.length > NAMED ? ` and ${failing.length - NAMED} more` : ''
  return `The tests of ${sha.slice(0, 7)} fail, so it can’t go to ${action.environment}: ${failing.slice(0, NAMED).join(', ')}${more}. Mend them, or ship another commit.`
}

const NAMED = 5

const EVIDENCE: Readonly<
  Record<
    Evidence,
    {
      readonly what: string
      readonly example: string
      readonly otherwise: string
      readonly fits: (given: string) => boolean
    }
  >
> = {
  ticket: {
    what: 'a change ticket',
    example: 'the identifier of its issue, such as OPS-12,',
    otherwise: ' Where you asked in your own words, name it among them.',
    fits: given => /^[A-Z][A-Z0-9]{0,9}-\d{1,6}$/.test(given),
  },
  backup: {
    what: 'a backup that was verified',
    example: 'its name or where it is',
    otherwise: '',
    fits: given => given.trim() !== '',
  },
}

function raisedBy(
  {alsoIncluding = [], ...required}: Requirement,
  {approvers = 0, including = [], expedited}: OperationRule,
): Requirement {
  const entitled = including.filter(role => required.roles.includes(role))
  // Whom a rule asks for may decide, or it could not be met.
  const roles =
    including.length > 0 && entitled.length === 0 ? [...required.roles, ...including] : required.roles
  const [first = [], ...rest] = strictest([
    required.including,
    ...alsoIncluding,
    entitled.length > 0 ? entitled : including,
  ])
  return {
    ...required,
    approvers: Math.max(required.approvers, approvers),
    roles,
    including: first,
    ...(rest.length > 0 ? {alsoIncluding: rest} : {}),
    ...(expedited ? {wakes: 'everybody' as const, mailAfterMs: 0} : {}),
  }
}

/** Without those that are met whenever another one is. */
function strictest(mixes: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const within = (one: readonly string[], other: readonly string[]) => one.every(role => other.includes(role))
  return mixes.filter(
    (mix, i) =>
      mix.length > 0 &&
      !mixes.some(
        (other, j) => j !== i && other.length > 0 && within(other, mix) && (j < i || !within(mix, other)),
      ),
  )
}
