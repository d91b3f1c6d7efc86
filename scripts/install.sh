#!/bin/sh
# Installs fold for one user, under the name orthofold: `fold` is a POSIX utility that scripts rely on.
#
#   curl -fsSL https://github.com/OWNER/REPOSITORY/releases/latest/download/install.sh | sh
#   curl -fsSL .../install.sh | sh -s -- --prefix /opt/orthofold --version 1.2.0
#
# It picks the download for this machine, checks its SHA-256 against the release's SHA256SUMS, tries it, and only
# then puts it in its place by a rename. It needs no root, may be run again, and leaves nothing else behind.
set -eu

# A release puts its own address here; FOLD_RELEASES names another, for instance a mirror.
releases="${FOLD_RELEASES:-}"
# Only tests give another file: what the kernel says of the processor.
cpuinfo="${FOLD_CPUINFO:-/proc/cpuinfo}"

usage() {
  cat <<'END'
usage: install.sh [--prefix DIR] [--name NAME] [--version V] [--target TARGET]

  --prefix DIR     install DIR/bin/NAME (default: ~/.local)
  --name NAME      what the program is called (default: orthofold)
  --version V      this release instead of the latest
  --target TARGET  this download instead of the one for this machine, for instance linux-x64-baseline

FOLD_RELEASES is the address of the releases: https://github.com/OWNER/REPOSITORY/releases, or a mirror of it.
END
}

say() { printf '%s\n' "$*"; }

# What happened, and in a second line what to do about it.
fail() {
  printf 'install.sh: %s\n' "$1" >&2
  if [ $# -gt 1 ]; then printf 'hint: %s\n' "$2" >&2; fi
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# The processor lacks AVX2, which the usual builds for x64 need.
lacks_avx2() {
  if [ "$1" = darwin ]; then
    if sysctl -n machdep.cpu.leaf7_features 2>/dev/null | grep -qw AVX2; then return 1; fi
  elif [ ! -r "$cpuinfo" ] || grep -qw avx2 "$cpuinfo"; then
    return 1
  fi
}

# The C library is musl. A loader of musl may lie beside glibc, so glibc is asked first.
is_musl() {
  if has getconf && getconf GNU_LIBC_VERSION >/dev/null 2>&1; then return 1; fi
  if has ldd; then
    case "$(ldd --version 2>&1 | head -n 1)" in
      *musl*) return 0 ;;
      *GLIBC* | *GNU*) return 1 ;;
    esac
  fi
  for loader in /lib64/ld-linux-* /lib/ld-linux-*; do
    if [ -e "$loader" ]; then return 1; fi
  done
  for loader in /lib/ld-musl-*; do
    if [ -e "$loader" ]; then return 0; fi
  done
  return 1
}

# The name of this machine's download, as scripts/build-all.ts gives it.
find_target() {
  system="$(uname -s)"
  machine="$(uname -m)"
  case "$system" in
    Linux) system=linux ;;
    Darwin) system=darwin ;;
    MINGW* | MSYS* | CYGWIN*) fail "this script does not install on Windows" "unpack fold-windows-x64.zip of the release by hand" ;;
    *) fail "there is no build for $system" "there are builds for Linux, macOS and Windows; or build it: npm ci && npm run build" ;;
  esac
  case "$machine" in
    x86_64 | amd64) machine=x64 ;;
    aarch64 | arm64) machine=arm64 ;;
    *) fail "there is no build for a processor of the kind $machine" "there are builds for x64 and arm64" ;;
  esac
  # A shell of Intel code on an Apple processor sees x86_64.
  if [ "$system-$machine" = darwin-x64 ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || true)" = 1 ]; then
    machine=arm64
  fi
  target="$system-$machine"
  if [ "$system" = linux ] && is_musl; then target="$target-musl"; fi
  if [ "$machine" = x64 ] && lacks_avx2 "$system"; then target="$target-baseline"; fi
}

# What is downloaded is run: nobody on the way may change it.
check_address() {
  case "$releases" in
    "") fail "it is not said where the releases are" "set FOLD_RELEASES to https://github.com/OWNER/REPOSITORY/releases" ;;
    *[[:space:]]*) fail "FOLD_RELEASES holds white space" "give one address" ;;
  esac
  # A password would be in lists of processes; and http://localhost:x@elsewhere is not this machine.
  authority="${releases#*://}"
  case "${authority%%/*}" in *@*) fail "FOLD_RELEASES holds a user or a password" "give the address alone" ;; esac
  case "$releases" in
    https://*) protocols="=https" ;;
    http://127.0.0.1:* | http://localhost:* | http://\[::1\]:*) protocols="=http,https" ;;
    *) fail "FOLD_RELEASES must begin with https://, it is $releases" "without TLS anybody on the way could change the program" ;;
  esac
}

