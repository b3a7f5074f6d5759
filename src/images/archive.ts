import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { createTarPacker, type TarHeader } from 'modern-tar'
import { type Layer, writeHashed } from './layer.ts'

/** What an image is beside its files (OCI image specification 1.0, config.md; Docker takes the same). */
export type ImageConfig = {
  readonly architecture: 'amd64' | 'arm64'
  readonly user: string
  readonly environment: Readonly<Record<string, string>>
  readonly workingDirectory: string
  readonly entrypoint: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

export type Archive = {
  readonly file: string
  readonly sha256: string
  readonly bytes: number
  /** `sha256:HEX` of the configuration: what engines call the image's id. */
  readonly imageId: string
}

const EPOCH = new Date(0)

/** Writes layers and configuration as an archive that `docker load` takes (Docker image specification 1.2). */
export const writeArchive = async (
  reference: string,
  layers: readonly Layer[],
  config: ImageConfig,
  file: string,
  signal: AbortSignal,
): Promise<Archive> => {
  const configText = JSON.stringify(configOf(layers, config))
  const id = createHash('sha256').update(configText).digest('hex')
  const layerName = ({ sha256 }: Layer): string => `${sha256}/layer.tar`
  const manifest = JSON.stringify([{ Config: `${id}.json`, RepoTags: [reference], Layers: layers.map(layerName) }])
  const { readable, controller } = createTarPacker()
  const text = (name: string, content: string): Part => ({
    name,
    size: Buffer.byteLength(content),
    content: () => Readable.from([Buffer.from(content)]),
  })
  const parts: Part[] = [
    text(`${id}.json`, configText),
    ...layers.map(layer => ({ name: layerName(layer), size: layer.bytes, content: () => createReadStream(layer.file) })),
    text('manifest.json', manifest),
  ]
  const packing = packParts(controller, parts).catch((cause: unknown) => controller.error(cause))
  const written = await writeHashed(Readable.fromWeb(readable), file, signal)
  await packing
  return { file, ...written, imageId: `sha256:${id}` }
}

type Part = { readonly name: string; readonly size: number; content(): Readable }

const packParts = async (controller: ReturnType<typeof createTarPacker>['controller'], parts: readonly Part[]): Promise<void> => {
  for (const { name, size, content } of parts) {
    const header: TarHeader = { name, size, type: 'file', mode: 0o644, mtime: EPOCH, uid: 0, gid: 0, uname: '', gname: '' }
    const writer = controller.add(header).getWriter()
    for await (const chunk of content()) await writer.write(chunk)
    await writer.close()
  }
  controller.finalize()
}

const configOf = (layers: readonly Layer[], config: ImageConfig): object => ({
  architecture: config.architecture,
  os: 'linux',
  created: EPOCH.toISOString(),
  config: {
    User: config.user,
    Env: Object.entries(config.environment).map(([name, value]) => `${name}=${value}`),
    WorkingDir: config.workingDirectory,
    ...(config.entrypoint.length === 0 ? {} : { Entrypoint: config.entrypoint }),
    Labels: config.labels,
  },
  rootfs: { type: 'layers', diff_ids: layers.map(({ sha256 }) => `sha256:${sha256}`) },
  history: layers.map(() => ({ created: EPOCH.toISOString(), created_by: 'manor image build' })),
})
