import type { DistributionName } from '../../../model/index.ts'
import { ProgramError } from './errors.ts'
import { readZipText } from './zip.ts'

const MANIFEST = 'META-INF/MANIFEST.MF'
const MAX_MANIFEST_BYTES = 65_536

/**
 * Main attributes of a manifest (JAR File Specification): `Name: value` lines up to the first empty one, where a line that starts with a blank
 * continues the one before.
 */
export const manifestAttributes = (text: string): ReadonlyMap<string, string> => {
  const [main = ''] = text.replaceAll(/\r\n?/g, '\n').replaceAll('\n ', '').split('\n\n')
  return new Map(
    main.split('\n').flatMap(line => {
      const at = line.indexOf(':')
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1).trim()] as const]
    }),
  )
}

export type WarIdentity = { readonly distribution: DistributionName; readonly version: string }

/** What a war is, from its manifest. A Jenkins says both `Jenkins-Version` and, for old plugins, `Hudson-Version: 1.395`. */
export const identifyWar = async (path: string): Promise<WarIdentity> => {
  const manifest = await readZipText(path, MANIFEST, MAX_MANIFEST_BYTES).catch((cause: unknown) => {
    throw new ProgramError(
      'bad-war',
      `${path} cannot be read as a war: name a jenkins.war or hudson.war that is whole and that this user may read.`,
      {
        cause,
      },
    )
  })
  const attributes = manifestAttributes(manifest ?? '')
  const jenkins = attributes.get('Jenkins-Version')
  if (jenkins !== undefined) return { distribution: 'jenkins', version: jenkins }
  const hudson = attributes.get('Hudson-Version')
  if (hudson !== undefined) return { distribution: 'hudson', version: hudson }
  throw new ProgramError('bad-war', `${path} is neither a Jenkins nor a Hudson: its manifest has no Jenkins-Version and no Hudson-Version.`)
}

/** Where wars carry the agent's jar. Jenkins serves its remoting library as agent.jar; Hudson has copies of it under these names. */
const AGENT_JARS: readonly string[] = ['WEB-INF/agent.jar', 'WEB-INF/slave.jar', 'WEB-INF/remoting.jar']
const REMOTING_LIBRARY = /^WEB-INF\/lib\/(hudson-)?remoting-[^/]*\.jar$/

export const isAgentJar = (name: string): boolean => AGENT_JARS.includes(name) || REMOTING_LIBRARY.test(name)
