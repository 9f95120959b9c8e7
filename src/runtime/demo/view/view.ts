import type {Person} from '../../../emulators/discord/index.ts'

export interface Heading {
  readonly number: number
  readonly of: number
  readonly title: string
  /** One line saying what to notice. */
  readonly notice: string
}

/** Something promised, and whether it came true. */
export interface Claim {
  readonly text: string
  readonly kept: boolean
}

export type Tone = 'plain' | 'good' | 'bad'

/** How the demo shows itself: as a living terminal or as a plain transcript. Both watch the emulators by themselves. */
export interface View {
  /** Opens a scene of the tour; without one, the stage belongs to whoever sits at the keyboard. */
  scene(heading?: Heading): void
  /** Somebody gives a command; resolves when it has been seen being typed. */
  types(person: Person, line: string): Promise<void>
  /** Something the demo did itself, or has to say. */
  tell(text: string, tone?: Tone): void
  /** A page to read, such as the help; without lines, away with it. */
  page(lines?: readonly string[]): void
  /** What was going on has come to its end. */
  outcome(claims: readonly Claim[]): void
  close(): void
}
