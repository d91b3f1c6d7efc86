#!/bin/sh
# Makes a fresh droplet one worker of a fleet: install, name, run, power off. spawn_workers.sh hands it to a droplet as
# its user-data, with the settings in front, and only then it powers off; by hand it is `worker.sh ENVFILE`.
#
# Secrets (DATABASE_URL, DO_SPACES_SECRET_KEY) are in a file that only the worker's user reads and in the worker's
# environment, never in arguments, which every user of a machine can list. User-data itself can be read on the droplet
# (the metadata service tells it to whoever asks there), so a fleet's keys should open no more than its work needs.
#
# Settings are lines NAME=VALUE, the value as it stands up to the end of the line; empty lines and #-lines do not count.
# Of them WORKER_MODE (continuous, one-shot, cloud-worker), WORKER_STAY, WORKER_JOB_ID, FOLD_VERSION, FOLD_RELEASES and
# FOLD_KEEP are for this script; all are passed on to the worker.
set -eu
umask 077

# A release puts its own address here; the settings may name another.
releases="${FOLD_RELEASES:-}"

# Other values than these are for tests.
metadata="${FOLD_METADATA:-http://169.254.169.254/metadata/v1}"
prefix="${FOLD_PREFIX:-/usr/local}"
settings_folder="${FOLD_ETC:-/etc/orthofold}"
run_as="${FOLD_RUN_AS-orthofold}"
power_off="${FOLD_POWER_OFF:-poweroff}"
pause_s="${FOLD_PAUSE:-10}"
# A worker that fails is started again, so often.
most_starts=5

say() { printf 'worker.sh: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# fetch URL FILE
fetch() {
  if has curl; then
    curl -fsSL --retry 5 --retry-delay 2 --connect-timeout 10 --max-time 120 -o "$2" "$1"
  else
    wget -q -T 30 -O "$2" "$1"
  fi
}

# The settings into a file of their own, which is never readable by others, not even for a moment.
keep_settings() {
  mkdir -p "$settings_folder"
  chmod 700 "$settings_folder"
  env_file="$settings_folder/worker.env"
  rm -f "$env_file"
  if [ -n "${FOLD_SETTINGS:-}" ]; then
    # printf is a part of the shell: what it is given is in no list of processes.
    printf '%s' "$FOLD_SETTINGS" | base64 -d >"$env_file" || fail "the settings cannot be decoded"
    unset FOLD_SETTINGS
  else
    cat "$1" >"$env_file" || fail "cannot read the settings $1"
  fi
  chmod 600 "$env_file"
}

# Every line becomes a variable. The file is read, not run: a password may hold whatever a shell has a meaning for.
read_settings() {
  while IFS= read -r line || [ -n "$line" ]; do
    line="${line%"$(printf '\r')"}"
    case "$line" in
      "" | \#*) continue ;;
      *=*) key="${line%%=*}" ;;
      *) fail "a line of the settings is not NAME=VALUE" ;;
    esac
    # The message must not tell the line: there is a secret in it, maybe.
    case "$key" in *[!A-Za-z0-9_]* | [0-9]* | "") fail "a line of the settings is not NAME=VALUE" ;; esac
    case "$key" in PATH | IFS | LD_* | BUN_*) fail "the settings may not hold $key" ;; esac
    export "$key=${line#*=}"
  done <"$env_file"
  releases="${FOLD_RELEASES:-$releases}"
}

# What the metadata service says of this droplet; nothing where there is none.
ask_metadata() {
  if has curl; then
    curl -fsS --noproxy '*' --retry 3 --retry-delay 1 --connect-timeout 3 --max-time 10 "$metadata/$1" 2>/dev/null || true
  else
    wget -q -T 5 -O - "$metadata/$1" 2>/dev/null || true
  fi
}

# WORKER_ID: the droplet's name and number, which no other droplet ever has.
find_worker_id() {
  if [ -n "${WORKER_ID:-}" ]; then return; fi
  host="$(ask_metadata hostname | tr -cd 'A-Za-z0-9._-' | cut -c 1-100)"
  number="$(ask_metadata id | tr -cd '0-9' | cut -c 1-20)"
  if [ -z "$number" ]; then
    say "the metadata service does not answer: the worker goes by the machine's name"
    host="$(uname -n | tr -cd 'A-Za-z0-9._-' | cut -c 1-100)"
  fi
  WORKER_ID="${host:-droplet}${number:+-$number}"
  export WORKER_ID
}

