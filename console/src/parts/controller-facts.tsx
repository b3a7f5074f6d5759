/** What a controller is made of and what it uses. */
import { useSignal } from '@preact/signals'
import type { ControllerView, CredentialsView } from '../../../src/api/contract.ts'
import { type Answer, post } from '../data/api.ts'
import { may } from '../data/fleet.ts'
import { formatCores, formatDuration, formatMemory, percentOf } from '../lib/format.ts'
import { pathOf } from '../lib/routes.ts'
import { Advice } from './advice.tsx'
import { Bar, Measure } from './bar.tsx'
import { Copy } from './copy.tsx'
import { ProblemNote } from './empty.tsx'
import { Ago } from './time.tsx'

/** From here on a limit is near enough to show. */
const NEAR_PERCENT = 85

const Used = ({
  label,
  usedMb,
  limitMb,
  peakMb,
}: {
  readonly label: string
  readonly usedMb: number
  readonly limitMb: number
  readonly peakMb?: number | undefined
}) => {
  const percent = percentOf(usedMb, limitMb)
  return (
    <Measure label={label} value={`${formatMemory(usedMb)} of ${formatMemory(limitMb)}, ${percent.toFixed(0)} %`}>
      <Bar
        total={limitMb}
        shares={[{ className: `of-used${percent >= NEAR_PERCENT ? ' is-near' : ''}`, value: usedMb, title: formatMemory(usedMb) }]}
        mark={peakMb === undefined ? undefined : { value: peakMb, title: `${formatMemory(peakMb)} at most so far` }}
      />
      {peakMb !== undefined && <span class="faint">{formatMemory(peakMb)} at most so far (the mark)</span>}
    </Measure>
  )
}

export const ControllerResources = ({ controller }: { readonly controller: ControllerView }) => {
  const { memoryMb, peakMemoryMb, heapUsedMb, heapMaxMb, spec } = controller
  return (
    <section class="panel section">
      <h2>Resources</h2>
      {memoryMb === undefined ? (
        <p class="soft">Memory of its processes is told once it runs; its limit is {formatMemory(spec.memoryMb)}.</p>
      ) : (
        <Used label="Process tree" usedMb={memoryMb} limitMb={spec.memoryMb} peakMb={peakMemoryMb} />
      )}
      {heapUsedMb !== undefined && heapMaxMb !== undefined && <Used label="Java heap" usedMb={heapUsedMb} limitMb={heapMaxMb} />}
      <p>
        <Advice advice={controller.memoryAdvice} />
      </p>
      <p class="soft">
        {formatCores(spec.cpu)} under contention, {formatMemory(spec.diskMb)} of disk
      </p>
    </section>
  )
}

export const ControllerFacts = ({ controller }: { readonly controller: ControllerView }) => (
  <section class="panel section" aria-label="Facts">
    <dl class="facts">
      <dt>Tenant</dt>
      <dd>
        <a href={pathOf.wallOfTenant(controller.tenant)}>{controller.tenant}</a>
      </dd>
      <dt>Address</dt>
      <dd>
        <a href={controller.hostUrl} target="_blank" rel="noopener">
          {controller.hostUrl}
        </a>
        <br />
        <a href={controller.url} target="_blank" rel="noopener">
          {controller.url}
        </a>
      </dd>
      <dt>Program</dt>
      <dd>
        {controller.spec.distribution} {controller.version ?? controller.spec.version ?? ''}
      </dd>
      <dt>Host</dt>
      <dd>
        {controller.host === undefined ? (
          'none now'
        ) : (
          <a href={`${pathOf.hosts}?q=${encodeURIComponent(controller.host)}`}>{controller.host}</a>
        )}
      </dd>
      <dt>Wanted</dt>
      <dd>{controller.wanted}</dd>
      <dt>Grace</dt>
      <dd>{controller.spec.graceMs === 0 ? 'does not wait for builds' : `waits ${formatDuration(controller.spec.graceMs)} for builds`}</dd>
      {controller.startedAt !== undefined && controller.readyAt !== undefined && controller.readyAt >= controller.startedAt && (
        <>
          <dt>Last start</dt>
          <dd>
            took {formatDuration(controller.readyAt - controller.startedAt)}, <Ago at={controller.startedAt} />
          </dd>
        </>
      )}
      <dt>Created</dt>
      <dd>
        <Ago at={controller.createdAt} />
      </dd>
      {may('controller:admin') && (
        <>
          <dt>Sign-in</dt>
          <dd>
            <Credentials name={controller.id} />
          </dd>
        </>
      )}
    </dl>
  </section>
)

const Credentials = ({ name }: { readonly name: string }) => {
  const answer = useSignal<Answer<CredentialsView> | undefined>(undefined)
  const show = async (): Promise<void> => {
    answer.value = await post<CredentialsView>(`/controllers/${encodeURIComponent(name)}/credentials`)
  }
  if (answer.value === undefined)
    return (
      <button type="button" class="button is-small" title="Each reading is an event" onClick={() => void show()}>
        Show the administrator's password
      </button>
    )
  if (!answer.value.ok) return <ProblemNote problem={answer.value.problem} onRetry={() => void show()} />
  const { user, password } = answer.value.value
  return (
    <span class="mono">
      {user} {password} <Copy text={password} what="the password" />
    </span>
  )
}
