import {workflowFloor} from './workflow-floor.ts'
import {workflows} from './workflows-adapter.ts'
import {answerRounds, type WorkflowTarget} from './workflow-rounds.ts'

/** What a target process is told to be, as its first message. */
export interface WorkflowTargetOptions {
  readonly kind: 'product' | 'floor'
  readonly databaseUrl: string
  readonly redisUrl?: string
  readonly pool: number
}

answerRounds(async (options): Promise<WorkflowTarget> => {
  const {kind, ...where} = options as WorkflowTargetOptions
  if (kind === 'product') return workflows(where)
  const floor = await workflowFloor(where)
  return {...floor, close: () => floor.close()}
})
