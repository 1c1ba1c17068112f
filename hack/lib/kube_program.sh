# shellcheck shell=bash
# The program that is every part of Kubernetes, built once for each version of it and of its source in
# hack/cluster-src, and kept in the user's cache. Needs common.sh, go.sh and KUBE_VERSION.

kube_source_hash() { cat "$HACK_DIR"/cluster-src/{go.mod,go.sum,main.go} | sha256sum | cut -c1-12; }
kube_program_path() { echo "$SLUICE_CACHE_DIR/kube-$KUBE_VERSION/$(kube_source_hash)/sluice-kube"; }

# ensure_kube_program: builds it unless this very one is there. Sets KUBE to its path.
ensure_kube_program() {
  KUBE=$(kube_program_path)
  [ ! -x "$KUBE" ] || return 0
  local go flags package=k8s.io/component-base/version
  go=$(find_go) || die "there is no Go of version 1.21 or newer." "hack/deps installs one."
  flags="-s -w -X $package.gitVersion=$KUBE_VERSION -X $package.gitMajor=1"
  flags+=" -X $package.gitMinor=$(echo "$KUBE_VERSION" | cut -d. -f2)"
  mkdir -p "$(dirname "$KUBE")"
  say "Kubernetes $KUBE_VERSION is not built yet: about 6 minutes on two cores, once (Go modules from ${GOPROXY:-proxy.golang.org})"
  run_logged "$(dirname "$KUBE")/build.log" "building Kubernetes $KUBE_VERSION" \
    env -C "$HACK_DIR/cluster-src" GOTOOLCHAIN=auto GOWORK=off GOFLAGS="-buildvcs=false -mod=readonly" CGO_ENABLED=0 \
    "$go" build -v -trimpath -ldflags "$flags" -o "$KUBE.new" .
  mv "$KUBE.new" "$KUBE"
  ln -sf sluice-kube "$(dirname "$KUBE")/kubectl"
  say "built $KUBE"
}
