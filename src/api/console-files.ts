import { readFile } from 'node:fs/promises'
import { extname, join, resolve, sep } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isConsoleHost } from './console-host.ts'
import type { Context } from './context.ts'
import { CONSOLE_POLICY, PAGE_POLICY, page } from './pages.ts'
import { addPage } from './route.ts'

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}
/** Vite's folder of files that are named after their content: such a name never means anything else. */
const HASHED = '/assets/'
const IMMUTABLE = 'public, max-age=31536000, immutable'
/** Pages of the console, which all begin with its one HTML file; anything else is a mistyped path. */
const DEEP_LINKS = ['controllers', 'agents', 'queue', 'hosts', 'events', 'templates', 'tenants', 'tokens', 'builds', 'console']

/** The console's built files, on its own hosts only; elsewhere a browser is sent there. */
export const addConsoleFiles = (app: FastifyInstance, { ports }: Context): void => {
  const { consoleHosts, urls } = ports
  const root = resolve(ports.consoleDirectory)

  addPage(app, '/*', async (request, reply) => {
    const path = pathOf(request)
    if (!isConsoleHost(request.headers.host, consoleHosts)) {
      if (path === '/' || path === '/console' || path.startsWith('/console/')) return reply.redirect(`${urls().consoleUrl}/`, 302)
      return missing(reply)
    }
    const isPage = path === '/' || DEEP_LINKS.includes(path.split('/')[1] ?? '')
    return isPage ? sendPage(reply, root) : sendFile(reply, root, path)
  })
}

const pathOf = ({ url }: FastifyRequest): string => url.split('?', 1)[0] ?? '/'

const sendPage = async (reply: FastifyReply, root: string): Promise<FastifyReply> => {
  const html = await read(join(root, 'index.html'))
  reply.header('cache-control', 'no-cache')
  reply.type('text/html; charset=utf-8')
  if (html === undefined) return reply.status(503).header('content-security-policy', PAGE_POLICY).send(NOT_BUILT)
  return reply.header('content-security-policy', CONSOLE_POLICY).send(html)
}

const missing = (reply: FastifyReply): undefined => {
  reply.callNotFound()
}

const sendFile = async (reply: FastifyReply, root: string, path: string): Promise<FastifyReply | undefined> => {
  const file = fileOf(root, path)
  const content = file === undefined ? undefined : await read(file)
  if (file === undefined || content === undefined) return missing(reply)
  reply.header('cache-control', path.startsWith(HASHED) ? IMMUTABLE : 'no-cache')
  reply.header('content-security-policy', CONSOLE_POLICY)
  return reply.type(MEDIA_TYPES[extname(file)] ?? 'application/octet-stream').send(content)
}

/** The file that a path names, or undefined where it would be outside the directory or hidden. */
const fileOf = (root: string, path: string): string | undefined => {
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch {
    // An escape that does not decode names no file.
    return undefined
  }
  if (decoded.includes('\0') || decoded.split('/').some(part => part.startsWith('.'))) return undefined
  const file = resolve(root, `.${decoded}`)
  return file.startsWith(`${root}${sep}`) ? file : undefined
}

const ABSENT = new Set(['ENOENT', 'EISDIR', 'ENOTDIR', 'ENAMETOOLONG'])

const read = async (file: string): Promise<Buffer | undefined> => {
  try {
    return await readFile(file)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && ABSENT.has(String(cause.code))) return undefined
    throw cause
  }
}

const NOT_BUILT = page('The console is not built', [
  'Manor itself runs. Its console’s files are not there: run `node scripts/build-console.ts` in Manor’s directory, then load this page again.',
  '`./manor up` builds them by itself.',
])
