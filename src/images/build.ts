import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Program } from '../controllers/index.ts'
import { hasCode } from '../runtime/index.ts'
import { type Archive, type ImageConfig, writeArchive } from './archive.ts'
import { type Entry, fileEntry, treeEntries } from './contents.ts'
import { ImageError } from './errors.ts'
import { type Layer, writeLayer } from './layer.ts'
import { IMAGE_PATHS } from './places.ts'
import { type Base, commonEntries, USER_ID, writeBase } from './root-file-system.ts'
import { billOf, type Component } from './sbom.ts'

export const IMAGE_KINDS = ['controller', 'agent'] as const
export type ImageKind = (typeof IMAGE_KINDS)[number]

export type ImageRequest = {
  readonly kind: ImageKind
  readonly base: Base
  readonly program: Program
  /** The agent's jar, taken from the program's war. */
  readonly agentJar: string
  /** The hook's script, for controllers. */
  readonly hookScript: string
  /** A directory of `.hpi` and `.jpi` files that a new home of a controller starts with. */
  readonly plugins?: string
  /** Name and tag; by the program's where absent. */
  readonly reference?: string
  /** Where the archive goes, with its bill of materials and checksum beside it. */
  readonly directory: string
}

export type BuiltImage = Archive & { readonly reference: string; readonly sbom: string; readonly checksum: string }

type Progress = (message: string) => void

/** Parts of a Java that only who compiles or reads needs. */
const NOT_FOR_RUNNING: ReadonlySet<string> = new Set(['jmods', 'include', 'man', 'docs', 'demo', 'src.zip', 'ct.sym'])

/**
 * Makes an image. All or nothing: archive, bill and checksum appear together under their final names, or not at all. Rejects with an ImageError
 * where an input is not there.
 */
