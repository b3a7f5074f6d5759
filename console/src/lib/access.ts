import type { AccessView } from '../../../src/api/contract.ts'

/** What of its host is asked for or allowed, in words: `privileged, NET_ADMIN, /srv/cache (written), the host's network`. */
export const accessWords = ({ privileged, capabilities = [], hostPaths = [], hostNetwork }: AccessView): string =>
  [
    ...(privileged ? ['privileged'] : []),
    ...capabilities,
    ...hostPaths.map(({ path, writable }) => `${path}${writable ? ' (written)' : ''}`),
    ...(hostNetwork ? ["the host's network"] : []),
  ].join(', ')
