import { EngineError } from '../../engine.ts'

/** Where a daemon listens. */
export type DaemonAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: boolean }
  | { readonly kind: 'ssh'; readonly destination: string; readonly port?: number }

/** The ports that Docker's own client takes where none is given (`docker --help`, environment variable DOCKER_HOST). */
const PLAIN_PORT = 2375
const TLS_PORT = 2376

const refuse = (text: string, what: string): EngineError =>
  new EngineError(
    {
      code: 'invalid-spec',
      message: `The address "${text}" of a Docker daemon ${what}.`,
      mend: 'Give unix:///var/run/docker.sock, tcp://HOST:2376 (with certificates) or ssh://USER@HOST.',
    },
    false,
  )

/**
 * Reads an address as DOCKER_HOST has it. `withTls` says whether certificates were given: with them `tcp` means TLS, as with Docker's own
 * client. Throws an EngineError that names the mend.
 */
export const parseAddress = (text: string, withTls: boolean): DaemonAddress => {
  if (text.startsWith('unix://')) {
    const path = text.slice('unix://'.length)
    if (!path.startsWith('/')) throw refuse(text, 'has no absolute path')
    return { kind: 'unix', path }
  }
  const url = URL.parse(text)
  if (url === null || url.hostname === '') throw refuse(text, 'is none')
  if (url.pathname !== '' && url.pathname !== '/') throw refuse(text, 'has a path, which no daemon has')
  const port = url.port === '' ? undefined : Number(url.port)
  switch (url.protocol) {
    case 'tcp:':
    case 'http:':
    case 'https:': {
      const tls = withTls || url.protocol === 'https:'
      // A bracketed IPv6 address is one for URLs; sockets take it bare.
      return { kind: 'tcp', host: url.hostname.replaceAll(/[[\]]/g, ''), port: port ?? (tls ? TLS_PORT : PLAIN_PORT), tls }
    }
    case 'ssh:': {
      if (url.password !== '') throw refuse(text, 'holds a password, which would stand on a command line')
      // A name that begins with "-" would be an option to ssh.
      const destination = url.username === '' ? url.hostname : `${decodeURIComponent(url.username)}@${url.hostname}`
      if (destination.startsWith('-')) throw refuse(text, 'begins with "-"')
      return { kind: 'ssh', destination, ...(port === undefined ? {} : { port }) }
    }
    default:
      throw refuse(text, `has the unknown scheme "${url.protocol}//"`)
  }
}
