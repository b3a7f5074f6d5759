import { BYTES_PER_MEBIBYTE, type Workload, type WorkloadKind, type WorkloadLabels, workloadId } from '../../model/index.ts'
import { invalid } from '../process/prepare.ts'
import { BOOTSTRAP, START_VARIABLE } from './bootstrap.ts'
import type { MarathonApp } from './wire.ts'

/**
 * A workload as a Marathon app: some 1.3 KB of JSON, whatever the workload is made of. The app says who it is in one environment variable
 * that points back to us; files, secrets and the real command are fetched from there when the task starts. So a secret stands in no
 * definition that others may read, and apps stay far from the limit of what Marathon can keep in one ZooKeeper node (1,024,000 bytes).
 */
export type AppOptions = {
  /** The group that all apps lie in, for example `/manor`. */
  readonly group: string
  /** Marathon's constraints for a workload, for example `[["storage", "LIKE", "ebs|nfs"]]`. */
  readonly constraints: readonly (readonly string[])[]
  /** The path that tells that a workload is healthy, asked on its first port; undefined for no check. */
  readonly healthPath?: (workload: Workload) => string | undefined
  /** False for a Marathon before 1.6, which does not know the word `disabled`. */
  readonly unreachableDisabled: boolean
  /** More of `container.docker.parameters`, such as a network alias. */
  readonly dockerParameters?: readonly { readonly key: string; readonly value: string }[]
}

export const LABELS = {
  owner: 'manor.owner',
  kind: 'manor.kind',
  noun: 'manor.noun',
  epoch: 'manor.epoch',
  workload: 'manor.workload',
} as const

/** Last words of a path that Marathon (1.8 and later) refuses, since its own REST paths end so. */
const RESERVED: ReadonlySet<string> = new Set(['restart', 'tasks', 'versions'])
/** One word of an app's path; Marathon 1.11 answers 422 `error.pattern` on `/id` to anything else. */
const SEGMENT = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

/** From the end of a failed launch to the next: Marathon's own start, then at most a minute, since we tell people "at once". */
const BACKOFF_SECONDS = 1
const MAX_LAUNCH_DELAY_SECONDS = 60
/** Ten years: what "never" is to a Marathon that has no word for it. */
const NEVER_SECONDS = 315_360_000

/** Whether a Marathon knows `unreachableStrategy: "disabled"`: 1.6 and later. One that tells no version in numbers is taken for a newer one. */
export const knowsDisabled = (version: string): boolean => {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? []
  return major === undefined || Number(major) > 1 || Number(minor) >= 6
}

/** What Marathon is to do about a host that is silent: nothing. Silent is not dead, and two controllers on one home destroy it. */
const unreachable = (disabled: boolean): unknown =>
  disabled ? 'disabled' : { inactiveAfterSeconds: NEVER_SECONDS, expungeAfterSeconds: NEVER_SECONDS + 1 }

/**
 * The path of the noun's app. It is the noun's, not the run's: whatever happens, Marathon has one app for it, with one instance. A name that
 * Marathon keeps for itself gets a dot, which no name of ours has.
 */
export const appIdOf = (group: string, workload: Pick<Workload, 'tenant' | 'labels' | 'id'>): string => {
  const noun = workload.labels.noun
  for (const [what, word] of [
    ['tenant', workload.tenant],
    ['name', noun],
  ] as const)
    if (!SEGMENT.test(word))
      throw invalid(
        `The ${what} "${word}" of ${workload.id} cannot be part of a Marathon app's path.`,
        'Use lower case letters, digits and hyphens, with a letter or digit at each end.',
      )
  return `${group}/${workload.tenant}/${RESERVED.has(noun) ? `${noun}.app` : noun}`
}

/** Less than this Mesos offers nobody. */
const MIN_MEMORY_MB = 32
const memoryMbOf = ({ resources, promised = resources }: Workload): number => Math.max(MIN_MEMORY_MB, promised.memoryMb)

