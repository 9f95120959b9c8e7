import type {Actor} from './actor.ts'
import type {Reply} from './reply.ts'

/** An account that is a person’s, by their proof or by configuration. */
export interface KnownAccount {
  /** `github:ada`: by this name it is removed. */
  readonly name: string
  /** When it was proved; undefined for one that signalbox.yaml names. Milliseconds since the epoch, as all times here. */
  readonly provedAt: number | undefined
}

/** What is known of a person: for themselves alone. */
export interface MyAccounts {
  /** The principal's id. */
  readonly person: string
  readonly roles: readonly string[]
  readonly accounts: readonly KnownAccount[]
  /** Their valid token, if any; never its text. */
  readonly token: {readonly createdAt: number; readonly expiresAt: number} | undefined
}

/** How far a person is with proving an account. */
export type AccountProof =
  | {
      readonly kind: 'open'
      /** Where the code is to be posted: repositories, or the hub issue. */
      readonly where: readonly string[]
      /** A code was shown and can still be posted until then. */
      readonly codeUntil: number | undefined
      /** Of those, the repositories whose comments could not be read now. */
      readonly unread: readonly string[]
    }
  | {readonly kind: 'linked' | 'taken'; readonly account: string}

/** What came of a code that was typed. */
export type TypedCode =
  | {readonly kind: 'linked' | 'taken'; readonly account: string}
  | {readonly kind: 'wrong'; readonly triesLeft: number}
  /** There is none, or it lapsed, was used, or was guessed at too often. */
  | {readonly kind: 'lapsed'}

/**
 * A person's own accounts. All of it is for the actor themselves and throws NOT_PERMITTED for whom signalbox.yaml does
 * not name; NOT_CONFIGURED where the vendor is off.
 */
export interface AccountsPort {
  /** The roles, accounts and token of the person who asks. */
  mine(actor: Actor): Promise<MyAccounts>
  /** What came of their code, having looked where it was to be posted. */
  prove(actor: Actor, kind: 'github' | 'linear', signal: AbortSignal): Promise<AccountProof>
  /** Mails a code; answers until when it can be typed. Throws INVALID_INPUT and CONFLICT, see src/access/links.ts. */
  mailCode(actor: Actor, address: string): Promise<number>
  /** Takes a code that was mailed, where it is typed. */
  typeCode(actor: Actor, code: string): Promise<TypedCode>
  /** `api` ends the token. False: there is no such thing, or it is not theirs to remove. */
  remove(actor: Actor, name: string): Promise<boolean>
  /**
   * A fresh code or token as an answer for their eyes only, which must not be written down anywhere: what is kept of it
   * is its hash. `press` names the click that asks for it.
   */
  reveal(request: {readonly actor: Actor; readonly what: string; readonly press: string}): Promise<Reply>
}
