/**
 * Brings the real parts that the integration tests meet, through the machine's own package clients. A part that cannot be had ends the run:
 * a test never skips silently.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

type Part = { readonly what: string; readonly program: string; readonly packages: readonly string[] }

const PARTS: readonly Part[] = [
  { what: 'Chromium, for the console', program: 'chromium', packages: ['chromium', 'fonts-dejavu-core'] },
  { what: 'Groovy 2.4, the one inside Jenkins, for the hook', program: 'groovyc', packages: ['groovy'] },
  { what: 'Maven, for Hudson', program: 'mvn', packages: ['maven'] },
  { what: 'a Java compiler, for the hook’s stubs', program: 'javac', packages: ['openjdk-17-jdk-headless'] },
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

export const prepareParts = async (say: (line: string) => void): Promise<void> => {
  const missing = PARTS.filter(({ program }) => !isOnPath(program))
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
  const still = missing.filter(({ program }) => !isOnPath(program))
  if (still.length > 0) throw new Error(`Still missing: ${still.map(({ program }) => program).join(', ')}.`)
}
