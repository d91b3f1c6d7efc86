#!/bin/sh
# Starts droplets that work: each gets scripts/worker.sh and the settings as its user-data. Needs doctl, signed in
# (`doctl auth init`).
set -eu
umask 077

here="$(unset CDPATH && cd "$(dirname "$0")" && pwd)"
doctl="${DOCTL:-doctl}"
# DigitalOcean takes no more.
most_user_data_bytes=65536
# Against a slip of the finger that costs money.
most_droplets=100

usage() {
  cat <<'END'
usage: spawn_workers.sh --env-file FILE [options]

  --env-file FILE   settings and secrets of the workers, lines NAME=VALUE; only you may read it (chmod 600)
  --count N         so many droplets (default: 1)
  --mode MODE       continuous, one-shot or cloud-worker (default: continuous)
  --stay            continuous: wait for new jobs when nothing is left, instead of powering off
  --job-id ID       one-shot: this job
  --input KEY       cloud-worker: a text in the input bucket; a droplet for each --input
  --pool NAME       tag and beginning of the names (default: fold-worker)
  --size SLUG       size of a droplet (default: s-2vcpu-4gb; `orthofold estimate TEXT --fleet` tells which)
  --region SLUG     region (default: doctl's)
  --image SLUG      image (default: debian-12-x64)
  --ssh-keys LIST   ids or fingerprints of keys that may log in
  --vpc-uuid UUID   private network
  --version V       this release of the program (default: the latest)
  --releases URL    where the releases are (default: FOLD_RELEASES)
  --keep            do not power off at the end
  --dry-run         print the doctl calls, make nothing
END
}

fail() {
  printf 'spawn_workers.sh: %s\n' "$1" >&2
  if [ $# -gt 1 ]; then printf 'hint: %s\n' "$2" >&2; fi
  exit "${3:-2}"
}

# shellcheck disable=SC2317 # a trap calls it
stopped() { fail "stopped" "\`manage_pool.sh list --pool $pool\` tells which droplets there are" "$1"; }

# The file may hold secrets: others must not read it, and a droplet must be able to.
check_settings() {
  if [ -z "$env_file" ]; then fail "--env-file is missing" "spawn_workers.sh --help tells more"; fi
  if [ ! -f "$env_file" ] || [ ! -r "$env_file" ]; then fail "cannot read $env_file" "check the path" 5; fi
  case "$(ls -ldL "$env_file")" in
    -???------*) ;;
    *) fail "others may read $env_file" "chmod 600 '$env_file'" ;;
  esac
  number=0
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    line="${line%"$(printf '\r')"}"
    case "$line" in
      "" | \#*) continue ;;
      *=*) ;;
      *) fail "line $number of $env_file is not NAME=VALUE" "one variable a line, no export" ;;
    esac
    case "${line%%=*}" in
      "" | [0-9]* | *[!A-Za-z0-9_]*) fail "line $number of $env_file is not NAME=VALUE" "one variable a line, no export" ;;
      http_proxy | https_proxy | all_proxy | no_proxy) ;;
      # worker.sh would end there, on a droplet that costs.
      PATH | IFS | LD_* | BUN_* | *[a-z]*) fail "line $number of $env_file sets what workers do not take from it" "leave out PATH, IFS, LD_..., BUN_... and names in small letters" ;;
      # Said twice, one of the two would count without a word, or a droplet stay on that nobody wanted to.
      WORKER_MODE | WORKER_STAY | WORKER_JOB_ID | INPUT_FILE | FOLD_KEEP)
        fail "line $number of $env_file sets ${line%%=*}, which is an option here" "leave it out and give --mode, --stay, --job-id, --input or --keep"
        ;;
    esac
    # A shell and systemd would take the quotes off, others would not.
    case "${line#*=}" in
      [\"\']*) fail "the value in line $number of $env_file begins with a quote" "write it as it is, without quotes" ;;
    esac
  done <"$env_file"
}

