import type { Core } from './core.ts'
import type { Build, Item, Job, Node } from './model.ts'

/** A JSON document. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** Objects as `/api/json` shows them. `deep` also what only a `tree` reaches; without it the real one leaves nested objects empty. */
export const viewsOf = (core: Core, rootUrl: string, deep: boolean) => {
  const jobUrl = (name: string): string => `${rootUrl}job/${encodeURIComponent(name)}/`
  const buildUrl = ({ job, number }: Pick<Build, 'job' | 'number'>): string => `${jobUrl(job)}${number}/`
  const itemOf = (job: string): Item | undefined => core.items.find(item => item.job === job)

  const colorOf = (job: string): string => {
    const [last, ...earlier] = core.buildsOf(job)
    if (last === undefined) return 'notbuilt'
    const done = last.result === undefined ? earlier.find(({ result }) => result !== undefined) : last
    const color = done === undefined ? 'notbuilt' : done.result === 'SUCCESS' ? 'blue' : done.result === 'ABORTED' ? 'aborted' : 'red'
    return last.result === undefined ? `${color}_anime` : color
  }

  const buildReference = (build: Build): Json => ({
    _class: BUILD,
    number: build.number,
    url: buildUrl(build),
    ...(deep ? buildFields(build) : {}),
  })

  const causesOf = (user: string): Json => [
    {
      _class: 'hudson.model.CauseAction',
      causes: [{ _class: 'hudson.model.Cause$UserIdCause', shortDescription: `Started by user ${user}`, userId: user, userName: user }],
    },
  ]

  const buildFields = (build: Build) => ({
    actions: causesOf(build.user),
    artifacts: [],
    building: build.result === undefined,
    description: null,
    displayName: `#${build.number}`,
    duration: build.durationMs ?? 0,
    estimatedDuration: build.durationMs ?? -1,
    executor: build.result === undefined ? {} : null,
    fullDisplayName: `${build.job} #${build.number}`,
    id: String(build.number),
    inProgress: build.result === undefined,
    keepLog: false,
    number: build.number,
    queueId: build.item,
    result: build.result ?? null,
    timestamp: build.startedAt,
    url: buildUrl(build),
    builtOn: build.node,
    changeSet: { _class: 'hudson.scm.EmptyChangeLogSet', items: [], kind: null },
    culprits: [],
  })

  const jobReference = (name: string): { readonly [name: string]: Json } => ({
    _class: PROJECT,
    name,
    url: jobUrl(name),
    color: colorOf(name),
    ...(deep ? jobFields(name) : {}),
  })

  const jobFields = (name: string) => {
    const builds = core.buildsOf(name)
    const [last] = builds
    return {
      buildable: true,
      builds: builds.slice(0, 100).map(buildReference),
      inQueue: itemOf(name) !== undefined,
      lastBuild: last === undefined ? null : buildReference(last),
      nextBuildNumber: core.jobs.get(name)?.nextNumber ?? 1,
    }
  }

  const item = (one: Item): Json => {
    const left = one.build !== undefined || one.cancelled === true
    const buildable = !left && core.isBuildable(one)
    const common = {
      _class: `hudson.model.Queue$${left ? 'LeftItem' : buildable ? 'BuildableItem' : 'WaitingItem'}`,
      actions: causesOf(one.user),
      blocked: false,
      buildable,
      id: one.id,
      inQueueSince: one.since,
      params: Object.entries(one.parameters)
        .map(([name, value]) => `\n${name}=${value}`)
        .join(''),
      stuck: buildable && !core.quieting,
      task: jobReference(one.job),
      url: `queue/item/${one.id}/`,
      why: left ? null : core.why(one),
    }
    if (left)
      return {
        ...common,
        cancelled: one.cancelled === true,
        executable:
          one.build === undefined ? null : { _class: BUILD, number: one.build, url: buildUrl({ job: one.job, number: one.build }) },
      }
    return buildable
      ? { ...common, buildableStartMilliseconds: one.buildableSince ?? 0, pending: false }
      : { ...common, timestamp: one.due }
  }

  const computer = (node: Node): Json => ({
    _class: 'hudson.slaves.SlaveComputer',
    actions: [],
    assignedLabels: [...node.labels, node.name].map(name => ({ name })),
    description: node.description === '' ? null : node.description,
    displayName: node.name,
    executors: [deep ? { currentExecutable: node.build === undefined ? null : buildReference(node.build) } : {}],
    icon: node.channel === undefined ? 'symbol-computer-offline' : 'symbol-computer',
    iconClassName: node.channel === undefined ? 'symbol-computer-offline' : 'symbol-computer',
    idle: node.build === undefined,
    jnlpAgent: true,
    launchSupported: false,
    loadStatistics: { _class: 'hudson.model.Label$1' },
    manualLaunchAllowed: true,
    monitorData: MONITORS,
    numExecutors: 1,
    offline: node.channel === undefined,
    offlineCause: node.channel !== undefined || !node.wasConnected ? null : { _class: 'hudson.slaves.OfflineCause$ChannelTermination' },
    offlineCauseReason: node.channel !== undefined || !node.wasConnected ? '' : 'Connection was broken',
    oneOffExecutors: [],
    temporarilyOffline: false,
    absoluteRemotePath: node.channel === undefined ? null : node.remoteDirectory,
  })

  return {
    root: (): Json => ({
      _class: 'hudson.model.Hudson',
      assignedLabels: [{ name: 'built-in' }],
      mode: 'NORMAL',
      nodeDescription: BUILT_IN,
      nodeName: '',
      numExecutors: 0,
      description: null,
      jobs: [...core.jobs.keys()].toSorted().map(jobReference),
      overallLoad: {},
      primaryView: { _class: 'hudson.model.AllView', name: 'all', url: rootUrl },
      quietDownReason: core.quietReason ?? null,
      quietingDown: core.quieting,
      slaveAgentPort: -1,
      unlabeledLoad: { _class: 'jenkins.model.UnlabeledLoadStatistics' },
      url: null,
      useCrumbs: true,
      useSecurity: true,
      views: [{ _class: 'hudson.model.AllView', name: 'all', url: rootUrl }],
    }),
    job: ({ name }: Job): Json => ({ ...jobReference(name), ...jobFields(name), fullName: name, displayName: name }),
    build: (build: Build): Json => ({ _class: BUILD, ...buildFields(build) }),
    queue: (): Json => ({ _class: 'hudson.model.Queue', discoverableItems: [], items: core.items.map(item) }),
    item,
    computers: (): Json => ({
      _class: 'hudson.model.ComputerSet',
      busyExecutors: core.running.length,
      computer: [
        {
          _class: 'hudson.model.Hudson$MasterComputer',
          actions: [],
          assignedLabels: [{ name: 'built-in' }],
          description: BUILT_IN,
          displayName: 'Built-In Node',
          executors: [],
          icon: 'symbol-computer',
          iconClassName: 'symbol-computer',
          idle: true,
          jnlpAgent: false,
          launchSupported: true,
          loadStatistics: { _class: 'hudson.model.Label$1' },
          manualLaunchAllowed: true,
          monitorData: MONITORS,
          numExecutors: 0,
          offline: false,
          offlineCause: null,
          offlineCauseReason: '',
          oneOffExecutors: [],
          temporarilyOffline: false,
        },
        ...[...core.nodes.values()].map(computer),
      ],
      displayName: 'Nodes',
      totalExecutors: [...core.nodes.values()].filter(({ channel }) => channel !== undefined).length,
    }),
    computer,
    load: (): Json => {
      const online = [...core.nodes.values()].filter(({ channel }) => channel !== undefined).length
      const series = (latest: number): Json =>
        Object.fromEntries(['sec10', 'min', 'hour'].map(span => [span, { history: [latest], latest }]))
      return {
        _class: 'hudson.model.OverallLoadStatistics',
        availableExecutors: series(online - core.running.length),
        busyExecutors: series(core.running.length),
        connectingExecutors: series(0),
        definedExecutors: series(core.nodes.size),
        idleExecutors: series(online - core.running.length),
        onlineExecutors: series(online),
        queueLength: series(core.items.filter(one => core.isBuildable(one)).length),
        totalExecutors: series(online),
        totalQueueLength: series(core.items.length),
      }
    },
  }
}

