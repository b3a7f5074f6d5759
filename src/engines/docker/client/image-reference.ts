import { DEFAULT_REGISTRY, type ImageReference } from '../../../model/index.ts'

/** What to ask a daemon to pull. Without a tag it would bring every tag there is. */
export const pullQuery = ({ name, tag, digest }: ImageReference): { readonly fromImage: string; readonly tag: string } => ({
  fromImage: name,
  tag: digest ?? tag ?? 'latest',
})

export type RegistryLogin = { readonly username: string; readonly password: string }

/**
 * The header by which a daemon is told a registry's login: JSON in base64 for URLs (Docker Engine API, "Authentication"). With its padding:
 * older daemons take a header without it for no login at all, and say nothing.
 */
export const registryAuthHeader = (registry: string, login: RegistryLogin): string =>
  Buffer.from(JSON.stringify({ ...login, serveraddress: registry === DEFAULT_REGISTRY ? 'https://index.docker.io/v1/' : registry }))
    .toString('base64')
    .replaceAll('+', '-')
    .replaceAll('/', '_')
