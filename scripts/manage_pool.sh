#!/bin/sh
# Looks after the droplets of a pool, which are those with its tag. Needs doctl, signed in (`doctl auth init`).
set -eu

here="$(unset CDPATH && cd "$(dirname "$0")" && pwd)"
doctl="${DOCTL:-doctl}"
# A worker has three minutes to give its job back, and a droplet shuts down soon after.
pause_s="${FOLD_PAUSE:-5}"
most_looks=48

usage() {
  cat <<'END'
usage: manage_pool.sh list [--pool NAME]
       manage_pool.sh add N [options of spawn_workers.sh]
       manage_pool.sh remove N | NAME... | --stopped | --all [--now] [--pool NAME]
       manage_pool.sh resize N [options of spawn_workers.sh]

  list      the droplets of the pool
  add       N more
  remove    N of them, the powered-off ones first, then the youngest; or those with these names or ids; or the
            powered-off ones; or all. Each is shut down first, so that its worker gives its job back; --now skips that
  resize    add or remove until N run; powered-off ones, which cost as much, are removed
  --pool    which pool (default: fold-worker)
END
}

fail() {
  printf 'manage_pool.sh: %s\n' "$1" >&2
  if [ $# -gt 1 ]; then printf 'hint: %s\n' "$2" >&2; fi
  exit "${3:-2}"
}

# shellcheck disable=SC2317 # a trap calls it
stopped() { fail "stopped" "\`manage_pool.sh list --pool $pool\` tells what there is" "$1"; }

is_number() {
  case "$1" in "" | 0?* | *[!0-9]*) return 1 ;; esac
  [ ${#1} -le 3 ]
}

lines_of_pool() { "$doctl" compute droplet list --tag-name "$pool" --format ID,Name,Status --no-header </dev/null; }

# Lines "ID NAME STATUS" of the pool, the oldest first; $droplets holds them.
find_droplets() {
  droplets="$(lines_of_pool)" || fail "doctl could not list the droplets" "what doctl says stands above" 1
  # Ids grow. Blank lines are none.
  droplets="$(printf '%s\n' "$droplets" | awk 'NF >= 3 && $1 ~ /^[0-9]+$/' | sort -n)"
}

count_of() { printf '%s\n' "$droplets" | awk -v status="$1" 'NF >= 3 && ($3 == "off") == (status == "off")' | wc -l | tr -d ' '; }

# Asks droplets to shut down, and waits until they have: doctl's --wait waits for the order, not for what becomes of it.
# A worker that is shut down gives its job back; one that is not is missed after the grace period.
shut_down() {
  asked=" "
  while read -r id name status; do
    if [ "$status" != active ]; then continue; fi
    printf 'shutting down %s (%s)\n' "$name" "$id"
    if "$doctl" compute droplet-action shutdown "$id" </dev/null >/dev/null; then
      asked="$asked$id "
    else
      printf 'manage_pool.sh: %s does not shut down; it is deleted all the same\n' "$name" >&2
    fi
  done
  looks=0
  on="$asked"
  while [ "$asked" != " " ] && [ "$looks" -lt "$most_looks" ]; do
    # A list that fails once says nothing.
    if lines="$(lines_of_pool)"; then
      on="$(printf '%s\n' "$lines" | awk -v asked="$asked" 'index(asked, " " $1 " ") && $3 == "active" { print $2 }')"
      if [ -z "$on" ]; then return; fi
    fi
    looks=$((looks + 1))
    sleep "$pause_s"
  done
  for name in $on; do printf 'manage_pool.sh: %s is still on; it is deleted all the same\n' "$name" >&2; done
}

# Shut down and deleted; lines "ID NAME STATUS" on standard input. One that fails does not keep the others.
remove_lines() {
  # What is shut down by then costs on.
  trap 'stopped 129' HUP
  trap 'stopped 130' INT
  trap 'stopped 143' TERM
  chosen_lines="$(cat)"
  if [ "$now" = no ]; then printf '%s\n' "$chosen_lines" | shut_down; fi
  printf '%s\n' "$chosen_lines" | {
    kept=""
    while read -r id name status; do
      if [ -z "$id" ]; then continue; fi
      if "$doctl" compute droplet delete "$id" --force </dev/null; then
        printf 'removed %s (%s)\n' "$name" "$id"
      else
        kept="$kept $name"
      fi
    done
    if [ -n "$kept" ]; then fail "doctl could not delete$kept" "what doctl says stands above; they cost until they are gone" 1; fi
  }
}

# The droplets that a word names, out of this pool alone: nothing else is ever deleted.
lines_named() {
  found="$(printf '%s\n' "$droplets" | awk -v word="$1" '$1 == word || $2 == word')"
  if [ -z "$found" ]; then fail "there is no droplet $1 in the pool $pool" "\`manage_pool.sh list --pool $pool\` lists them" 5; fi
  printf '%s\n' "$found"
}

# N of them: powered-off ones first, then from the youngest on.
lines_of_count() {
  if [ "$1" -eq 0 ]; then return; fi
  {
    printf '%s\n' "$droplets" | awk '$3 == "off"'
    printf '%s\n' "$droplets" | awk 'NF >= 3 && $3 != "off"' | sort -rn
  } | awk -v most="$1" 'NR <= most'
}

lines_stopped() { printf '%s\n' "$droplets" | awk '$3 == "off"'; }

list() {
  if [ $# -gt 0 ]; then fail "list takes no more arguments" "manage_pool.sh --help tells more"; fi
  "$doctl" compute droplet list --tag-name "$pool" --format ID,Name,Status,Region,Memory,VCPUs,PublicIPv4 ||
    fail "doctl could not list the droplets" "what doctl says stands above" 1
  find_droplets
  off="$(count_of off)"
  if [ "$off" -gt 0 ]; then
    printf '%s powered off, which cost as much: manage_pool.sh remove --stopped --pool %s\n' "$off" "$pool" >&2
  fi
}

remove() {
  find_droplets
  if [ $# -eq 0 ]; then fail "remove what?" "give a number, names, --stopped or --all"; fi
  chosen=""
  for word in "$@"; do
    case "$word" in
      --all) some="$(printf '%s\n' "$droplets" | awk 'NF >= 3')" ;;
      --stopped) some="$(lines_stopped)" ;;
      -*) fail "unknown argument: $word" "manage_pool.sh --help tells more" ;;
      *) if is_number "$word"; then some="$(lines_of_count "$word")"; else some="$(lines_named "$word")"; fi ;;
    esac
    chosen="$chosen$some
"
  done
  # Named twice, removed once.
  printf '%s' "$chosen" | awk 'NF >= 3 && !seen[$1]++' | remove_lines
}

