import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Notice } from './notices.ts'
import { PAGE_POLICY, pageOf } from './page.ts'

/** How a notice is answered, at the addresses of one router. */
export type Answerer = (request: IncomingMessage, response: ServerResponse, notice: Notice) => void

/** Answers by itself: a page where the client takes HTML, problem+json (RFC 9457) otherwise. */
export const answerNotice = (request: IncomingMessage, response: ServerResponse, notice: Notice, consoleUrl: string): void => {
  const html = request.headers.accept?.includes('text/html') ?? false
  const body = html ? pageOf(notice, consoleUrl) : JSON.stringify(problemOf(notice))
  response.writeHead(notice.status, {
    'content-type': html ? 'text/html; charset=utf-8' : 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    vary: 'Accept',
    ...(html ? { 'content-security-policy': PAGE_POLICY, 'referrer-policy': 'no-referrer' } : {}),
    ...(notice.retryAfterSeconds === undefined ? {} : { 'retry-after': String(notice.retryAfterSeconds) }),
    ...(notice.status === 400 ? { connection: 'close' } : {}),
  })
  response.end(body)
}

const problemOf = ({ status, code, title, detail, mend, controller }: Notice): object => ({
  type: 'about:blank',
  title,
  status,
  detail: mend === undefined ? detail : `${detail} ${mend}`,
  code,
  ...(controller === undefined ? {} : { controller: controller.name, phase: controller.phase }),
})

/** Sends the client to where the controller serves. Other methods than GET keep theirs, and with it the body that is sent again. */
export const answerRedirect = (request: IncomingMessage, response: ServerResponse, location: string): void => {
  const status = request.method === 'GET' || request.method === 'HEAD' ? 302 : 307
  response.writeHead(status, { location, 'content-length': 0, 'cache-control': 'no-store' })
  response.end()
}
