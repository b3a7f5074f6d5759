/**
 * What runs workloads: controllers and agents as an engine sees them (design section 5). Owns the contract (`engine.ts`), the observer that
 * keeps what an engine says at hand for all loops, one folder per engine, and the suite that holds every engine to the contract
 * (`conformance/`, for tests only). Imports model and runtime, nothing else; knows neither the store nor what a workload is for.
 *
 * `process/` runs workloads on this machine without containers. It alone touches /proc, control groups, users and mount namespaces, and only
 * below its state directory and the groups named after its owner. Start reading at process/process-engine.ts, then process/supervise.sh.
 *
 * `docker/` runs workloads as containers on one or more Docker daemons, through a client of our own (`docker/client`). What it remembers is on
 * the daemons, as names and labels. Start reading at docker/docker-engine.ts, then docker/daemon.ts and docker/submitter.ts.
 *
 * `swarm/` runs workloads as services of a Swarm, whose own scheduler places them; what it remembers is in the Swarm, as labels. Start
 * reading at swarm/swarm-engine.ts, then swarm/cluster.ts and swarm/submitter.ts.
 *
 * `marathon/` runs controllers as apps of a Marathon. Start reading at marathon/marathon-engine.ts, then marathon/bootstrap.ts.
 *
 * `mesos/` runs workloads as tasks of one Mesos framework, on offers that our scheduler gives places from. Start reading at mesos/index.ts.
 */
export type { RegistryLogin } from './docker/client/image-reference.ts'
export type { ContainerUser } from './docker/container-spec.ts'
export type { DaemonOptions } from './docker/daemon.ts'
export { createDockerEngine, type DockerEngine, type DockerEngineOptions } from './docker/docker-engine.ts'
export { DockerPreparations } from './docker/preparations.ts'
export { type Engine, EngineError, type OfferListener, type OfferSource, type OfferUse } from './engine.ts'
export { REFUSED_STATUS } from './marathon/bootstrap.ts'
export { createMarathonEngine, type MarathonEngine, type MarathonEngineOptions } from './marathon/marathon-engine.ts'
export type { PerHostService } from './marathon/per-host.ts'
export type { Known as KnownStart } from './marathon/records.ts'
export { type SecondTask, type StartAnswer, StartDesk, type StartRecords } from './marathon/start.ts'
export {
  type Credentials,
  createMesosEngine,
  type FrameworkIds,
  fixedLeaders,
  type LeaderDiscovery,
  type MesosCounts,
  type MesosEngine,
  type MesosEngineOptions,
  NotLeadingError,
  type Parting,
  readZooKeeperAddress,
  renewFramework,
  type TaskRecord,
  type TaskRecords,
  type TlsOptions,
  type ZooKeeperAddress,
  ZooKeeperDiscovery,
  type ZooKeeperDiscoveryOptions,
} from './mesos/index.ts'
export { Observer, type ObserverOptions } from './observer.ts'
export type { Identity } from './process/identities.ts'
export type { Isolation } from './process/isolation.ts'
export { createProcessEngine, type ProcessEngine, type ProcessEngineOptions } from './process/process-engine.ts'
export { createSplitEngine, type SplitEngineOptions } from './split-engine.ts'
export type { SwarmDaemonOptions } from './swarm/node-daemon.ts'
export { type SwarmFound, SwarmPreparations } from './swarm/preparations.ts'
export { createSwarmEngine, type SwarmEngine, type SwarmEngineOptions } from './swarm/swarm-engine.ts'
