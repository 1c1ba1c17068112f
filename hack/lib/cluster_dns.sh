# shellcheck shell=bash
# CoreDNS as a Deployment. Its program is the one that the node runs already, mounted from the host: no
# second image of 150 MB. Needs common.sh, process.sh and the constants of hack/cluster.

# A resolv.conf without the host's loopback resolvers, which a pod could not reach.
write_resolv_conf() {
  local file=/etc/resolv.conf
  [ ! -s /run/systemd/resolve/resolv.conf ] || file=/run/systemd/resolve/resolv.conf
  grep -vE '^nameserver[[:space:]]+(127\.|::1)' "$file" >"$CLUSTER_DIR/etc/resolv.conf" || true
}

# The line that sends foreign names to the host's resolvers; empty where it has none that a pod can reach.
forward_line() {
  ! grep -q '^nameserver' "$CLUSTER_DIR/etc/resolv.conf" || echo "forward . /etc/resolv.conf"
}

dns_manifest() {
  cat <<YAML
apiVersion: v1
kind: ServiceAccount
metadata: {name: coredns, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: system:coredns}
rules:
- {apiGroups: [""], resources: [services, pods, namespaces], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: system:coredns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:coredns}
subjects: [{kind: ServiceAccount, name: coredns, namespace: kube-system}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: coredns, namespace: kube-system}
data:
  Corefile: |
    .:53 {
      errors
      health
      ready
      kubernetes cluster.local in-addr.arpa ip6.arpa {
        ttl 5
      }
      $(forward_line)
      cache 5
      loadbalance
    }
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec:
  clusterIP: $DNS_ADDRESS
  selector: {k8s-app: kube-dns}
  ports:
  - {name: dns, port: 53, protocol: UDP}
  - {name: dns-tcp, port: 53, protocol: TCP}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec:
  replicas: 1
  selector: {matchLabels: {k8s-app: kube-dns}}
  template:
    metadata: {labels: {k8s-app: kube-dns}}
    spec:
      serviceAccountName: coredns
      priorityClassName: system-cluster-critical
      dnsPolicy: Default
      containers:
      - name: coredns
        image: $PAUSE_IMAGE
        imagePullPolicy: IfNotPresent
        command: [/sluice-kube, coredns, -conf, /etc/coredns/Corefile]
        ports: [{containerPort: 53, protocol: UDP}, {containerPort: 53, protocol: TCP}]
        readinessProbe: {httpGet: {path: /ready, port: 8181}, periodSeconds: 1}
        livenessProbe: {httpGet: {path: /health, port: 8080}, initialDelaySeconds: 30, failureThreshold: 5}
        resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 256Mi}}
        securityContext:
          runAsUser: 0
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}
        volumeMounts:
        - {name: config, mountPath: /etc/coredns, readOnly: true}
        - {name: program, mountPath: /sluice-kube, readOnly: true}
      volumes:
      - {name: config, configMap: {name: coredns}}
      - {name: program, hostPath: {path: "$KUBE", type: File}}
YAML
}

# A real question over UDP through the Service's address: proxy, pod and its view of the API at once.
dns_answers() { python3 "$HACK_DIR/lib/dns_probe.py" "$DNS_ADDRESS" kubernetes.default.svc.cluster.local "$API_SERVICE_ADDRESS"; }

start_dns() {
  local deadline=$((SECONDS + 90))
  dns_manifest | kubectl_here apply -f - >/dev/null
  until dns_answers 2>/dev/null; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      kubectl_here -n kube-system get pods -o wide >&2 || true
      kubectl_here -n kube-system logs deployment/coredns --tail=20 >&2 || true
      show_log kubelet
      die "the cluster's DNS did not answer within 90 s." "See: hack/cluster kubectl -n kube-system describe pods" \
        "A firewall that drops forwarded packets (Docker and ufw set one up) must let $POD_RANGE and $SERVICE_RANGE pass."
    fi
    sleep 0.2
  done
}
