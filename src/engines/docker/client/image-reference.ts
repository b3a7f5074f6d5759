/** An image's name in its parts, as the reference grammar of the distribution project has it (github.com/distribution/reference). */
export type ImageReference = {
  /** Host of the registry, with its port; `docker.io` where none is named. */
  readonly registry: string
  /** The name without tag and digest, as it was written. */
  readonly name: string
  readonly tag?: string
  /** With its algorithm, such as `sha256:...`. */
  readonly digest?: string
}

const DEFAULT_REGISTRY = 'docker.io'
const REFERENCE = /^([a-zA-Z0-9][\w.:/-]*?)(?::([\w][\w.-]{0,127}))?(?:@([a-z0-9+._-]+:[0-9a-fA-F]{32,}))?$/

/** Reads an image's name; undefined where it is none. */
export const parseImage = (text: string): ImageReference | undefined => {
  const [, name, tag, digest] = REFERENCE.exec(text) ?? []
  if (name === undefined || name.endsWith('/') || name.includes('//')) return undefined
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  // The first part is a host only where it looks like one: "team/image" is an image of the default registry.
  const registry = /[.:]/.test(first) || first === 'localhost' ? first : DEFAULT_REGISTRY
  // What is left of a host's port must not be taken for a tag: "host:5000/image".
  const rest = registry === first ? name.slice(slash + 1) : name
  if (rest.includes(':')) return undefined
  return { registry, name, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) }
}

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
