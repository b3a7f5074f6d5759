/** One call to a daemon's socket, for what only tests do (making a Swarm, draining a node by hand). */
import { request } from 'node:http'

/* biome-ignore lint/suspicious/noExplicitAny: whatever a daemon answers; a test that reads it wrongly fails. */
export const dockerCall = (socketPath: string, method: string, path: string, body?: unknown): Promise<any> =>
  new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path: `/v1.41${path}`, headers: { 'content-type': 'application/json' } }, answer => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.once('end', () => {
        const text = Buffer.concat(chunks).toString()
        if ((answer.statusCode ?? 500) >= 400) reject(new Error(`${method} ${path} was answered ${answer.statusCode}: ${text}`))
        else resolve(text.trim() === '' ? undefined : JSON.parse(text))
      })
    })
    asked.once('error', reject)
    asked.end(body === undefined ? undefined : JSON.stringify(body))
  })
