/**
 * The engine that runs workloads on Mesos, as one framework for the whole fleet. Start reading at mesos-engine.ts; connection.ts keeps the
 * subscription, whose stream stream-reader.ts reads in a thread; task-book.ts keeps the tasks, offer-desk.ts the offers. What Mesos says is in
 * wire.ts, what it means in status.ts and end-reason.ts.
 */
export { fixedLeaders, type LeaderDiscovery } from './discovery.ts'
export { renewFramework } from './framework.ts'
export type { Credentials, TlsOptions } from './http.ts'
export { createMesosEngine, type MesosCounts, type MesosEngine, type MesosEngineOptions } from './mesos-engine.ts'
export type { Parting } from './parting.ts'
export { type FrameworkIds, NotLeadingError, type TaskRecord, type TaskRecords } from './ports.ts'
export { readZooKeeperAddress, type ZooKeeperAddress, ZooKeeperDiscovery, type ZooKeeperDiscoveryOptions } from './zookeeper-discovery.ts'
