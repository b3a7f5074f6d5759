/** Where an arrow key leads on a wall of squares in rows of any length. Pure. */
export type Place = { readonly left: number; readonly top: number }

/** Index of the square to go to, or `from` where there is none that way. Linear in the squares. */
export const neighbourOf = (places: readonly Place[], from: number, key: string): number => {
  const here = places[from]
  if (!here) return 0
  switch (key) {
    case 'ArrowLeft':
      return Math.max(0, from - 1)
    case 'ArrowRight':
      return Math.min(places.length - 1, from + 1)
    case 'Home':
      return 0
    case 'End':
      return places.length - 1
    case 'ArrowUp':
      return nearest(places, from, here, -1)
    case 'ArrowDown':
      return nearest(places, from, here, 1)
    default:
      return from
  }
}

/** A column's worth sideways costs as much as this many pixels up or down: groups side by side are not jumped between by accident. */
const SIDEWAYS_COST = 3

const nearest = (places: readonly Place[], from: number, here: Place, direction: 1 | -1): number => {
  let best = from
  let bestCost = Number.POSITIVE_INFINITY
  for (const [index, { left, top }] of places.entries()) {
    const rise = (top - here.top) * direction
    if (rise <= 1) continue
    const cost = rise + Math.abs(left - here.left) * SIDEWAYS_COST
    if (cost < bestCost) {
      best = index
      bestCost = cost
    }
  }
  return best
}
