/** Who asked, as the surface knows them. Roles are the surface's own; principals and their roles come from configuration. */
export interface Actor {
  readonly kind: 'discord' | 'schedule' | 'api'
  /** The surface's id of the person: a Discord user id, a schedule's name. */
  readonly id: string
  /** Shown to people and sent to GitHub as the requester. */
  readonly name: string
  readonly discordRoles?: readonly string[]
  /** The Discord server it came from, if any. */
  readonly guildId?: string
}
