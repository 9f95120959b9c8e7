import type {Release} from '../../src/approvals/releases.ts'
import type {DeploymentEvent} from '../../src/deployments/decide.ts'
import type {Ask} from '../../src/deployments/state.ts'

/** How people answer, request by request; what is not in it any more is approved at once. */
export interface PeopleScript {
  readonly answers: readonly {
    readonly afterMs: number
    readonly outcome: 'approved' | 'rejected' | 'expired'
  }[]
  /** Word of an answer comes this often. */
  readonly told: 1 | 2
}

/** A request for approval as its record has it, and what was made of it. */
export interface AskedPeople {
  readonly id: string
  readonly release: Release
  status: 'pending' | 'approved' | 'rejected' | 'expired' | 'cancelled'
  uses: number
}

/** People and the record of what they decide: an approval permits one beginning, of what it binds. */
export function createScriptedPeople(
  script: PeopleScript | undefined,
  {
    later,
    tell,
  }: {
    readonly later: (at: number, happen: () => void) => void
    /** At least once for each answer. */
    readonly tell: (id: string) => void
  },
) {
  const asked: AskedPeople[] = []
  const find = (id: string | undefined) => asked.find(request => request.id === id)

  return {
    asked: asked as readonly AskedPeople[],

    ask(release: Release, now: number): Ask {
      const request: AskedPeople = {id: `approval-${asked.length}`, release, status: 'pending', uses: 0}
      const {afterMs, outcome} = script?.answers[asked.length] ?? {afterMs: 1000, outcome: 'approved'}
      asked.push(request)
      later(now + afterMs, () => {
        if (request.status === 'pending') request.status = outcome
      })
      for (let time = 0; time < (script?.told ?? 1); time++)
        later(now + afterMs + time * 700, () => tell(request.id))
      return {
        approvalId: request.id,
        askedAt: now,
        version: 1,
        needed: 1,
        given: 0,
        level: 'high',
        reasons: [],
        roles: ['tech_lead'],
        looks: 0,
      }
    },

    seen(id: string): Omit<Extract<DeploymentEvent, {type: 'ask-seen'}>, 'at' | 'type'> {
      const status = find(id)?.status ?? 'cancelled'
      const outcome = status === 'pending' || status === 'approved' ? status : {how: status}
      return {
        approvalId: id,
        version: status === 'pending' ? 1 : 2,
        given: status === 'approved' ? 1 : 0,
        outcome,
      }
    },

    redeem(id: string, fresh: Release): 'go' | 'stop' | 'void' {
      const request = find(id)
      if (request?.status !== 'approved' || request.uses > 0) return 'stop'
      if (request.release.sha !== fresh.sha) {
        request.status = 'cancelled'
        return 'void'
      }
      request.uses++
      return 'go'
    },

    withdraw(id: string | undefined): void {
      const request = find(id)
      if (request?.status === 'pending') request.status = 'cancelled'
    },
  }
}
