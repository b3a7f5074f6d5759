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

export const DEFAULT_REGISTRY = 'docker.io'
/** Where the default registry keeps what is named by one word. */
const DEFAULT_PATH = 'library'
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

/** One word for all ways to write the same image: `maven`, `maven:latest` and `docker.io/library/maven`. What is no name stands for itself. */
export const imageKey = (text: string): string => {
  const image = parseImage(text)
  if (image === undefined) return text
  const { registry, name, tag = 'latest', digest } = image
  const path = name.startsWith(`${registry}/`) ? name.slice(registry.length + 1) : name
  const whole = registry === DEFAULT_REGISTRY && !path.includes('/') ? `${DEFAULT_PATH}/${path}` : path
  // What is pinned by its digest is the same image whatever tag stands beside it.
  return digest === undefined ? `${registry}/${whole}:${tag}` : `${registry}/${whole}@${digest}`
}
