/** A registry of images in memory, with a login: as much of the distribution API (version 2) as a daemon asks for a pull. For `node registry.ts`. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { gzipSync } from 'node:zlib'

const [layerFile = '', username = '', password = ''] = process.argv.slice(2)

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const layer = readFileSync(layerFile)
const zipped = gzipSync(layer)
const config = Buffer.from(
  JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
  }),
)
const DOCKER = 'application/vnd.docker'
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: `${DOCKER}.distribution.manifest.v2+json`,
    config: { mediaType: `${DOCKER}.container.image.v1+json`, size: config.length, digest: digestOf(config) },
    layers: [{ mediaType: `${DOCKER}.image.rootfs.diff.tar.gzip`, size: zipped.length, digest: digestOf(zipped) }],
  }),
)
const blobs = new Map([config, zipped].map(bytes => [digestOf(bytes), bytes]))
const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`

const server = createServer((asked, answer) => {
  const path = asked.url ?? ''
  const send = (status: number, type: string, bytes: Uint8Array): void => {
    answer.writeHead(status, { 'content-type': type, 'content-length': bytes.length, 'docker-content-digest': digestOf(bytes) })
    answer.end(asked.method === 'HEAD' ? undefined : bytes)
  }
  const refuse = (status: number, code: string): void =>
    send(status, 'application/json', Buffer.from(JSON.stringify({ errors: [{ code, message: code }] })))
  if (asked.headers.authorization !== wanted) {
    answer.setHeader('www-authenticate', 'Basic realm="registry"')
    refuse(401, 'UNAUTHORIZED')
  } else if (/^\/v2\/?$/.test(path)) send(200, 'application/json', Buffer.from('{}'))
  else if (/^\/v2\/ci\/agent\/manifests\/(1|sha256:\w+)$/.test(path)) send(200, `${DOCKER}.distribution.manifest.v2+json`, manifest)
  else if (path.includes('/blobs/')) {
    const blob = blobs.get(path.slice(path.lastIndexOf('/') + 1))
    if (blob === undefined) refuse(404, 'BLOB_UNKNOWN')
    else send(200, 'application/octet-stream', blob)
  } else refuse(404, 'MANIFEST_UNKNOWN')
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(typeof address === 'object' ? address?.port : '')
})
