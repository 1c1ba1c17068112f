# shellcheck shell=bash
# The node: its address, containerd, kubelet and kube-proxy. Needs common.sh, process.sh and the constants
# of hack/cluster.

containerd_is_up() { ctr_here version >/dev/null 2>&1; }
kubelet_is_up() { [ "$(curl -sf -m 2 http://127.0.0.1:10248/healthz)" = ok ]; }
kube_proxy_is_up() { curl -sf -m 2 http://127.0.0.1:10256/healthz; }
node_is_ready() {
  kubectl_here get node "$NODE_NAME" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' | grep -qx True
}

# A node address that is always there and that nobody else can have: a bridge without ports. (Small
# kernels lack the device type `dummy`.) What sysctls were before is kept for `down`.
make_node_address() {
  ip link add kube0 type bridge
  ip addr add "$NODE_ADDRESS/32" dev kube0
  ip link set kube0 up
  sysctl -n net.ipv4.ip_forward >"$CLUSTER_DIR/etc/ip_forward.before"
  sysctl -qw net.ipv4.ip_forward=1
  # Pods that call beyond this machine do so under its address. One table of our own is easy to take away.
  nft -f - <<NFT
table ip sluice-cluster {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr $POD_RANGE ip daddr != { $POD_RANGE, $SERVICE_RANGE, $NODE_ADDRESS } masquerade
  }
}
NFT
}

# On cgroup v2 the kubelet needs these controllers below the root; on v1 each has a hierarchy of its own.
enable_cgroup_controllers() {
  [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || return 0
  local controller
  for controller in cpuset cpu io memory hugetlb pids; do
    grep -qw "$controller" /sys/fs/cgroup/cgroup.controllers || continue
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null ||
      say "warning: cgroup controller $controller cannot be enabled below the root"
  done
}

# The smallest MTU that a pod's packet may meet on its way out.
outer_mtu() {
  local device
  device=$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
  awk '{ print ($1 < 1500 ? $1 : 1500) }' "/sys/class/net/${device:-lo}/mtu"
}

# Pods are wired point to point, not over a bridge: so each packet between pods passes the node's routing,
# where Services are translated back, also on kernels without br_netfilter. No host ports.
write_containerd_config() {
  mkdir -p "$CLUSTER_DIR/cni/conf"
  cat >"$CLUSTER_DIR/cni/conf/10-sluice-pods.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "sluice-pods", "plugins": [
  {"type": "ptp", "mtu": $(outer_mtu),
   "ipam": {"type": "host-local", "dataDir": "$CLUSTER_DIR/cni/addresses",
            "ranges": [[{"subnet": "$POD_RANGE"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
JSON
  # Without restrict_oom_score_adj, runc fails where CAP_SYS_RESOURCE is missing. AppArmor profiles would
  # outlive the cluster in the kernel.
  cat >"$CLUSTER_DIR/etc/containerd.toml" <<TOML
version = 2
root = "$CLUSTER_DIR/containerd"
state = "$CLUSTER_DIR/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing"]
[grpc]
  address = "$CONTAINERD_SOCKET"
[plugins."io.containerd.internal.v1.opt"]
  path = "$CLUSTER_DIR/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$CLUSTER_DIR/cni/conf"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
TOML
}

# The container that holds a pod's namespaces while the others come and go: it only waits.
import_pause_image() {
  local root=$CLUSTER_DIR/run/pause
  mkdir -p "$root"
  "$HACK_DIR/lib/pause_program" "$root/pause"
  python3 "$HACK_DIR/lib/oci_image.py" --rootfs "$root" --name "$PAUSE_IMAGE" \
    --entrypoint /pause --user 65535:65535 --out "$root.tar" >/dev/null
  ctr_here images import "$root.tar" >/dev/null
  rm -rf "$root" "$root.tar"
}

start_containerd() {
  write_containerd_config
  start_part containerd containerd --config "$CLUSTER_DIR/etc/containerd.toml" --log-level warn
  wait_for containerd 30 "containerd's answer" containerd_is_up
  import_pause_image
}

# Images come by import and cannot be pulled again: the kubelet must never collect them (a threshold of
# 100 % switches that off), and a rather full disk is no reason to evict on a developer's machine.
start_kubelet() {
  local pki=$CLUSTER_DIR/pki
  cat >"$CLUSTER_DIR/etc/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_ADDRESS
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
clusterDNS: [$DNS_ADDRESS]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
enforceNodeAllocatable: []
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
failCgroupV1: false
failSwapOn: false
imageGCHighThresholdPercent: 100
localStorageCapacityIsolation: false
makeIPTablesUtilChains: false
oomScoreAdj: 0
podLogsDir: $CLUSTER_DIR/pod-logs
resolvConf: $CLUSTER_DIR/etc/resolv.conf
tlsCertFile: $pki/kubelet.crt
tlsPrivateKeyFile: $pki/kubelet.key
volumePluginDir: $CLUSTER_DIR/kubelet/volume-plugins
YAML
  start_part kubelet "$KUBE" kubelet --config="$CLUSTER_DIR/etc/kubelet.yaml" \
    --kubeconfig="$CLUSTER_DIR/etc/kubelet.kubeconfig" --root-dir="$CLUSTER_DIR/kubelet" \
    --cert-dir="$CLUSTER_DIR/kubelet/pki" --node-ip="$NODE_ADDRESS" --hostname-override="$NODE_NAME"
  wait_for kubelet 60 "the kubelet's health" kubelet_is_up
}

# The sysctls of connection tracking are left alone (0): they may not be writable, and belong to the machine.
start_kube_proxy() {
  start_part kube-proxy "$KUBE" kube-proxy --kubeconfig="$CLUSTER_DIR/etc/kube-proxy.kubeconfig" \
    --hostname-override="$NODE_NAME" --proxy-mode=nftables --cluster-cidr="$POD_RANGE" \
    --nodeport-addresses="$NODE_ADDRESS/32" --metrics-bind-address=127.0.0.1:10249 \
    --healthz-bind-address=127.0.0.1:10256 --conntrack-max-per-core=0 \
    --conntrack-tcp-timeout-established=0s --conntrack-tcp-timeout-close-wait=0s
  wait_for kube-proxy 60 "kube-proxy's health" kube_proxy_is_up
}
