import { spawn } from 'node:child_process'
import type { Clock } from '../../runtime/index.ts'
import { deadline } from '../../runtime/index.ts'

/**
 * What Docker itself does not close: the host's own services, and the address under which clouds tell a machine its secrets. Rules in chains
 * of our own, for the bridges of our own networks alone (their names begin alike), beside Docker's and never in them.
 */
export type FirewallOptions = {
  /**
   * How to run a program as root where the daemon runs: nothing before it (`[]`) where Manor is root on the same machine, else for example
   * `['ssh', 'root@worker-1']` or `['sudo', '-n']`.
   */
  readonly run: readonly string[]
  /** TCP ports of the host itself that containers may reach: Manor's, for the hooks. None else of the host's own can be reached. */
  readonly hostPorts: readonly number[]
  /** Ranges beyond the host that stay closed beside the metadata address, such as a network of administrators. */
  readonly closed?: readonly string[]
}

/** Link-local: where clouds put their metadata services (RFC 3927; AWS, OpenStack, Azure and Google use 169.254.169.254). */
export const METADATA_RANGE = '169.254.0.0/16'
const RUN_TIMEOUT_MS = 10_000

export type FirewallChains = { readonly input: string; readonly forward: string }
/** Chains have names of 28 characters at most. */
export const chainsOf = (bridgePrefix: string): FirewallChains => ({
  input: `MANOR-IN-${bridgePrefix}`,
  forward: `MANOR-FWD-${bridgePrefix}`,
})

/** What iptables-restore reads: both chains, made anew as a whole, so that no moment is without rules. */
export const firewallRules = (bridgePrefix: string, { hostPorts, closed = [] }: Omit<FirewallOptions, 'run'>): string => {
  const { input, forward } = chainsOf(bridgePrefix)
  const from = `-i ${bridgePrefix}+`
  const lines = [
    '*filter',
    `:${input} - [0:0]`,
    `:${forward} - [0:0]`,
    ...[METADATA_RANGE, ...closed].flatMap(range => [
      `-A ${input} ${from} -d ${range} -j DROP`,
      `-A ${forward} ${from} -d ${range} -j DROP`,
    ]),
    // Answers to what the host itself asked of a container, such as Manor's requests to a controller.
    `-A ${input} ${from} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN`,
    ...hostPorts.map(port => `-A ${input} ${from} -p tcp --dport ${port} -j RETURN`),
    `-A ${input} ${from} -j DROP`,
    'COMMIT',
    '',
  ]
  return lines.join('\n')
}

/** Sets the rules, whatever is there already. Idempotent. Rejects with what the program said. */
export const applyFirewall = async (bridgePrefix: string, options: FirewallOptions, clock: Clock, signal: AbortSignal): Promise<void> => {
  const { input, forward } = chainsOf(bridgePrefix)
  const run = (args: readonly string[], text = ''): Promise<string> => runProgram([...options.run, ...args], text, clock, signal)
  await run(['iptables-restore', '--wait', '5', '--noflush'], firewallRules(bridgePrefix, options))
  for (const [chain, ours] of [
    ['INPUT', input],
    // Docker asks this chain first and never changes what is in it.
    ['DOCKER-USER', forward],
  ] as const) {
    const isThere = await run(['iptables', '--wait', '5', '-C', chain, '-j', ours]).then(
      () => true,
      () => false,
    )
    if (!isThere) await run(['iptables', '--wait', '5', '-I', chain, '1', '-j', ours])
  }
}

const runProgram = async (words: readonly string[], input: string, clock: Clock, signal: AbortSignal): Promise<string> => {
  const [program = '', ...args] = words
  const limit = deadline(clock, RUN_TIMEOUT_MS, signal)
  try {
    return await new Promise<string>((resolve, reject) => {
      const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], signal: limit.signal })
      let said = ''
      const hear = (chunk: Buffer): void => {
        said = `${said}${chunk.toString('utf8')}`.slice(-2_000)
      }
      child.stdout.on('data', hear)
      child.stderr.on('data', hear)
      child.stdin.on('error', () => undefined)
      child.once('error', reject)
      child.once('close', code => (code === 0 ? resolve(said) : reject(new Error(`${words.join(' ')} ended with ${code}: ${said.trim()}`))))
      child.stdin.end(input)
    })
  } finally {
    limit.done()
  }
}