check_options() {
  case "$pool" in "" | -* | *- | *[!a-z0-9-]*) fail "a pool cannot be called '$pool'" "give lower-case letters, digits and dashes" ;; esac
  if [ ${#pool} -gt 40 ]; then fail "the pool's name is longer than 40 characters" "give a shorter one"; fi
  case "$count" in "" | *[!0-9]* | 0*) fail "--count cannot be '$count'" "give a whole number, 1 to $most_droplets" ;; esac
  if [ ${#count} -gt 3 ] || [ "$count" -gt "$most_droplets" ]; then fail "--count cannot be $count" "give at most $most_droplets at a time"; fi
  case "$mode" in
    continuous) if [ -n "$job_id" ]; then fail "--job-id goes with --mode one-shot" "leave one of them out"; fi ;;
    one-shot) if [ -n "$job_id" ] && [ "$count" -gt 1 ]; then fail "one job needs one worker" "leave out --count"; fi ;;
    cloud-worker)
      if [ -z "$inputs" ]; then fail "--mode cloud-worker needs --input" "give the key of a text in the input bucket"; fi
      if [ "$(printf '%s' "$inputs" | wc -l)" -gt "$most_droplets" ]; then fail "there are too many inputs" "give at most $most_droplets at a time"; fi
      if [ "$count" -gt 1 ]; then fail "--count does not go with --input" "there is a droplet for each --input"; fi
      ;;
    *) fail "--mode cannot be '$mode'" "give continuous, one-shot or cloud-worker" ;;
  esac
  if [ "$stay" = yes ] && [ "$mode" != continuous ]; then fail "--stay goes with --mode continuous" "leave one of them out"; fi
  if [ -n "$inputs" ] && [ "$mode" != cloud-worker ]; then fail "--input goes with --mode cloud-worker" "leave one of them out"; fi
  case "$version" in *[!A-Za-z0-9._+-]*) fail "there is no release '$version'" "give for instance --version 1.2.0" ;; esac
  case "$releases" in
    https://*[!A-Za-z0-9._~:/-]* | "https://") fail "--releases is no address: $releases" "give https://github.com/OWNER/REPOSITORY/releases" ;;
    https://*) ;;
    http://127.0.0.1:*[!A-Za-z0-9._/-]*) fail "--releases is no address: $releases" "give https://github.com/OWNER/REPOSITORY/releases" ;;
    http://127.0.0.1:*) ;;
    *) fail "it is not said where the releases are" "give --releases https://github.com/OWNER/REPOSITORY/releases" ;;
  esac
}

# write_user_data FILE INPUT: the script with its settings in front, in letters that mean nothing to a shell.
write_user_data() {
  settings="$(
    {
      cat "$env_file"
      printf '\nWORKER_MODE=%s\nFOLD_RELEASES=%s\n' "$mode" "$releases"
      if [ -n "$job_id" ]; then printf 'WORKER_JOB_ID=%s\n' "$job_id"; fi
      if [ -n "$2" ]; then printf 'INPUT_FILE=%s\n' "$2"; fi
      if [ -n "$version" ]; then printf 'FOLD_VERSION=%s\n' "$version"; fi
      if [ "$stay" = yes ]; then printf 'WORKER_STAY=1\n'; fi
      if [ "$keep" = yes ]; then printf 'FOLD_KEEP=1\n'; fi
    } | base64 | tr -d '\n'
  )"
  {
    printf '#!/bin/sh\nFOLD_SETTINGS=%s\n' "$settings"
    # Comments are not needed there, and count.
    sed -e '1d' -e '/^ *#/d' "$here/worker.sh"
  } >"$1"
  size_bytes="$(wc -c <"$1" | tr -d ' ')"
  if [ "$size_bytes" -gt "$most_user_data_bytes" ]; then
    fail "the user-data would have $size_bytes bytes, more than $most_user_data_bytes" "shorten $env_file" 1
  fi
}

# What doctl made before something went wrong: it tells of an error, and not of the droplets that it made besides.
fail_in_part() {
  list="\`manage_pool.sh list --pool $pool\`"
  there="$("$doctl" compute droplet list --tag-name "$pool" --format ID,Name,Status --no-header)" ||
    fail "doctl could not make the droplets" "what doctl says stands above; $list tells which are there all the same" 1
  there="$(printf '%s\n' "$there" | awk -v begin="$pool-$stamp-" 'index($2, begin) == 1')"
  if [ -z "$there" ]; then fail "doctl could not make the droplets" "what doctl says stands above; none was made" 1; fi
  printf 'there are:\n%s\n' "$there" >&2
  if [ -e "$made/inputs" ]; then
    printf '%s\n' "$there" >"$made/there"
    awk -v begin="$pool-$stamp-" 'NR == FNR { is_there[$2]; next } !((begin FNR) in is_there) { print "none for " $0 }' "$made/there" "$made/inputs" >&2
  fi
  fail "doctl made $(printf '%s\n' "$there" | wc -l | tr -d ' ') of $total droplets" \
    "they work and cost: go on with them, or \`manage_pool.sh remove --pool $pool NAME...\`; the same command again would make $total more" 3
}

