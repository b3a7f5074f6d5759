import { Option } from 'commander'
import { FAULT_LEVELS } from '../../../simulator/contract.ts'
import { type CommandModule, completedBy, examples, onAction, parsed } from '../command-module.ts'
import { parseDuration } from '../quantities.ts'
import { parseFileName, parseHours, parseSeed, parseWhole, type SimulateOptions, taskOf } from '../simulate/options.ts'

const MODES = `
Four ways to use it:
  seeds      many small fleets, each drawn from its seed with its jobs and its faults; ends at the first claim that does not hold
  scale      one large fleet of the size that --controllers, --jobs and --hosts give, and what it costs to run it
  --replay   one run again, exactly, with its log
  --profile  how many hosts a fleet of your own needs, what its builds wait, what it costs (docs/simulate.md)`

export const simulateCommand: CommandModule = {
  register: (command, context) => {
    command.description(
      'Run the whole control plane in virtual time, among simulated machines, controllers and builds. It needs no running Manor and touches nothing. Without options: 20 seeds of an hour each.',
    )
    command.addOption(parsed('--seeds <number>', 'so many seeds (20)', parseWhole(1, 100_000_000)))
    command.addOption(parsed('--hours <number>', 'virtual hours of each run (1)', parseHours))
    command.addOption(new Option('--faults <level>', 'how much goes wrong (seeds: hard, scale: none)').choices(FAULT_LEVELS))
    command.addOption(parsed('--workers <number>', 'runs at a time (one a core)', parseWhole(1, 256)))
    command.addOption(parsed('--first <seed>', 'the first seed (drawn by chance, and told)', parseSeed))
    command.addOption(parsed('--for <time>', 'begin no seed after this, such as 10m', parseDuration))
    command.option('--keep-going', 'go on after a seed that failed')
    command.addOption(parsed('--controllers <number>', 'scale: so many controllers (2000)', parseWhole(1, 100_000)))
    command.addOption(parsed('--jobs <number>', 'scale: so many jobs in the queue or running at any time (8000)', parseWhole(1, 1_000_000)))
    command.addOption(parsed('--hosts <number>', 'scale: so many hosts (317)', parseWhole(1, 100_000)))
    command.addOption(
      completedBy(
        parsed('--replay <plan>', "a failure's word, or a file that holds it", (_, text) => text),
        'file',
      ),
    )
    command.addOption(completedBy(parsed('--profile <file>', 'plan the fleet that a YAML file describes', parseFileName), 'file'))
    command.addOption(completedBy(parsed('--report <file>', 'write an HTML page with plots', parseFileName), 'file'))
    command.option('--json', 'print the result as JSON, for programs')
    command.addHelpText('after', MODES)
    examples(command, [
      ['simulate', 'see what it is'],
      ['simulate --seeds 1000 --hours 24', 'a night of testing'],
      ['simulate --for 10m --report run.html', 'as many seeds as ten minutes hold, and a page about one of them'],
      ['simulate --controllers 2000 --jobs 8000 --hosts 317', 'one hour of a large fleet'],
      ['simulate --profile fleet.yaml', 'how many hosts your own fleet needs'],
    ])
    onAction<SimulateOptions>(command, async (_, options) => {
      const task = taskOf(options)
      const { runSimulate } = await import('../simulate/run-simulate.ts')
      return runSimulate(context, task, options.json === true)
    })
  },
}
