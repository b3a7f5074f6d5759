/** The double's state as the JSON that a Marathon 1.11 answers with. */
import { REJECT_REASONS, type RejectReason } from './cluster.ts'
import type { AppState, Core, DeploymentState, Instance } from './core.ts'
import type { Json } from './definition.ts'

const iso = (at: number): string => new Date(at).toISOString()

export const taskView = (core: Core, instance: Instance, servicePorts: readonly number[] = []): Json => ({
  appId: instance.app,
  healthCheckResults:
    instance.healthy === undefined
      ? []
      : [{ alive: instance.healthy, consecutiveFailures: instance.healthy ? 0 : 1, instanceId: instance.id }],
  host: instance.agent?.hostname ?? '',
  id: core.taskId(instance),
  ipAddresses: instance.startedAt === undefined ? [] : [{ ipAddress: '127.0.0.1', protocol: 'IPv4' }],
  ports: instance.ports,
  servicePorts,
  slaveId: instance.agent?.id ?? '',
  state: core.taskState(instance),
  ...(instance.stagedAt === undefined ? {} : { stagedAt: iso(instance.stagedAt) }),
  ...(instance.startedAt === undefined ? {} : { startedAt: iso(instance.startedAt) }),
  version: instance.version,
  localVolumes: [],
  role: '*',
})

/** Marathon shows what was ever launched; an instance that waits for its first offer is in the queue alone. */
export const shownInstances = (core: Core, app: string): Instance[] => core.instancesOf(app).filter(({ incarnation }) => incarnation > 0)

export const bareView = (app: AppState): Json => {
  const { version, killSelection, unreachableStrategy, role, ...before } = app.json
  return {
    ...before,
    version,
    versionInfo: { lastScalingAt: app.lastScalingAt, lastConfigChangeAt: app.lastConfigChangeAt },
    killSelection,
    unreachableStrategy,
    role,
  }
}

export const countsView = (core: Core, app: string): Json => {
  const instances = core.instancesOf(app)
  const count = (state: string): number => instances.filter(each => each.incarnation > 0 && core.taskState(each) === state).length
  return {
    tasksStaged: count('TASK_STAGING') + count('TASK_STARTING'),
    tasksRunning: count('TASK_RUNNING') + count('TASK_KILLING'),
    tasksHealthy: instances.filter(({ healthy }) => healthy === true).length,
    tasksUnhealthy: instances.filter(({ healthy }) => healthy === false).length,
  }
}

export const appView = (core: Core, app: AppState, embed: ReadonlySet<string>): Json => ({
  ...bareView(app),
  ...countsView(core, app.id),
  deployments: core.locksOf([app.id]).map(({ id }) => ({ id })),
  ...(embed.has('tasks') ? { tasks: shownInstances(core, app.id).map(instance => taskView(core, instance)) } : {}),
  ...(embed.has('lastTaskFailure') && app.lastTaskFailure !== undefined ? { lastTaskFailure: app.lastTaskFailure } : {}),
})

export const deploymentView = (deployment: DeploymentState): Json => ({
  id: deployment.id,
  steps: deployment.steps.map(actions => ({ actions })),
  version: deployment.version,
  affectedApps: deployment.apps,
  affectedPods: [],
  currentActions: (deployment.steps[deployment.current] ?? []).map(action => ({ ...action, readinessCheckResults: [] })),
  currentStep: deployment.current + 1,
  totalSteps: deployment.steps.length,
})

const summary = (counts: ReadonlyMap<RejectReason, { readonly declined: number; readonly processed: number }>): Json[] =>
  REJECT_REASONS.map(reason => ({ reason, ...(counts.get(reason) ?? { declined: 0, processed: 0 }) }))

