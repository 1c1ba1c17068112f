"""The token of an index: who may read artefacts and counters and have workers evaluate, and its rotation."""

from __future__ import annotations

import unittest

from kube import condition, dig
from proxy import Proxy
from small_index import INDEX, SmallIndexTest


class Token(SmallIndexTest):
    def ready_pods(self, component: str) -> list[str]:
        pods = self.kube.list("pods", f"sluice.dev/index={INDEX},sluice.dev/component={component}")
        return [pod["metadata"]["name"] for pod in pods if condition(pod, "Ready").get("status") == "True"]

    def test_without_it_nothing_but_answers_is_given(self) -> None:
        self.serve()
        token = self.kube.token_of(INDEX)
        self.assertEqual(len(token), 64)
        artifact = f"/artifacts/sha256:{dig(self.rag(), 'status.indexDigest')}"
        with Proxy(self.kube) as proxy:

            def status(pod: str, path: str, body: object = None, known: str = "") -> int:
                return proxy.request(proxy.pod(pod, path), body, headers={"X-Sluice-Token": known})[0]

            for worker in self.ready_pods("worker"):
                self.assertEqual(status(worker, artifact), 401)
                self.assertEqual(status(worker, artifact, known="guess"), 401)
                self.assertEqual(status(worker, artifact, known=token), 200)
                self.assertEqual(status(worker, "/evaluate", {"url": "http://corpus/golden.jsonl"}), 401)
                self.assertEqual(status(worker, "/query", {"query": "alpha"}), 200)
            for router in self.ready_pods("router"):
                self.assertEqual(status(router, "/counters"), 401)
                self.assertEqual(status(router, "/counters", known=token), 200)
                self.assertEqual(status(router, "/query", {"query": "alpha"}), 200)

    def test_a_deleted_one_is_replaced_and_the_index_goes_on(self) -> None:
        self.kube.apply(self.rollout)
        self.serve()
        before = self.kube.token_of(INDEX)
        self.kube.delete("secret", f"{INDEX}-token")
        self.wait("another token", 30, lambda: self.kube.token_of(INDEX) not in ("", before))
        # Pods see it when their kubelet looks again; then a rollout, which needs counters, gets its weight.
        self.start_candidate(within=240)


if __name__ == "__main__":
    unittest.main()
