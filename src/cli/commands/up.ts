import { ENGINE_KINDS } from '../../config/index.ts'
import { type CommandModule, completedBy, examples, onAction, parsed } from '../command-module.ts'
import { parseEngine } from '../up/config-file.ts'
import { checkTogether, DEFAULT_PORT, parseDistribution, parseFile, parsePort, type UpOptions } from '../up/options.ts'

export const upCommand: CommandModule = {
  register: (command, context) => {
    command.description(
      'Start Manor on this machine: the control plane, and at the first time a controller named hello with a sample build on an agent of its own. Controllers that run already are taken over as they are.',
    )
    command.addOption(parsed('--port <port>', 'listen on this port, 0 for any free one', parsePort).default(DEFAULT_PORT))
    command.addOption(parsed('--engine <kind>', `what runs controllers and agents: ${ENGINE_KINDS.join(', ')}`, parseEngine))
    command.option('--double', 'with --engine mesos or marathon: a double of it on this machine, for a trial without a cluster')
    command.option('--new-framework', 'on Mesos, after it has removed the framework and once nothing of that runs any more: begin another')
    command.addOption(completedBy(parsed('--config <file>', 'settings, instead of manor.yaml in the home', parseFile), 'file'))
    command.addOption(parsed('--distribution <name>', 'what controllers run: jenkins or hudson', parseDistribution))
    command.addOption(completedBy(parsed('--war <file>', 'a war of your own instead', parseFile), 'file'))
    command.option('--no-sample', 'make no controller and run no sample build')
    command.option('--detach', 'return once Manor runs, and leave it running')
    command.option('--once', 'run the sample build, take everything down, and succeed only if it did: for scripts')
    examples(command, [
      ['up', 'start, and watch the first build'],
      ['up --home /srv/manor --port 8080', 'keep everything elsewhere, listen elsewhere'],
      ['up --detach', 'leave it running in the background'],
      ['up --engine docker', "run controllers and agents as containers of this machine's Docker"],
      ['up --engine swarm', "run them as services of the Swarm that this machine's Docker manages"],
      ['up --once', 'try the whole thread in a script'],
    ])
    onAction<UpOptions>(command, async (_, options) => {
      checkTogether(options)
      if (options.detach) {
        const { runDetached } = await import('../up/detached.ts')
        return runDetached(context, options)
      }
      const { runUp } = await import('../up/run-up.ts')
      return runUp(context, options)
    })
  },
}
