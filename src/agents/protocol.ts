/**
 * What a controller's hook and Manor say to each other: JSON over HTTP under /hook/v1, one bearer token per controller.
 *
 * Everything that matters is a level, so that a lost message costs latency and nothing else:
 * - the hook tells the whole state of its controller (`Report`: queue, nodes, load), at once on a change and as often as
 *   `Welcome` says otherwise;
 * - Manor tells the whole state that it wants (`Wanted`: nodes, quiet), answered at once when it is newer than what the hook
 *   has, else held for up to `wait` seconds (a long poll).
 * Only build events are edges (`EventBatch`): numbered, buffered by the hook, sent again until acknowledged, dropped oldest first when
 * the buffer is full, with a count of what was dropped.
 *
 * | Request | Body | Answer |
 * |---|---|---|
 * | `POST /hook/v1/hello` | `Hello` | `Welcome` |
 * | `PUT /hook/v1/report` | `Report` | 204; 409 where the session is not the one that said hello last: say hello again |
 * | `GET /hook/v1/wanted?session=S&revision=R&wait=25` | | `Wanted` (the same revision again when the wait ran out) |
 * | `POST /hook/v1/events` | `EventBatch` | `EventAck` |
 *
 * Errors are problem+json (RFC 9457). 401 means that the token was revoked: the hook slows down to a try every 60 s and goes on.
 */
import { type Static, Type } from 'typebox'

/** Largest body that /hook/v1 takes, in bytes: a full report of the largest allowed queue. */
export const MAX_HOOK_BODY_BYTES = 4 * 1_048_576
/** Most queue items in one report; the oldest are kept, `itemsLeftOut` counts the rest. */
export const MAX_REPORT_ITEMS = 5_000
/** Most events in one batch. */
export const MAX_EVENT_BATCH = 500
/** Longest that a long poll is held. */
export const MAX_WANTED_WAIT_SECONDS = 30
/** A full report at least this often, in a small fleet and in one that is large. */
const REPORT_INTERVAL_MS = 10_000
const REPORT_INTERVAL_MOST_MS = 20_000
/** In between, all hooks' words of life together are so many. */
const WORDS_OF_LIFE_PER_SECOND = 100
/** How often a hook is told to report where nothing changes, in a fleet of so many controllers. */
export const reportIntervalOf = (controllers: number): number =>
  Math.round(Math.min(REPORT_INTERVAL_MOST_MS, Math.max(REPORT_INTERVAL_MS, (controllers / WORDS_OF_LIFE_PER_SECOND) * 1_000)))

const Name = Type.String({ minLength: 1, maxLength: 255 })
const Time = Type.Number({ minimum: 0, description: 'Milliseconds since the Unix epoch, by the controller’s clock.' })

export const Hello = Type.Object({
  session: Type.String({ minLength: 8, maxLength: 64, description: 'Random; new at each boot of the controller’s program.' }),
  /** The fencing number from the policy file: an older one is refused with 409. */
  epoch: Type.Number(),
  distribution: Type.Union([Type.Literal('jenkins'), Type.Literal('hudson')]),
  version: Name,
  /** False only where the hook could not secure the instance, in which case it ends the program after this call. */
  secured: Type.Boolean(),
  problem: Type.Optional(Type.String({ maxLength: 2_000 })),
})
export type Hello = Static<typeof Hello>

export const Welcome = Type.Object({
  reportIntervalMs: Type.Number(),
})
export type Welcome = Static<typeof Welcome>

export const ReportItem = Type.Object({
  id: Name,
  /** The label expression as the controller prints it; absent: any node. */
  label: Type.Optional(Type.String({ maxLength: 1_000 })),
  task: Type.String({ maxLength: 2_000 }),
  since: Time,
  why: Type.Optional(Type.String({ maxLength: 1_000 })),
})

