/** What of a daemon's answers is read, as schemas: everything else in them is passed over. Names are the API's own. */
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'

const Labels = Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()])

export const Summary = Type.Object({
  Id: Type.String(),
  Image: Type.String(),
  State: Type.String(),
  Created: Type.Number(),
  Labels,
})
export type Summary = Static<typeof Summary>

export const Inspected = Type.Object({
  Id: Type.String(),
  Name: Type.String(),
  Created: Type.String(),
  State: Type.Object({
    Status: Type.String(),
    Running: Type.Boolean(),
    OOMKilled: Type.Boolean(),
    ExitCode: Type.Number(),
    Error: Type.String(),
    StartedAt: Type.String(),
    FinishedAt: Type.String(),
  }),
  Config: Type.Object({ Labels }),
  Mounts: Type.Optional(
    Type.Union([
      Type.Array(Type.Object({ Type: Type.String(), Source: Type.Optional(Type.String()), Destination: Type.String() })),
      Type.Null(),
    ]),
  ),
  NetworkSettings: Type.Object({
    Networks: Type.Union([Type.Record(Type.String(), Type.Object({ IPAddress: Type.Optional(Type.String()) })), Type.Null()]),
  }),
})
export type Inspected = Static<typeof Inspected>

export const Created = Type.Object({ Id: Type.String() })

/** `max_usage` and `failcnt` are there with version 1 of control groups alone. */
export const Stats = Type.Object({
  memory_stats: Type.Optional(
    Type.Object({
      usage: Type.Optional(Type.Number()),
      max_usage: Type.Optional(Type.Number()),
      stats: Type.Optional(Type.Record(Type.String(), Type.Number())),
    }),
  ),
})
export type Stats = Static<typeof Stats>

export const Info = Type.Object({
  NCPU: Type.Number(),
  MemTotal: Type.Number(),
  MemoryLimit: Type.Boolean(),
  SwapLimit: Type.Boolean(),
  CPUShares: Type.Boolean(),
  PidsLimit: Type.Optional(Type.Boolean()),
  Driver: Type.String(),
  CgroupVersion: Type.Optional(Type.String()),
  KernelVersion: Type.String(),
  OSType: Type.String(),
  Architecture: Type.String(),
  ServerVersion: Type.String(),
  DockerRootDir: Type.String(),
  LiveRestoreEnabled: Type.Optional(Type.Boolean()),
  Labels: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
  SecurityOptions: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
})
export type Info = Static<typeof Info>

const Names = Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()]))
export const Image = Type.Object({ RepoTags: Names, RepoDigests: Names })
export const ImageId = Type.Object({ Id: Type.String() })

export const Network = Type.Object({
  Id: Type.String(),
  Name: Type.String(),
  Created: Type.String(),
  Labels: Type.Optional(Labels),
  IPAM: Type.Optional(
    Type.Object({ Config: Type.Optional(Type.Union([Type.Array(Type.Object({ Gateway: Type.Optional(Type.String()) })), Type.Null()])) }),
  ),
})
export type Network = Static<typeof Network>

export const Volume = Type.Object({ Name: Type.String(), Labels: Type.Optional(Labels) })
export type Volume = Static<typeof Volume>
export const Volumes = Type.Object({ Volumes: Type.Union([Type.Array(Volume), Type.Null()]) })

export const Progress = Type.Object({
  status: Type.Optional(Type.String()),
  error: Type.Optional(Type.String()),
  errorDetail: Type.Optional(Type.Object({ message: Type.Optional(Type.String()) })),
})
export type Progress = Static<typeof Progress>

export const DaemonEvent = Type.Object({
  Type: Type.String(),
  Action: Type.String(),
  Actor: Type.Object({ ID: Type.String(), Attributes: Type.Optional(Labels) }),
})
export type DaemonEvent = Static<typeof DaemonEvent>

/** Reads an answer; throws where it is not what the API says. */
export const parse = <Schema extends TSchema>(schema: Schema, text: string): Static<Schema> => Value.Parse(schema, JSON.parse(text))
