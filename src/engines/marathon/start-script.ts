import type { Workload } from '../../model/index.ts'
import { fillPlaceholders } from '../process/placeholders.ts'
import { invalid } from '../process/prepare.ts'
import { WORKLOAD_VARIABLE } from '../process/run-script.ts'
import { quote } from '../process/view.ts'
import { REFUSED_STATUS } from './bootstrap.ts'

/** What only the task itself knows, told with its fetch. */
export type Place = {
  /** The task's sandbox, as the task sees it. */
  readonly sandbox: string
  readonly ports: Readonly<Record<string, number>>
}

/** Stands in the log where the workload's own output begins: what is above was said by Mesos. */
export const markerOf = (task: string): string => `manor: start of ${task}`

/** How often, two seconds apart, a task tells how its command ended before it gives up: 20 s, within what Marathon waits for a kill. */
const REPORT_TRIES = 10

/** What the environment of a task holds that is Mesos', Marathon's or ours, and no business of a controller or a build. */
const THEIRS = ['MESOS_', 'MARATHON_', 'LIBPROCESS_', 'PORT', 'MANOR_START=', 'HOST=']

/** Refuses what could never start, before anything is made: a placeholder for a port that is not declared. */
export const checkPlaceholders = (workload: Workload): void => {
  const ports = Object.fromEntries(Object.keys(workload.ports).map(name => [name, 1]))
  for (const text of [...workload.command, ...Object.values(workload.environment), ...workload.files.map(({ content }) => content)])
    filler(workload, '/', ports)(text)
}

const filler =
  (workload: Workload, dir: string, ports: Readonly<Record<string, number>>) =>
  (text: string): string =>
    fillPlaceholders(text, dir, ports, name => {
      throw invalid(
        `The port ${name} is used but not declared.`,
        `Declare it under ports, or use one of: ${Object.keys(workload.ports).join(', ') || 'none is declared'}.`,
      )
    })

/**
 * The script that a task evaluates in place of its bootstrap. It makes the private directory and the files, starts the command in a group of
 * its own, hands polite signals on, and tells how the command ended: Marathon keeps a message of a failure alone, and nothing of an end with
 * status 0 or of one that we asked for.
 *
 * Everything is inside one function that the last line calls, so that a script that was cut runs nothing. Texts go through `printf`, which is
 * built into every sh, so that a file may be longer than a command line.
 */
export const startScript = (workload: Workload, place: Place, task: string): string => {
  const dir = `${place.sandbox}/manor`
  const fill = filler(workload, dir, place.ports)
  const environment = {
    ...(workload.image === undefined ? { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' } : {}),
    HOME: dir,
    TMPDIR: `${dir}/tmp`,
    LANG: 'C.UTF-8',
    [WORKLOAD_VARIABLE]: workload.id,
    ...workload.environment,
  }
  return [
    'manor_main(){',
    'umask 077',
    `mkdir -p ${quote(`${dir}/tmp`)}||exit 125`,
    ...workload.files.flatMap(file => fileLines(dir, file, fill)),
    'umask 022',
    `printf '%s\\n' ${quote(markerOf(task))}`,
    // A group of its own where setsid is there: what the command does to its whole group must not take away who tells of its end.
    'if command -v setsid >/dev/null 2>&1;then x=setsid;else x=;fi',
    // In a shell of its own, whose environment is the command's: this one still has to find its curl, and knows where to report.
    '(',
    `for v in $(env|sed -n ${THEIRS.map(name => `-e 's/^\\(${pattern(name)}\\)=.*/\\1/p'`).join(' ')});do unset "$v";done`,
    ...Object.entries(environment).map(([name, value]) => `${name}=${quote(fill(value))};export ${name}`),
    `cd ${quote(workload.workingDirectory === undefined ? dir : fill(workload.workingDirectory))}||exit 125`,
    'unset OLDPWD',
    `exec $x ${workload.command.map(word => quote(fill(word))).join(' ')}`,
    ') </dev/null 2>&1 &',
    'c=$!',
    `trap 'kill -TERM $c 2>/dev/null' TERM INT HUP`,
    // A signal ends the wait, not the command: only when nothing of that number is left was it the command's own status.
    'while :;do wait $c;r=$?;kill -0 $c 2>/dev/null||break;done',
    `trap '' TERM INT HUP`,
    'n=0',
    `until g "$u&ended=$r" >/dev/null 2>&1;do n=$((n+1));[ $n -lt ${REPORT_TRIES} ]||break;sleep 2;done`,
    'exit $r',
    '}',
    'manor_main',
    '',
  ].join('\n')
}

const pattern = (name: string): string => (name.endsWith('=') ? name.slice(0, -1) : `${name}[A-Z_0-9]*`)

const fileLines = (dir: string, file: Workload['files'][number], fill: (text: string) => string): string[] => {
  const path = quote(`${dir}/${file.path}`)
  const slash = file.path.lastIndexOf('/')
  const content =
    file.encoding === 'base64'
      ? `printf '%s' ${quote(file.content)}|base64 -d >${path}||exit 125`
      : `printf '%s' ${quote(fill(file.content))} >${path}||exit 125`
  return [
    ...(slash > 0 ? [`mkdir -p ${quote(`${dir}/${file.path.slice(0, slash)}`)}||exit 125`] : []),
    content,
    `chmod ${file.mode.toString(8)} ${path}||exit 125`,
  ]
}

/** What a task gets that is not let in. Its words land in its log, where a person may look. */
export const refusalScript = (why: string): string => `printf '%s\\n' ${quote(`manor: not started: ${why}`)} >&2;exit ${REFUSED_STATUS}\n`