export const queueView = (core: Core, now: number, withOffers: boolean): Json[] =>
  [...core.apps.values()].flatMap(app => {
    const waiting = core.queueOf(app.id)
    if (waiting === undefined) return []
    const { counters, count } = waiting
    const leftMs = Math.max(0, app.delayUntil - now)
    return [
      {
        count,
        role: '*',
        delay: { timeLeftSeconds: Math.floor(leftMs / 1000), overdue: leftMs === 0 },
        since: iso(counters.since),
        processedOffersSummary: {
          processedOffersCount: counters.processed,
          unusedOffersCount: counters.unused,
          ...(counters.lastUnusedAt === undefined ? {} : { lastUnusedOfferAt: iso(counters.lastUnusedAt) }),
          ...(counters.lastUsedAt === undefined ? {} : { lastUsedOfferAt: iso(counters.lastUsedAt) }),
          rejectSummaryLastOffers: summary(counters.last),
          rejectSummaryLaunchAttempt: summary(counters.attempt),
        },
        ...(withOffers
          ? {
              lastUnusedOffers: counters.offers.map(({ agent, reason, at }) => ({
                offer: {
                  id: `${core.frameworkId.slice(0, -5)}-O${counters.processed}`,
                  hostname: agent.hostname,
                  agentId: agent.id,
                  resources: [
                    { name: 'ports', role: '*', ranges: [{ begin: agent.ports[0], end: agent.ports[1] }] },
                    { name: 'cpus', role: '*', scalar: agent.cpus },
                    { name: 'mem', role: '*', scalar: agent.mem },
                    { name: 'disk', role: '*', scalar: agent.disk },
                  ],
                  attributes: Object.entries(agent.attributes).map(([name, text]) => ({ name, text })),
                },
                reason: [reason],
                timestamp: iso(at),
              })),
            }
          : {}),
        app: bareView(app),
      },
    ]
  })

/** Whether an app's labels meet a selector: `key`, `key==value`, `key!=value`, `key in (a, b)`, several with commas. */
export const labelsMeet = (labels: Readonly<Record<string, string>>, selector: string): boolean =>
  selector.split(/,(?![^(]*\))/).every(part => {
    const [, key = '', operator = '', value = ''] = /^\s*([\w./-]+)\s*(==|!=|in|notin)?\s*(.*?)\s*$/.exec(part) ?? []
    const mine = labels[key]
    if (operator === '') return mine !== undefined
    if (operator === '==') return mine === value
    if (operator === '!=') return mine !== value
    const values = value.replaceAll(/[()\s]/g, '').split(',')
    return operator === 'in' ? mine !== undefined && values.includes(mine) : mine === undefined || !values.includes(mine)
  })

export const infoView = (core: Core, leader: string, elected: boolean, mesosUrl: string): Json => ({
  name: 'marathon',
  version: '1.11.26',
  buildref: '90619da70d79a2ecf19368a21c6a695ea981bd74',
  elected,
  leader,
  frameworkId: core.frameworkId,
  marathon_config: {
    access_control_allow_origin: null,
    checkpoint: true,
    decline_offer_duration: 120_000,
    default_network_name: null,
    env_vars_prefix: null,
    executor: '//cmd',
    failover_timeout: 604_800,
    features: ['task_killing'],
    framework_name: 'marathon',
    ha: true,
    hostname: '127.0.0.1',
    launch_token: 100,
    launch_token_refresh_interval: 30_000,
    leader_proxy_connection_timeout_ms: 5_000,
    leader_proxy_read_timeout_ms: 10_000,
    local_port_max: 20_000,
    local_port_min: 10_000,
    master: mesosUrl.replace('http://', ''),
    max_instances_per_offer: 5,
    mesos_bridge_name: 'mesos-bridge',
    mesos_heartbeat_failure_threshold: 5,
    mesos_heartbeat_interval: 15_000,
    mesos_leader_ui_url: `${mesosUrl}/`,
    mesos_role: '*',
    mesos_user: 'root',
    new_group_enforce_role: 'Off',
    min_revive_offers_interval: 5_000,
    offer_matching_timeout: 3_000,
    on_elected_prepare_timeout: 180_000,
    reconciliation_initial_delay: 15_000,
    reconciliation_interval: 600_000,
    scale_apps_initial_delay: 15_000,
    scale_apps_interval: 300_000,
    store_cache: true,
    task_launch_confirm_timeout: 300_000,
    task_launch_timeout: 300_000,
    task_lost_expunge_initial_delay: 300_000,
    task_lost_expunge_interval: 30_000,
    task_reservation_timeout: 20_000,
    webui_url: null,
    maintenance_mode: true,
  },
  zookeeper_config: {
    zk: 'zk://127.0.0.1:2181/marathon',
    zk_compression: true,
    zk_compression_threshold: 65_536,
    zk_connection_timeout: 10_000,
    zk_max_node_size: 1_024_000,
    zk_max_versions: 50,
    zk_session_timeout: 10_000,
    zk_timeout: 10_000,
  },
  http_config: { http_port: Number(leader.split(':')[1]), https_port: 8443 },
})
