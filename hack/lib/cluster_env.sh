# shellcheck shell=bash
# Where the local cluster is: what hack/cluster and those who load images into it must agree on.
# shellcheck disable=SC2034 # Used by the scripts that source this file.
CLUSTER_DIR=${SLUICE_CLUSTER_DIR:-/var/lib/sluice-cluster}
CONTAINERD_SOCKET=$CLUSTER_DIR/run/containerd.sock

ctr_here() { ctr -a "$CONTAINERD_SOCKET" -n k8s.io "$@"; }

# find_kubectl: $KUBECTL, else the one that came with the local cluster (or was built for it), else PATH's.
find_kubectl() {
  local kubectl
  for kubectl in "${KUBECTL:-}" "$(dirname "$(cat "$CLUSTER_DIR/program" 2>/dev/null || echo /)")/kubectl" \
    $(compgen -G "$SLUICE_CACHE_DIR/kube-*/*/kubectl" | sort -rV) "$(command -v kubectl || true)"; do
    [ -z "$kubectl" ] || ! command -v "$kubectl" || return 0
  done
  die "there is no kubectl." "hack/cluster build makes one (and hack/cluster up), or set KUBECTL to yours."
}
