#!/usr/bin/env bash
# A throw-away PostgreSQL on 127.0.0.1, for tests and for trying things out. Nothing in it survives a power cut.
#
#   eval "$(scripts/servers/postgres.sh up DIR)"     start it, or find it running; sets DATABASE_URL
#   scripts/servers/postgres.sh down DIR             stop it; DIR may then be removed
#   scripts/servers/postgres.sh remove DIR           stop it, and remove DIR
#   scripts/servers/postgres.sh restart DIR          stop and start it at the same port: all connections break
#
# Only the line `export DATABASE_URL=...` goes to stdout, progress goes to stderr.
#   POSTGRES_PORT   its port; left out: a free one
#   SERVER_OWNER    a process; when that is gone, however it has ended, the server is stopped, and DIR removed
set -euo pipefail

say() { echo "postgres.sh: $*" >&2; }
die() { say "$*"; exit 1; }

[ $# -eq 2 ] || die "usage: $0 up|down|remove|restart DIR"
verb=$1
dir=$(realpath -m "$2")
# The socket's path must fit into 107 bytes.
[ ${#dir} -le 80 ] || die "the path of DIR is too long for a unix socket: $dir"

# PostgreSQL refuses to run as root: there, the user postgres runs it.
as_server() {
  if [ "$(id -u)" -ne 0 ]; then "$@"; else setpriv --reuid=postgres --regid=postgres --init-groups "$@"; fi
}

# The folder of the newest initdb; Debian keeps it out of PATH.
find_programs() {
  local found
  found=$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
  [ -n "$found" ] || found=$(command -v initdb || true)
  [ -n "$found" ] && dirname "$found"
}

install_server() {
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    die "install PostgreSQL 15 or newer (package postgresql), then try again"
  fi
  say "installing postgresql"
  # Debian's package would start a server of its own.
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    # Left behind, it would keep whatever is installed later from being started, too.
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
  fi
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
  local status=0
  "${apt[@]}" install -y --no-install-recommends postgresql >&2 ||
    { "${apt[@]}" update >&2 && "${apt[@]}" install -y --no-install-recommends postgresql >&2; } || status=$?
  [ $status -eq 0 ] || die "apt-get could not install postgresql"
}

# The process that runs on our data, and none that has got its number since.
server_pid() {
  local pid
  pid=$(head -n 1 "$dir/data/postmaster.pid" 2>/dev/null) || return 1
  [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null || return 1
  tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$dir/data" && echo "$pid"
}

is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

choose_port() {
  if [ -n "${POSTGRES_PORT:-}" ]; then
    [[ $POSTGRES_PORT =~ ^[0-9]{1,5}$ ]] || die "POSTGRES_PORT is no port: $POSTGRES_PORT"
    echo "$POSTGRES_PORT"
    return
  fi
  local port
  # Below the ports that the system gives to outgoing connections.
  for _ in $(seq 50); do
    port=$((15000 + RANDOM % 15000))
    is_taken $port || { echo $port; return; }
  done
  die "found no free port"
}

# A certificate of its own, so that TLS can be tried; its path is the server's setting ssl_cert_file.
make_certificate() {
  command -v openssl >/dev/null || return 0
  mkdir -p "$dir/tls"
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout "$dir/tls/server.key" -out "$dir/tls/server.crt" 2>/dev/null
  chmod 600 "$dir/tls/server.key"
  chmod 755 "$dir/tls"
  chmod 644 "$dir/tls/server.crt"
  cat >>"$dir/data/postgresql.conf" <<CONF
ssl = on
ssl_cert_file = '$dir/tls/server.crt'
ssl_key_file = '$dir/tls/server.key'
CONF
}

make_cluster() {
  say "making a cluster in $dir"
  rm -rf "$dir/data"
  mkdir -p "$dir"
  (umask 077 && od -An -N 16 -t x1 /dev/urandom | tr -d ' \n' >"$dir/password")
  [ "$(id -u)" -ne 0 ] || chown -R postgres:postgres "$dir"
  # A locale that sorts as people do, like most servers: statements that count on the order of bytes must say so.
  as_server "$programs/initdb" -D "$dir/data" -U fold --pwfile="$dir/password" --auth-local=trust \
    --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --locale-provider=icu --icu-locale=en-US --no-sync >"$dir/initdb.log" 2>&1 ||
    die "initdb failed: $(tail -n 3 "$dir/initdb.log")"
  cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir'
fsync = off
full_page_writes = off
max_connections = 200
CONF
  make_certificate
  # Whoever reaches the socket in there is let in without a password.
  chmod 700 "$dir"
  [ "$(id -u)" -ne 0 ] || chown -R postgres:postgres "$dir"
  touch "$dir/data/made"
}

up() {
  programs=$(find_programs) || { install_server; programs=$(find_programs) || die "postgresql has no initdb"; }
  # Two who ask for the same folder at once get one server.
  mkdir -p "$dir"
  exec 9>"$dir/lock"
  flock -w 180 9 || die "another start of $dir does not end"
  if ! server_pid >/dev/null; then
    [ -e "$dir/data/made" ] || make_cluster
    local tries=0
    while :; do
      choose_port >"$dir/port"
      as_server "$programs/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 60 -s \
        -o "-p $(cat "$dir/port")" start >&2 9>&- && break
      # Somebody has taken the free port in between.
      tries=$((tries + 1))
      if [ -n "${POSTGRES_PORT:-}" ] || [ $tries -ge 5 ]; then
        die "it does not start: $(tail -n 3 "$dir/server.log")"
      fi
    done
    say "started, pid $(server_pid)"
    if [ -n "${SERVER_OWNER:-}" ]; then
      setsid "$(dirname "$0")/when-gone.sh" "$SERVER_OWNER" "$0" remove "$dir" </dev/null >/dev/null 2>&1 9>&- &
    fi
  fi
  echo "export DATABASE_URL=postgres://fold:$(cat "$dir/password")@127.0.0.1:$(cat "$dir/port")/postgres"
}

down() {
  local pid
  pid=$(server_pid) || { say "nothing runs in $dir"; return 0; }
  kill -INT "$pid"
  for _ in $(seq 300); do
    kill -0 "$pid" 2>/dev/null || { say "stopped, pid $pid"; return 0; }
    sleep 0.1
  done
  die "pid $pid does not end"
}

# Its port is the one that its clients know.
restart() {
  [ -e "$dir/port" ] || die "nothing was started in $dir"
  POSTGRES_PORT=$(cat "$dir/port")
  down
  up
}

case $verb in
  up) up ;;
  down) down ;;
  restart) restart ;;
  remove) down && rm -rf "$dir" ;;
  *) die "usage: $0 up|down|remove|restart DIR" ;;
esac
