/** XML 1.0 has no way to write these at all, not even as a reference (section 2.2, Char): most controls, and halves of surrogate pairs. */
const UNWRITABLE = /(?![\t\n\r\u007f-\u009f])\p{Cc}|\p{Cs}|[\ufffe\uffff]/u

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\r': '&#13;' }

/** Text as XML content. Throws a TypeError for a character that XML cannot hold, rather than changing a command in silence. */
export const escapeXml = (text: string): string => {
  const at = text.search(UNWRITABLE)
  if (at >= 0)
    throw new TypeError(
      `The character at position ${at} (U+${text.charCodeAt(at).toString(16).padStart(4, '0')}) cannot be written in XML: leave it out.`,
    )
  return text.replaceAll(/[&<>"\r]/g, character => ESCAPES[character] ?? character)
}

export type FreestyleJob = {
  /** Shell script of the one build step. */
  readonly command: string
  /** Label expression; absent lets the job run on any node that takes such. */
  readonly label?: string
  readonly description?: string
  /** Text parameters with their defaults. Builds of one job without parameters that wait are merged into one. */
  readonly parameters?: Readonly<Record<string, string>>
}

/** Configuration of a freestyle job, in the form that Hudson of 2012 and Jenkins of today both read. */
export const freestyleJob = ({ command, label, description = '', parameters = {} }: FreestyleJob): string =>
  [
    '<project>',
    `<description>${escapeXml(description)}</description>`,
    ...parametersXml(Object.entries(parameters)),
    ...(label === undefined
      ? ['<canRoam>true</canRoam>']
      : [`<assignedNode>${escapeXml(label)}</assignedNode>`, '<canRoam>false</canRoam>']),
    `<builders><hudson.tasks.Shell><command>${escapeXml(command)}</command></hudson.tasks.Shell></builders>`,
    '</project>',
  ].join('')

const parametersXml = (parameters: readonly (readonly [name: string, value: string])[]): string[] =>
  parameters.length === 0
    ? []
    : [
        '<properties><hudson.model.ParametersDefinitionProperty><parameterDefinitions>',
        ...parameters.map(
          ([name, value]) =>
            `<hudson.model.StringParameterDefinition><name>${escapeXml(name)}</name><description/><defaultValue>${escapeXml(value)}</defaultValue></hudson.model.StringParameterDefinition>`,
        ),
        '</parameterDefinitions></hudson.model.ParametersDefinitionProperty></properties>',
      ]
