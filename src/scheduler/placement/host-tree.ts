/**
 * The best of all hosts for one shape of task, kept as a tournament: a leaf per host, each inner node the better of its two. Of equals the
 * one that comes first in the order of hosts wins.
 *
 * Cost: building is linear in the hosts; a changed host costs log2(hosts) steps; the best is found in as many. 16 bytes per host, rounded
 * up to a power of two.
 */
export class HostTree {
  readonly #leaves: number
  readonly #scores: Float64Array

  constructor(hosts: number) {
    this.#leaves = leavesFor(hosts)
    this.#scores = new Float64Array(this.#leaves * 2).fill(Number.NEGATIVE_INFINITY)
  }

  static bytesFor(hosts: number): number {
    return leavesFor(hosts) * 2 * Float64Array.BYTES_PER_ELEMENT
  }

  /** Fills all leaves, by position in the order of hosts. */
  build(hosts: number, score: (position: number) => number): void {
    const scores = this.#scores
    const leaves = this.#leaves
    for (let position = 0; position < hosts; position++) scores[leaves + position] = score(position)
    for (let node = leaves - 1; node >= 1; node--) scores[node] = better(scores[node * 2] ?? 0, scores[node * 2 + 1] ?? 0)
  }

  set(position: number, score: number): void {
    const scores = this.#scores
    let node = this.#leaves + position
    scores[node] = score
    for (node >>= 1; node >= 1; node >>= 1) {
      const best = better(scores[node * 2] ?? 0, scores[node * 2 + 1] ?? 0)
      if (scores[node] === best) return
      scores[node] = best
    }
  }

  /** The position of the best host, or -1 where all are refused. */
  best(): number {
    const scores = this.#scores
    const best = scores[1] ?? Number.NEGATIVE_INFINITY
    if (best === Number.NEGATIVE_INFINITY) return -1
    let node = 1
    while (node < this.#leaves) node = scores[node * 2] === best ? node * 2 : node * 2 + 1
    return node - this.#leaves
  }
}

const leavesFor = (hosts: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, hosts)))
const better = (a: number, b: number): number => (a >= b ? a : b)
