/**
 * What the files in `deploy` are tried with where no registry is at hand: a base image made of this machine's own tools, and a checkout that
 * brings its packages along. All else is what a user does: `docker build`, compose, `docker stack deploy`.
 */
import { execFile, execFileSync } from 'node:child_process'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Program } from '../../src/controllers/index.ts'
import { writeBase } from '../../src/images/root-file-system.ts'
import { type Dockerd, importImage } from './docker.ts'

const ROOT = join(import.meta.dirname, '../..')
/** Stands for eclipse-temurin and for node, both at once: it has a Java where the former has it, and a Node. */
export const BASE_IMAGE = 'machine-base:1'
const JAVA = 'opt/java/openjdk'
const BUILD_WITHIN_MS = 120_000

/** Imports the base: the tools of this machine, Java, Node, iptables and ldd, each with the libraries that it needs. */
export const importBase = async (daemon: Dockerd, { java }: Program): Promise<void> => {
  const javaHome = dirname(dirname(java))
  const tar = join(daemon.directory, 'base.tar')
  await writeBase({ kind: 'machine' }, javaHome, tar, new AbortController().signal)
  const more = join(daemon.directory, 'more')
  const at = (path: string): string => join(more, path)
  for (const path of ['usr/bin', 'usr/sbin', 'usr/lib', 'usr/local/bin', dirname(JAVA)]) await mkdir(at(path), { recursive: true })
  await cp(javaHome, at(JAVA), { recursive: true, dereference: true, filter: path => !/\/(jmods|src\.zip|docs)$/.test(path) })
  await symlink(`/${JAVA}/bin/java`, at('usr/bin/java'))
  await cp(process.execPath, at('usr/local/bin/node'))
  const iptables = pathOf('iptables')
  for (const name of ['iptables', 'iptables-restore']) await cp(pathOf(name), at(`usr/sbin/${name}`), { dereference: true })
  await cp(pathOf('ldd'), at('usr/bin/ldd'), { dereference: true })
  const extensions = join(librariesOf(iptables).find(path => path.includes('libxtables')) ?? '', '../xtables')
  const libraries = [...librariesOf(process.execPath), ...librariesOf(iptables)]
  for (const path of libraries) await cp(path, at(inUsr(path)), { dereference: true })
  await cp(extensions, at(inUsr(extensions)), { recursive: true, dereference: true })
  // An import takes each path once.
  const there = new Set(listOf('tar', ['-tf', tar]))
  const added = listOf('find', ['.', '!', '-type', 'd'], more).filter(path => !there.has(path.slice(2)))
  execFileSync('tar', ['-C', more, '--owner=0', '--group=0', '-rf', tar, '-T', '-'], { input: added.join('\n') })
  await importImage(daemon, tar, BASE_IMAGE)
}

const listOf = (program: string, words: readonly string[], cwd?: string): string[] =>
  execFileSync(program, words, { cwd, maxBuffer: 16 * 1_048_576 })
    .toString()
    .split('\n')
    .filter(Boolean)
const pathOf = (program: string): string =>
  execFileSync('sh', ['-c', `command -v ${program}`])
    .toString()
    .trim()
const librariesOf = (program: string): string[] =>
  execFileSync('ldd', [program])
    .toString()
    .match(/\/\S+(?= \()/g) ?? []
/** The old names of directories that Linux distributions have merged into /usr. */
const inUsr = (path: string): string => path.replace(/^\/(bin|sbin|lib|lib64)\//, '/usr/$1/')

/** A checkout as a user has it, with its packages and its console, and a war where the Dockerfiles look for one. */
export const makeCheckout = async (directory: string, { war }: Program): Promise<void> => {
  for (const name of ['src', 'hook', 'scripts', 'deploy', 'console', 'simulator', 'package.json', 'package-lock.json'])
    await cp(join(ROOT, name), join(directory, name), { recursive: true })
  await mkdir(join(directory, 'deploy/image/program'), { recursive: true })
  await cp(war, join(directory, 'deploy/image/program/program.war'))
  const lock: { readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>> } = JSON.parse(
    await readFile(join(ROOT, 'package-lock.json'), 'utf8'),
  )
  for (const [path, { dev, devOptional }] of Object.entries(lock.packages))
    if (path !== '' && !dev && !devOptional) await cp(join(ROOT, path), join(directory, path), { recursive: true })
}

/** Environment of Docker's own programs: this daemon, nobody's configuration, and the builder that is in the daemon itself. */
export const dockerEnvironment = async (daemon: Dockerd): Promise<NodeJS.ProcessEnv> => {
  const configuration = join(daemon.directory, 'client')
  await mkdir(configuration, { recursive: true })
  await writeFile(join(configuration, 'config.json'), '{}')
  return { ...process.env, DOCKER_HOST: `unix://${daemon.socket}`, DOCKER_CONFIG: configuration, DOCKER_BUILDKIT: '0' }
}

/** `docker build` of one of our Dockerfiles over the base; what it says is told with a failure. */
export const buildWithDocker = async (environment: NodeJS.ProcessEnv, checkout: string, dockerfile: string, tag: string): Promise<void> => {
  await promisify(execFile)(
    'docker',
    ['build', '--network', 'none', '--build-arg', `BASE=${BASE_IMAGE}`, '--file', `deploy/${dockerfile}`, '--tag', tag, '.'],
    { cwd: checkout, env: environment, timeout: BUILD_WITHIN_MS, maxBuffer: 16 * 1_048_576 },
  )
}
