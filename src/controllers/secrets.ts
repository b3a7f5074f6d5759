import { createHash } from 'node:crypto'
import type { Controller, ControllerId, Token, WorkloadFile } from '../model/index.ts'
import type { Random } from '../runtime/index.ts'
import type { Seal, Store, Transaction } from '../store/index.ts'
import type { InstanceSecrets } from './distributions/distribution.ts'

const secretId = (id: ControllerId): string => `controller/${id}`
const hex = (random: Random, bytes: number): string => Buffer.from(random.bytes(bytes)).toString('hex')

/** A controller's secrets, opened. Undefined before its first start was prepared. */
export const openSecrets = (store: Pick<Store, 'get'>, seal: Seal, id: ControllerId): InstanceSecrets | undefined => {
  const row = store.get('secret', secretId(id))
  return row === undefined ? undefined : (JSON.parse(seal.open(row.id, row.sealed)) as InstanceSecrets)
}

/** Makes a controller's secrets and its hook's token, once in its life. */
export const ensureSecrets = (tx: Transaction, seal: Seal, random: Random, controller: Controller): void => {
  const id = secretId(controller.id)
  if (tx.get('secret', id) !== undefined) return
  const secrets: InstanceSecrets = {
    masterKey: hex(random, 128),
    agentKey: hex(random, 32),
    adminPassword: Buffer.from(random.bytes(18)).toString('base64url'),
    apiToken: `11${hex(random, 16)}`,
    hookToken: `manor_hook_${Buffer.from(random.bytes(32)).toString('base64url')}`,
  }
  tx.put('secret', { id, sealed: seal.seal(id, JSON.stringify(secrets)) })
  const token: Token = {
    id: `hook-${controller.id}`,
    name: `hook of ${controller.id}`,
    role: 'controller',
    tenant: controller.tenant,
    controller: controller.id,
    hash: createHash('sha256').update(secrets.hookToken).digest('hex'),
    createdAt: tx.now,
  }
  tx.put('token', token)
  tx.event({
    kind: 'token',
    subject: token.id,
    tenant: controller.tenant,
    type: 'created',
    actor: 'manor',
    message: `The hook of controller ${controller.id} was given its token.`,
  })
}

/** Takes a deleted controller's secrets and token away. */
export const dropSecrets = (tx: Transaction, controller: Controller): void => {
  tx.remove('secret', secretId(controller.id))
  const token = `hook-${controller.id}`
  if (tx.get('token', token) === undefined) return
  tx.remove('token', token)
  tx.event({
    kind: 'token',
    subject: token,
    tenant: controller.tenant,
    type: 'revoked',
    actor: 'manor',
    message: `The token of the hook of controller ${controller.id} was revoked.`,
  })
}

export const SECRET_FILE_MODE = 0o600
export const secretFile = (path: string, content: string): WorkloadFile => ({ path, content, mode: SECRET_FILE_MODE })
