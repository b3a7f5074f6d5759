/** How agents are made, by label. */

import type { TemplateView } from '../../../src/api/contract.ts'
import { accessWords } from '../../../src/model/index.ts'
import { templates } from '../data/fleet.ts'
import { matches, parseFilter } from '../lib/filter.ts'
import { counted, formatCores, formatDuration, formatMemory } from '../lib/format.ts'
import { query } from '../lib/history.ts'
import { pathOf } from '../lib/routes.ts'
import { Advice } from '../parts/advice.tsx'
import { Command, Copy } from '../parts/copy.tsx'
import { Empty } from '../parts/empty.tsx'
import { FilterBox } from '../parts/filter-box.tsx'

const scopeOf = (scope: TemplateView['scope']): string => {
  switch (scope.kind) {
    case 'global':
      return 'every controller'
    case 'tenant':
      return `tenant ${scope.tenant}`
    case 'controller':
      return `controller ${scope.controller}`
  }
}

export const TemplatesPage = () => {
  const terms = parseFilter(query.value.get('q') ?? '')
  const all = templates.all.value
  const shown = all
    .filter(template =>
      matches(terms, { name: template.id, label: template.labels.join(' '), scope: scopeOf(template.scope), image: template.image }),
    )
    .toSorted((a, b) => a.id.localeCompare(b.id))
  return (
    <div class="page">
      <div class="page-head">
        <h1>Templates</h1>
        <span class="soft">{counted(shown.length, 'template')}</span>
        <FilterBox label="Filter templates" placeholder="Filter: name, label:" />
      </div>
      {shown.length === 0 ? (
        <Empty title={all.length === 0 ? 'No template yet' : 'No template matches'} command="./manor template apply template.yaml">
          <p>
            A template says how an agent is made: which labels it answers to, what it may use, and with what command or image it starts.
          </p>
        </Empty>
      ) : (
        <ul class="hosts">
          {shown.map(template => (
            <li key={template.id}>
              <Template template={template} />
            </li>
          ))}
        </ul>
      )}
      {shown.length > 0 && (
        <p class="soft">
          Change one on the command line: <Command line="./manor template apply FILE" />
        </p>
      )}
    </div>
  )
}

const Template = ({ template }: { readonly template: TemplateView }) => (
  <article class="panel host" id={template.id}>
    <header>
      <h2>{template.id}</h2>
      <Copy text={template.id} what="its name" />
    </header>
    <p class="tags">
      {template.labels.map(label => (
        <span key={label} class="tag">
          {label}
        </span>
      ))}
      {template.takesUnlabelled && <span class="tag">items without a label</span>}
    </p>
    <dl class="facts">
      <dt>For</dt>
      <dd>{scopeOf(template.scope)}</dd>
      <dt>Each agent</dt>
      <dd>
        {formatCores(template.resources.cpu)}, {formatMemory(template.resources.memoryMb)}, {formatMemory(template.resources.diskMb)} disk
      </dd>
      <dt>Memory</dt>
      <dd>
        <Advice advice={template.memoryAdvice} />
      </dd>
      <dt>Connects in</dt>
      <dd>{formatDuration(template.connectTimeoutMs)} or is given up</dd>
      {template.spares > 0 && (
        <>
          <dt>Warm spares</dt>
          <dd>{counted(template.spares, 'agent')} for each controller, connected in advance</dd>
        </>
      )}
      {template.image !== undefined && (
        <>
          <dt>Image</dt>
          <dd class="mono">{template.image}</dd>
        </>
      )}
      <dt>Command</dt>
      <dd class={template.command ? 'mono' : ''}>{template.command?.join(' ') ?? "the distribution's own"}</dd>
      {template.access !== undefined && (
        <>
          <dt>Of its host</dt>
          <dd>{accessWords(template.access)}</dd>
        </>
      )}
      {Object.entries(template.constraints).map(([name, value]) => (
        <Pair key={name} name={`Host's ${name}`} value={value} />
      ))}
      {Object.entries(template.environment).map(([name, value]) => (
        <Pair key={name} name={name} value={value} />
      ))}
    </dl>
    <p class="faint">
      <a href={`${pathOf.agents}?q=${encodeURIComponent(`template:${template.id}`)}`}>Its agents</a>
    </p>
  </article>
)

const Pair = ({ name, value }: { readonly name: string; readonly value: string }) => (
  <>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </>
)