# Whatever is wrong with the options, which may have meant another pool, is told before anything is removed.
check_resize() {
  missing="$((wanted - $(count_of running)))"
  if [ "$missing" -gt 0 ]; then
    spawn "$missing" --dry-run "$@" >/dev/null
  elif [ $# -gt 0 ]; then
    spawn 1 --dry-run "$@" >/dev/null
  fi
}

resize() {
  wanted="${1:-}"
  is_number "$wanted" || fail "resize needs a number" "manage_pool.sh resize 3 --env-file worker.env"
  shift
  find_droplets
  check_resize "$@"
  lines_stopped | remove_lines
  running="$(count_of running)"
  if [ "$running" -lt "$wanted" ]; then
    add "$((wanted - running))" "$@"
  elif [ "$running" -gt "$wanted" ]; then
    droplets="$(printf '%s\n' "$droplets" | awk '$3 != "off"')"
    lines_of_count "$((running - wanted))" | remove_lines
  else
    printf '%s run already\n' "$running"
  fi
}

add() {
  count="${1:-}"
  if ! is_number "$count" || [ "$count" -eq 0 ]; then
    fail "add needs a number" "manage_pool.sh add 3 --env-file worker.env"
  fi
  shift
  spawn "$count" "$@"
}

# spawn N OPTION...: the number and the pool come last, so that no option takes their place.
spawn() {
  number="$1"
  shift
  "$here/spawn_workers.sh" "$@" --count "$number" --pool "$pool"
}

main() {
  pool=fold-worker now=no
  action="${1:-}"
  if [ $# -gt 0 ]; then shift; fi
  # --pool and --now are taken out, wherever they stand; the rest stays as it is, whatever is in it.
  rest=$#
  while [ "$rest" -gt 0 ]; do
    rest=$((rest - 1))
    case "$1" in
      --pool)
        if [ "$rest" -eq 0 ] || [ -z "$2" ]; then fail "--pool needs a value" "manage_pool.sh --help tells more"; fi
        pool="$2"
        rest=$((rest - 1))
        shift
        ;;
      --now) now=yes ;;
      -h | --help)
        usage
        exit 0
        ;;
      *) set -- "$@" "$1" ;;
    esac
    shift
  done
  case "$pool" in "" | -* | *[!a-z0-9-]*) fail "a pool cannot be called '$pool'" "give lower-case letters, digits and dashes" ;; esac
  case "$action" in
    list | add | remove | resize) ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail "unknown action: '$action'" "give list, add, remove or resize; manage_pool.sh --help tells more" ;;
  esac
  command -v "$doctl" >/dev/null 2>&1 ||
    fail "doctl is not there" "install it from https://github.com/digitalocean/doctl/releases, then: doctl auth init" 1
  "$action" "$@"
}

main "$@"
