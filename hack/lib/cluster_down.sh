# shellcheck shell=bash
# Taking away everything that a cluster made: processes, mounts, links, tables, cgroups, files. Each step
# works on whatever is left, so that a half-dead cluster goes as well as a healthy one. Needs common.sh,
# process.sh and the constants of hack/cluster.

# Every container's processes, through containerd while it still answers.
stop_containers() {
  pid_of containerd >/dev/null && containerd_is_up || return 0
  local task
  ctr_here tasks ls -q 2>/dev/null | while read -r task; do
    timeout 20 ctr -a "$CONTAINERD_SOCKET" -n k8s.io tasks delete -f "$task" >/dev/null 2>&1 || true
  done
}

# Containers outlive containerd under shims that name its socket in their arguments. Those that are left
# are ours by that name, and so are the processes below them.
stop_shims() {
  local shim child
  for shim in $(shims); do
    # shellcheck disable=SC2013 # The file holds words: process ids.
    for child in $(cat /proc/"$shim"/task/*/children 2>/dev/null); do kill -KILL "$child" 2>/dev/null || true; done
    kill -KILL "$shim" 2>/dev/null || true
  done
  local deadline=$((SECONDS + 10))
  while [ -n "$(shims)" ] && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.1; done
  [ -z "$(shims)" ] || say "warning: container shims are left: $(shims | tr '\n' ' ')"
}

shims() {
  local cmdline
  for cmdline in /proc/[0-9]*/cmdline; do
    tr '\0' ' ' 2>/dev/null <"$cmdline" | grep -q "^[^ ]*containerd-shim[^ ]* .*-address $CONTAINERD_SOCKET " || continue
    basename "$(dirname "$cmdline")"
  done
}

# The network namespaces that a result in CNI's cache speaks of.
namespaces_of() { jq -r '[.netns?, (.result.interfaces // [])[].sandbox?] | map(select(. != null and . != "")) | unique[]' "$1"; }

# Pods' network namespaces: CNI's cache names each one of our network. Their veth pairs go with them.
remove_pod_networks() {
  local result namespace
  for result in /var/lib/cni/results/sluice-pods-*; do
    [ -f "$result" ] || continue
    for namespace in $(namespaces_of "$result"); do
      umount "$namespace" 2>/dev/null || true
      rm -f "$namespace"
    done
    rm -f "$result"
  done
  # containerd leaves a loopback result for each pod that ever was; one without its namespace is dead.
  for result in /var/lib/cni/results/cni-loopback-*; do
    [ -f "$result" ] || continue
    for namespace in $(namespaces_of "$result"); do
      [ ! -e "$namespace" ] || continue 2
    done
    rm -f "$result"
  done
  rmdir /var/lib/cni/results /var/lib/cni 2>/dev/null || true
}

remove_node_network() {
  local family
  for family in ip ip6; do
    ! nft list table "$family" kube-proxy >/dev/null 2>&1 || nft delete table "$family" kube-proxy
  done
  ! nft list table ip sluice-cluster >/dev/null 2>&1 || nft delete table ip sluice-cluster
  ! ip link show kube0 >/dev/null 2>&1 || ip link delete kube0
  local before=$CLUSTER_DIR/etc/ip_forward.before
  [ ! -s "$before" ] || sysctl -qw "net.ipv4.ip_forward=$(cat "$before")"
}

# Volumes and container roots: deepest first.
unmount_everything() {
  local mount
  awk -v dir="$CLUSTER_DIR/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | LC_ALL=C sort -r |
    while read -r mount; do
      umount "$mount" 2>/dev/null || umount -l "$mount" || say "warning: cannot unmount $mount"
    done
}

remove_cgroups() {
  local root
  for root in /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods; do
    [ ! -d "$root" ] || find "$root" -depth -type d -exec rmdir {} + 2>/dev/null || say "warning: $root is still in use"
  done
}

# What kubelet and containerd make outside of their own folders, where they cannot be told otherwise.
remove_leftovers() {
  local link
  for link in /var/log/containers/*; do
    case $(readlink "$link" || true) in "$CLUSTER_DIR"/*) rm -f "$link" ;; esac
  done
  rm -f /var/lib/kubelet/device-plugins/{kubelet.sock,DEPRECATION}
  # Each of these only when nobody else has anything in it.
  for link in /var/log/containers /var/lib/kubelet/device-plugins /var/lib/kubelet \
    /run/containerd/runc/k8s.io /run/containerd/runc /run/containerd/s /run/containerd; do
    rmdir "$link" 2>/dev/null || true
  done
}

# take_down: the end of whatever is there. The kubelet goes first, or it would start the pods again.
take_down() {
  local part
  for part in kubelet kube-proxy; do stop_part "$part" 15; done
  stop_containers
  stop_part containerd 15
  stop_shims
  # The API server drains for up to a minute, longest for watchers: its clients first.
  for part in kube-scheduler kube-controller-manager; do stop_part "$part" 15; done
  stop_part kube-apiserver 75
  stop_part etcd 15
  remove_pod_networks
  remove_node_network
  unmount_everything
  remove_cgroups
  remove_leftovers
  rm -rf --one-file-system "$CLUSTER_DIR"
}
