# Sourced by ./manor, ./test and bench/run. Finds or brings Node >= 24, installs the packages when the lock file has changed,
# and leaves NODE set. Says what it does on standard error, one line a step, only when there is something to do; when there is nothing, it
# costs some milliseconds and calls neither npm nor the network.

node_major=24
node_package_version=24.9.0

fail() {
  printf 'manor: %s\n' "$*" >&2
  exit 2
}

# Where what was brought is kept. Without HOME the shell still knows the user's directory. Never a directory that others can write, such as
# /tmp: what lies there is run.
cache_directory() {
  local home=${HOME:-}
  [ -n "$home" ] || home=~
  printf '%s/manor' "${XDG_CACHE_HOME:-$home/.cache}"
}

node_is_new_enough() {
  [ -x "$1" ] || return 1
  local version
  version="$("$1" --version 2>/dev/null)" || return 1
  version="${version#v}"
  [ "${version%%.*}" -ge "$node_major" ] 2>/dev/null
}

find_node() {
  NODE="$(command -v node 2>/dev/null || true)"
  if [ -n "$NODE" ] && node_is_new_enough "$NODE"; then return; fi
  local platform
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) platform=linux-x64 ;;
    Linux-aarch64 | Linux-arm64) platform=linux-arm64 ;;
    *) fail "Node $node_major or later is needed and this is $(uname -s) $(uname -m), for which it cannot be brought automatically: install Node $node_major and run this again." ;;
  esac
  local cache directory
  cache="$(cache_directory)/node"
  directory="$cache/$node_package_version-$platform"
  NODE="$directory/node_modules/node-$platform/bin/node"
  node_is_new_enough "$NODE" || bring_node "$platform" "$cache" "$directory"
}

# Installs Node beside its place, tries it, and only then moves it there: what is in its place runs, whenever this is ended. One run installs,
# the others wait for it. Where there is no flock each installs its own and the first move wins: what is broken is moved away before
# anything is brought, and after that nothing is ever moved out of the place, so nobody's working Node is.
bring_node() {
  local platform="$1" cache="$2" directory="$3" beside
  command -v npm >/dev/null 2>&1 || fail "neither Node $node_major nor npm was found: install Node $node_major, or npm of any Node >= 18, and run this again."
  (
    if ! mkdir -p "$cache" 2>/dev/null || ! exec 9<"$cache"; then cache_is_closed "$cache"; fi
    if command -v flock >/dev/null 2>&1; then flock 9; fi
    node_is_new_enough "$NODE" && exit 0
    beside="$(mktemp -d "$cache/.incoming.XXXXXX" 2>/dev/null)" || cache_is_closed "$cache"
    trap 'rm -rf "$beside"' EXIT
    mv -T "$directory" "$beside/broken" 2>/dev/null
    printf 'manor: bringing Node %s through npm (once, into %s)\n' "$node_package_version" "$cache" >&2
    (cd "$beside" && npm install --prefix "$beside" --ignore-scripts --no-audit --no-fund --loglevel=error "node-$platform@$node_package_version" >&2) ||
      fail "npm could not bring Node $node_package_version: see its message above, then run this again."
    node_is_new_enough "$beside/node_modules/node-$platform/bin/node" ||
      fail "the Node that npm brought does not run on this machine: install Node $node_major and run this again."
    rm -rf "$beside/broken"
    mv -T "$beside" "$directory" 2>/dev/null
    node_is_new_enough "$NODE" || fail "Node $node_package_version could not be put into $cache: remove that directory and run this again."
  ) || exit 2
}

cache_is_closed() {
  fail "the cache directory $1 cannot be written: set XDG_CACHE_HOME to a directory that can."
}

packages_are_installed() {
  [ -f "$2" ] && [ "$(cat "$2")" = "$1" ]
}

install_packages() {
  local root="$1" stamp="$1/node_modules/.manor-lock" sum
  sum="$(cksum <"$root/package-lock.json")"
  packages_are_installed "$sum" "$stamp" && return
  command -v npm >/dev/null 2>&1 || fail "npm was not found: install npm (of any Node >= 18) and run this again."
  [ -w "$root" ] || fail "the packages are to be installed in $root, which cannot be written: run this once as a user who can write there."
  (
    # One run installs, the others wait for it.
    exec 9>"$root/.npm-install.lock"
    if command -v flock >/dev/null 2>&1; then flock 9; fi
    packages_are_installed "$sum" "$stamp" && exit 0
    printf 'manor: installing packages\n' >&2
    # The node that was found goes first, so that packages which look at the running Node see the right one.
    cd "$root" && PATH="$(dirname "$NODE"):$PATH" npm ci --loglevel=error --no-audit --no-fund >&2 && printf '%s' "$sum" >"$stamp"
  ) || fail "npm could not install the packages: see its message above, then run this again."
}
