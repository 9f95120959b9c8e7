import type {AccountsPort} from './accounts.ts'
import type {ApprovalsPort} from './approvals.ts'
import type {AuditPort} from './audit.ts'
import type {BreakGlassPort} from './break-glass.ts'
import type {CataloguePort} from './catalogue.ts'
import type {ChangesPort} from './changes.ts'
import type {ConversationsPort} from './conversations.ts'
import type {DeploymentsPort} from './deployments.ts'
import type {DoctorPort} from './doctor.ts'
import type {DocumentationPort} from './documentation.ts'
import type {EndpointsPort} from './endpoints.ts'
import type {EvaluationsPort} from './evaluations.ts'
import type {InvocationsPort} from './invocations.ts'
import type {LocksPort} from './locks.ts'
import type {OffersPort} from './offers.ts'
import type {PipelinesPort} from './pipelines.ts'
import type {PlanningPort} from './planning.ts'
import type {PlansPort} from './plans.ts'
import type {QaPort} from './qa.ts'
import type {RelayPort} from './relay.ts'
import type {ReleasesPort} from './releases.ts'
import type {ReviewsPort} from './reviews.ts'
import type {RoutingPort} from './routing.ts'
import type {RunsPort} from './runs.ts'
import type {SettingsPort} from './settings.ts'
import type {SummaryPort} from './summary.ts'
import type {ToolsPort} from './tools.ts'
import type {TracesPort} from './traces.ts'
import type {TriagePort} from './triage.ts'
import type {UptimePort} from './uptime.ts'
import type {DiagnosesPort, VerificationPort} from './verification.ts'
import type {WorkflowRunsPort} from './workflow-runs.ts'

/** What commands and agents may ask of the house. Handed in by src/runtime/; small on purpose. */
export interface Services {
  readonly deployments: DeploymentsPort
  readonly workflowRuns: WorkflowRunsPort
  readonly invocations: InvocationsPort
  readonly catalogue: CataloguePort
  readonly endpoints: EndpointsPort
  readonly locks: LocksPort
  readonly pipelines: PipelinesPort
  readonly changes: ChangesPort
  readonly reviews: ReviewsPort
  readonly routing: RoutingPort
  readonly documentation: DocumentationPort
  readonly runs: RunsPort
  readonly accounts: AccountsPort
  readonly breakGlass: BreakGlassPort
  readonly approvals: ApprovalsPort
  readonly conversations: ConversationsPort
  readonly audit: AuditPort
  readonly plans: PlansPort
  readonly planning: PlanningPort
  readonly releases: ReleasesPort
  readonly offers: OffersPort
  readonly settings: SettingsPort
  readonly uptime: UptimePort
  readonly evaluations: EvaluationsPort
  readonly relay: RelayPort
  readonly summary: SummaryPort
  readonly tools: ToolsPort
  readonly traces: TracesPort
  readonly triage: TriagePort
  readonly verification: VerificationPort
  readonly diagnoses: DiagnosesPort
  readonly qa: QaPort
  readonly doctor: DoctorPort
}
