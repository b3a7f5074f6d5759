import { createHash } from 'node:crypto'
import { nameSuffix, type Random } from '../runtime/index.ts'

/** 256 bits: no guess will ever hit, so a secret needs neither salt nor slow hash, and its plain SHA-256 can be an index. */
const SECRET_BYTES = 32
/** 60 bits: ids are shown and only need to differ. */
const ID_LENGTH = 12

/** What a secret is for; it is its prefix too, so that a leaked one can be recognised and searched for. */
export type SecretPurpose = 'api' | 'session' | 'once'

export const newSecret = (random: Random, purpose: SecretPurpose): string =>
  `manor_${purpose}_${Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url')}`

/** Hex SHA-256, as `Token.hash` holds it. */
export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')

export const newTokenId = (random: Random, purpose: SecretPurpose): string => `${purpose}-${nameSuffix(random, ID_LENGTH)}`
