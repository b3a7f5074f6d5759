/** Runs one bench by name: a table for people, or one JSON document with `figures`. Exit code 1 where a goal was missed. */
import { globSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Bench, table } from './figures.ts'

const names = (): string[] =>
  globSync('*/bench.ts', { cwd: import.meta.dirname })
    .map(file => basename(dirname(file)))
    .toSorted()

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
  })
  const [name] = positionals
  if (name === undefined || !names().includes(name)) {
    process.stderr.write(
      `${name === undefined ? 'Which bench?' : `There is no bench named ${name}.`} There are: ${names().join(', ')}.\nbench/run NAME [--quick] [--json]\n`,
    )
    return 2
  }
  const { bench } = (await import(join(import.meta.dirname, name, 'bench.ts'))) as { readonly bench: Bench }
  const figures = await bench.run({ quick: values.quick, say: line => process.stderr.write(`${line}\n`) })
  process.stdout.write(
    values.json ? `${JSON.stringify({ bench: name, quick: values.quick, figures }, null, 2)}\n` : `\n${bench.about}\n\n${table(figures)}\n`,
  )
  return figures.some(({ met }) => met === false) ? 1 : 0
}

// Timers of the Clock do not keep a process alive, and a bench may wait for nothing else.
const alive = setInterval(() => undefined, 2_147_483_647)
process.exitCode = await main().finally(() => clearInterval(alive))