/** The app's definition, as POST /v2/apps takes it. */
export const appOf = (workload: Workload, startUrl: string, options: AppOptions): Readonly<Record<string, unknown>> => {
  const { labels, image, resources, promised = resources } = workload
  const healthPath = options.healthPath?.(workload)
  return {
    id: appIdOf(options.group, workload),
    instances: 1,
    cpus: Math.max(0.001, promised.cpu),
    mem: memoryMbOf(workload),
    // Of the sandbox alone: a home lies on its volume, and an agent that offers no disk would refuse a controller for nothing.
    disk: 0,
    // A command line is given to /bin/sh, in a container too, where it takes the place of the image's entrypoint.
    cmd: BOOTSTRAP,
    env: { [START_VARIABLE]: startUrl },
    labels: {
      [LABELS.owner]: labels.owner,
      [LABELS.kind]: labels.kind,
      [LABELS.noun]: labels.noun,
      [LABELS.epoch]: String(labels.epoch),
      [LABELS.workload]: workload.id,
    },
    backoffSeconds: BACKOFF_SECONDS,
    maxLaunchDelaySeconds: MAX_LAUNCH_DELAY_SECONDS,
    taskKillGracePeriodSeconds: graceSecondsOf(workload.graceMs),
    // The old one is gone before a new one starts: the default is the other way round, and would put two controllers on one home.
    upgradeStrategy: { minimumHealthCapacity: 0, maximumOverCapacity: 0 },
    unreachableStrategy: unreachable(options.unreachableDisabled),
    ...(options.constraints.length === 0 ? {} : { constraints: options.constraints }),
    ...(image === undefined ? onHost(workload) : inDocker(workload, image, options)),
    ...(healthPath === undefined || Object.keys(workload.ports).length === 0 ? {} : { healthChecks: [healthCheck(healthPath)] }),
  }
}

/** The bootstrap needs some of the grace for telling how the command ended; zero would kill at once. */
const REPORT_SECONDS = 2
export const graceSecondsOf = (graceMs: number): number => Math.max(1, Math.ceil(graceMs / 1000)) + REPORT_SECONDS

/**
 * Asked by the agent beside the task, not by Marathon's leader, and never a reason to kill: a long collection of garbage is no death. Its only
 * use is that people see in Marathon what they see here.
 */
const healthCheck = (path: string): unknown => ({
  protocol: 'MESOS_HTTP',
  path,
  portIndex: 0,
  gracePeriodSeconds: 600,
  intervalSeconds: 20,
  timeoutSeconds: 10,
  maxConsecutiveFailures: 0,
})

/** Without an image the command runs on the agent itself, under the Mesos containerizer, and so do its mounts: at their own places. */
const onHost = ({ ports }: Workload): Readonly<Record<string, unknown>> => ({
  networks: [{ mode: 'host' }],
  // An empty list, or Marathon gives the app a port nobody asked for.
  portDefinitions: Object.entries(ports).map(([name, port]) => ({ port, name, protocol: 'tcp' })),
  ...(Object.values(ports).some(port => port !== 0) ? { requirePorts: true } : {}),
})

/** In the bridge network a container port of 0 is the host port, so that a program listens on the number that others use. */
const inDocker = (workload: Workload, image: string, options: AppOptions): Readonly<Record<string, unknown>> => ({
  networks: [{ mode: 'container/bridge' }],
  container: {
    type: 'DOCKER',
    docker: {
      image,
      parameters: [
        { key: 'init', value: 'true' },
        // Without it a container may use as much swap again as it has memory.
        { key: 'memory-swap', value: String(memoryMbOf(workload) * BYTES_PER_MEBIBYTE) },
        ...(options.dockerParameters ?? []),
      ],
    },
    portMappings: Object.entries(workload.ports).map(([name, port]) => ({ containerPort: port, hostPort: port, name, protocol: 'tcp' })),
    ...(workload.mounts.length === 0
      ? {}
      : {
          volumes: workload.mounts.map(({ source, target, readOnly }) => ({
            hostPath: source,
            containerPath: target,
            mode: readOnly ? 'RO' : 'RW',
          })),
        }),
  },
})

/** Whose an app is, or undefined where it is nobody's of ours. */
export const ownerOf = (app: MarathonApp): string | undefined => app.labels?.[LABELS.owner]

const KINDS: readonly WorkloadKind[] = ['controller', 'agent']

/** What the labels of one of our apps say, or undefined where somebody changed them beyond recognition. */
export const identityOf = (app: MarathonApp): { readonly id: Workload['id']; readonly labels: WorkloadLabels } | undefined => {
  const { labels = {} } = app
  const owner = labels[LABELS.owner]
  const noun = labels[LABELS.noun]
  const id = labels[LABELS.workload]
  const kind = KINDS.find(one => one === labels[LABELS.kind])
  const epoch = Number(labels[LABELS.epoch])
  if (owner === undefined || noun === undefined || id === undefined || kind === undefined || !Number.isInteger(epoch)) return undefined
  return { id: workloadId(id), labels: { owner, kind, noun, epoch } }
}
