import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Build, type Item, type Job, jobOf, type NodeConfig } from './model.ts'

/** What of a Jenkins lies in its home. Its own format, at the places of the real one; a build only once it has ended, as there. */
export class Files {
  readonly #home: string

  constructor(home: string) {
    this.#home = home
    for (const directory of ['jobs', 'nodes']) mkdirSync(join(home, directory), { recursive: true })
  }

  path(...parts: readonly string[]): string {
    return join(this.#home, ...parts)
  }

  saveJob(job: Job): void {
    mkdirSync(this.path('jobs', job.name, 'builds'), { recursive: true })
    this.#write(job.xml, 'jobs', job.name, 'config.xml')
    this.saveNextNumber(job)
  }

  /** A number is used up as soon as its build begins, whatever becomes of that build. */
  saveNextNumber(job: Job): void {
    this.#write(String(job.nextNumber), 'jobs', job.name, 'nextBuildNumber')
  }

  loadJobs(): Job[] {
    return readdirSync(this.path('jobs')).map(name =>
      jobOf(
        name,
        readFileSync(this.path('jobs', name, 'config.xml'), 'utf8'),
        Number(readFileSync(this.path('jobs', name, 'nextBuildNumber'), 'utf8')),
      ),
    )
  }

  saveBuild(build: Build): void {
    mkdirSync(this.path('jobs', build.job, 'builds', String(build.number)), { recursive: true })
    this.#write(JSON.stringify(build), 'jobs', build.job, 'builds', String(build.number), 'build.json')
  }

  loadBuilds(job: string): Build[] {
    return readdirSync(this.path('jobs', job, 'builds')).map(number =>
      JSON.parse(readFileSync(this.path('jobs', job, 'builds', number, 'build.json'), 'utf8')),
    )
  }

  saveNode({ name, labels, remoteDirectory, exclusive, description }: NodeConfig): void {
    mkdirSync(this.path('nodes', name), { recursive: true })
    this.#write(JSON.stringify({ name, labels, remoteDirectory, exclusive, description }), 'nodes', name, 'config.json')
  }

  removeNode(name: string): void {
    rmSync(this.path('nodes', name), { recursive: true, force: true })
  }

  loadNodes(): NodeConfig[] {
    return readdirSync(this.path('nodes')).map(name => JSON.parse(readFileSync(this.path('nodes', name, 'config.json'), 'utf8')))
  }

  saveQueue(nextId: number, items: readonly Item[]): void {
    this.#write(JSON.stringify({ nextId, items }), 'queue.json')
  }

  loadQueue(): { readonly nextId: number; readonly items: Item[] } {
    return existsSync(this.path('queue.json')) ? JSON.parse(readFileSync(this.path('queue.json'), 'utf8')) : { nextId: 0, items: [] }
  }

  readLines(name: string): string[] {
    return existsSync(this.path(name))
      ? readFileSync(this.path(name), 'utf8')
          .split('\n')
          .filter(line => line !== '')
      : []
  }

  writeLines(name: string, lines: Iterable<string>): void {
    this.#write([...lines].map(line => `${line}\n`).join(''), name)
  }

  #write(content: string, ...parts: readonly string[]): void {
    const path = this.path(...parts)
    writeFileSync(`${path}.new`, content)
    renameSync(`${path}.new`, path)
  }
}