# Any name but one that already means another program.
check_name() {
  case "$name" in
    "" | .* | -* | *[!A-Za-z0-9._+-]*) fail "the program cannot be called '$name'" "give a name of letters, digits, dots, dashes" ;;
    fold) fail "the program cannot be called fold: that is a POSIX utility, which scripts rely on" "leave --name out; it becomes orthofold" ;;
  esac
  other="$(command -v "$name" 2>/dev/null || true)"
  if [ -n "$other" ] && ! is_ours "$other"; then
    fail "$name is another program already: $other" "give another --name"
  fi
  if [ -d "$place" ]; then fail "$place is a folder" "give another --name or --prefix"; fi
  if [ -e "$place" ] && ! is_ours "$place"; then
    fail "$place is there already and is no fold that runs" "move it away, or give another --name"
  fi
}

is_ours() {
  case "$1" in /*) ;; *) return 1 ;; esac
  case "$("$1" --version 2>/dev/null </dev/null || true)" in "fold "*" (commit "*) return 0 ;; esac
  return 1
}

# download URL FILE: exits with a message where that fails. A server that falls silent for a minute has failed, too.
download() {
  code=0
  if has curl; then
    curl -fsSL --proto "$protocols" --retry 3 --connect-timeout 30 --speed-limit 1 --speed-time 60 -o "$2" "$1" \
      2>"$work/told" </dev/null || code=$?
    missing=22 full=23
  else
    # BusyBox's knows no patience, and may die of -T.
    case "$(wget --version 2>&1 </dev/null || true)" in "GNU Wget"*) patience="--timeout=60" ;; *) patience="" ;; esac
    # -S: it tells where it was led to. Unlike curl, it would follow to a place without TLS.
    wget -q -S -t 4 ${patience:+"$patience"} -O "$2" "$1" 2>"$work/told" </dev/null || code=$?
    missing=8 full=3
    if [ "$protocols" = "=https" ] && grep -qi '^ *location: *http:' "$work/told"; then
      fail "$1 leads to a place without TLS" "check FOLD_RELEASES; anybody on the way could change the program"
    fi
  fi
  if [ "$code" -eq 0 ]; then return; fi
  # Of what the server said, that line which tells how it ended.
  told="$(sed -e '/^  *[A-Za-z-]*: /d' -e 's/^ *//' "$work/told" | tail -n 1)"
  if [ "$code" -eq "$full" ]; then
    fail "the download could not be written to $work" "free some space in $folder, or give another --prefix"
  elif [ "$code" -eq "$missing" ]; then
    fail "cannot get $1: ${told:-the server refused it}" "check FOLD_RELEASES and --version; not every release has every build"
  fi
  fail "cannot get $1: ${told:-exit code $code}" "check the network, then run this again"
}

sha256() {
  if has sha256sum; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi | cut -d ' ' -f 1
}

# The SHA-256 that the release says a file has.
find_sum() {
  # A mirror may have given the lines the ends that Windows knows.
  wanted="$(awk -v file="$1" '{ sub(/\r$/, "") } $2 == file || $2 == "*" file { print $1 }' "$work/SHA256SUMS")"
  case "$wanted" in *[!0-9a-f]* | "") ;; *) return ;; esac
  if ! grep -q '^[0-9a-f]\{64\} ' "$work/SHA256SUMS"; then
    fail "$from/SHA256SUMS is no list of checksums" "a proxy or a login page may have answered in its place; check FOLD_RELEASES, too"
  fi
  fail "SHA256SUMS of the release has no line for $1" "there may be no build for $target in it; see --version and --target"
}

# verify PATH FILE: what was downloaded as FILE is what the release says.
verify() {
  find_sum "$2"
  found="$(sha256 "$1")"
  if [ "$found" != "$wanted" ]; then
    fail "$2 is not what the release says: its SHA-256 is $found, not $wanted" "nothing was installed; run this again, and report it if it happens again"
  fi
}

check_tools() {
  has curl || has wget || fail "neither curl nor wget is there" "install one of them"
  has sha256sum || has shasum || fail "neither sha256sum nor shasum is there: the download could not be verified" "install coreutils or perl"
  has gzip || fail "gzip is not there" "install it"
}

# BusyBox's wget takes any certificate, but where it has an ssl_client to look at it that is not BusyBox's, too.
check_wget() {
  if has curl || [ "$protocols" != "=https" ]; then return; fi
  case "$(wget --help 2>&1 </dev/null || true)" in *BusyBox*) ;; *) return ;; esac
  if has ssl_client; then
    case "$(ssl_client --help 2>&1 </dev/null || true)" in *BusyBox*) ;; *) return ;; esac
  fi
  fail "the wget of this machine does not look at certificates" "install curl"
}

