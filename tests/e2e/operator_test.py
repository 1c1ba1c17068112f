"""The operator where something of the cluster is missing: it says what, stays alive, and goes on when it
comes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import unittest
import urllib.request
from pathlib import Path

from kube import REPO, dig, is_true, wait_until
from small_index import INDEX, OPERATOR, SmallIndexTest

CRDS = ("ragindexes.sluice.dev", "canaryrollouts.sluice.dev", "modelversions.sluice.dev")
PROGRAM = REPO / "build" / "release" / "bin" / "sluice-operator"


def requests_in(metrics: str, code: str) -> float:
    """How often the API server has answered so, or not at all ("<error>"), by an operator's /metrics."""
    found = re.findall(rf'^rest_client_requests_total{{[^}}]*code="{re.escape(code)}"[^}}]*}} (\S+)', metrics, re.M)
    return sum(float(count) for count in found)


class WithoutApiServer(unittest.TestCase):
    def test_without_an_api_server_it_waits_and_says_so(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            nobody = probe.getsockname()[1]
        kubeconfig = Path(os.environ.get("TMPDIR", "/tmp")) / f"sluice-nobody-{os.getpid()}.kubeconfig"
        kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "x", "cluster": {"server": f"http://127.0.0.1:{nobody}"}}],
            "users": [{"name": "x", "user": {}}], "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        }))
        port = 18080
        process = subprocess.Popen(
            [str(PROGRAM), f"--kubeconfig={kubeconfig}", "--image=x:1", "--namespace=default", "--pod-name=test",
             "--http-address=127.0.0.1", f"--http-port={port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        try:
            def get(path: str) -> str:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
                        return answer.read().decode()
                except OSError:
                    return ""

            wait_until("/livez", 15, lambda: get("/livez"))
            before = requests_in(get("/metrics"), "<error>")
            wait_until("it trying again", 30, lambda: requests_in(get("/metrics"), "<error>") >= before + 10)
            self.assertIsNone(process.poll(), "it ended")
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                output = process.communicate(timeout=15)[0]
            except subprocess.TimeoutExpired:
                process.kill()
                output = process.communicate()[0]
                self.fail(f"it did not end within 15 s of SIGTERM:\n{output[-2000:]}")
            finally:
                kubeconfig.unlink()
        self.assertEqual(process.returncode, 0, output[-2000:])
        self.assertIn(str(nobody), output)


class Operator(SmallIndexTest):
    ALONE = True  # It stops the operator and takes its CRDs away.

    def restart(self) -> None:
        kube = self.kube.in_namespace(OPERATOR)
        kube.run("delete", "pods", "-l", "app.kubernetes.io/name=sluice-operator", timeout=60)
        self.wait("its pod running", 60, lambda: [pod for pod in self.pods() if dig(pod, "status.phase") == "Running"])

    def scale_operator(self, replicas: int) -> None:
        kube = self.kube.in_namespace(OPERATOR)
        kube.run("scale", "deployment/sluice-operator", f"--replicas={replicas}")
        self.wait(f"{replicas} operators", 60, lambda: len(kube.list("pods", "app.kubernetes.io/name=sluice-operator")) == replicas)
        if replicas:
            kube.run("rollout", "status", "deployment/sluice-operator", "--timeout=60s", timeout=70)

    def pods(self) -> list[dict[str, object]]:
        return self.kube.in_namespace(OPERATOR).list("pods", "app.kubernetes.io/name=sluice-operator")

    def log(self) -> str:
        return self.kube.in_namespace(OPERATOR).run("logs", "deployment/sluice-operator", "--tail=200")

    def requests(self, code: str) -> float:
        names = [pod["metadata"]["name"] for pod in self.pods()]
        path = f"/api/v1/namespaces/{OPERATOR}/pods/{{}}:8080/proxy/metrics"
        return sum(requests_in(self.kube.raw(path.format(name)), code) for name in names)

    def outlive_refusals(self, code: str, times: int) -> None:
        """It is refused so many times more, and has not ended for it."""
        before = self.requests(code)
        self.wait(f"{times} more answers of {code}", 60, lambda: self.requests(code) >= before + times)
        self.assert_alive()

    def assert_alive(self) -> None:
        self.assertEqual([dig(pod, "status.containerStatuses.0.restartCount", 0) for pod in self.pods()], [0])

    def test_crds_that_come_after_the_operator_are_found(self) -> None:
        elsewhere = [thing for thing in json.loads(self.kube.run("get", "rag", "-A", "-o", "json"))["items"]]
        if elsewhere:
            self.skipTest(f"{len(elsewhere)} indexes are in this cluster; deleting the CRDs would delete them")
        self.kube.run("delete", "crd", *CRDS, timeout=60)
        try:
            self.restart()
            self.wait("the log naming what is missing", 30, lambda: "ragindexes" in self.log())
            self.outlive_refusals("404", 4)
        finally:
            self.kube.run("apply", "--server-side", "-k", str(REPO / "config" / "crd"))
            for name in CRDS:
                self.kube.run("wait", "--for=condition=Established", f"crd/{name}", "--timeout=30s", timeout=40)
        self.kube.apply(self.rollout)
        self.serve()
        self.assert_alive()

    def test_a_kind_that_it_may_not_read_is_named_and_does_not_stop_it(self) -> None:
        role = self.kube.get("clusterrole", "sluice-operator")
        assert role is not None
        less = json.loads(json.dumps(role))
        for rule in less["rules"]:
            rule["resources"] = [name for name in rule["resources"] if name != "poddisruptionbudgets"] or ["nothing"]
        for thing in (role, less):
            for name in ("resourceVersion", "uid", "creationTimestamp", "managedFields"):
                thing["metadata"].pop(name, None)
        self.kube.run("replace", "-f", "-", stdin=json.dumps(less))
        try:
            self.restart()
            self.wait("the log naming the kind", 60, lambda: "poddisruptionbudgets" in self.log())
            self.outlive_refusals("403", 3)
        finally:
            self.kube.run("replace", "-f", "-", stdin=json.dumps(role))
        self.kube.apply(self.rollout)
        self.serve()
        self.assertTrue(is_true(self.rag(), "Available"))

    def test_the_operator_away_while_queries_flow_and_back_goes_on(self) -> None:
        self.kube.apply(self.rollout)
        self.serve()
        candidate = self.start_candidate()
        started = dig(self.cro(), "status.stepStartedAt")
        self.restart()
        block = dig(self.cro(), "status.evidence.block", 0)
        self.wait("two blocks more", 60, lambda: dig(self.cro(), "status.evidence.block", 0) >= block + 2)
        self.assertEqual(dig(self.cro(), "status.stepStartedAt"), started)
        self.assertEqual(dig(self.cro(), "status.candidateRevision"), candidate)
        self.assertEqual(dig(self.rag(), "status.route.weight"), "10%", f"the route of {INDEX}")

    def test_a_namespace_is_gone_as_quickly_without_it(self) -> None:
        self.kube.apply(self.rollout)
        self.serve()
        self.start_candidate()
        self.scale_operator(0)
        try:
            self.delete_namespace_within_a_minute()
        finally:
            self.scale_operator(1)


if __name__ == "__main__":
    unittest.main()
