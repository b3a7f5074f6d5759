import type { Access } from './access.ts'
import type { ControllerId, TemplateId, TenantId } from './ids.ts'
import type { Resources } from './resources.ts'

/** Who may use a template. */
export type TemplateScope =
  | { readonly kind: 'global' }
  | { readonly kind: 'tenant'; readonly tenant: TenantId }
  | { readonly kind: 'controller'; readonly controller: ControllerId }

/** How an agent for a label is made. */
export type Template = {
  readonly id: TemplateId
  readonly scope: TemplateScope
  /** A queue item's label expression is matched against these. */
  readonly labels: readonly string[]
  /** Takes items without a label as well. */
  readonly takesUnlabelled: boolean
  readonly resources: Resources
  /** Environment of the agent's process. Not for secrets: it is shown. */
  readonly environment: Readonly<Record<string, string>>
  /**
   * The command that starts the agent, with `{java} {agentJar} {url} {name} {secretFile} {workDirectory} {memoryMb}` filled in.
   * Absent means the distribution's own, which is right for nearly all.
   */
  readonly command?: readonly string[]
  /** Container image, for the engines that run images. */
  readonly image?: string
  /** Host attributes that the host must have. */
  readonly constraints: Readonly<Record<string, string>>
  /** What its agents are given beyond their own container, where the tenant's policy allows it and the engine can. */
  readonly access?: Access
  /** How long an agent may take from launch to online. */
  readonly connectTimeoutMs: number
  /** Warm spares: agents without an item that each controller that may use it keeps connected in advance. Absent: none. */
  readonly spares?: number
}
