import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Argument } from 'commander'
import { createPrograms } from '../../controllers/index.ts'
import { type BuiltImage, buildImage, IMAGE_KINDS, ImageError, type ImageKind } from '../../images/index.ts'
import { type CommandModule, completedBy, examples, onAction, parsed, withJson } from '../command-module.ts'
import type { CliContext } from '../context.ts'
import { createProgress, type Progress } from '../display/progress.ts'
import { CliError, EXIT } from '../errors.ts'
import { show } from '../output/print.ts'
import { table } from '../output/table.ts'
import { formatSize } from '../output/units.ts'
import { parseDistribution, parseFile } from '../up/options.ts'
import { cacheDirectory, HOOK_SCRIPT } from '../up/places.ts'

type BuildOptions = {
  readonly base?: string
  readonly distribution?: 'jenkins' | 'hudson'
  readonly programVersion?: string
  readonly war?: string
  readonly plugins?: string
  readonly reference?: string
  readonly output: string
}

export const imageCommand: CommandModule = {
  register: (command, context) => {
    command.description('Images: what controllers and agents run from on engines with containers.')
    const build = command
      .command('build')
      .summary('Make images, without a network and without Docker')
      .description(
        'Make the images of controllers and agents as archives for "docker load", each with its checksum and a bill of materials (CycloneDX). The same inputs give the same bytes. Without --base they stand on the tools of this machine.',
      )
    build.addArgument(new Argument('[kind]', 'controller or agent; both where left out').choices(IMAGE_KINDS))
    build.addOption(completedBy(parsed('--base <file>', 'a root file system as a tar, plain or gzipped', parseFile), 'file'))
    build.addOption(parsed('--distribution <name>', 'jenkins or hudson', parseDistribution))
    build.option('--program-version <version>', "the program's version")
    build.addOption(completedBy(parsed('--war <file>', 'a war of your own instead', parseFile), 'file'))
    build.addOption(completedBy(parsed('--plugins <dir>', 'plugins that a new controller starts with', parseFile), 'directory'))
    build.option('--reference <name:tag>', 'what to call it; needs a kind')
    build.addOption(completedBy(build.createOption('--output <dir>', 'where the archives go').default('.'), 'directory'))
    withJson(build)
    const lines = [
      ['image build', 'make both, of whatever can be had, here'],
      ['image build controller --base debian.tar.gz --plugins ./plugins', 'on a root file system of your own, with plugins'],
    ] as const
    examples(build, lines)
    examples(command, lines)
    onAction<BuildOptions>(build, async ([kind], options) => {
      if (options.reference !== undefined && kind === undefined)
        throw new CliError('--reference names one image, and two are made: say which with "image build controller" or "image build agent".')
      const kinds = IMAGE_KINDS.filter(one => kind === undefined || kind === one)
      const progress = createProgress(context, context.stderr)
      try {
        const images = await buildAll(context, progress, kinds, options)
        show(context, options.json, images, terminal =>
          table(
            images,
            [
              { title: 'IMAGE', cell: ({ reference }) => reference },
              { title: 'SIZE', cell: ({ bytes }) => formatSize(bytes / 1_048_576), align: 'right' },
              { title: 'ARCHIVE', cell: ({ file }) => file },
              { title: 'ID', cell: ({ imageId }) => imageId.slice(0, 19), droppable: 1 },
            ],
            terminal,
          ),
        )
      } catch (cause) {
        throw cause instanceof ImageError ? new CliError(cause.message, EXIT.usage, { cause }) : cause
      } finally {
        progress.close()
      }
    })
  },
}

const buildAll = async (
  context: CliContext,
  progress: Progress,
  kinds: readonly ImageKind[],
  options: BuildOptions,
): Promise<readonly BuiltImage[]> => {
  const { clock, random, env, signal } = context
  const programs = createPrograms({
    cacheDirectory: cacheDirectory(env),
    clock,
    random,
    ...(env.MANOR_JENKINS_MIRROR ? { mirror: env.MANOR_JENKINS_MIRROR } : {}),
    ...(env.MANOR_AIR_GAP ? { airGapDirectory: env.MANOR_AIR_GAP } : {}),
  })
  progress.step('program', 'program')
  const { program, why } = await programs.provide(
    {
      distribution: options.distribution ?? 'auto',
      ...(options.programVersion === undefined ? {} : { version: options.programVersion }),
      ...(options.war === undefined ? {} : { war: options.war }),
    },
    ({ message }) => progress.update('program', message),
    signal,
  )
  progress.done('program', why)
  const agentJar = await programs.agentJar(program, signal)
  const hookScript = await readFile(HOOK_SCRIPT, 'utf8')
  const images: BuiltImage[] = []
  for (const kind of kinds) {
    progress.step(kind, `image of ${kind}s`)
    const image = await buildImage(
      {
        kind,
        base: options.base === undefined ? { kind: 'machine' } : { kind: 'tar', file: options.base },
        program,
        agentJar,
        hookScript,
        directory: resolve(options.output),
        ...(options.reference === undefined ? {} : { reference: options.reference }),
        // Agents have no plugins: their controller sends them what they need.
        ...(options.plugins === undefined || kind === 'agent' ? {} : { plugins: options.plugins }),
      },
      message => progress.update(kind, message),
      signal,
    )
    images.push(image)
    progress.done(kind, `${image.reference} is in ${join(options.output, image.file.slice(image.file.lastIndexOf('/') + 1))}`)
  }
  return images
}
