#!/usr/bin/env bash
# Starts and stops a Spaces of one's own: a Ceph RADOS Gateway on 127.0.0.1, its data in memory.
#
#   eval "$(scripts/servers/spaces.sh up DIR)"     stdout holds nothing but lines `export NAME=VALUE`
#   scripts/servers/spaces.sh user DIR NAME        another user, who may do what policies allow and make no buckets:
#                                                  the same lines with the keys of that user
#   scripts/servers/spaces.sh down DIR             stops what `up` started there, and removes DIR
#
# DIR is a folder for this alone. A second `up` finds the gateway that runs, or makes everything anew: with the store
# gone, what was in memory is gone too. Ports are ten free ones in a row; SPACES_PORT names the first. SPACES_LC_DAY is
# how many seconds a day of a lifecycle rule lasts; a real one where it is not set. When the process SERVER_OWNER is gone,
# however it has ended, what was started for it is stopped.
set -euo pipefail

say() { echo "spaces: $*" >&2; }
die() { say "$*"; exit 1; }

[[ ($# -eq 2 && $1 =~ ^(up|down)$ || $# -eq 3 && $1 == user && $3 =~ ^[a-z0-9-]+$) && -n $2 ]] ||
  die "usage: spaces.sh up|down DIR, or spaces.sh user DIR NAME"
verb=$1
user=${3:-fold}
dir=$(realpath -m "$2")
conf=$dir/ceph.conf
# Sockets of the daemons are in there, and the name of a socket has 107 bytes at most.
((${#dir} <= 70)) || die "the name of $dir is too long: 70 characters at most"

install_packages() {
  local missing=() program package
  while read -r program package; do
    command -v "$program" >/dev/null || missing+=("$package")
  done <<<"ceph-mon ceph-mon
ceph-osd ceph-osd
radosgw radosgw
ceph ceph-common
curl curl"
  ((${#missing[@]})) || return 0
  local sudo=()
  ((EUID == 0)) || sudo=(sudo -n)
  if ! command -v apt-get >/dev/null || { ((EUID != 0)) && ! sudo -n true 2>/dev/null; }; then
    die "needs the packages ${missing[*]}: install them, or name a server by DO_SPACES_ENDPOINT"
  fi
  say "installing ${missing[*]}"
  # RUNLEVEL keeps the packages from starting services.
  local get=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -o DPkg::Lock::Timeout=300)
  local install=("${get[@]}" install -y --no-install-recommends "${missing[@]}")
  "${install[@]}" >&2 || { "${get[@]}" update >&2 && "${install[@]}" >&2; } || die "apt-get failed"
}

# A pid counts while it belongs to a daemon that was started with our configuration: pids are given again.
pid_of() {
  local pid
  pid=$(cat "$dir/$1.pid" 2>/dev/null) && [[ $pid =~ ^[0-9]+$ ]] || return 1
  tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF -- "$conf" && echo "$pid"
}

# In a session of its own, so that Ctrl-C in the terminal of a test run leaves stopping to that run.
start() { # start NAME COMMAND...
  local name=$1
  shift
  setsid "$@" -f -c "$conf" </dev/null >>"$dir/log/$name.out" 2>&1 9>&- &
  echo $! >"$dir/$name.pid"
}

wait_until() { # wait_until NAME CONDITION...: NAME is the daemon that must stay alive
  local name=$1 deadline=$((SECONDS + 120))
  shift
  until "$@" >/dev/null 2>&1; do
    if ! pid_of "$name" >/dev/null || ((SECONDS >= deadline)); then
      tail -n 20 "$dir/log/$name".* >&2
      die "$name did not come up"
    fi
    sleep 0.05
  done
}

stop_all() {
  local name pid
  for name in rgw osd mon; do
    # Nothing is to be kept, so nothing has to be written down first.
    if pid=$(pid_of $name); then
      kill -KILL "$pid" 2>/dev/null || true
      while pid_of $name >/dev/null; do sleep 0.05; done
    fi
    rm -f "$dir/$name.pid"
  done
}

remove_files() { rm -rf "$dir"/{mon,osd,rgw,log,crash,run,monmap,ceph.conf,exports}; }

is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the ports that the system gives to outgoing connections: none of those can get in between.
free_ports() {
  local base i tries=50
  while ((tries-- > 0)); do
    base=${SPACES_PORT:-$((11000 + RANDOM % 2000 * 10))}
    for i in {0..9}; do
      is_taken $((base + i)) && continue 2
    done
    echo "$base"
    return
  done
  die "no ten free ports in a row${SPACES_PORT:+ from $SPACES_PORT on}"
}

write_conf() { # write_conf PORT FSID
  cat >"$conf" <<END
[global]
fsid = $2
mon host = [v2:127.0.0.1:$(($1 + 1))]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind port min = $(($1 + 2))
ms bind port max = $(($1 + 9))
ms bind msgr1 = false
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc secure
keyring = /dev/null
run dir = $dir/run
log file = $dir/log/\$name.log
admin socket = $dir/run/\$name.asok
crash dir = $dir/crash
log to stderr = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
[mon]
mon data = $dir/mon
mon cluster log file = $dir/log/cluster.log
mon data avail crit = 1
mon data avail warn = 2
# Else every step of the start waits a second for others that may come.
paxos propose interval = 0.05
paxos min wait = 0.02
[osd]
osd data = $dir/osd
osd objectstore = memstore
memstore device bytes = 8589934592
crush location = root=default host=spaces
[client]
rgw data = $dir/rgw
rgw frontends = beast endpoint=127.0.0.1:$1 tcp_nodelay=1
rgw relaxed region enforcement = true
rgw rados pool pg num min = 4
rgw thread pool size = 64
rgw gc obj min wait = 5
rgw gc processor period = 10
rgw gc processor max time = 10
rgw lifecycle work time = 00:00-24:00
${SPACES_LC_DAY:+rgw lc debug interval = $SPACES_LC_DAY}
END
}

logged() { "$@" >>"$dir/log/setup.out" 2>&1 9>&-; }
cluster() { ceph -c "$conf" --connect-timeout 30 "$@" 9>&-; }
is_mon_up() { cluster fsid; }
is_osd_up() { cluster osd stat -f json | grep -q '"num_up_osds":1'; }
is_gateway_up() { curl -fsS -o /dev/null -m 2 "http://127.0.0.1:$1/"; }

admin() { radosgw-admin -c "$conf" "$@" 2>>"$dir/log/setup.out" 9>&-; }

# print_exports PORT USER MOST_BUCKETS: who is not there yet is made. The gateway thinks up the keys: none is in the
# list of processes.
print_exports() {
  local keys access secret
  keys=$(admin user info --uid="$2" || admin user create --uid="$2" --display-name="$2" --max-buckets="$3") ||
    die "the gateway made no user $2"
  access=$(sed -n 's/.*"access_key": "\(.*\)".*/\1/p' <<<"$keys")
  secret=$(sed -n 's/.*"secret_key": "\(.*\)".*/\1/p' <<<"$keys" | tr -d "\\\\")
  [[ -n $access && -n $secret ]] || die "the gateway made no keys"
  cat <<END
export DO_SPACES_ENDPOINT=http://127.0.0.1:$1
export DO_SPACES_REGION=us-east-1
export DO_SPACES_ACCESS_KEY=$access
export DO_SPACES_SECRET_KEY=$secret
export SPACES_DIR=${dir@Q}
END
}

start_all() {
  local port fsid osd release
  mkdir -p "$dir"/{mon,osd,rgw,log,crash,run}
  chmod 700 "$dir"
  port=$(free_ports)
  fsid=$(cat /proc/sys/kernel/random/uuid)
  write_conf "$port" "$fsid"
  # Its own release, "ceph version 16.2.15 (...) pacific (stable)": a monitor stops that finds a much older one there.
  release=$(ceph-mon --version | awk '{ print $5 }')
  logged monmaptool --create --clobber --fsid "$fsid" --set-min-mon-release "$release" \
    --addv a "[v2:127.0.0.1:$((port + 1))]" "$dir/monmap"
  logged ceph-mon -c "$conf" -i a --mkfs --monmap "$dir/monmap"
  start mon ceph-mon -i a
  wait_until mon is_mon_up
  osd=$(cat /proc/sys/kernel/random/uuid)
  [[ $(cluster osd new "$osd" 2>>"$dir/log/setup.out") == 0 ]] || die "the store got another number than 0"
  logged ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd"
  start osd ceph-osd -i 0
  wait_until osd is_osd_up
  start rgw radosgw -n client.rgw
  wait_until rgw is_gateway_up "$port"
  (umask 077 && print_exports "$port" fold 10000 >"$dir/exports.new")
  # Renamed last: a start that was cut short has no exports, and is made anew.
  mv "$dir/exports.new" "$dir/exports"
  say "up at http://127.0.0.1:$port after $SECONDS s"
}

is_running() {
  [[ -e $dir/exports ]] && pid_of mon >/dev/null && pid_of osd >/dev/null && pid_of rgw >/dev/null
}

if [[ $verb == up ]]; then
  if [[ -d $dir && ! -e $conf && ! -e $dir/lock && -n $(ls -A "$dir") ]]; then die "$dir holds other files"; fi
  install_packages
  mkdir -p "$dir"
  exec 9>"$dir/lock"
  flock -w 300 9 || die "somebody else holds $dir/lock"
  if is_running; then
    say "runs already"
  else
    stop_all
    remove_files
    # What is half made is of no use, however the start ended.
    trap '[[ -e $dir/exports ]] || stop_all' EXIT
    start_all
    if [[ -n ${SERVER_OWNER:-} ]]; then
      setsid "$(dirname "$0")/when-gone.sh" "$SERVER_OWNER" "$0" down "$dir" </dev/null >/dev/null 2>&1 9>&- &
    fi
  fi
  cat "$dir/exports"
elif [[ $verb == user ]]; then
  is_running || die "nothing runs in $dir"
  # Two who ask for the same user at once get one.
  exec 9>"$dir/lock"
  flock -w 300 9 || die "somebody else holds $dir/lock"
  print_exports "$(sed -n 's/^export DO_SPACES_ENDPOINT=.*://p' "$dir/exports")" "$user" -1
else
  [[ -e $dir/lock ]] || { say "nothing in $dir"; exit 0; }
  exec 9>"$dir/lock"
  flock -w 300 9 || die "somebody else holds $dir/lock"
  stop_all
  remove_files
  rm -f "$dir/lock" "$dir/exports.new"
  rmdir "$dir" 2>/dev/null || say "$dir holds other files: left"
  say "stopped"
fi
