# shellcheck shell=bash
# What every script in hack/ shares: where things are, and how it speaks. Source it first.
# Standard output belongs to a script's answer (a path, an image reference); all talk is on standard error.

HACK_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
REPO_DIR=$(dirname "$HACK_DIR")
# Where programs live that take minutes to build and outlast a checkout.
# shellcheck disable=SC2034 # Used by the scripts that source this file.
SLUICE_CACHE_DIR=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sluice
export HACK_DIR REPO_DIR

# Seconds since the script started, as 1:05.
elapsed() { printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60)); }

say() { printf '\033[1m[%s %s]\033[0m %s\n' "${0##*/}" "$(elapsed)" "$*" >&2; }

# Ends the script with one clear sentence, and what to do about it where there is more to say.
die() {
  printf '\033[1;31m[%s %s] error:\033[0m %s\n' "${0##*/}" "$(elapsed)" "$1" >&2
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit 1
}

# Prints the comment block at the top of the script, which is its manual.
show_help() { sed -n '2,/^[^#]/{ s/^# \{0,1\}//p; }' "$0" | sed '/^shellcheck /d'; }

# Ends the script unless it runs as root.
need_root() { [ "$(id -u)" -eq 0 ] || die "$1 needs root." "Run it as root, for example with sudo."; }

# need_program PROGRAM...: ends the script when one is missing.
need_program() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || die "$program is not installed." "hack/deps installs it."
  done
}

# run_logged LOG DESCRIPTION COMMAND...: runs a long command with its output in a file, says every
# 20 seconds that it is still at it, and shows the end of the output when it fails.
run_logged() {
  local log=$1 description=$2 started=$SECONDS pid status=0
  shift 2
  mkdir -p "$(dirname "$log")"
  say "$description (output in $log)"
  "$@" >"$log" 2>&1 &
  pid=$!
  # Ctrl-C must not leave the command running behind our back.
  trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
  local ticks=0
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.5
    ticks=$((ticks + 1))
    [ $((ticks % 40)) -ne 0 ] || say "  … still at it after $((SECONDS - started)) s: $(tail -n 1 "$log" | tail -c 100)"
  done
  wait "$pid" || status=$?
  trap - INT TERM
  if [ "$status" -ne 0 ]; then
    tail -n 30 "$log" >&2
    die "$description: failed with status $status after $((SECONDS - started)) s." "All of its output is in $log."
  fi
}
