/** How a job is to go: the emulator's runners play these instead of running anything. */
export interface JobScript {
  readonly name: string
  /** Time between being queued and a runner picking it up, in milliseconds of script time. Default 300. */
  readonly queuedMs?: number
  /** Names of jobs that must succeed first; until then the job does not exist in listings. */
  readonly needs?: readonly string[]
  readonly steps: readonly StepScript[]
  /** Parks the job as `waiting` until somebody calls `approve()` on the run. */
  readonly waitingFor?: 'environment'
  /** A cleanup that swallows the cancellation: only force-cancel ends the job. */
  readonly ignoresCancel?: boolean
}

export interface StepScript {
  readonly name: string
  /** `Infinity` keeps the step running until the test finishes or fails the run. */
  readonly ms: number
  readonly conclusion?: 'success' | 'failure' | 'skipped' | 'cancelled'
  /** The command shown in the log; GitHub's log names the command and never the step. Derived from the name. */
  readonly run?: string
  readonly log?: readonly string[]
  /** Of a failing step. Default 1. */
  readonly exitCode?: number
}

export const defaultJobs: readonly JobScript[] = [
  {
    name: 'deploy',
    steps: [
      {name: 'Check out', ms: 600, run: 'git checkout --progress --force main'},
      {
        name: 'Build',
        ms: 1500,
        run: 'npm run build',
        log: ['vite v7.1.0 building for production...', '✓ built in 1.31s'],
      },
      {name: 'Deploy', ms: 900, run: 'npm run deploy', log: ['uploaded 42 files', 'done']},
    ],
  },
]
