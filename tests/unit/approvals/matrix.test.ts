import {expect, test} from 'vitest'
import {decide, mixesOf} from '../../../src/approvals/decide.ts'
import {raised, rulesFor} from '../../../src/approvals/operations.ts'
import {requirementOf} from '../../../src/approvals/policy.ts'
import type {Surface} from '../../../src/approvals/request.ts'
import {assess} from '../../../src/approvals/risk.ts'
import {aPerson, aRequest} from '../../support/approvals.ts'

const OPERATIONS = [
  ...['read', 'deploy', 'modify secret', 'delete', 'migrate', 'merge_to_main', 'frobnicate'],
  ...['modify infrastructure', 'import data', 'export data', 'security_remediation'],
]
const ENVIRONMENTS = ['development', 'staging', 'production', 'moon']
const ROLES = [
  'developer',
  'team_lead',
  'tech_lead',
  'cto',
  'security_team',
  'the requester, a cto',
  'a stranger',
]
const IS_SURFACE: Readonly<Record<Surface, true>> = {
  discord: true,
  linear: true,
  mail: true,
  http: true,
  chat: true,
}
const SURFACES = Object.keys(IS_SURFACE) as readonly Surface[]

/** What one vote does that gives words with it, by somebody with that role, on a request nobody has voted on yet. */
function effectOf(
  role: string,
  surface: Surface,
  decision: 'approve' | 'reject',
  asked: ReturnType<typeof aRequest>,
): string {
  const known = role === 'a stranger' ? undefined : aPerson('pat', role.startsWith('the') ? ['cto'] : [role])
  const requester = role.startsWith('the') ? {name: 'pat', person: 'pat'} : {name: 'ada', person: 'ada'}
  const {refusal, state} = decide(
    {...asked, requester},
    {
      ...{type: 'vote', at: 1, decision, surface, rolesNow: new Map()},
      voter: {account: {kind: 'discord', id: 'pat'}, person: known},
      ...(decision === 'approve' ? {justification: 'why'} : {reason: 'why not'}),
    },
    undefined,
  )
  return refusal?.code ?? (state.status === 'pending' ? 'counts, waits for more' : state.status)
}

test('role × risk × environment × surface, as the code has it', async () => {
  const lines: string[] = []
  for (const environment of ENVIRONMENTS)
    for (const operation of OPERATIONS) {
      const risk = assess({operation, environment})
      const rules = rulesFor({operation, environment})
      const required = raised(requirementOf(risk.level, new Map()), rules)
      const given = rules.flatMap(({evidence = []}) => evidence)
      const needs =
        required.approvers === 0
          ? 'nobody is asked'
          : `${required.approvers} of ${required.roles.join(', ')}${mixesOf(required)
              .map(mix => `, including ${mix.join(' or ')}`)
              .join(
                '',
              )}${required.justification ? ', with justification' : ''}${given.map(what => `, with ${what}`).join('')}`
      lines.push(`${operation} in ${environment}: ${risk.level} ${risk.score} · ${needs}`)
      if (required.approvers === 0) continue
      for (const role of ROLES)
        for (const decision of ['approve', 'reject'] as const) {
          const effects = SURFACES.map(surface =>
            effectOf(role, surface, decision, aRequest({level: risk.level, required})),
          )
          // The way in makes no difference: there is one judge.
          expect(new Set(effects).size).toBe(1)
          lines.push(`  ${role} ${decision}s by ${SURFACES.join(', ')}: ${effects[0] ?? ''}`)
        }
    }
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('./matrix.txt')
})
