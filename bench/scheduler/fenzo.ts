import { execFile } from 'node:child_process'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const FENZO = 'com.netflix.fenzo:fenzo-core:1.0.1'
const [groupId, artifactId, version] = FENZO.split(':')
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>manor</groupId><artifactId>scheduler-bench</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId><version>${version}</version></dependency></dependencies></project>`
const MAVEN_TIMEOUT_MS = 300_000
const JAVAC_TIMEOUT_MS = 60_000

/**
 * Brings Fenzo and what it needs through the machine's Maven into `directory`, compiles our driver of it, and gives the class path. Throws
 * where mvn, javac or the network are missing; the message is theirs.
 */
export const bringFenzo = async (directory: string): Promise<string> => {
  const jars = join(directory, 'jars')
  const classes = join(directory, 'classes')
  await mkdir(classes, { recursive: true })
  const pom = join(directory, 'pom.xml')
  await writeFile(pom, POM)
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
  await run('mvn', ['--batch-mode', '--quiet', `--file=${pom}`, goal, `-DoutputDirectory=${jars}`], { timeout: MAVEN_TIMEOUT_MS })
  if (!(await readdir(jars)).some(name => name.startsWith('fenzo-core'))) throw new Error(`mvn brought no ${FENZO} to ${jars}.`)
  const source = join(import.meta.dirname, 'FenzoBench.java')
  await run('javac', ['-nowarn', '-cp', join(jars, '*'), '-d', classes, source], { timeout: JAVAC_TIMEOUT_MS })
  return `${classes}:${join(jars, '*')}`
}
