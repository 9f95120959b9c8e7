import {code, ellipsis, plain} from '../kernel/markdown.ts'
import type {QaCheck, QaReport} from '../sdk/index.ts'

/** What GitHub takes, less what the last lines need. */
const LONGEST = 60_000
const UNREAD_SHOWN = 20
const GLYPHS = {passed: '✅', failed: '❌', warning: '⚠️', unknown: '❔', skipped: '➖'}

const HEADLINES = {
  pass: '🟢 QA passes',
  fail: '🔴 QA fails',
  unknown: '⚠️ QA is undecided: not all could be looked at',
}

/** The report as Markdown, for a review and for the terminal. */
export function reportText(report: QaReport): string {
  const {repository, number, pull, checks, unread, verdict, rules} = report
  const failed = checks.filter(({outcome}) => outcome === 'failed')
  const head = [
    `### ${HEADLINES[verdict]}`,
    '',
    pull
      ? `[#${number} ${plain(pull.title, 120)}](${pull.url}) of ${code(repository)} at ${code(pull.headSha.slice(0, 7))}, ${counted(pull.files, 'file')} · ${rulesWords(rules, pull.baseRef)}`
      : `#${number} of ${code(repository)}`,
    countWords(checks),
    '',
    ...checks.map(check => checkLine(check)),
  ]
  const fixes = (['must', 'should'] as const).flatMap(severity => {
    const own = failed.filter(check => check.severity === severity)
    return own.length === 0
      ? []
      : [
          '',
          `**${severity === 'must' ? 'Required' : 'Suggested'} fixes**`,
          '',
          ...own.map((check, index) => `${index + 1}. ${fixWords(check)}`),
        ]
  })
  const left =
    unread.length === 0
      ? []
      : [
          '',
          `**Not looked at**`,
          '',
          ...unread.slice(0, UNREAD_SHOWN).map(({file, why}) => `- ${code(file, 150)}: ${why}`),
          ...(unread.length > UNREAD_SHOWN ? [`- and ${unread.length - UNREAD_SHOWN} more`] : []),
        ]
  const evidence = [
    '',
    '<details><summary>Evidence</summary>',
    '',
    '```json',
    ...checks
      .filter(check => check.evidence.length > 0)
      .map(check =>
        JSON.stringify({check: check.id, outcome: check.outcome, evidence: check.evidence.map(bare)}),
      )
      .map(line => line.replaceAll('`', 'ˋ')),
    '```',
    '</details>',
  ]
  const end = [
    '',
    `**Verdict: ${verdict.toUpperCase()}**`,
    '',
    '_By rules, not by a person. A later check replaces this text._',
  ]
  const whole = [...head, ...fixes, ...left, ...evidence, ...end].join('\n')
  return whole.length <= LONGEST
    ? whole
    : `${[...head, ...fixes].join('\n').slice(0, LONGEST)}\n${end.join('\n')}`
}

function kindOf({outcome, severity}: QaCheck): keyof typeof GLYPHS {
  return outcome === 'failed' && severity === 'should' ? 'warning' : outcome
}

function countWords(checks: readonly QaCheck[]): string {
  const words = {
    passed: 'passed',
    failed: 'failed',
    warning: 'warned',
    unknown: 'not looked at',
    skipped: 'not about this change',
  }
  const counts = (Object.keys(words) as (keyof typeof words)[]).flatMap(kind => {
    const number = checks.filter(check => kindOf(check) === kind).length
    return number === 0 ? [] : [`${number} ${words[kind]}`]
  })
  return `${counted(checks.length, 'check')}: ${counts.join(', ')}`
}

function checkLine(check: QaCheck): string {
  const box = check.outcome === 'passed' ? 'x' : ' '
  return `- [${box}] ${GLYPHS[kindOf(check)]} ${plain(check.title, 200)}: ${plain(check.reason, 300)}${placeOf(check)}`
}

function fixWords(check: QaCheck): string {
  const fix = check.fix ?? check.title
  const why = check.why === undefined ? '' : `, since ${plain(check.why, 300)}`
  return `${plain(fix, 300)}${why}${placeOf(check)}`
}

/** A path is a stranger’s text: as code, nothing in it can ping or link. */
function placeOf({evidence: [first]}: QaCheck): string {
  if (!first) return ''
  const {file, line, url} = first
  const label = code(`${file}${line === undefined ? '' : `:${line}`}`, 150)
  return url === undefined ? ` (${label})` : ` ([${label}](<${url}>))`
}

function bare({file, line}: QaCheck['evidence'][number]) {
  return {file: ellipsis(file, 150), ...(line === undefined ? {} : {line})}
}

function rulesWords(rules: QaReport['rules'], baseRef: string): string {
  return rules === 'default' ? 'our own rules for deploys' : `rules: ${code('qa.yaml')} of ${code(baseRef)}`
}

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
