/** Whether the window is as narrow as a phone; for what a style sheet cannot decide, such as the height of a virtual row. */
import { signal } from '@preact/signals'

const narrow = matchMedia('(max-width: 560px)')

export const isNarrow = signal(narrow.matches)

narrow.addEventListener('change', event => {
  isNarrow.value = event.matches
})
