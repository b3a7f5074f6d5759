/**
 * The HTTP API (contract.ts is what it speaks) and the console's files. Owns no rows: it reads the store, asks rooms for changes, and tells open
 * streams what changed. Whatever may be asked is declared where its route is written (route.ts). Start at api.ts, then routes/, then
 * change-hub.ts.
 */
export { createApi, handlerOf } from './api.ts'
export { isConsoleHost } from './console-host.ts'
export { openApiDocument } from './openapi.ts'
export type { ApiLog, ApiPorts, ApiUrls, Explain, ShutdownRequest } from './ports.ts'
export { SIGN_IN_PATH } from './sign-in.ts'
