import type {CompletionContext, Suggestion} from './command.ts'
import type {Services} from './services.ts'

/** Targets whose name begins with what was typed. */
export async function suggestTargets(
  typed: string,
  {services}: CompletionContext,
): Promise<readonly Suggestion[]> {
  return services.deployments
    .targets()
    .filter(target => target.name.toLowerCase().startsWith(typed.toLowerCase()))
    .map(target => ({
      name: `${target.name} → ${target.environment} (${target.repository})`,
      value: target.name,
    }))
}

/** What is wrong with a target option, for a command's `check`. */
export function unknownTarget(
  name: string | undefined,
  {deployments}: Pick<Services, 'deployments'>,
): readonly string[] {
  if (name === undefined || deployments.target(name)) return []
  const known = deployments.targets().map(target => target.name)
  return [`target: there is no ${name}; there is ${known.join(', ') || 'none'}`]
}
