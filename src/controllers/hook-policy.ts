/**
 * The policy file: what the hook is told at boot, as JSON, under the system property `manor.policy`.
 * Secrets are in it, so it is mode 0600 in the workload's private directory.
 */
export type HookPolicy = {
  readonly controller: string
  readonly epoch: number
  /** Where Manor listens. */
  readonly url: string
  /** A file that holds the URL as it is now; read again before each try, wins over `url`. */
  readonly urlFile?: string
  readonly token: string
  readonly distribution: 'jenkins' | 'hudson'
  readonly agents: 'websocket' | 'tcp'
  /** Port for inbound TCP agents; -1 closes it. Where its engine chooses ports: the word that it puts the number in place of. */
  readonly agentPort: number | string
  readonly admin: { readonly name: string; readonly password: string; readonly apiToken?: string }
  /** Root URL to configure, absent to let the forwarded headers decide. */
  readonly rootUrl?: string
}
