import { chmodSync, constants, copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { VERSION } from './pages.ts'

/** What the double is made of, relative to the checkout. */
const SOURCES = [
  'tests/doubles/jenkins',
  'src/runtime',
  'src/agents/protocol.ts',
  'node_modules/ws',
  'node_modules/typebox',
  'package.json',
]

/**
 * Puts what Manor looks for on a machine into a directory: a Java home whose `java` starts the double, and a war that says in its manifest that it is
 * a Jenkins and carries an agent's jar. With `JAVA_HOME` and `--war` set to them, all of Manor runs as it does with a real Jenkins. The Java home
 * holds all that it needs, Node included: a workload may see nothing else of the machine, and runs as another user.
 */
export const installDouble = (directory: string): { readonly javaHome: string; readonly war: string } => {
  const javaHome = join(directory, 'java')
  const root = join(import.meta.dirname, '../../..')
  for (const source of SOURCES) cpSync(join(root, source), join(javaHome, 'app', source), { recursive: true, dereference: true })
  const launcher = join(javaHome, 'bin/java')
  mkdirSync(dirname(launcher), { recursive: true })
  copyFileSync(process.execPath, join(javaHome, 'bin/node'), constants.COPYFILE_FICLONE)
  writeFileSync(
    launcher,
    '#!/bin/sh\nhome="$(dirname "$(dirname "$0")")"\nMANOR_TEST_NODE="$home/bin/node" exec "$home/app/tests/doubles/jenkins/java" "$@"\n',
  )
  chmodSync(launcher, 0o755)
  const war = join(directory, 'jenkins-double.war')
  writeFileSync(
    war,
    zipOf([
      ['META-INF/MANIFEST.MF', Buffer.from(`Manifest-Version: 1.0\r\nJenkins-Version: ${VERSION}\r\nHudson-Version: 1.395\r\n\r\n`)],
      ['WEB-INF/lib/remoting-3352.v17a_fb_4b_2773f.jar', zipOf([['META-INF/MANIFEST.MF', Buffer.from('Manifest-Version: 1.0\r\n\r\n')]])],
    ]),
  )
  return { javaHome, war }
}

/** A zip of files that are stored as they are (APPNOTE.TXT sections 4.3.7, 4.3.12 and 4.3.16). */
const zipOf = (files: readonly (readonly [name: string, content: Buffer])[]): Buffer => {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, content] of files) {
    const path = Buffer.from(name)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt32LE(crc32(content), 10)
    common.writeUInt32LE(content.length, 14)
    common.writeUInt32LE(content.length, 18)
    common.writeUInt16LE(path.length, 22)
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(0x02014b50, 0)
    entry.writeUInt16LE(20, 4)
    common.copy(entry, 6)
    entry.writeUInt32LE(offset, 42)
    directory.push(entry, path)
    const local = Buffer.concat([Buffer.from([0x50, 0x4b, 3, 4]), common, path, content])
    parts.push(local)
    offset += local.length
  }
  const entries = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(files.length, 8)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(entries.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, entries, end])
}