try_it() {
  # The first line of the answer is all that is wanted, and of an error the last.
  if ! answer="$("$1" --version 2>&1 </dev/null)"; then
    case "$answer" in
      *"ermission denied"*) fail "$folder does not let programs run" "it may be mounted with noexec: give another --prefix" ;;
    esac
    fail "the program for $target does not run here: $(printf '%s' "$answer" | tail -n 1)" "try another --target; builds for musl need libstdc++: apk add libstdc++"
  fi
  case "$answer" in "fold "*) ;; *) fail "the download is no fold: it answers $answer" "check FOLD_RELEASES" ;; esac
}

# Whether its name means it from now on: another installation may come first.
tell_path() {
  hash -r
  first="$(command -v "$name" || true)"
  if [ -z "$first" ]; then
    say "$folder is not on your PATH. Type this, and put it into ~/.profile (zsh: ~/.zshrc) for later:"
  elif [ "$(cd "${first%/*}/" && pwd -P)" = "$(cd "$folder" && pwd -P)" ]; then
    return
  else
    say "$name still means $first, which comes first on your PATH. Remove that, or put the new one before it:"
  fi
  say "  export PATH=\"$(printf '%s' "$folder" | sed 's/["$`\\]/\\&/g'):\$PATH\""
}

clean_up() {
  if [ -n "${work:-}" ]; then rm -rf "$work"; fi
}

# What an installation that was killed has left behind more than a day ago.
remove_left_behind() {
  find "$folder/." ! -name . -prune -type d -name '.orthofold-??????' -mtime +0 -exec rm -rf {} + 2>/dev/null || true
}

main() {
  prefix="" name=orthofold version="" target=""
  while [ $# -gt 0 ]; do
    case "$1" in
      -h | --help) usage && exit 0 ;;
      --prefix=* | --name=* | --version=* | --target=*) option="${1%%=*}" value="${1#*=}" ;;
      --prefix | --name | --version | --target)
        if [ $# -lt 2 ]; then fail "$1 needs a value" "install.sh --help tells more"; fi
        option="$1" value="$2"
        shift
        ;;
      *) fail "unknown argument: $1" "install.sh --help tells more" ;;
    esac
    if [ -z "$value" ]; then fail "$option needs a value" "install.sh --help tells more"; fi
    case "$option" in
      --prefix) prefix="$value" ;;
      --name) name="$value" ;;
      --version) version="${value#v}" ;;
      --target) target="$value" ;;
    esac
    shift
  done
  case "$version$target" in *[!A-Za-z0-9._+-]*) fail "there is no release $version for $target" "give for instance --version 1.2.0" ;; esac
  if [ -z "$prefix" ] && [ -z "${HOME:-}" ]; then fail "HOME is not set" "give --prefix"; fi
  prefix="${prefix:-$HOME/.local}"
  check_tools
  check_address
  check_wget
  if [ -z "$target" ]; then find_target; fi

  mkdir -p "$prefix/bin" || fail "cannot make the folder $prefix/bin" "give a --prefix that you may write to"
  # With CDPATH set, cd might go elsewhere.
  folder="$(unset CDPATH && cd "$prefix/bin" && pwd)" || fail "cannot go to $prefix/bin" "give another --prefix"
  place="$folder/$name"
  check_name

  # Beside its place, so that a rename puts it there: all of it or nothing.
  trap clean_up EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 131' QUIT
  trap 'exit 141' PIPE
  trap 'exit 143' TERM
  remove_left_behind
  work="$(mktemp -d "$folder/.orthofold-XXXXXX")" || fail "cannot write to $folder" "give a --prefix that you may write to"

  if [ -n "$version" ]; then from="${releases%/}/download/v$version"; else from="${releases%/}/latest/download"; fi
  file="fold-$target.gz"
  say "downloading $from/$file"
  download "$from/SHA256SUMS" "$work/SHA256SUMS"
  find_sum "$file"
  download "$from/$file" "$work/$file"
  verify "$work/$file" "$file"
  gzip -dc "$work/$file" >"$work/program" || fail "$file could not be unpacked into $work" "free some space in $folder, or give another --prefix"
  verify "$work/program" "fold-$target"
  chmod 755 "$work/program"
  try_it "$work/program"
  mv -f "$work/program" "$place" || fail "cannot write $place" "give a --prefix that you may write to"
  say "installed $place: $answer"
  tell_path
}

# All of the script is here before any of it runs, even where the download was cut off.
main "$@"
