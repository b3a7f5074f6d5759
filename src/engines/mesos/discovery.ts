/**
 * How the leader is found. Whoever follows is told an address to try (`http://HOST:PORT`), or undefined while nobody leads; an address that
 * turned out dead is reported back, and the next one is told.
 */
export interface LeaderDiscovery {
  /** Calls `onLeader` at once or later, and again on each change. The returned function ends it. */
  follow(onLeader: (origin: string | undefined) => void): () => void
  /** This address did not answer, or does not lead. */
  failed(origin: string): void
}

/** One address or several: each is tried in turn; whichever answers sends on to the leader if it is not the one. */
export const fixedLeaders = (origins: readonly string[]): LeaderDiscovery => {
  const all = origins.map(origin => new URL(origin).origin)
  let index = 0
  const followers = new Set<(origin: string | undefined) => void>()
  const tell = (): void => {
    for (const follower of followers) follower(all[index])
  }
  return {
    follow: onLeader => {
      followers.add(onLeader)
      onLeader(all[index])
      return () => followers.delete(onLeader)
    },
    failed: () => {
      index = (index + 1) % Math.max(1, all.length)
      tell()
    },
  }
}
