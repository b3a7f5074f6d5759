/** The addresses of tenants' networks, by pure arithmetic on IPv4. */

/**
 * Where tenants' networks are cut from unless told: 10.208.0.0 to 10.223.255.255, a part of 10/8 that few use, in pieces of 256. Docker's own
 * default gives some 30 networks in all, which a fleet of tenants has used up within minutes.
 */
export const DEFAULT_POOL: AddressPool = { base: '10.208.0.0', prefix: 12, piece: 24 }

export type AddressPool = { readonly base: string; readonly prefix: number; readonly piece: number }

const toNumber = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
const toAddress = (number: number): string => [24, 16, 8, 0].map(shift => (number >>> shift) & 255).join('.')

export const piecesOf = ({ prefix, piece }: AddressPool): number => 2 ** (piece - prefix)

/** The piece of this number, counted round: after the last comes the first. */
export const subnetOf = (pool: AddressPool, number: number): string => {
  const pieces = piecesOf(pool)
  const size = 2 ** (32 - pool.piece)
  return `${toAddress(toNumber(pool.base) + (((number % pieces) + pieces) % pieces) * size)}/${pool.piece}`
}

/** The first address of a piece that a machine can have. */
export const gatewayIn = (subnet: string): string => toAddress(toNumber(subnet.split('/')[0] ?? '') + 1)

/** Where to begin to look for a free piece: the same for a name each time, so that a network comes back to its place. FNV-1a, 32 bits. */
export const placeOf = (name: string): number => {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}

/**
 * Names of interfaces have 15 characters at most. All of an owner's bridges begin alike, so that one firewall rule holds for all of them and
 * for nobody else's.
 */
export const bridgePrefix = (owner: string): string => `mnr${(placeOf(owner) % 36 ** 4).toString(36).padStart(4, '0')}`
export const bridgeName = (owner: string, network: string): string =>
  `${bridgePrefix(owner)}${placeOf(network).toString(36).padStart(7, '0')}`
