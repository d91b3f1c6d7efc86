#!/bin/sh
# Makes a fresh droplet one worker of a fleet: install, name, run, power off. spawn_workers.sh hands it to a droplet as
# its user-data, with the settings in front, and only then it powers off; by hand it is `worker.sh ENVFILE`.
#
# Secrets (DATABASE_URL, DO_SPACES_SECRET_KEY) are in a file that only the worker's user reads and in the worker's
# environment, never in arguments, which every user of a machine can list. User-data itself can be read on the droplet
# (the metadata service tells it to whoever asks there), so a fleet's keys should open no more than its work needs.
#
# Settings are lines NAME=VALUE, the value as it stands up to the end of the line; empty lines and #-lines do not count.
# Names are in capitals, as this script's own variables are not; http_proxy and its like are taken, too. WORKER_MODE
# (continuous, one-shot, cloud-worker), WORKER_STAY, WORKER_JOB_ID, FOLD_VERSION, FOLD_RELEASES and FOLD_KEEP are for this
# script, and come from options of spawn_workers.sh on a droplet; all are passed on to the worker.
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
systemd="${FOLD_SYSTEMD:-/run/systemd/system}"
pause_s="${FOLD_PAUSE:-10}"
# An installation or a worker that fails is tried again, so often: a droplet that gives up has cost something, too.
most_tries=5
# What a worker that ran for so long ends with has nothing to do with how it began, nor with how others ended before.
long_s="${FOLD_LONG:-600}"

say() { printf 'worker.sh: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# A while in which a signal counts at once.
pause() {
  sleep "$1" &
  wait $! || kill $! 2>/dev/null || true
}

# The user-data's settings into a file of their own, which is never readable by others, not even for a moment.
keep_settings() {
  mkdir -p "$settings_folder"
  chmod 700 "$settings_folder"
  env_file="$settings_folder/worker.env"
  rm -f "$env_file"
  # printf is a part of the shell: what it is given is in no list of processes.
  printf '%s' "$FOLD_SETTINGS" | base64 -d >"$env_file" || fail "the settings cannot be decoded"
  unset FOLD_SETTINGS
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
    case "$key" in
      PATH | IFS | LD_* | BUN_*) fail "the settings may not hold $key" ;;
      http_proxy | https_proxy | all_proxy | no_proxy) ;;
      *[a-z]*) fail "a name in the settings is not in capitals" ;;
    esac
    export "$key=${line#*=}"
  done <"$1"
  releases="${FOLD_RELEASES:-$releases}"
}

# What is downloaded is run, as root: nobody on the way may change it. Only tests have releases on this machine.
check_releases() {
  case "$releases" in
    "") fail "it is not said where the releases are: FOLD_RELEASES is not set" ;;
    *@*) fail "FOLD_RELEASES holds a user or a password" ;;
    https://*) protocols="=https" ;;
    http://127.0.0.1:*) protocols="=http,https" ;;
    *) fail "FOLD_RELEASES must begin with https://" ;;
  esac
}

