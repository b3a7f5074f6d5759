/** The console's addresses as data: what a path shows, and the path of everything that can be linked. Pure. */
export type Route =
  | { readonly page: 'wall' }
  | { readonly page: 'controller'; readonly name: string }
  | { readonly page: 'new-controller' }
  | { readonly page: 'queue' }
  | { readonly page: 'queue-item'; readonly controller: string; readonly item: string }
  | { readonly page: 'agents' }
  | { readonly page: 'agent'; readonly id: string }
  | { readonly page: 'hosts' }
  | { readonly page: 'host'; readonly name: string }
  | { readonly page: 'events' }
  | { readonly page: 'templates' }
  | { readonly page: 'tenants' }
  | { readonly page: 'tenant'; readonly name: string }
  | { readonly page: 'new-tenant' }
  | { readonly page: 'unknown'; readonly path: string }

const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    // A stray percent sign in an address is no escape: it stands for itself.
    return segment
  }
}

export const routeOf = (path: string): Route => {
  const [first = '', second, third, ...more] = path.split('/').filter(Boolean).map(decoded)
  const unknown: Route = { page: 'unknown', path }
  if (more.length > 0) return unknown
  if (third !== undefined)
    return first === 'queue' && second !== undefined ? { page: 'queue-item', controller: second, item: third } : unknown
  if (second !== undefined) {
    // Not below /controllers: a controller may be called new-controller.
    if (first === 'console') return second === 'new-controller' || second === 'new-tenant' ? { page: second } : unknown
    if (first === 'controllers') return { page: 'controller', name: second }
    if (first === 'tenants') return { page: 'tenant', name: second }
    if (first === 'hosts') return { page: 'host', name: second }
    return first === 'agents' ? { page: 'agent', id: second } : unknown
  }
  switch (first) {
    case '':
    case 'controllers':
      return { page: 'wall' }
    case 'queue':
    case 'agents':
    case 'hosts':
    case 'events':
    case 'templates':
    case 'tenants':
      return { page: first }
    default:
      return unknown
  }
}

export const pathOf = {
  wall: '/',
  newController: '/console/new-controller',
  newTenant: '/console/new-tenant',
  queue: '/queue',
  agents: '/agents',
  hosts: '/hosts',
  events: '/events',
  templates: '/templates',
  tenants: '/tenants',
  controller: (name: string): string => `/controllers/${encodeURIComponent(name)}`,
  host: (name: string): string => `/hosts/${encodeURIComponent(name)}`,
  tenant: (name: string): string => `/tenants/${encodeURIComponent(name)}`,
  agent: (id: string): string => `/agents/${encodeURIComponent(id)}`,
  queueItem: (controller: string, item: string): string => `/queue/${encodeURIComponent(controller)}/${encodeURIComponent(item)}`,
  wallOfTenant: (tenant: string): string => `/?q=${encodeURIComponent(`tenant:${tenant}`)}`,
} as const

/** Titles for the browser's tab and history. */
export const titleOf = (route: Route): string => {
  switch (route.page) {
    case 'wall':
      return 'Controllers'
    case 'controller':
      return route.name
    case 'new-controller':
      return 'New controller'
    case 'queue':
      return 'Queue'
    case 'queue-item':
      return `${route.controller} item ${route.item}`
    case 'agents':
      return 'Agents'
    case 'agent':
      return route.id
    case 'hosts':
      return 'Hosts'
    case 'events':
      return 'Events'
    case 'templates':
      return 'Templates'
    case 'tenants':
      return 'Tenants'
    case 'tenant':
    case 'host':
      return route.name
    case 'new-tenant':
      return 'New tenant'
    case 'unknown':
      return 'Not found'
  }
}
