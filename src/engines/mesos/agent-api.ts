import { BYTES_PER_MEBIBYTE } from '../../model/index.ts'
import { type Limits, limitsOf } from './agents.ts'
import { type MesosHttp, MesosHttpError } from './http.ts'
import { BEGIN_MARK } from './start-script.ts'

/** An agent gives at most sixteen pages of a file in one answer (Mesos 1.11, src/files/files.cpp). */
const READ_BYTES = 65_536
/** Read besides what was asked for, so that what is not the workload's own may be cut off. */
const SLACK_BYTES = 4_096

export type AgentApi = { readonly origin: string; readonly path: string }

/** Calls to an agent's own API: what a task wrote, what it uses, how the agent isolates. */
export class AgentClient {
  readonly #http: MesosHttp

  constructor(http: MesosHttp) {
    this.#http = http
  }

  /** The last `bytes` of a task's output; empty where there is none yet. */
  async output(api: AgentApi, framework: string, task: string, bytes: number, signal: AbortSignal): Promise<string> {
    // The path under which the agent shows the sandbox of the executor's newest run, whatever its work directory (Mesos 1.5 and later).
    const file = `/frameworks/${framework}/executors/${task}/runs/latest/stdout`
    const size = await this.#size(api, file, signal)
    if (size === undefined) return ''
    const chunks: Buffer[] = []
    for (let offset = Math.max(0, size - bytes - SLACK_BYTES); offset < size; ) {
      const { data } = await this.#read(api, file, offset, Math.min(READ_BYTES, size - offset), signal)
      if (data.length === 0) break
      chunks.push(data)
      offset += data.length
    }
    return tail(ownPart(Buffer.concat(chunks)), bytes)
  }

  /** Memory in use by task, in MB. */
  async memory(api: AgentApi, framework: string, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const { containers = [] } = (
      await this.#ask<{ get_containers: { containers?: readonly Container[] } }>(api, { type: 'GET_CONTAINERS' }, signal)
    ).get_containers
    const used = new Map<string, number>()
    for (const { framework_id, executor_id, resource_statistics } of containers) {
      const bytes = resource_statistics?.mem_rss_bytes ?? resource_statistics?.mem_total_bytes
      if (framework_id?.value === framework && executor_id !== undefined && bytes !== undefined)
        used.set(executor_id.value, Math.round(bytes / BYTES_PER_MEBIBYTE))
    }
    return used
  }

  async limits(api: AgentApi, signal: AbortSignal): Promise<Limits> {
    const { flags = [] } = (
      await this.#ask<{ get_flags: { flags?: readonly { name: string; value?: string }[] } }>(api, { type: 'GET_FLAGS' }, signal)
    ).get_flags
    const flag = (name: string): string | undefined => flags.find(one => one.name === name)?.value
    return limitsOf(flag('isolation'), flag('containerizers'))
  }

  async #size(api: AgentApi, path: string, signal: AbortSignal): Promise<number | undefined> {
    try {
      return (await this.#read(api, path, 0, 0, signal)).size
    } catch (cause) {
      if (cause instanceof MesosHttpError && cause.status === 404) return undefined
      throw cause
    }
  }

  async #read(
    api: AgentApi,
    path: string,
    offset: number,
    length: number,
    signal: AbortSignal,
  ): Promise<{ readonly size: number; readonly data: Buffer }> {
    const call = { type: 'READ_FILE', read_file: { path, offset, length } }
    const { read_file } = await this.#ask<{ read_file: { size: number; data?: string } }>(api, call, signal)
    return { size: read_file.size, data: Buffer.from(read_file.data ?? '', 'base64') }
  }

  async #ask<Result>(api: AgentApi, call: { readonly type: string }, signal: AbortSignal): Promise<Result> {
    const { status, body } = await this.#http.post(api.origin, `${api.path}/api/v1`, call, {}, signal)
    if (status !== 200)
      throw new MesosHttpError(status, `The Mesos agent at ${api.origin} answered ${call.type} with ${status}: ${body.slice(0, 300)}`)
    return JSON.parse(body) as Result
  }
}

type Container = {
  readonly framework_id?: { readonly value: string }
  readonly executor_id?: { readonly value: string }
  readonly resource_statistics?: { readonly mem_rss_bytes?: number; readonly mem_total_bytes?: number }
}

/** What stands after the mark, if it is in sight. */
const ownPart = (output: Buffer): Buffer => {
  const at = output.indexOf(`${BEGIN_MARK}\n`)
  return at < 0 ? output : output.subarray(at + BEGIN_MARK.length + 1)
}

/** The last bytes as text, beginning with a whole character. */
const tail = (output: Buffer, bytes: number): string => {
  let start = Math.max(0, output.length - bytes)
  while (start < output.length && start > 0 && ((output[start] ?? 0) & 0xc0) === 0x80) start++
  return output.subarray(start).toString('utf8')
}
