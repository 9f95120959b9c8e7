import type {ContractSubject} from '../pipelines/contracts.ts'
import type {Config} from '../platform/config/config.ts'

const SENT_ALWAYS = ['correlation_id', 'requester']
/** An input that is made from an option which may not be given. */
const NEEDS_OPTION = /\$\{\{\s*options\./

/** The workflows that commands start, with what they are sent: a target's, and that of `/diagnose`. */
export function contractSubjects({
  targets,
  diagnose,
}: Pick<Config, 'targets' | 'diagnose'>): readonly ContractSubject[] {
  const shipped = [...targets.values()].flatMap(
    ({name, repository, workflow, ref, inputs}): ContractSubject[] => {
      if (repository === undefined) return []
      const always = Object.keys(inputs).filter(input => !NEEDS_OPTION.test(inputs[input] ?? ''))
      const sometimes = [...new Set([...Object.keys(inputs), 'VITE_API_BASE'])].filter(
        input => !always.includes(input),
      )
      return [
        {...{id: name, name, repository, workflow, ref, sometimes}, always: [...SENT_ALWAYS, ...always]},
      ]
    },
  )
  const {repository, workflow, ref, expected} = diagnose
  if (repository === undefined || !expected) return shipped
  const sometimes = ['channel_id', 'frontend_url', 'api_base']
  return [
    ...shipped,
    {id: '_diagnose', name: '/diagnose', repository, workflow, ref, always: SENT_ALWAYS, sometimes},
  ]
}
