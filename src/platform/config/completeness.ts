import type {Variable} from './environment.ts'
import type {Fault} from './faults.ts'

interface Integration {
  /** Any of these switches the integration on. */
  readonly variables: readonly Variable[]
  /** Alternatives; exactly one of them must be set, and that one in full. */
  readonly needs: readonly (readonly Variable[])[]
}

/** Addresses of vendors are not among the variables: they have defaults, and build servers set them for everyone. */
const INTEGRATIONS: readonly Integration[] = [
  {
    variables: ['DISCORD_GUILD_ID', 'DISCORD_PUBLIC_KEY', 'DISCORD_STATUS_CHANNEL_ID'],
    needs: [['DISCORD_TOKEN', 'DISCORD_APPLICATION_ID']],
  },
  {
    variables: ['GITHUB_REPOSITORY', 'GITHUB_WEBHOOK_SECRET'],
    needs: [['GITHUB_TOKEN'], ['GITHUB_APP_ID', 'GITHUB_APP_PRIVATE_KEY', 'GITHUB_APP_INSTALLATION_ID']],
  },
  {
    variables: ['LINEAR_WEBHOOK_SECRET', 'LINEAR_APPROVAL_HUB_ISSUE_ID'],
    needs: [['LINEAR_API_KEY'], ['LINEAR_CLIENT_ID', 'LINEAR_CLIENT_SECRET']],
  },
  {variables: ['SMTP_TLS'], needs: [['SMTP_HOST'], ['SMTP_URL']]},
  {variables: ['SMTP_PORT'], needs: [['SMTP_HOST']]},
  {variables: [], needs: [['SMTP_USER', 'SMTP_PASS']]},
  {variables: ['SMTP_USER'], needs: [['SMTP_HOST']]},
  {variables: [], needs: [['NOTIFICATION_EMAIL_FROM', 'NOTIFICATION_EMAIL_TO']]},
  {variables: ['NOTIFICATION_EMAIL_FROM'], needs: [['SMTP_HOST'], ['SMTP_URL']]},
  {variables: ['LLM_API_KEY'], needs: [['LLM_BASE_URL', 'LLM_MODEL']]},
]

/** What is missing where only a part of an integration is configured. Nothing set is not a fault: it is off. */
export function halfSet(isSet: (name: Variable) => boolean): Fault[] {
  const faults = INTEGRATIONS.flatMap(({variables, needs}): Fault[] => {
    const cause = [...variables, ...needs.flat()].find(isSet)
    if (cause === undefined) return []
    const begun = needs.filter(alternative => alternative.some(isSet))
    if (begun.length > 1) {
      const names = begun.map(alternative => alternative.find(isSet) ?? '')
      return [{path: names[1] ?? '', message: `${names.join(' and ')} are both set; keep one.`}]
    }
    const [chosen = needs[0] ?? []] = begun
    const others = begun.length === 0 ? needs.slice(1).map(alternative => alternative.join(' + ')) : []
    const orElse = others.length > 0 ? ` (or ${others.join(' or ')})` : ''
    return chosen
      .filter(name => !isSet(name))
      .map(name => ({
        path: name,
        message: `${chosen.find(isSet) ?? cause} is set but ${name}${orElse} is missing.`,
      }))
  })
  // Two integrations can miss the same variable; once is enough.
  return faults.filter((fault, i) => faults.findIndex(other => other.path === fault.path) === i)
}