# create USER_DATA NAME...: one call of doctl.
create() {
  user_data="$1"
  shift
  set -- compute droplet create "$@" --size "$size" --image "$image" --tag-names "$pool" --user-data-file "$user_data"
  if [ -n "$region" ]; then set -- "$@" --region "$region"; fi
  if [ -n "$ssh_keys" ]; then set -- "$@" --ssh-keys "$ssh_keys"; fi
  if [ -n "$vpc" ]; then set -- "$@" --vpc-uuid "$vpc"; fi
  if [ "$dry_run" = yes ]; then
    printf '%s' "$doctl"
    printf ' %s' "$@"
    printf '\n'
    return
  fi
  "$doctl" "$@" --format ID,Name,Status --no-header || fail_in_part
}

# check_value OPTION VALUE: a line break would end a line of the settings, a dash begin an option of doctl's.
check_value() {
  case "$2" in *"
"*) fail "$1 holds a line break" "give it without" ;; esac
  case "$1:$2" in
    --input:* | --env-file:*) ;;
    "$1:-"*) fail "$1 cannot be '$2'" "give a value that does not begin with a dash" ;;
  esac
}

main() {
  env_file="" count=1 mode=continuous job_id="" inputs="" pool=fold-worker size=s-2vcpu-4gb region="" image=debian-12-x64
  ssh_keys="" vpc="" version="" releases="${FOLD_RELEASES:-}" keep=no stay=no dry_run=no
  while [ $# -gt 0 ]; do
    case "$1" in
      -h | --help)
        usage
        exit 0
        ;;
      --keep) keep=yes ;;
      --stay) stay=yes ;;
      --dry-run) dry_run=yes ;;
      --env-file | --count | --mode | --job-id | --input | --pool | --size | --region | --image | --ssh-keys | --vpc-uuid | --version | --releases)
        if [ $# -lt 2 ] || [ -z "$2" ]; then fail "$1 needs a value" "spawn_workers.sh --help tells more"; fi
        check_value "$1" "$2"
        case "$1" in
          --env-file) env_file="$2" ;;
          --count) count="$2" ;;
          --mode) mode="$2" ;;
          --job-id) job_id="$2" ;;
          --input)
            inputs="$inputs$2
"
            ;;
          --pool) pool="$2" ;;
          --size) size="$2" ;;
          --region) region="$2" ;;
          --image) image="$2" ;;
          --ssh-keys) ssh_keys="$2" ;;
          --vpc-uuid) vpc="$2" ;;
          --version) version="$2" ;;
          --releases) releases="$2" ;;
        esac
        shift
        ;;
      *) fail "unknown argument: $1" "spawn_workers.sh --help tells more" ;;
    esac
    shift
  done
  case "$env_file" in -*) env_file="./$env_file" ;; esac
  check_settings
  check_options
  if [ "$dry_run" = no ] && ! command -v "$doctl" >/dev/null 2>&1; then
    fail "doctl is not there" "install it from https://github.com/digitalocean/doctl/releases, then: doctl auth init" 1
  fi
  made="$(mktemp -d)"
  trap 'rm -rf "$made"' EXIT
  # Some shells do not come to EXIT where a signal ends them, and there are secrets in there.
  trap 'stopped 129' HUP
  trap 'stopped 130' INT
  trap 'stopped 131' QUIT
  trap 'stopped 141' PIPE
  trap 'stopped 143' TERM
  # The time, and some letters at random: a name is never given twice.
  stamp="$(date -u +%m%d%H%M%S)-$(od -An -N2 -tx1 /dev/urandom | tr -d ' \n')"
  if [ "$mode" = cloud-worker ]; then
    printf '%s' "$inputs" >"$made/inputs"
    total=0
    while IFS= read -r input; do
      total=$((total + 1))
      write_user_data "$made/user-data-$total" "$input"
    done <"$made/inputs"
    number=0
    while [ "$number" -lt "$total" ]; do
      number=$((number + 1))
      create "$made/user-data-$number" "$pool-$stamp-$number"
    done
    return
  fi
  total="$count"
  write_user_data "$made/user-data" ""
  number=1
  while [ "$number" -le "$count" ]; do
    if [ "$number" -eq 1 ]; then set -- "$pool-$stamp-$number"; else set -- "$@" "$pool-$stamp-$number"; fi
    number=$((number + 1))
  done
  create "$made/user-data" "$@"
}

main "$@"