const BUILD = 'hudson.model.FreeStyleBuild'
const PROJECT = 'hudson.model.FreeStyleProject'
const BUILT_IN = "the Jenkins controller's built-in node"
/** Null until they were sampled first. */
const MONITORS: Json = Object.fromEntries(
  ['SwapSpace', 'TemporarySpace', 'DiskSpace', 'Architecture', 'ResponseTime', 'Clock'].map(name => [
    `hudson.node_monitors.${name}Monitor`,
    null,
  ]),
)

/** Keeps of a document what `tree=` asks for (`a,b[c,d[e]]{0,10}`); `_class` always. */
export const pick = (document: Json, tree: string): Json => filtered(document, parseTree(tree))

type Tree = ReadonlyMap<string, Tree>

const parseTree = (text: string): Tree => {
  let at = 0
  const list = (): Tree => {
    const names = new Map<string, Tree>()
    while (at < text.length && text[at] !== ']') {
      const name = /^[\w*$]+/.exec(text.slice(at))?.[0] ?? ''
      at += Math.max(1, name.length)
      let inner: Tree = new Map()
      if (text[at] === '[') {
        at++
        inner = list()
        at++
      }
      const range = /^\{[^}]*\}/.exec(text.slice(at))?.[0]
      at += range?.length ?? 0
      if (name !== '') names.set(name, inner)
    }
    return names
  }
  return list()
}

const filtered = (value: Json, tree: Tree): Json => {
  if (Array.isArray(value)) return value.map(each => filtered(each, tree))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]): [string, Json][] => {
      if (name === '_class') return [[name, inner]]
      const asked = tree.get(name)
      return asked === undefined ? [] : [[name, filtered(inner, asked)]]
    }),
  )
}
