import type {Llm, Passage} from '../integrations/llm/llm.ts'
import {ellipsis, visible} from '../kernel/markdown.ts'
import type {TriagedFailure, TriageReport} from '../sdk/index.ts'
import type {Consult} from '../tools/consult.ts'

/** Whose model and tools it uses. */
const AGENT = 'triage'
const LONGEST = 500

/**
 * A model's words about a failure, for people. They change nothing else: what is known of the failure, how sure we are
 * of it and what is proposed was settled before the model was asked.
 */
export async function explain(
  {llm, consult}: {readonly llm: Llm; readonly consult: Consult},
  {
    failure,
    about,
    signal,
  }: {readonly failure: TriagedFailure; readonly about: string; readonly signal: AbortSignal},
): Promise<TriageReport['explanation']> {
  if (!llm.on) return {kind: 'off'}
  const {kind, tool, message, file, line, evidence, job} = failure
  const log: Passage = {
    text: [message, file === undefined ? '' : `${file}:${line ?? '?'}`, ...evidence].join('\n'),
    trusted: false,
    source: `log of job ${job.name}, ${about}`,
  }
  const task = 'Explain why a job of a CI run failed.'
  const found = await consult({agent: AGENT, task, about: [log], signal})
  const answer = await llm.text({
    purpose: 'triage',
    agent: AGENT,
    system:
      'You explain to a developer why a job of a CI run failed. At most three plain sentences, no Markdown, no commands, no links. Say so if the log does not tell.',
    messages: [
      {
        role: 'user',
        passages: [{text: `Rules found: ${kind}, told by ${tool}.`, trusted: true}, log, ...found],
      },
    ],
    maxOutputTokens: 250,
    signal,
  })
  switch (answer.kind) {
    case 'answered': {
      const text = ellipsis(visible(answer.value), LONGEST)
      return text === '' ? {kind: 'failed', reason: 'it said nothing'} : {kind: 'given', text}
    }
    case 'off':
      return {kind: 'off'}
    case 'invalid':
      return {kind: 'failed', reason: 'it said something else'}
    case 'over-budget':
    case 'refused':
    case 'failed':
      return {kind: 'failed', reason: answer.reason}
  }
}
