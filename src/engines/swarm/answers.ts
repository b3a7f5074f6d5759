/** What of a Swarm's answers is read, as schemas: everything else in them is passed over. Names are the API's own. */
import { type Static, Type } from 'typebox'

const optional = Type.Optional
const Labels = Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()])
const Version = Type.Object({ Index: Type.Number() })

/** What a change of an object sends back whole: with what this client does not know of. */
export const WholeSpec = Type.Record(Type.String(), Type.Unknown())
export type WholeSpec = Static<typeof WholeSpec>

export const Service = Type.Object({ ID: Type.String(), Version, CreatedAt: Type.String(), UpdatedAt: Type.String(), Spec: WholeSpec })
export type Service = Static<typeof Service>

const Placement = optional(
  Type.Union([Type.Object({ Constraints: optional(Type.Union([Type.Array(Type.String()), Type.Null()])) }), Type.Null()]),
)
export type Placement = Static<typeof Placement>

/** What is read of a service's spec. */
export const ServiceSpec = Type.Object({
  Name: Type.String(),
  Labels: optional(Labels),
  TaskTemplate: Type.Object({
    Placement,
    Networks: optional(Type.Union([Type.Array(Type.Object({ Target: optional(Type.String()) })), Type.Null()])),
  }),
})

export const Task = Type.Object({
  ID: Type.String(),
  CreatedAt: Type.String(),
  ServiceID: optional(Type.String()),
  NodeID: optional(Type.String()),
  DesiredState: Type.String(),
  /** As its service was when it was made. */
  Spec: Type.Object({ Placement }),
  Status: Type.Object({
    Timestamp: Type.String(),
    State: Type.String(),
    Message: optional(Type.String()),
    Err: optional(Type.String()),
    ContainerStatus: optional(Type.Object({ ContainerID: optional(Type.String()), ExitCode: optional(Type.Number()) })),
  }),
})
export type Task = Static<typeof Task>

export const Node = Type.Object({
  ID: Type.String(),
  Version,
  CreatedAt: Type.String(),
  Spec: WholeSpec,
  Description: Type.Unknown(),
  Status: Type.Unknown(),
})
export type Node = Static<typeof Node>

export const NodeSpec = Type.Object({ Availability: Type.String(), Labels: optional(Labels) })
export const NodeDescription = Type.Object({
  Hostname: optional(Type.String()),
  Platform: optional(Type.Object({ Architecture: optional(Type.String()), OS: optional(Type.String()) })),
  Resources: optional(Type.Object({ NanoCPUs: optional(Type.Number()), MemoryBytes: optional(Type.Number()) })),
  Engine: optional(Type.Object({ EngineVersion: optional(Type.String()), Labels: optional(Labels) })),
})
export const NodeStatus = Type.Object({ State: Type.String(), Message: optional(Type.String()), Addr: optional(Type.String()) })

/** A secret or a config; what it holds is never asked for. */
export const Kept = Type.Object({
  ID: Type.String(),
  CreatedAt: Type.String(),
  Spec: Type.Object({ Name: Type.String(), Labels: optional(Labels) }),
})
export type Kept = Static<typeof Kept>

export const Made = Type.Object({ ID: optional(Type.String()), Id: optional(Type.String()) })

/** Of `GET /info`: the daemon's own place in the Swarm, and what it heeds. */
export const NodeInfo = Type.Object({
  Swarm: Type.Object({
    NodeID: Type.String(),
    NodeAddr: optional(Type.String()),
    ControlAvailable: Type.Boolean(),
    Cluster: optional(Type.Union([Type.Object({ SubnetSize: optional(Type.Number()) }), Type.Null()])),
  }),
  SecurityOptions: optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
})
export type NodeInfo = Static<typeof NodeInfo>
