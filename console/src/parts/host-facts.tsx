/** What a host has, what of it is promised, and whether limits hold there. */
import type { HostView } from '../../../src/api/contract.ts'
import { formatCores, formatMemory, percentOf } from '../lib/format.ts'
import { Bar, Measure } from './bar.tsx'

export const limitsSentence = ({ memory, cpu, reason }: HostView['limits']): string => {
  const because = reason === undefined ? '' : `: ${reason}`
  if (memory && cpu) return 'Memory and CPU limits are enforced'
  if (!memory && !cpu) return `Limits not enforced${because}`
  return memory ? `CPU shares not enforced${because}` : `Memory limits not enforced${because}`
}

export const HostShares = ({ host }: { readonly host: HostView }) => (
  <>
    <Share host={host} label="Memory" pick="memoryMb" show={formatMemory} />
    <Share host={host} label="CPU" pick="cpu" show={formatCores} />
    <Share host={host} label="Disk" pick="diskMb" show={formatMemory} />
  </>
)

type ShareProps = {
  readonly host: HostView
  readonly label: string
  readonly pick: 'memoryMb' | 'cpu' | 'diskMb'
  readonly show: (value: number) => string
}

const Share = ({ host, label, pick, show }: ShareProps) => {
  const total = host.capacity[pick]
  const ofControllers = host.usedByControllers[pick]
  const ofAgents = host.usedByAgents[pick]
  const used = ofControllers + ofAgents
  return (
    <Measure
      label={`${label}, ${percentOf(used, total).toFixed(0)} % promised`}
      value={`${show(Math.max(0, total - used))} of ${show(total)} free`}
    >
      <Bar
        total={total}
        shares={[
          { className: 'of-controllers', value: ofControllers, title: `Controllers: ${show(ofControllers)}` },
          { className: 'of-agents', value: ofAgents, title: `Agents: ${show(ofAgents)}` },
        ]}
      />
    </Measure>
  )
}
