import { applyTemplate } from '../../src/agents/index.ts'
import { createController } from '../../src/controllers/index.ts'
import { type Template, templateId, tenantId } from '../../src/model/index.ts'
import type { Store } from '../../src/store/index.ts'
import type { Plan, Team } from '../contract.ts'
import { labelOf } from './jobs.ts'
import { LABEL_VARIABLE } from './world.ts'

const CONNECT_TIMEOUT_MS = 120_000

export const controllerName = (team: Team, i: number): string => `${team.name}-c${i + 1}`

/** What people have set up before the simulation begins; a Manor that was killed in the middle of it goes on where it was. */
export const seedRows = async (store: Store, plan: Plan): Promise<void> => {
  for (const team of plan.teams) {
    if (store.get('tenant', team.name) === undefined) await makeTenant(store, team)
    for (const template of templatesOf(team))
      if (store.get('template', template.id) === undefined) await applyTemplate(store, template, 'user:seed')
  }
  if (store.get('setting', SEEDED)) return
  for (const team of plan.teams)
    for (let i = 0; i < team.controllers; i++)
      if (store.get('controller', controllerName(team, i)) === undefined)
        await createController(
          store,
          { name: controllerName(team, i), tenant: team.name, distribution: 'jenkins', ...team.controllerResources },
          'user:seed',
        )
  await store.transact(tx => tx.put('setting', { id: SEEDED, value: 'yes' }), { flush: true })
}

/** Controllers are made once: one that a person deletes later stays deleted. */
const SEEDED = 'simulator-seeded'

const makeTenant = (store: Store, { name, weight, quota, guarantee }: Team): Promise<void> =>
  store.transact(
    tx => {
      tx.insert('tenant', {
        id: tenantId(name),
        weight,
        ...(quota === undefined ? {} : { quota }),
        ...(guarantee === undefined ? {} : { guarantee }),
        createdAt: tx.now,
      })
      tx.event({ kind: 'tenant', subject: name, type: 'created', actor: 'user:seed', message: `Tenant ${name} was created.` })
    },
    { flush: true },
  )

export const templatesOf = (team: Team): Template[] =>
  team.jobs.map(mix => ({
    id: templateId(labelOf(team, mix)),
    scope: { kind: 'tenant', tenant: tenantId(team.name) },
    labels: [labelOf(team, mix)],
    takesUnlabelled: false,
    resources: mix.resources,
    environment: { [LABEL_VARIABLE]: labelOf(team, mix) },
    constraints: {},
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    ...(mix.spares === undefined ? {} : { spares: mix.spares }),
  }))
