# shellcheck shell=bash
# etcd, API server, controller manager, scheduler: how each is started and how one knows that it is up.
# Needs common.sh, process.sh and the constants of hack/cluster.

# api PATH: a GET of the API server as administrator.
api() {
  curl -sSf -m 5 --cacert "$CLUSTER_DIR/pki/ca.crt" --cert "$CLUSTER_DIR/pki/admin.crt" \
    --key "$CLUSTER_DIR/pki/admin.key" "https://$NODE_ADDRESS:6443$1"
}

etcd_is_up() { curl -sf -m 2 http://127.0.0.1:2379/health | grep -q '"health":"true"'; }
kube_apiserver_is_up() { [ "$(api /readyz 2>/dev/null)" = ok ]; }
kube_controller_manager_is_up() { [ "$(curl -skf -m 2 https://127.0.0.1:10257/healthz)" = ok ]; }
kube_scheduler_is_up() { [ "$(curl -skf -m 2 https://127.0.0.1:10259/healthz)" = ok ]; }

# A development cluster, so etcd does not wait for the disk: a crash of the machine may lose its state.
start_etcd() {
  start_part etcd "$KUBE" etcd --name "$NODE_NAME" --data-dir "$CLUSTER_DIR/etcd" --unsafe-no-fsync \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster "$NODE_NAME=http://127.0.0.1:2380" --logger zap --log-level warn
  wait_for etcd 30 "etcd's health" etcd_is_up
}

# It listens on the node address alone, which only this machine and its pods can reach.
# Kubelets are called by their address: the node's name resolves nowhere (logs and exec would fail).
start_kube_apiserver() {
  local pki=$CLUSTER_DIR/pki
  start_part kube-apiserver "$KUBE" kube-apiserver --etcd-servers=http://127.0.0.1:2379 \
    --bind-address="$NODE_ADDRESS" --advertise-address="$NODE_ADDRESS" --secure-port=6443 \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --service-cluster-ip-range="$SERVICE_RANGE" --kubelet-preferred-address-types=InternalIP \
    --client-ca-file="$pki/ca.crt" --tls-cert-file="$pki/apiserver.crt" \
    --tls-private-key-file="$pki/apiserver.key" --kubelet-certificate-authority="$pki/ca.crt" \
    --kubelet-client-certificate="$pki/apiserver-kubelet-client.crt" \
    --kubelet-client-key="$pki/apiserver-kubelet-client.key" \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --service-account-key-file="$pki/service-account.pub" \
    --service-account-signing-key-file="$pki/service-account.key" --profiling=false
  wait_for kube-apiserver 120 "the API server's /readyz" kube_apiserver_is_up
}

# Both only after /readyz: the controller manager exits at once while RBAC's own roles are being written.
start_controllers() {
  local pki=$CLUSTER_DIR/pki etc=$CLUSTER_DIR/etc
  start_part kube-controller-manager "$KUBE" kube-controller-manager \
    --kubeconfig="$etc/kube-controller-manager.kubeconfig" --bind-address=127.0.0.1 --leader-elect=false \
    --use-service-account-credentials=true --root-ca-file="$pki/ca.crt" \
    --service-account-private-key-file="$pki/service-account.key" \
    --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" --profiling=false
  start_part kube-scheduler "$KUBE" kube-scheduler --kubeconfig="$etc/kube-scheduler.kubeconfig" \
    --bind-address=127.0.0.1 --leader-elect=false --profiling=false
  wait_for kube-controller-manager 60 "the controller manager's health" kube_controller_manager_is_up
  wait_for kube-scheduler 60 "the scheduler's health" kube_scheduler_is_up
}
