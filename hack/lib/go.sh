# shellcheck shell=bash
# Finds the machine's Go toolchain.

# find_go: a Go that is new enough to fetch, by itself, the exact one that the module asks for.
find_go() {
  local go minor
  for go in "$(command -v go || true)" /usr/local/go/bin/go $(compgen -G '/usr/lib/go-1.*/bin/go' | sort -rV); do
    [ -x "$go" ] || continue
    minor=$(GOTOOLCHAIN=local "$go" env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
    if [ "${minor:-0}" -ge 21 ]; then
      echo "$go"
      return 0
    fi
  done
  return 1
}