# What the metadata service says of this droplet; nothing where there is none.
ask_metadata() {
  curl -fsS --noproxy '*' --retry 3 --retry-delay 1 --connect-timeout 3 --max-time 10 "$metadata/$1" 2>/dev/null || true
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

# download FILE: of the release, into the folder for what is needed for a moment.
download() {
  rm -f "$work/$1"
  curl -fsSL --proto "$protocols" --retry 5 --retry-delay 2 --connect-timeout 10 --max-time 120 -o "$work/$1" "$from/$1" || {
    say "cannot get $from/$1"
    return 1
  }
}

install_once() {
  download SHA256SUMS && download install.sh || return 1
  # An answer that is empty, or was cut off, is a script that does nothing and calls it a success.
  wanted="$(awk '{ sub(/\r$/, "") } $2 == "install.sh" || $2 == "*install.sh" { print $1 }' "$work/SHA256SUMS")"
  if [ "$(sha256sum <"$work/install.sh")" != "$wanted  -" ]; then
    say "$from/install.sh is not what the release says"
    return 1
  fi
  set -- --prefix "$prefix"
  if [ -n "${FOLD_VERSION:-}" ]; then set -- "$@" --version "$FOLD_VERSION"; fi
  FOLD_RELEASES="$releases" sh "$work/install.sh" "$@" >&2
}

install_program() {
  if [ -n "${FOLD_VERSION:-}" ]; then from="${releases%/}/download/v${FOLD_VERSION#v}"; else from="${releases%/}/latest/download"; fi
  work="$(mktemp -d)"
  tries=1
  until install_once; do
    if [ "$stopping" = yes ] || [ "$tries" -ge "$most_tries" ]; then fail "the program could not be installed"; fi
    pause "$((pause_s * tries))"
    tries=$((tries + 1))
  done
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
  # Each of these becomes the next and at last the worker, so that a signal reaches it.
  if [ -n "$run_as" ]; then set -- setpriv --reuid "$(id -u "$run_as")" --regid "$(id -g "$run_as")" --clear-groups --no-new-privs -- "$@"; fi
  # Away from the terminal: its Ctrl-C would reach the worker besides what stop sends, and the second one counts.
  set -- setsid "$@"
  # When a droplet shuts down, cloud-init's unit is stopped without a word to what runs in it, as this script does; that is
  # told at the very end, when the network is gone. A scope is stopped before the network is.
  if [ "$is_droplet" = yes ] && [ -d "$systemd" ] && systemd-run --scope --quiet --property After=network.target --property TimeoutStopSec=180 true; then
    scope="orthofold-$$-$starts.scope"
    set -- systemd-run --scope --quiet --unit "$scope" --property After=network.target --property TimeoutStopSec=180 -- "$@"
  fi
  "$@" &
  child=$!
  # A signal that came in between.
  if [ "$stopping" = yes ] && [ "$told" != "$child" ]; then stop; fi
}

# Its exit code, however often a signal interrupts the waiting; 127 is what a shell says of one that it has told already.
wait_for_worker() {
  code=0
  wait "$child" || code=$?
  while [ "$interrupted" = yes ]; do
    interrupted=no
    again=0
    wait "$child" || again=$?
    if [ "$again" -ne 127 ]; then code="$again"; fi
  done
}

run_worker() {
  starts=0
  failures=0
  while [ "$stopping" = no ]; do
    starts=$((starts + 1))
    began="$(date +%s)"
    start_worker
    wait_for_worker
    child=""
    say "the worker ended with exit code $code"
    # Wrong settings, refused keys and a missing input are not mended by another start; nor is a stop that was asked for.
    case "$code" in 0 | 2 | 3 | 4 | 5 | 130) return ;; esac
    if [ "$(($(date +%s) - began))" -ge "$long_s" ]; then failures=0; fi
    failures=$((failures + 1))
    if [ "$stopping" = yes ] || [ "$failures" -ge "$most_tries" ]; then return; fi
    pause "$((pause_s * failures))"
  done
}

# shellcheck disable=SC2317 # a trap calls it
# A scope may be about to be stopped by systemd already: through it, that is one signal.
stop_scope() { [ -n "$scope" ] && systemctl stop --no-block "$scope"; }

# shellcheck disable=SC2317 # a trap calls it
# The worker gives its job back. No `return`, which in a trap has the code of what was interrupted, and ends the script.
stop() {
  stopping=yes
  interrupted=yes
  told="$child"
  if [ -n "$child" ] && ! stop_scope; then kill -TERM "$child" 2>/dev/null || true; fi
}

# shellcheck disable=SC2317 # a trap calls it
finish() {
  if [ -n "$work" ]; then rm -rf "$work"; fi
  if [ -n "$env_file" ]; then rm -f "$env_file"; fi
  if [ "$is_droplet" = no ] || [ "${FOLD_KEEP:-}" = 1 ]; then
    say "done; this machine stays on"
    return
  fi
  # It costs as much as before until it is deleted: `manage_pool.sh remove --stopped`.
  say "done; powering off"
  "$power_off" || say "cannot power off"
}

main() {
  child="" told="" scope="" stopping=no interrupted=no code=1 work="" env_file="" is_droplet=no
  if [ -n "${FOLD_SETTINGS:-}" ]; then is_droplet=yes; elif [ $# -ne 1 ]; then fail "usage: worker.sh ENVFILE"; fi
  trap finish EXIT
  trap stop TERM INT HUP
  if [ "$is_droplet" = yes ]; then keep_settings; elif [ ! -r "$1" ]; then fail "cannot read the settings $1"; fi
  read_settings "${env_file:-$1}"
  check_releases
  has curl || fail "curl is not there: install it"
  find_worker_id
  say "this is worker $WORKER_ID"
  install_program
  make_user
  run_worker
  exit "$code"
}

main "$@"
