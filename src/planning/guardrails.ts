import {holdsSecretShape} from '../platform/secret-text.ts'

interface Guardrail {
  readonly pattern: RegExp
  readonly reason: string
}

/** What is never planned, whoever asks and whatever a model makes of it. */
const GUARDRAILS: readonly Guardrail[] = [
  {
    pattern:
      /\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:previous|prior|above|earlier|all|your|the|any)\b.{0,30}\b(?:instructions?|rules?|prompts?|guardrails?|polic(?:y|ies))\b/i,
    reason: 'It tells the planner to put its rules aside.',
  },
  {
    pattern: /\b(?:you are now|act as if you were|pretend to be|system prompt|developer mode|jailbreak)\b/i,
    reason: 'It tries to give the planner another role.',
  },
  {
    pattern:
      /\b(?:without|skip(?:ping)?|bypass(?:ing)?|circumvent(?:ing)?|disabl(?:e|ing)|avoid(?:ing)?|no need for)\b.{0,25}\b(?:approvals?|approvers?|gates?|guardrails?|branch protections?|reviews?|permissions?|audits?)\b/i,
    reason: 'It asks to go around an approval or a check. Those that are due are asked for in every plan.',
  },
  {
    pattern:
      /\b(?:approve|confirm)\b.{0,30}\b(?:yourself|itself|automatically|on my behalf|as (?:an? )?admin)\b/i,
    reason: 'Only people approve, each for themselves.',
  },
  {
    pattern:
      /\b(?:show|print|reveal|dump|leak|exfiltrate|send|post|e-?mail|publish|expose|list|echo|read out)\b.{0,40}\b(?:secrets?|passwords?|credentials?|private keys?|api keys?|(?:access |api |bot |auth )?tokens?)\b(?!\s+(?:counts?|usage|limits?|budgets?|refresh|rotation|pages?|forms?|fields?|screens?|resets?|strength|hash(?:es|ing)?|policy|manager|changes?|validation))/i,
    reason: 'Secrets are never shown or sent.',
  },
  {
    pattern:
      /\b(?:delete|drop|destroy|wipe|truncate|erase|purge)\b.{0,40}\b(?:production|prod|database|databases|db|tables?|backups?|cluster|all data|everything|users?' data|bucket|repository|repo|branch main|main branch)\b/i,
    reason: 'Nothing here deletes data, environments or repositories.',
  },
  {
    pattern:
      /\brm\s+-rf\b|\bforce[- ]push|\bpush\b.{0,20}\b(?:straight |directly )?(?:in)?to (?:the )?(?:main|master|default)\b/i,
    reason: 'Changes are proposed on a branch of their own, never written to the main one.',
  },
]

/** Why the description is not planned, in whole sentences; empty: nothing is against it. */
export function objections(description: string): readonly string[] {
  const text = description.replace(/\p{Cf}+/gu, '').replace(/[\p{Cc}\s]+/gu, ' ')
  return [
    ...GUARDRAILS.filter(({pattern}) => pattern.test(text)).map(({reason}) => reason),
    ...(holdsSecretShape(text) ? ['It holds what looks like a secret. Take it out, and renew it.'] : []),
  ]
}
