/** What the double and its agent say over the WebSocket, a JSON text each; a real one speaks remoting here. */
export type ToAgent = {
  readonly type: 'run'
  /** Which build, for the answers. */
  readonly build: string
  readonly script: string
  readonly environment: Readonly<Record<string, string>>
  /** Relative to the agent's work directory. */
  readonly workspace: string
}

export type FromAgent =
  | { readonly type: 'output'; readonly build: string; readonly text: string }
  | { readonly type: 'ended'; readonly build: string; readonly exitCode: number }
