/** How much memory would do, in the API's words. */
import type { MemoryAdviceView } from '../../../src/api/contract.ts'

/** What somebody should change stands out; the rest is there for whoever looks. */
export const Advice = ({ advice }: { readonly advice: MemoryAdviceView }) => (
  <span class={advice.memoryMb === undefined ? 'soft' : ''}>{advice.message}</span>
)
