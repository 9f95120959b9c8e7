import {toDiscordCommand} from '../bot/command-form.ts'
import {AppError, toError} from '../kernel/errors.ts'
import type {AgentDefinition, CommandDefinition} from '../sdk/index.ts'

/**
 * Refuses to start a house with a missing stair: everything that refers to something by name is checked against
 * what is there, and the file to mend is named. All faults at once.
 */
export function proveCompleteness(house: {
  readonly commands: ReadonlyMap<string, CommandDefinition>
  readonly agents: ReadonlyMap<string, AgentDefinition>
  readonly accessRules: Iterable<string>
}): void {
  const {commands, agents} = house
  const faults: string[] = []
  for (const command of commands.values()) {
    const file = `commands/${command.name}.ts`
    const agent = agents.get(command.agent)
    if (!agent) faults.push(`${file} names agent ${command.agent}, which no file in agents/ declares.`)
    else if (!Object.hasOwn(agent.actions, command.action)) {
      faults.push(`${file} names action ${command.action}, which agents/${agent.id}.ts does not have.`)
    }
    if (!(['everyone', 'restricted'] as readonly unknown[]).includes(command.access)) {
      faults.push(`${file} has no access rule: everyone or restricted.`)
    }
    try {
      toDiscordCommand(command)
    } catch (error) {
      const {message} = toError(error)
      faults.push(error instanceof AppError ? message : `${file} can't be shown to Discord: ${message}`)
    }
  }
  for (const agent of agents.values()) {
    const file = `agents/${agent.id}.ts`
    if (!((agent.queue as unknown) instanceof Object) || !(agent.queue.concurrency >= 1))
      faults.push(`${file} has no queue: declare queue.concurrency.`)
    if (agent.command !== undefined && !commands.has(agent.command.replace(/^\//, ''))) {
      faults.push(`${file} says people reach it by ${agent.command}, which no file in commands/ declares.`)
    }
    if (Object.keys(agent.actions).length === 0) faults.push(`${file} has no action.`)
  }
  for (const rule of house.accessRules) {
    if (!commands.has(rule)) faults.push(`signalbox.yaml access.${rule}: there is no such command.`)
  }
  if (faults.length > 0) throw new AppError('START_FAILED', faults.join('\n'), {details: {faults}})
}
