/** Starts the double as a program, with the command line of a real Jenkins. See README.md: it is not Jenkins. */

import { startJenkins } from './jenkins.ts'
import { jenkinsOptions, parseCommandLine } from './options.ts'

const jenkins = await startJenkins({
  ...jenkinsOptions(parseCommandLine(process.argv.slice(2))),
  onExit: code => process.exit(code),
})
process.on('SIGTERM', () => void jenkins.terminate())
process.on('SIGINT', () => void jenkins.terminate())
await jenkins.ready
process.stdout.write(`A double of Jenkins is fully up and running on port ${jenkins.port}\n`)