export const ReportNode = Type.Object({
  /** Only nodes that Manor asked for; recognised by the description `manor:EPOCH`. */
  name: Name,
  online: Type.Boolean(),
  /** The build it runs, if any. */
  building: Type.Optional(Type.Object({ job: Type.String({ maxLength: 2_000 }), number: Type.Number() })),
  /** It has run its one build (or began to end); the hook removes the node by itself once it is idle. */
  used: Type.Boolean(),
  /** An item of the queue waits for just this node (a Pipeline that resumes on it): it is not idle, whatever it runs. */
  awaited: Type.Optional(Type.Boolean()),
  /** Why it could not be made, for a node that is wanted and is not there. */
  problem: Type.Optional(Type.String({ maxLength: 1_000 })),
})

export const Report = Type.Object({
  session: Name,
  /** Grows with each report of a session; an older one that arrives late is ignored. */
  seq: Type.Number(),
  at: Time,
  /** Every buildable item that has no executor yet, flyweight tasks and items whose label is the name of a node left out. */
  items: Type.Array(ReportItem, { maxItems: MAX_REPORT_ITEMS }),
  itemsLeftOut: Type.Number(),
  nodes: Type.Array(ReportNode, { maxItems: MAX_REPORT_ITEMS }),
  /** Builds that run now, on whatever node: a planned stop waits until this is 0. */
  running: Type.Number(),
  quieting: Type.Boolean(),
  /** The revision of `Wanted` that has been carried out in full. */
  appliedRevision: Type.Number(),
  load: Type.Object({
    heapUsedMb: Type.Number(),
    heapMaxMb: Type.Number(),
    threads: Type.Number(),
    /** Collections' share of wall time since the last report, 0 to 1. */
    gcShare: Type.Number(),
    eventsDropped: Type.Number(),
  }),
})
export type Report = Static<typeof Report>

export const WantedNode = Type.Object({
  name: Name,
  /** Node labels, separated by blanks. */
  labels: Type.String({ maxLength: 1_000 }),
  /** Root directory on the agent. */
  remoteDirectory: Type.String({ maxLength: 1_000 }),
  /** Whether only items that ask for one of the labels may run on it; absent: true. False lets it take an item without a label. */
  exclusive: Type.Optional(Type.Boolean()),
})
export type WantedNode = Static<typeof WantedNode>

export const Wanted = Type.Object({
  revision: Type.Number(),
  /** Quiet-down wanted (true), or its end (false). */
  quiet: Type.Boolean(),
  quietReason: Type.Optional(Type.String({ maxLength: 500 })),
  /** Complete: a node of ours that is not in here and runs no build is removed. One that builds is left alone. */
  nodes: Type.Array(WantedNode, { maxItems: MAX_REPORT_ITEMS }),
})
export type Wanted = Static<typeof Wanted>

export const BuildEvent = Type.Object({
  /** Grows by one with each event of a session. */
  seq: Type.Number(),
  at: Time,
  type: Type.Union([
    Type.Literal('build-started'),
    Type.Literal('build-finished'),
    Type.Literal('node-online'),
    Type.Literal('node-offline'),
  ]),
  /** Node the event is about; empty for the built-in node. */
  node: Type.String({ maxLength: 255 }),
  job: Type.Optional(Type.String({ maxLength: 2_000 })),
  number: Type.Optional(Type.Number()),
  /** The queue item the build came from, where the distribution tells. */
  item: Type.Optional(Name),
  result: Type.Optional(Type.String({ maxLength: 40 })),
  durationMs: Type.Optional(Type.Number()),
  cause: Type.Optional(Type.String({ maxLength: 1_000 })),
})
export type BuildEvent = Static<typeof BuildEvent>

export const EventBatch = Type.Object({
  session: Name,
  events: Type.Array(BuildEvent, { maxItems: MAX_EVENT_BATCH }),
})
export type EventBatch = Static<typeof EventBatch>

export const EventAck = Type.Object({
  /** Everything up to and including this is kept; the hook forgets it. */
  acknowledged: Type.Number(),
})
export type EventAck = Static<typeof EventAck>

export type { HookPolicy } from '../controllers/index.ts'
