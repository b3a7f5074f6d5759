/**
 * What a build may be given beyond its own container. Each of these opens the host a little or altogether, so a template asks for it, its tenant's
 * policy allows it, and both have the same shape. Absent is nothing.
 */
export type Access = {
  /** All capabilities, all devices, no confinement: the host itself, for whoever knows how. */
  readonly privileged?: true
  /** Without `CAP_`, such as `NET_ADMIN`. */
  readonly capabilities?: readonly string[]
  readonly hostPaths?: readonly HostPath[]
  /** The host's network in place of the tenant's own: its loopback, its addresses, and no firewall of Manor's. */
  readonly hostNetwork?: true
}

/** A directory or file of the host, which the build sees at the same path. */
export type HostPath = { readonly path: string; readonly writable?: true }

export const ACCESS_KINDS = ['privileged', 'capabilities', 'hostPaths', 'hostNetwork'] as const satisfies readonly (keyof Access)[]
export type AccessKind = (typeof ACCESS_KINDS)[number]

/** Of capabilities and of paths in one list: a build that needs more wants `privileged`, or a directory above. */
export const MAX_ACCESS_ENTRIES = 50
const MAX_PATH_LENGTH = 1_024

/** Those of Linux (capabilities(7)), all that a container engine knows. */
const CAPABILITIES: ReadonlySet<string> = new Set(
  `AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK
  IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID
  SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG
  WAKE_ALARM`.split(/\s+/),
)

/**
 * What of a host never comes into a build, whoever allows it: the sockets of container engines, with which it would own the host without a trace,
 * and the kernel's own files. What lies above one of them holds it.
 */
const CLOSED: readonly string[] = ['/run', '/var/run', '/proc', '/sys', '/dev', '/boot', '/var/lib/docker', '/var/lib/containerd']
const SOCKET = /(^|\/)(docker|containerd|dockershim|crio|podman|buildkitd)\.sock$/