export const buildImage = async (request: ImageRequest, progress: Progress, signal: AbortSignal): Promise<BuiltImage> => {
  const { program, kind, directory, base } = request
  const reference = request.reference ?? `manor/${program.distribution}-${kind}:${program.version}`
  await mkdir(directory, { recursive: true })
  const work = await mkdtemp(join(directory, '.build-'))
  try {
    const java = dirname(dirname(program.java))
    progress(base.kind === 'machine' ? 'Taking the base from this machine' : `Taking the base from ${basename(base.file)}`)
    const baseLayer = await writeBase(base, java, join(work, 'base.tar'), signal)
    progress(`Adding Java ${program.javaRelease}`)
    const javaLayer = await writeLayer(
      await treeEntries(java, IMAGE_PATHS.java, name => !NOT_FOR_RUNNING.has(name)),
      join(work, 'java.tar'),
      signal,
    )
    progress(`Adding ${program.distribution} ${program.version}`)
    const own = await ownEntries(request)
    const ownLayer = await writeLayer([...own.entries, ...(base.kind === 'tar' ? commonEntries : [])], join(work, 'own.tar'), signal)
    const config = configOf(request)
    const layers = [baseLayer, javaLayer, ownLayer]
    progress('Writing the archive')
    const archive = await writeArchive(reference, layers, config, join(work, 'image.tar'), signal)
    const components = [...baseComponents(base, baseLayer), ...(await programComponents(request)), ...own.components]
    return await keep({ request, reference, archive, bill: billOf(reference, archive.imageId, components), work })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

type Kept = {
  readonly request: ImageRequest
  readonly reference: string
  readonly archive: Archive
  readonly bill: string
  readonly work: string
}

const keep = async ({ request, reference, archive, bill, work }: Kept): Promise<BuiltImage> => {
  const name = reference.replaceAll(/[^a-zA-Z0-9._-]+/g, '-')
  const at = (suffix: string): string => join(request.directory, `${name}${suffix}`)
  await writeFile(join(work, 'sbom'), bill)
  await writeFile(join(work, 'sum'), `${archive.sha256}  ${name}.tar\n`)
  await rename(join(work, 'sbom'), at('.sbom.json'))
  await rename(join(work, 'sum'), at('.tar.sha256'))
  // The archive last: where it is, the others are.
  await rename(archive.file, at('.tar'))
  return { ...archive, file: at('.tar'), reference, sbom: at('.sbom.json'), checksum: at('.tar.sha256') }
}

const configOf = ({ program, kind }: ImageRequest): ImageConfig => ({
  architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
  user: `${USER_ID}:${USER_ID}`,
  environment: {
    PATH: `${IMAGE_PATHS.java}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    LC_ALL: 'C.UTF-8',
    HOME: '/home/manor',
  },
  workingDirectory: '/home/manor',
  entrypoint: [IMAGE_PATHS.start],
  labels: {
    'org.opencontainers.image.title': `Manor ${kind}`,
    'org.opencontainers.image.version': program.version,
    'io.manor.kind': kind,
    'io.manor.distribution': program.distribution,
    'io.manor.war.sha256': program.sha256,
    'io.manor.java': String(program.javaRelease),
  },
})

/** Plugins of the image come into a home that does not have them; what a home has already is its owner's. */
const START = `#!/bin/sh
if [ -d ${IMAGE_PATHS.plugins} ]; then
  mkdir -p plugins
  for plugin in ${IMAGE_PATHS.plugins}/*; do [ -e "plugins/\${plugin##*/}" ] || cp "$plugin" plugins/; done
fi
exec "$@"
`

const ownEntries = async (
  request: ImageRequest,
): Promise<{ readonly entries: readonly Entry[]; readonly components: readonly Component[] }> => {
  const { program, kind, agentJar, hookScript, plugins } = request
  const entries: Entry[] = [
    { kind: 'text', path: IMAGE_PATHS.start, mode: 0o755, text: START },
    await fileEntry(agentJar, `${IMAGE_PATHS.program}/${basename(agentJar)}`),
  ]
  for (const [name, path] of Object.entries(program.extras)) entries.push(...(await treeEntries(path, `${IMAGE_PATHS.program}/${name}`)))
  const components: Component[] = [
    { kind: 'library', name: basename(agentJar), version: program.version, sha256: await sha256Of(agentJar) },
  ]
  if (kind === 'agent') return { entries, components }
  entries.push(await fileEntry(program.war, IMAGE_PATHS.war), {
    kind: 'text',
    path: `${IMAGE_PATHS.hook}/init.groovy`,
    mode: 0o644,
    text: hookScript,
  })
  components.push({ kind: 'file', name: 'manor.groovy', version: '1', sha256: createHash('sha256').update(hookScript).digest('hex') })
  if (plugins !== undefined)
    for (const name of await pluginsIn(plugins)) {
      entries.push(await fileEntry(join(plugins, name), `${IMAGE_PATHS.plugins}/${name}`))
      components.push({ kind: 'library', name, version: 'unknown', sha256: await sha256Of(join(plugins, name)) })
    }
  return { entries, components }
}

const pluginsIn = async (directory: string): Promise<readonly string[]> => {
  const names = await readdir(directory).catch((cause: unknown) => {
    if (hasCode(cause, 'ENOENT'))
      throw new ImageError('plugins-missing', `There is no directory ${directory}: give one that holds .hpi or .jpi files.`)
    throw cause
  })
  const plugins = names.filter(name => /\.(hpi|jpi)$/.test(name)).toSorted()
  if (plugins.length === 0) throw new ImageError('plugins-missing', `${directory} holds no plugin: put .hpi or .jpi files there.`)
  return plugins
}

const baseComponents = (base: Base, { sha256 }: Layer): Component[] => [
  {
    kind: 'operating-system',
    name: base.kind === 'tar' ? basename(base.file) : 'tools of the building machine',
    version: sha256.slice(0, 12),
    sha256,
  },
]

const programComponents = async ({ program, kind }: ImageRequest): Promise<Component[]> => {
  const release = await readFile(join(dirname(dirname(program.java)), 'release'), 'utf8').catch(() => '')
  const version = /JAVA_VERSION="([^"]+)"/.exec(release)?.[1] ?? String(program.javaRelease)
  return [
    { kind: 'application', name: 'java', version },
    ...(kind === 'controller'
      ? [{ kind: 'application' as const, name: program.distribution, version: program.version, sha256: program.sha256 }]
      : []),
  ]
}

const sha256Of = async (file: string): Promise<string> => {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return hash.digest('hex')
}
