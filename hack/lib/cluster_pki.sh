# shellcheck shell=bash
# The cluster's certificates (P-256, by openssl) and a kubeconfig for each client. Needs common.sh,
# CLUSTER_DIR, NODE_ADDRESS, NODE_NAME, API_SERVICE_ADDRESS.

# issue NAME SUBJECT [EXTENSION...]: pki/NAME.{key,crt}, signed by the cluster's CA.
issue() {
  local name=$1 subject=$2 pki=$CLUSTER_DIR/pki
  shift 2
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$subject" \
    -keyout "$pki/$name.key" -out "$pki/$name.csr" 2>>"$pki/openssl.log"
  printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" "$@" >"$pki/$name.ext"
  openssl x509 -req -in "$pki/$name.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial \
    -days 3650 -sha256 -extfile "$pki/$name.ext" -out "$pki/$name.crt" 2>>"$pki/openssl.log"
  rm -f "$pki/$name.csr" "$pki/$name.ext"
}

# write_kubeconfig NAME FILE: a kubeconfig that holds its certificates itself, so that the file can be moved.
write_kubeconfig() {
  local name=$1 file=$2 pki=$CLUSTER_DIR/pki
  cat >"$file" <<YAML
apiVersion: v1
kind: Config
clusters:
- name: sluice
  cluster:
    server: https://$NODE_ADDRESS:6443
    certificate-authority-data: $(base64 -w0 "$pki/ca.crt")
users:
- name: $name
  user:
    client-certificate-data: $(base64 -w0 "$pki/$name.crt")
    client-key-data: $(base64 -w0 "$pki/$name.key")
contexts:
- name: sluice
  context: {cluster: sluice, user: $name}
current-context: sluice
YAML
}

make_pki() {
  local pki=$CLUSTER_DIR/pki part
  local client=extendedKeyUsage=clientAuth
  mkdir -p "$pki"
  openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -sha256 \
    -subj "/CN=sluice-cluster-ca" -addext "keyUsage=critical,keyCertSign,cRLSign,digitalSignature" \
    -keyout "$pki/ca.key" -out "$pki/ca.crt" 2>>"$pki/openssl.log"
  issue apiserver "/CN=kube-apiserver" extendedKeyUsage=serverAuth \
    "subjectAltName=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:$API_SERVICE_ADDRESS,IP:$NODE_ADDRESS"
  issue apiserver-kubelet-client "/O=system:masters/CN=kube-apiserver-kubelet-client" $client
  issue admin "/O=system:masters/CN=sluice-admin" $client
  issue kube-controller-manager "/CN=system:kube-controller-manager" $client
  issue kube-scheduler "/CN=system:kube-scheduler" $client
  issue kube-proxy "/CN=system:kube-proxy" $client
  issue kubelet "/O=system:nodes/CN=system:node:$NODE_NAME" extendedKeyUsage=serverAuth,clientAuth \
    "subjectAltName=DNS:$NODE_NAME,IP:$NODE_ADDRESS"
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$pki/service-account.key" 2>>"$pki/openssl.log"
  openssl pkey -in "$pki/service-account.key" -pubout -out "$pki/service-account.pub"
  for part in kube-controller-manager kube-scheduler kube-proxy kubelet; do
    write_kubeconfig "$part" "$CLUSTER_DIR/etc/$part.kubeconfig"
  done
  write_kubeconfig admin "$CLUSTER_DIR/admin.kubeconfig"
}
