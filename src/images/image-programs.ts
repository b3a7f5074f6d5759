import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Program, ProgramProgress, Programs } from '../controllers/index.ts'
import { buildImage, IMAGE_KINDS, type ImageKind } from './build.ts'
import { IMAGE_PATHS } from './places.ts'
import type { Base } from './root-file-system.ts'

/** Where images go: every place that workloads are started from. */
export interface ImageLoader {
  /** Whether all of these places have an image under this name. */
  has(reference: string, signal: AbortSignal): Promise<boolean>
  /** Brings an archive to where it is missing. */
  load(archive: string, reference: string, signal: AbortSignal): Promise<void>
}

export type ProgramsInImagesOptions = {
  /** The programs of this machine, which images are made from. */
  readonly programs: Programs
  readonly loader: ImageLoader
  readonly base: Base
  readonly hookScript: string
  /** Archives of images are kept here until they are loaded. */
  readonly directory: string
}

/**
 * Programs for engines that run images: each is put into an image of its own content, once, and its paths are those inside it. Images are named
 * by what they hold, so an image that is there is the right one. Calls for the same program at once share the work.
 */
export const programsInImages = (options: ProgramsInImagesOptions): Programs => {
  const { programs } = options
  /** One entry for each program that was ever asked for; there are as many as versions in use. */
  const ensured = new Map<string, Promise<Program>>()
  /** The jar's name in the image, by the program's war. */
  const jars = new Map<string, string>()
  const ensure = (program: Program, progress: ProgramProgress, signal: AbortSignal): Promise<Program> => {
    const key = keyOf(program, options)
    const known = ensured.get(key)
    if (known !== undefined) return known
    const work = ensureImages(options, program, key, jars, progress, signal)
    ensured.set(key, work)
    // A failed one is tried anew by whoever asks next.
    work.catch(() => ensured.delete(key))
    return work
  }
  return {
    provide: async (request, progress, signal) => {
      const { program, why } = await programs.provide(request, progress, signal)
      return { program: await ensure(program, progress, signal), why }
    },
    agentJar: async program => `${IMAGE_PATHS.program}/${jars.get(program.sha256) ?? 'agent.jar'}`,
  }
}

/** Of all that the images' content depends on; the first 12 characters are told apart by a person, and collide once in 16 million million. */
const keyOf = (program: Program, { base, hookScript }: ProgramsInImagesOptions): string =>
  createHash('sha256')
    .update(JSON.stringify([program.sha256, program.version, program.java, program.javaRelease, base, hookScript]))
    .digest('hex')
    .slice(0, 12)

const ensureImages = async (
  { programs, loader, base, hookScript, directory }: ProgramsInImagesOptions,
  program: Program,
  key: string,
  jars: Map<string, string>,
  progress: ProgramProgress,
  signal: AbortSignal,
): Promise<Program> => {
  const agentJar = await programs.agentJar(program, signal)
  jars.set(program.sha256, agentJar.slice(agentJar.lastIndexOf('/') + 1))
  const referenceOf = (kind: ImageKind): string => `manor/${program.distribution}-${kind}:${program.version}-${key}`
  for (const kind of IMAGE_KINDS) {
    const reference = referenceOf(kind)
    if (await loader.has(reference, signal)) continue
    const say = (message: string): void => progress({ message: `Image ${reference}: ${message}` })
    const image = await buildImage({ kind, base, program, agentJar, hookScript, reference, directory: join(directory, key) }, say, signal)
    say('loading it into the engine')
    await loader.load(image.file, reference, signal)
  }
  return inside(program, { controller: referenceOf('controller'), agent: referenceOf('agent') })
}

/** A program as it is inside images. */
const inside = (program: Program, images: { readonly controller: string; readonly agent: string }): Program => ({
  ...program,
  war: IMAGE_PATHS.war,
  java: `${IMAGE_PATHS.java}/bin/java`,
  extras: Object.fromEntries(Object.keys(program.extras).map(name => [name, `${IMAGE_PATHS.program}/${name}`])),
  images: { ...images, hookRoot: IMAGE_PATHS.hook, start: IMAGE_PATHS.start },
})

/**
 * Programs in images that an operator has brought to where hosts pull from: made by `manor image build` of the same program. Which version is
 * run is then the images' word; what this machine has of it is only read for names.
 */
export const programsInNamedImages = (programs: Programs, images: { readonly controller: string; readonly agent: string }): Programs => ({
  provide: async (request, progress, signal) => {
    const { program, why } = await programs.provide(request, progress, signal)
    return { program: inside(program, images), why: `${why} It runs from ${images.controller}.` }
  },
  // Hudson's agent has a name of its own.
  agentJar: async ({ distribution }) => `${IMAGE_PATHS.program}/${distribution === 'hudson' ? 'slave.jar' : 'agent.jar'}`,
})
