import type {z} from 'zod'
import {rulesSchema, type Rule} from './rules.ts'

const WORKFLOWS = ['.github/workflows/*deploy*.yml', '.github/workflows/*deploy*.yaml']
const DISPATCHER = ['**/*dispatch*.*']
const HANDLER = ['**/*handler*.*', '**/*interaction*.*']
const SOURCES = ['src/**', 'app/**', 'lib/**', 'packages/**/src/**']
const TESTS = [
  '**/test/**',
  '**/tests/**',
  '**/__tests__/**',
  '**/*.test.*',
  '**/*.spec.*',
  '**/test_*',
  '**/*_test.*',
]

const written: z.input<typeof rulesSchema> = {
  rules: [
    {
      id: 'deploy-trigger',
      title: 'the deploy workflow can be started by hand',
      why: 'a bot starts it by workflow_dispatch',
      fix: 'add workflow_dispatch under on',
      when: WORKFLOWS,
      check: {trigger: {in: WORKFLOWS}},
    },
    {
      id: 'deploy-correlation-id',
      title: 'the deploy workflow takes correlation_id',
      why: 'by it the run is found again, and never somebody else’s',
      fix: 'add correlation_id under on.workflow_dispatch.inputs',
      when: WORKFLOWS,
      check: {input: {name: 'correlation_id', in: WORKFLOWS}},
    },
    {
      id: 'deploy-requester',
      title: 'the deploy workflow takes requester',
      why: 'who asked stands in the run',
      fix: 'add requester under on.workflow_dispatch.inputs',
      when: WORKFLOWS,
      check: {input: {name: 'requester', in: WORKFLOWS}},
    },
    {
      id: 'deploy-run-name',
      title: 'the run name carries the correlation id',
      why: 'GitHub lists runs by their names',
      fix: 'add run-name: <name> — ${{ inputs.correlation_id }} by ${{ inputs.requester }}',
      when: WORKFLOWS,
      check: {runName: {in: WORKFLOWS}},
    },
    {
      id: 'deploy-timeout',
      title: 'the deploy workflow has a time limit',
      why: 'a job that hangs holds the deploy of everybody for six hours',
      fix: 'add timeout-minutes to its jobs',
      severity: 'should',
      when: WORKFLOWS,
      check: {contains: {in: WORKFLOWS, all: ['timeout-minutes']}},
    },
    {
      id: 'dispatch-sends-id',
      title: 'what dispatches sends a correlation id',
      fix: 'send correlation_id among the inputs',
      when: DISPATCHER,
      check: {contains: {in: DISPATCHER, any: ['correlation_id', 'correlationId']}},
    },
    {
      id: 'dispatch-finds-run',
      title: 'what dispatches finds its run by the id',
      why: 'the newest run may be somebody else’s',
      fix: 'look for the full id in display_title or name, or take the run id that the dispatch answers',
      severity: 'should',
      when: DISPATCHER,
      check: {
        contains: {
          in: DISPATCHER,
          any: ['display_title', 'displayTitle', 'workflow_run_id', 'return_run_details'],
        },
      },
    },
    {
      id: 'dispatch-follows-run',
      title: 'what dispatches follows its run to a conclusion',
      fix: 'ask for the run until it has a conclusion',
      severity: 'should',
      when: DISPATCHER,
      check: {contains: {in: DISPATCHER, any: ['conclusion']}},
    },
    {
      id: 'dispatch-gives-up',
      title: 'what dispatches stops watching after a while',
      fix: 'watch for three minutes, then say that it may still run',
      severity: 'should',
      when: DISPATCHER,
      check: {contains: {in: DISPATCHER, any: ['timeout', 'deadline', 'AbortSignal']}},
    },
    {
      id: 'handler-defers',
      title: 'the command is acknowledged before the work',
      why: 'Discord waits three seconds',
      fix: 'answer with a deferred response first',
      severity: 'should',
      when: HANDLER,
      check: {contains: {in: HANDLER, any: ['defer']}},
    },
    {
      id: 'handler-follows-up',
      title: 'the command’s answer follows the acknowledgement',
      fix: 'edit the first answer, or send a follow-up',
      severity: 'should',
      when: HANDLER,
      check: {contains: {in: HANDLER, any: ['follow', '@original', 'editOriginal', 'editReply']}},
    },
    {
      id: 'url-validated',
      title: 'addresses that people give are checked before use',
      why: 'an address can lead into the own network',
      fix: 'refuse all but https to public hosts, also after redirects',
      severity: 'should',
      when: [...DISPATCHER, ...HANDLER],
      check: {
        contains: {
          in: [...DISPATCHER, ...HANDLER],
          any: ['validateUrl', 'validate_url', 'checkPublicUrl', 'refuseUrl', 'url_validator', 'isPublicUrl'],
        },
      },
    },
    {
      id: 'no-printed-secrets',
      title: 'no line prints a secret',
      fix: 'print a fingerprint, or nothing',
      check: {
        forbids: {
          in: ['**'],
          all: ['secret'],
          any: [
            'print(',
            'echo ',
            'console.log',
            'console.error',
            'console.info',
            'logger.',
            'log.info',
            'log.debug',
          ],
        },
      },
    },
    {
      id: 'tests',
      title: 'tests go with the source',
      fix: 'add or change a test of what changes',
      when: SOURCES,
      check: {changed: TESTS},
    },
    {
      id: 'docs',
      title: 'the documentation goes with the workflow',
      fix: 'say in the README or in docs/ what changes for those who deploy',
      severity: 'should',
      when: WORKFLOWS,
      check: {changed: ['README*', 'docs/**', '**/*.md']},
    },
  ],
}

/** What a repository without rules of its own is checked by: what makes a deploy that a bot starts a good one. */
export const DEFAULT_RULES: readonly Rule[] = rulesSchema.parse(written).rules
