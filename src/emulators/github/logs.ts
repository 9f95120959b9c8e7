import {createHmac, randomBytes, timingSafeEqual} from 'node:crypto'
import type {JobState, StepState} from './attempt.ts'

/** The plain-text log of a job, as the runner writes it: byte order mark, timestamps of seven digits, markers. */
export function renderLog(job: JobState): string {
  const lines = [
    ...stamped(job.startedAt ?? job.createdAt, 0, [
      "Current runner version: '2.330.0'",
      '##[group]Runner Image Provisioner',
      'Hosted Compute Agent',
      '##[endgroup]',
      'Prepare workflow directory',
      `Complete job name: ${job.script.name}`,
    ]),
    ...job.steps.slice(1, -1).flatMap(renderStep),
    ...stamped(job.completedAt ?? job.createdAt, 0, ['Cleaning up orphan processes']),
  ]
  return `\ufeff${lines.join('\n')}\n`
}

function renderStep(step: StepState): string[] {
  if (step.conclusion === 'skipped' || step.startedAt === undefined) return []
  const command = step.script.run ?? `npm run ${step.script.name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`
  return stamped(step.startedAt, (step.completedAt ?? step.startedAt) - step.startedAt, [
    `##[group]Run ${command}`,
    `\u001b[36;1m${command}\u001b[0m`,
    'shell: /usr/bin/bash -e {0}',
    '##[endgroup]',
    ...(step.script.log ?? []),
    ...(step.conclusion === 'failure'
      ? [`##[error]Process completed with exit code ${step.script.exitCode ?? 1}.`]
      : []),
    ...(step.conclusion === 'cancelled' ? ['##[error]The operation was canceled.'] : []),
  ])
}

/** Spreads lines over a stretch of time; a line that holds line breaks keeps them under one stamp. */
function stamped(start: number, lasting: number, lines: readonly string[]): string[] {
  return lines.map((line, index) => {
    const at = new Date(start + (lasting * index) / lines.length).toISOString()
    return `${at.slice(0, -1)}${String(1000 + index).slice(-4)}Z ${line}`
  })
}

/** Short-lived addresses on the storage host, good without credentials. */
export interface SignedUrls {
  sign(path: string): string
  check(path: string, query: Readonly<Record<string, string>>): 'good' | 'expired' | 'forged'
}

const GOOD_FOR_MS = 60_000

export function createSignedUrls({now}: {readonly now: () => number}): SignedUrls {
  const key = randomBytes(32)
  const signature = (path: string, expires: string) =>
    createHmac('sha256', key).update(`${path}\n${expires}`).digest('base64url')
  return {
    sign(path) {
      const expires = String(now() + GOOD_FOR_MS)
      return `${path}?${new URLSearchParams({se: expires, sig: signature(path, expires)}).toString()}`
    },
    check(path, {se = '', sig = ''}) {
      const given = Buffer.from(sig)
      const expected = Buffer.from(signature(path, se))
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'forged'
      return Number(se) < now() ? 'expired' : 'good'
    },
  }
}