install_program() {
  if [ -z "$releases" ]; then fail "it is not said where the releases are: FOLD_RELEASES is not set"; fi
  if [ -n "${FOLD_VERSION:-}" ]; then from="${releases%/}/download/v${FOLD_VERSION#v}"; else from="${releases%/}/latest/download"; fi
  work="$(mktemp -d)"
  fetch "$from/install.sh" "$work/install.sh" || fail "cannot get $from/install.sh"
  set -- --prefix "$prefix"
  if [ -n "${FOLD_VERSION:-}" ]; then set -- "$@" --version "$FOLD_VERSION"; fi
  FOLD_RELEASES="$releases" sh "$work/install.sh" "$@" >&2 || fail "the program could not be installed"
  rm -rf "$work"
  work=""
  chmod 755 "$prefix/bin"
}

# A user of its own, which may read nothing but what everybody may, and write its cache and its state directory.
make_user() {
  home="${FOLD_HOME:-/var/lib/orthofold}"
  mkdir -p "$home"
  if [ -n "$run_as" ]; then
    id "$run_as" >/dev/null 2>&1 || useradd --system --no-create-home --home-dir "$home" --shell /usr/sbin/nologin "$run_as"
    chown "$run_as" "$home"
  fi
  cd "$home"
  export HOME="$home"
}

# Starts the worker in the background; `child` is its process.
start_worker() {
  case "${WORKER_MODE:-continuous}" in
    continuous | one-shot)
      set -- worker --mode "${WORKER_MODE:-continuous}"
      if [ "${WORKER_STAY:-}" = 1 ]; then set -- "$@" --stay; fi
      if [ -n "${WORKER_JOB_ID:-}" ]; then set -- "$@" --job-id "$WORKER_JOB_ID"; fi
      ;;
    cloud-worker)
      if [ -z "${INPUT_FILE:-}" ]; then fail "WORKER_MODE=cloud-worker needs INPUT_FILE"; fi
      set -- --mode cloud-worker
      ;;
    *) fail "WORKER_MODE cannot be $WORKER_MODE: continuous, one-shot or cloud-worker" ;;
  esac
  set -- "$prefix/bin/orthofold" "$@"
  # setpriv becomes the worker, so that a signal reaches it.
  if [ -n "$run_as" ]; then set -- setpriv --reuid "$(id -u "$run_as")" --regid "$(id -g "$run_as")" --clear-groups --no-new-privs -- "$@"; fi
  "$@" &
  child=$!
}

# Its exit code, however often a signal interrupts the waiting.
wait_for_worker() {
  code=0
  wait "$child" || code=$?
  while kill -0 "$child" 2>/dev/null; do
    code=0
    wait "$child" || code=$?
  done
}

run_worker() {
  starts=0
  while :; do
    starts=$((starts + 1))
    start_worker
    wait_for_worker
    child=""
    say "the worker ended with exit code $code"
    # Wrong settings, refused keys and a missing input are not mended by another start; nor is a stop that was asked for.
    case "$code" in 0 | 2 | 3 | 4 | 5 | 130) return ;; esac
    if [ "$stopping" = yes ] || [ "$starts" -ge "$most_starts" ]; then return; fi
    sleep "$((pause_s * starts))"
  done
}

# shellcheck disable=SC2317 # a trap calls it
# A droplet that shuts down says so by SIGTERM: the worker gives its job back.
stop() {
  stopping=yes
  if [ -n "$child" ]; then kill -TERM "$child" 2>/dev/null || true; fi
}

# shellcheck disable=SC2317 # a trap calls it
finish() {
  if [ -n "${work:-}" ]; then rm -rf "$work"; fi
  if [ -n "${env_file:-}" ]; then rm -f "$env_file"; fi
  if [ "$is_droplet" = no ] || [ "${FOLD_KEEP:-}" = 1 ]; then
    say "done; this machine stays on"
    return
  fi
  # It costs as much as before until it is deleted: `manage_pool.sh remove --stopped`.
  say "done; powering off"
  "$power_off" || say "cannot power off"
}

main() {
  child="" stopping=no code=1 work="" env_file="" is_droplet=no
  if [ -n "${FOLD_SETTINGS:-}" ]; then is_droplet=yes; elif [ $# -ne 1 ]; then fail "usage: worker.sh ENVFILE"; fi
  trap finish EXIT
  trap stop TERM INT HUP
  keep_settings "$@"
  read_settings
  find_worker_id
  say "this is worker $WORKER_ID"
  install_program
  make_user
  if [ "$stopping" = no ]; then run_worker; fi
  exit "$code"
}

main "$@"
