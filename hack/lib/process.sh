# shellcheck shell=bash
# Starting, watching and ending the cluster's own processes, each known by a recorded id. Needs common.sh
# and CLUSTER_DIR. A process id alone can be another process's by tomorrow, so its start time is kept too.

log_of() { echo "$CLUSTER_DIR/logs/$1.log"; }

# start_time_of PID: its start in clock ticks since boot; fails when there is no such process.
start_time_of() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The program's name stands in brackets and may hold spaces: count from behind it.
  stat=${stat##*) }
  # shellcheck disable=SC2086 # Splitting into fields is the point.
  set -- $stat
  [ "$1" != Z ] && echo "${20}"
}

# pid_of PART: the id of a part that runs; fails when it does not run (any more).
pid_of() {
  local pid started
  read -r pid started 2>/dev/null <"$CLUSTER_DIR/pids/$1" || return 1
  [ "$(start_time_of "$pid")" = "$started" ] || return 1
  echo "$pid"
}

# start_part PART COMMAND...: starts a part that lives on after this script, in a session of its own,
# with no open file of the caller's (a lock or a pipe that it kept open would hang whoever waits on it).
start_part() {
  local part=$1 pid
  shift
  (
    for fd in /proc/self/fd/*; do
      fd=${fd##*/}
      [ "$fd" -le 2 ] || eval "exec $fd>&-"
    done
    exec setsid "$@"
  ) </dev/null >>"$(log_of "$part")" 2>&1 &
  pid=$!
  disown "$pid"
  echo "$pid $(start_time_of "$pid")" >"$CLUSTER_DIR/pids/$part"
}

# show_log PART: the last lines that it wrote.
show_log() {
  printf -- '--- last lines of %s\n' "$(log_of "$1")" >&2
  tail -n "${2:-25}" "$(log_of "$1")" >&2 || true
  printf -- '---\n' >&2
}

# wait_for PART SECONDS WHAT COMMAND...: polls until the command succeeds. Ends the script, with the
# part's last words, when the part dies or the time is over.
wait_for() {
  local part=$1 seconds=$2 what=$3 deadline=$((SECONDS + $2))
  shift 3
  until "$@" >/dev/null 2>&1; do
    if ! pid_of "$part" >/dev/null; then
      show_log "$part"
      die "$part has ended before $what." "Its whole log: $(log_of "$part")" \
        "Mend the cause, then run hack/cluster up again; it cleans up first."
    fi
    if [ "$SECONDS" -ge "$deadline" ]; then
      show_log "$part"
      die "$what did not come within $seconds s." "The whole log of $part: $(log_of "$part")" \
        "A very busy machine may need another try: hack/cluster up cleans up first."
    fi
    sleep 0.2
  done
}

# wait_for_exit PID STARTED SECONDS: succeeds once the process is gone.
wait_for_exit() {
  local deadline=$((SECONDS + $3))
  while [ "$(start_time_of "$1")" = "$2" ]; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# stop_part PART SECONDS: SIGTERM, and SIGKILL when that long is not enough; returns once it is gone.
stop_part() {
  local part=$1 seconds=$2 pid started
  if pid=$(pid_of "$part"); then
    started=$(start_time_of "$pid") || started=""
    kill -TERM "$pid" 2>/dev/null || true
    if ! wait_for_exit "$pid" "$started" "$seconds"; then
      say "$part still runs after $seconds s of SIGTERM: SIGKILL"
      kill -KILL "$pid" 2>/dev/null || true
      wait_for_exit "$pid" "$started" 10 || die "$part (process $pid) does not end, not even by SIGKILL."
    fi
  fi
  rm -f "$CLUSTER_DIR/pids/$part"
}
