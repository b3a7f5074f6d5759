import { join } from 'node:path'

/** Where everything of one Manor is, below its home. Deleting the home deletes it all. */
export type Layout = {
  readonly home: string
  readonly database: string
  /** Opens the sealed secrets of the database; keep a copy apart from it. */
  readonly key: string
  readonly engine: string
  /** Holds `controllers/NAME/home` and `retired/`. */
  readonly volumes: string
  /** The hook as distributions want it laid out that take it from outside the home. */
  readonly hook: string
  /** Agents' work directories. */
  readonly agents: string
  /** Jars that controllers send to agents, one directory a controller. */
  readonly jarCaches: string
  /** Says to agents that Manor is there. Mounted into them by its directory, which holds nothing else. */
  readonly leaseFile: string
  /** What a running Manor tells the command line; gone or stale when none runs. */
  readonly run: string
  readonly runFile: string
  readonly tokenFile: string
  /** Always holds the address under which hooks reach Manor now. */
  readonly urlFile: string
  readonly log: string
}

export const layoutOf = (home: string): Layout => ({
  home,
  database: join(home, 'manor.db'),
  key: join(home, 'manor.key'),
  engine: join(home, 'engine'),
  volumes: home,
  hook: join(home, 'hook'),
  agents: join(home, 'agents'),
  jarCaches: join(home, 'jar-cache'),
  leaseFile: join(home, 'lease', 'beat'),
  run: join(home, 'run'),
  runFile: join(home, 'run', 'manor.json'),
  tokenFile: join(home, 'run', 'token'),
  // Readable by every controller, so it is apart from the private run directory.
  urlFile: join(home, 'hook', 'url'),
  log: join(home, 'run', 'manor.log'),
})
