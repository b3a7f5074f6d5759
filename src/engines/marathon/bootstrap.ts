/**
 * What a task runs: a few hundred bytes of POSIX sh that fetch the real start from Manor and become it. Needs `sh`, `sed`, `env` and one of
 * curl and wget (busybox has all); nothing else is asked of an image or a host.
 *
 * The answer of the start endpoint is itself a script (`start-script.ts`), so that no JSON is read in sh, and a refusal is a script that
 * exits. It is evaluated only when it came whole: curl and wget fail on a body that is shorter than its length says.
 */

/** The one variable: the start's address, its token in the query. */
export const START_VARIABLE = 'MANOR_START'

/** Exit status of a task that was not let in: it would have been a second one (`EX_CONFIG` of sysexits.h). Retrying does not help. */
export const REFUSED_STATUS = 78
/** Exit status of a task that never reached Manor (`EX_TEMPFAIL`). Marathon starts another after its back-off. */
export const UNREACHED_STATUS = 75

/** A Manor that restarts or moves is back within this: 90 tries, two seconds apart. */
const TRIES = 90
const PAUSE_SECONDS = 2
const FETCH_SECONDS = 60

/**
 * `u` is the address with what only the task knows, `g` fetches. curl reads the address from its input, so that the token never stands on a
 * command line; wget can't everywhere, and the token is good for one task. Not every busybox knows wget's -T (Debian's does not): what fails is
 * asked once more without it.
 */
export const BOOTSTRAP = [
  `u="$${START_VARIABLE}&task=$MESOS_TASK_ID&host=$HOST&ports=$PORTS&dir=\${MESOS_SANDBOX:-$PWD}"`,
  `g(){ if command -v curl >/dev/null 2>&1;then printf 'url = "%s"\\n' "$1"|curl -fsS -m ${FETCH_SECONDS} -K -;else wget -q -T ${FETCH_SECONDS} -O - "$1" 2>/dev/null||wget -q -O - "$1";fi;}`,
  'n=0',
  `until s=$(g "$u");do n=$((n+1));[ $n -lt ${TRIES} ]||exit ${UNREACHED_STATUS};sleep ${PAUSE_SECONDS};done`,
  'eval "$s"',
].join(';')
