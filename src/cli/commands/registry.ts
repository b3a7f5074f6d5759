import type { CommandModule } from '../command-module.ts'

export const GROUPS = ['Run Manor', 'Controllers and their builds', 'Capacity', 'Access', 'The command line'] as const

export type CommandEntry = {
  readonly name: string
  readonly group: (typeof GROUPS)[number]
  readonly summary: string
  /** It runs here and takes no --url and --token. */
  readonly isLocal?: true
  /** Loads the module: done only for words that are on the line, since each costs its share of the start. */
  readonly load: () => Promise<CommandModule>
}

/** Every first word of the command line, in the order in which help shows them. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'up',
    isLocal: true,
    group: 'Run Manor',
    summary: 'Start Manor here, and at the first time a controller with a sample build',
    load: async () => (await import('./up.ts')).upCommand,
  },
  {
    name: 'down',
    group: 'Run Manor',
    summary: 'Stop Manor and all controllers, gracefully',
    load: async () => (await import('./down.ts')).downCommand,
  },
  {
    name: 'status',
    group: 'Run Manor',
    summary: 'Show how all of it is: controllers, agents, queue, hosts',
    load: async () => (await import('./status.ts')).statusCommand,
  },
  {
    name: 'console',
    group: 'Run Manor',
    summary: 'Print a fresh link that signs a browser in, once',
    load: async () => (await import('./console.ts')).consoleCommand,
  },
  {
    name: 'controller',
    group: 'Controllers and their builds',
    summary: 'Create, look at, start, stop and delete controllers',
    load: async () => (await import('./controller.ts')).controllerCommand,
  },
  {
    name: 'build',
    group: 'Controllers and their builds',
    summary: 'See the latest builds',
    load: async () => (await import('./build.ts')).buildCommand,
  },
  {
    name: 'queue',
    group: 'Controllers and their builds',
    summary: 'See what waits to be built, and why',
    load: async () => (await import('./queue.ts')).queueCommand,
  },
  {
    name: 'agent',
    group: 'Controllers and their builds',
    summary: 'See build agents: what they run, why they wait or ended',
    load: async () => (await import('./agent.ts')).agentCommand,
  },
  {
    name: 'event',
    group: 'Controllers and their builds',
    summary: 'See what happened, and follow what happens',
    load: async () => (await import('./event.ts')).eventCommand,
  },
  {
    name: 'image',
    isLocal: true,
    group: 'Capacity',
    summary: 'Make container images of controllers and agents',
    load: async () => (await import('./image.ts')).imageCommand,
  },
  {
    name: 'template',
    group: 'Capacity',
    summary: 'Say how build agents are made',
    load: async () => (await import('./template.ts')).templateCommand,
  },
  {
    name: 'host',
    group: 'Capacity',
    summary: 'See machines and what runs on them, and take them out of service',
    load: async () => (await import('./host.ts')).hostCommand,
  },
  {
    name: 'tenant',
    group: 'Capacity',
    summary: 'See teams, their share and what they use',
    load: async () => (await import('./tenant.ts')).tenantCommand,
  },
  {
    name: 'simulate',
    isLocal: true,
    group: 'Capacity',
    summary: 'Run whole fleets in virtual time: to test Manor, or to plan one',
    load: async () => (await import('./simulate.ts')).simulateCommand,
  },
  {
    name: 'token',
    group: 'Access',
    summary: 'Create, list and revoke API tokens',
    load: async () => (await import('./token.ts')).tokenCommand,
  },
  {
    name: 'completion',
    isLocal: true,
    group: 'The command line',
    summary: 'Print the completion script for bash, zsh or fish',
    load: async () => (await import('./completion.ts')).completionCommand,
  },
  {
    name: 'version',
    isLocal: true,
    group: 'The command line',
    summary: "Print Manor's version",
    load: async () => (await import('./version.ts')).versionCommand,
  },
]

/** The hidden word that completion scripts call. */
export const COMPLETE_WORD = '__complete'
