import type {Pool} from 'pg'
import type {People} from '../access/people.ts'
import {createApprovalsPort} from '../approvals/port.ts'
import type {ApprovalService} from '../approvals/service.ts'
import {createConversations} from '../conversations/service.ts'
import {createSessionStore} from '../conversations/store.ts'
import type {Llm} from '../integrations/llm/llm.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {ReplyStore} from '../notifications/store.ts'
import type {KnownNames} from '../planning/facts.ts'
import type {Actor, ConversationsPort, Services} from '../sdk/index.ts'
import {createGivenCommands} from './given-commands.ts'

export interface HouseConversations {
  readonly port: ConversationsPort
  /** The same for programs that speak for a person: nothing is decided in it and nothing started. */
  readonly asking: ConversationsPort
  forgetOld(): Promise<number>
}

/** Conversations with people, in Discord and over HTTP. */
export function openConversations({
  pool,
  approvals,
  people,
  replies,
  known,
  llm,
  services,
  redact,
  clock,
  ...given
}: {
  readonly pool: Pool
  readonly approvals: ApprovalService
  readonly people: People
  readonly replies: Pick<ReplyStore, 'messageOf'>
  /** What people may speak of by its name. */
  readonly known: KnownNames
  readonly llm: Llm
  /** Complete once anybody speaks. */
  readonly services: () => Services
  readonly redact: (text: string) => string
  readonly clock: Clock
} & Omit<Parameters<typeof createGivenCommands>[0], 'people' | 'services'>): HouseConversations {
  const {give: giveCommand, commanding} = createGivenCommands({...given, people, services})
  const store = createSessionStore({pool})
  const parts: Parameters<typeof createConversations>[0] = {
    store,
    async ownerOf(actor) {
      const account = accountOf(actor)
      const person = account && (await people.personOf(account))
      return person ? `person:${person.id}` : `${actor.kind}:${actor.id}`
    },
    async placeOf(correlationId) {
      const channel = (await replies.messageOf(correlationId))?.channelId
      return channel === undefined ? undefined : `discord:${channel}`
    },
    approvals: createApprovalsPort({
      ...{approvals, people, clock, accountOf},
      messageOf: id => replies.messageOf(id),
      surface: 'chat',
    }),
    planning: () => services().planning,
    catalogue: () => services().catalogue,
    status: services,
    giveCommand,
    commanding,
    known,
    llm,
    redact,
    clock,
  }
  return {
    port: createConversations(parts),
    asking: createConversations({
      ...parts,
      giveCommand: refuse,
      approvals: {...parts.approvals, vote: refuse},
      planning: () => ({...parts.planning(), start: refuse}),
    }),
    forgetOld: () => store.forgetOld(),
  }
}

/** Over HTTP an actor's id is that of the account whose token was sent; one that the house speaks for has no account. */
function accountOf({kind, id}: Actor) {
  return kind === 'schedule' ? undefined : {kind, id}
}

function refuse(): Promise<never> {
  throw new AppError(
    'NOT_PERMITTED',
    'Nothing is decided or started from here: do that yourself, in Discord for instance.',
  )
}
