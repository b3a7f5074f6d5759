/**
 * Brings the real parts that the integration tests meet, through the machine's own package clients. A part that cannot be had ends the run:
 * a test never skips silently.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, globSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Known to be there by a program on the path, or by a file where it is no program. */
type Part = { readonly what: string; readonly packages: readonly string[] } & (
  | { readonly program: string; readonly file?: never }
  | { readonly file: string; readonly program?: never }
)

const LIBRARIES = '{/usr/lib,/usr/lib/*-linux-gnu,/usr/lib64}'

const PARTS: readonly Part[] = [
  { what: 'Chromium, for the console', program: 'chromium', packages: ['chromium', 'fonts-dejavu-core'] },
  { what: 'Groovy 2.4, the one inside Jenkins, for the hook', program: 'groovyc', packages: ['groovy'] },
  { what: 'Maven, for Hudson', program: 'mvn', packages: ['maven'] },
  { what: 'a Java compiler, for the hook’s stubs', program: 'javac', packages: ['openjdk-17-jdk-headless'] },
  { what: 'a C++ compiler, for the launcher of the tests’ Mesos', program: 'g++', packages: ['g++'] },
  { what: 'pip, which brings the tests’ Mesos', program: 'pip3', packages: ['python3-pip'] },
  { what: 'Subversion’s library, for Mesos', file: `${LIBRARIES}/libsvn_delta-1.so.1`, packages: ['libsvn1'] },
  { what: 'APR, for Mesos', file: `${LIBRARIES}/libapr-1.so.0`, packages: ['libapr1'] },
  { what: 'SASL, for Mesos', file: `${LIBRARIES}/libsasl2.so.2`, packages: ['libsasl2-2'] },
  { what: 'SASL’s modules, for Mesos', file: `${LIBRARIES}/sasl2/libcrammd5.so`, packages: ['libsasl2-modules'] },
  { what: 'ZooKeeper, for finding Mesos’ leader', file: '/usr/share/java/zookeeper.jar', packages: ['zookeeper'] },
  { what: 'Docker, for its engine', program: 'dockerd', packages: ['docker.io'] },
  { what: 'ip, which joins the daemons of a Swarm', program: 'ip', packages: ['iproute2'] },
  { what: 'compose, for the files that start Manor itself in a container', program: 'docker-compose', packages: ['docker-compose'] },
  { what: 'busybox, for the image that Docker runs in tests', program: 'busybox', packages: ['busybox-static'] },
]

const isOnPath = (program: string): boolean =>
  (process.env.PATH ?? '').split(delimiter).some(directory => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

const isThere = ({ program, file }: Part): boolean => (program === undefined ? globSync(file).length > 0 : isOnPath(program))

export const prepareParts = async (say: (line: string) => void): Promise<void> => {
  const missing = PARTS.filter(part => !isThere(part))
  if (missing.length === 0) return
  for (const { what } of missing) say(`bringing ${what}`)
  const packages = missing.flatMap(part => part.packages)
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
  ]) {
    const { status, stderr } = spawnSync('apt-get', args, { env: environment, encoding: 'utf8' })
    if (status !== 0)
      throw new Error(
        `apt-get ${args.join(' ')} failed: ${stderr}\nThe tests need ${packages.join(', ')}: install them as root and run ./test again.`,
      )
  }
  const still = missing.filter(part => !isThere(part))
  if (still.length > 0) throw new Error(`Still missing: ${still.map(({ what }) => what).join('; ')}.`)
}