/** Whether `path` is `directory` or lies in it. Both are absolute and hold no `.` and `..`. */
export const liesIn = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`)

/** What a path of a host would give away, in words; undefined where it gives nothing. `closed` adds to what is closed everywhere. */
export const closedBy = (path: string, closed: readonly string[] = []): string | undefined => {
  if (SOCKET.test(path)) return 'a socket of a container engine'
  const found = [...CLOSED, ...closed].find(each => liesIn(path, each) || liesIn(each, path))
  return found === undefined ? undefined : `what is below ${found}`
}

/** What is wrong, by its field below `access`; the sentence goes on from the field's name. */
export type AccessProblem = { readonly field: string; readonly message: string }

/** The first thing that nobody may ask for or allow, or undefined. */
export const accessProblem = ({ capabilities = [], hostPaths = [] }: Access): AccessProblem | undefined => {
  if (capabilities.length > MAX_ACCESS_ENTRIES) return tooMany('capabilities', capabilities.length)
  if (hostPaths.length > MAX_ACCESS_ENTRIES) return tooMany('hostPaths', hostPaths.length)
  for (const name of capabilities)
    if (!CAPABILITIES.has(name))
      return problem(
        'capabilities',
        `holds "${name}": give names of Linux without CAP_, such as NET_ADMIN; for all of them say privileged.`,
      )
  for (const { path } of hostPaths) {
    const wrong = pathProblem(path)
    if (wrong !== undefined) return problem('hostPaths', `holds "${path}": ${wrong}`)
  }
  const paths = hostPaths.map(({ path }) => path)
  const twice = paths.find((path, index) => paths.indexOf(path) !== index)
  if (twice !== undefined) return problem('hostPaths', `holds "${twice}" twice: leave one out.`)
  // Whatever a build writes there may be a link to anywhere: what is mounted below it would be what the link leads to.
  const below = hostPaths.find(({ path }) => hostPaths.some(above => above.writable && above.path !== path && liesIn(path, above.path)))
  if (below !== undefined) return problem('hostPaths', `holds "${below.path}", which lies in another that can be written: leave it out.`)
  return undefined
}

const problem = (field: AccessKind, message: string): AccessProblem => ({ field, message })
const tooMany = (field: AccessKind, count: number): AccessProblem =>
  problem(field, `holds ${count} entries: give at most ${MAX_ACCESS_ENTRIES}.`)

const pathProblem = (path: string): string | undefined => {
  if (!path.startsWith('/')) return 'give a whole path, such as /srv/cache.'
  if (path.length > MAX_PATH_LENGTH) return `give a path of at most ${MAX_PATH_LENGTH} characters.`
  const isPlain =
    path === '/' ||
    path
      .slice(1)
      .split('/')
      .every(part => part !== '' && part !== '.' && part !== '..')
  if (!isPlain || [...path].some(character => character < ' ' || character === '\u007f'))
    return 'give it without "//", "." and "..", a slash at its end, and characters that cannot be seen.'
  const gives = closedBy(path)
  return gives === undefined ? undefined : `it would give builds ${gives}, and no policy may allow that.`
}

/** Kinds that are asked for, in a fixed order. */
export const accessKinds = (access: Access | undefined): readonly AccessKind[] =>
  access === undefined ? [] : ACCESS_KINDS.filter(kind => isSome(access[kind]))

const isSome = (value: Access[AccessKind]): boolean => value === true || (Array.isArray(value) && value.length > 0)

/** As it comes from outside: what is false or empty says nothing. */
type AccessAsked = {
  readonly privileged?: boolean | undefined
  readonly capabilities?: readonly string[] | undefined
  readonly hostPaths?: readonly { readonly path: string; readonly writable?: boolean | undefined }[] | undefined
  readonly hostNetwork?: boolean | undefined
}

/** Without what says nothing; undefined where nothing is left. */
export const tidyAccess = (access: AccessAsked): Access | undefined => {
  const { privileged, capabilities = [], hostPaths = [], hostNetwork } = access
  const tidy: Access = {
    ...(privileged === true ? { privileged } : {}),
    ...(capabilities.length > 0 ? { capabilities: [...new Set(capabilities)].sort() } : {}),
    ...(hostPaths.length > 0 ? { hostPaths: hostPaths.map(({ path, writable }) => (writable ? { path, writable } : { path })) } : {}),
    ...(hostNetwork === true ? { hostNetwork } : {}),
  }
  return accessKinds(tidy).length === 0 ? undefined : tidy
}

/** Something that is asked for and not allowed: in words ("asks for ..."), and as the command line allows it. */
export type Denied = { readonly field: AccessKind; readonly what: string; readonly option: string }

/**
 * What of it is not allowed, each for itself. `privileged` allows nothing else: a policy is read as it stands. A path is allowed as it is written:
 * what lies below an allowed one could be a link that a build made.
 */
export const deniedOf = (asked: Access | undefined, allowed: Access = {}): readonly Denied[] => {
  if (asked === undefined) return []
  const { privileged, capabilities = [], hostPaths = [], hostNetwork } = asked
  return [
    ...(privileged && !allowed.privileged ? [PRIVILEGED] : []),
    ...capabilities.filter(name => !allowed.capabilities?.includes(name)).map(capabilityDenied),
    ...hostPaths.filter(path => !allowed.hostPaths?.some(each => covers(each, path))).map(pathDenied),
    ...(hostNetwork && !allowed.hostNetwork ? [HOST_NETWORK] : []),
  ]
}

const covers = (allowed: HostPath, { path, writable }: HostPath): boolean =>
  allowed.path === path && (allowed.writable === true || writable !== true)

const PRIVILEGED: Denied = { field: 'privileged', what: 'a privileged container', option: '--privileged' }
const HOST_NETWORK: Denied = { field: 'hostNetwork', what: "the host's network", option: '--host-network' }
const capabilityDenied = (name: string): Denied => ({
  field: 'capabilities',
  what: `the capability ${name}`,
  option: `--capability ${name}`,
})
const pathDenied = ({ path, writable }: HostPath): Denied => ({
  field: 'hostPaths',
  what: `the host's ${path}${writable ? ' to write in' : ''}`,
  option: `--host-path ${path}${writable ? ':rw' : ''}`,
})

/** In words, for lists: `privileged, NET_ADMIN, /srv/cache (written), the host's network`. Empty where there is nothing. */
export const accessWords = (access: AccessAsked | undefined): string =>
  [
    ...(access?.privileged ? ['privileged'] : []),
    ...(access?.capabilities ?? []),
    ...(access?.hostPaths ?? []).map(({ path, writable }) => `${path}${writable ? ' (written)' : ''}`),
    ...(access?.hostNetwork ? ["the host's network"] : []),
  ].join(', ')
