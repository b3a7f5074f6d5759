# The one process of Manor that stays with a workload (run by `sh -c`, so that an upgrade of this file never reaches into a running shell).
#
# It outlives Manor, keeps the log within its bound, waits for the command, kills what the command leaves behind and writes how it ended.
# It runs as Manor's own user in a session of its own; the command runs in another session, so that no signal meant for the one hits the
# other. Needs mkfifo, dd, wc, mv, rm, sleep and setsid beside the shell. It starts in the workload's record directory.
#
#   $1  file for how it ended           $4  control groups that the command joins, separated by spaces; may be empty
#   $2  size of one log file in bytes   $5  oom_score_adj of the command
#   $3  control groups for this shell   from $6 on: what to put before `sh -s`, which then reads the file `run`
exit_file=$1 log_bytes=$2 own_groups=$3 groups=$4 oom_score=$5
shift 5
umask 077
ulimit -c 0

# Sets pid and start (field 22, clock ticks since boot) of the calling shell, subshells included.
identity() {
  read -r line </proc/self/stat
  # shellcheck disable=SC2086 # The fields are what is wanted; the command's name is `sh`, without spaces.
  set -- $line
  pid=$1
  shift 21
  start=$1
}

# Appends standard input to `log` as it comes. A file that has half of log_bytes at the end of a round becomes `log.1`; a round adds at most
# the other half, so two files of log_bytes are the most there ever is. A round ends after 1024 reads, which costs a chatty program two execs
# for a thousand lines. A full disk ends the log, never the workload.
keep_log() {
  block=$((log_bytes / 2048))
  while said=$(dd bs="$block" count=1024 2>&1 >>log); do
    # "12+34 records in", perhaps after a warning: fewer than were asked for means that nobody writes any more.
    records=${said%% records in*}
    records=${records##*[!0-9+]}
    [ $((${records%+*} + ${records#*+})) -lt 1024 ] && return 0
    [ "$(wc -c <log)" -ge $((log_bytes / 2)) ] && mv -f log log.1
  done
  exec cat >/dev/null
}

# Kills whatever is left in the control groups. Bounded: a process that the kernel cannot end (a dead NFS server) must not hold the record.
reap() {
  for group in $groups; do
    [ -e "$group/cgroup.kill" ] && echo 1 >"$group/cgroup.kill"
    rounds=0
    while read -r _ <"$group/cgroup.procs" && [ "$rounds" -lt 100 ]; do
      while read -r left; do [ "$left" -gt 0 ] && kill -9 "$left"; done <"$group/cgroup.procs"
      rounds=$((rounds + 1))
      [ "$rounds" -gt 10 ] && sleep 0.05
    done
  done 2>/dev/null
}

# Prints how many processes of the groups were killed for memory.
oom_kills() {
  count=0
  for group in $groups; do
    for file in "$group/memory.events" "$group/memory.oom_control"; do
      [ -r "$file" ] || continue
      while read -r key value; do [ "$key" = oom_kill ] && count=$value; done <"$file"
    done
  done
  echo "$count"
}

# Prints the most bytes that the groups held at once, 0 where it cannot be told.
peak_bytes() {
  peak=0
  for group in $groups; do
    for file in "$group/memory.peak" "$group/memory.max_usage_in_bytes"; do
      [ -r "$file" ] && read -r peak <"$file"
    done
  done
  echo "$peak"
}

# The claim is what makes a start happen once: whoever creates the file first is the only one that may go on, for ever.
identity
read -r boot </proc/sys/kernel/random/boot_id
set -C
{ echo "$pid $start $boot" >claim; } 2>/dev/null || exit 0
set +C

for group in $own_groups; do echo 0 >"$group/cgroup.procs"; done 2>/dev/null

# Writable for others, so that a command under another user can open its own /dev/stdout and /dev/stderr again.
mkfifo -m 622 output
keep_log <output &
exec >output 2>&1 </dev/null
# Both ends are open: without its name nobody but the command can write into the log.
rm -f output

(
  trap 'echo "The command could not be put under its limits." >launch-failed' EXIT
  for group in $groups; do echo 0 >"$group/cgroup.procs" || exit 125; done
  # Where the whole machine runs out of memory, a build dies before a controller and both before Manor.
  echo "$oom_score" >/proc/self/oom_score_adj
  trap - EXIT
  identity
  echo "$pid $start" >main
  exec setsid "$@" sh -s <run
)
status=$?

reap
read -r main _ <main && kill -9 "-$main" 2>/dev/null
record="$status $(oom_kills) $(peak_bytes)"
# With nobody left to write, the log comes to its end; without control groups somebody may be, and the log follows on its own.
exec >/dev/null 2>&1
[ -n "$groups" ] && wait
echo "$record" >"$exit_file"
