# shellcheck shell=bash
# Where the local cluster is: what hack/cluster and those who load images into it must agree on.
# shellcheck disable=SC2034 # Used by the scripts that source this file.
CLUSTER_DIR=${SLUICE_CLUSTER_DIR:-/var/lib/sluice-cluster}
CONTAINERD_SOCKET=$CLUSTER_DIR/run/containerd.sock

ctr_here() { ctr -a "$CONTAINERD_SOCKET" -n k8s.io "$@"; }
