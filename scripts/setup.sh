# Sourced by ./manor and ./test. Finds or brings Node >= 24, installs the packages when the lock file has changed,
# and leaves NODE set. Says what it does on standard error, one line a step, only when there is something to do.

manor_cache="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/manor"
node_major=24
node_package_version=24.9.0

fail() {
  printf 'manor: %s\n' "$*" >&2
  exit 2
}

node_is_new_enough() {
  [ -x "$1" ] || return 1
  local version
  version="$("$1" --version 2>/dev/null)" || return 1
  version="${version#v}"
  [ "${version%%.*}" -ge "$node_major" ] 2>/dev/null
}

find_node() {
  local candidate
  candidate="$(command -v node 2>/dev/null || true)"
  if [ -n "$candidate" ] && node_is_new_enough "$candidate"; then
    NODE="$candidate"
    return
  fi
  local platform
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) platform=linux-x64 ;;
    Linux-aarch64 | Linux-arm64) platform=linux-arm64 ;;
    *) fail "Node $node_major or later is needed and this is $(uname -s) $(uname -m), for which it cannot be brought automatically: install Node $node_major and run this again." ;;
  esac
  local directory="$manor_cache/node/$node_package_version-$platform"
  NODE="$directory/node_modules/node-$platform/bin/node"
  node_is_new_enough "$NODE" && return
  command -v npm >/dev/null 2>&1 || fail "neither Node $node_major nor npm was found: install npm (any Node >= 18) and run this again."
  printf 'manor: bringing Node %s through npm (once, into %s)\n' "$node_package_version" "$manor_cache/node" >&2
  # Two runs may start at once: each installs beside, and the first rename wins.
  local beside
  mkdir -p "$manor_cache/node" 2>/dev/null || fail "the cache directory $manor_cache cannot be written: set XDG_CACHE_HOME to a directory that can."
  beside="$(mktemp -d "$manor_cache/node/.incoming.XXXXXX")" || fail "the cache directory $manor_cache cannot be written: set XDG_CACHE_HOME to a directory that can."
  (cd "$beside" && npm install --prefix "$beside" --ignore-scripts --no-audit --no-fund --loglevel=error "node-$platform@$node_package_version" >&2) ||
    { rm -rf "$beside"; fail "npm could not bring Node $node_package_version: see its message above, then run this again."; }
  mv -T "$beside" "$directory" 2>/dev/null || rm -rf "$beside"
  node_is_new_enough "$NODE" || fail "the Node brought by npm does not run on this machine: install Node $node_major and run this again."
}

install_packages() {
  local root="$1" stamp="$1/node_modules/.manor-lock" sum
  sum="$(cksum <"$root/package-lock.json")"
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ] && return
  command -v npm >/dev/null 2>&1 || fail "npm was not found: install npm (any Node >= 18) and run this again."
  printf 'manor: installing packages\n' >&2
  (
    exec 9>"$root/.npm-install.lock"
    command -v flock >/dev/null 2>&1 && flock 9
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ] && exit 0
    # The node that was found goes first, so that packages which look at the running Node see the right one.
    cd "$root" && PATH="$(dirname "$NODE"):$PATH" npm ci --loglevel=error --no-audit --no-fund >&2 && printf '%s' "$sum" >"$stamp"
  ) || fail "npm could not install the packages: see its message above, then run this again."
}
