import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const MAGIC = '::::MAGIC::::'
const AGENT_KEY = 'jenkins.slaves.JnlpSlaveAgentProtocol.secret'

/**
 * The key under which agents' secrets are made, from the home as jenkins.security.DefaultConfidentialStore keeps it; made where there is none.
 * Written apart from src/controllers/distributions/jenkins.ts on purpose: the two have to agree about what is in the files.
 */
export const loadAgentKey = (home: string): Buffer => {
  const directory = join(home, 'secrets')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const masterKeyFile = join(directory, 'master.key')
  if (!existsSync(masterKeyFile)) writeFileSync(masterKeyFile, randomBytes(128).toString('hex'), { mode: 0o600 })
  const aes = createHash('sha256').update(readFileSync(masterKeyFile, 'utf8').trim()).digest().subarray(0, 16)
  const file = join(directory, AGENT_KEY)
  if (!existsSync(file)) {
    const cipher = createCipheriv('aes-128-ecb', aes, null)
    writeFileSync(file, Buffer.concat([cipher.update(randomBytes(32)), cipher.update(MAGIC), cipher.final()]), { mode: 0o600 })
  }
  const decipher = createDecipheriv('aes-128-ecb', aes, null)
  const plain = Buffer.concat([decipher.update(readFileSync(file)), decipher.final()])
  if (plain.subarray(32).toString() !== MAGIC) throw new Error(`${file} was not written under ${masterKeyFile}.`)
  return plain.subarray(0, 32)
}

export const agentSecret = (key: Buffer, node: string): string => createHmac('sha256', key).update(node).digest('hex')
