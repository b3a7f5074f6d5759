/** Parameters that several routes share, with their bounds. */
import { Type } from 'typebox'
import { SUBJECT_KINDS, type SubjectKind } from '../model/index.ts'

const Name = Type.String({ minLength: 1, maxLength: 255 })
const Limit = (most: number, usual: number) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: most, description: `At most this many; ${usual} where it is not given.` }))

export const ByName = Type.Object({ name: Name })
export const ById = Type.Object({ id: Name })

/** What an engine gives at most of a log. */
const MAX_LOG_BYTES = 1_048_576
export const USUAL_LOG_BYTES = 65_536
/** An engine that does not answer in this time is given up; the caller may ask again. */
export const ENGINE_TIMEOUT_MS = 10_000
export const LogQuery = Type.Object(
  {
    bytes: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_LOG_BYTES,
        description: `The last so many bytes; ${USUAL_LOG_BYTES} where it is not given.`,
      }),
    ),
  },
  { additionalProperties: false },
)

export const USUAL_BUILDS = 50
export const BuildsQuery = Type.Object({ limit: Limit(1_000, USUAL_BUILDS) }, { additionalProperties: false })

export const USUAL_AGENTS = 500
export const AgentsQuery = Type.Object(
  {
    controller: Type.Optional(Name),
    live: Type.Optional(Type.Boolean({ description: 'False shows those that have ended as well; true where it is not given.' })),
    limit: Limit(10_000, USUAL_AGENTS),
  },
  { additionalProperties: false },
)

export const QueueQuery = Type.Object({ controller: Type.Optional(Name) }, { additionalProperties: false })
export const QueueItemPath = Type.Object({ controller: Name, item: Name })

export const USUAL_EVENTS = 100
export const EventsQuery = Type.Object(
  {
    after: Type.Optional(Type.Integer({ minimum: 0, description: 'Those after this seq; with newestFirst, those before it.' })),
    limit: Limit(1_000, USUAL_EVENTS),
    kind: Type.Optional(Type.Unsafe<SubjectKind>(Type.Enum([...SUBJECT_KINDS]))),
    subject: Type.Optional(Name),
    newestFirst: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)
