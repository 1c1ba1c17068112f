"""The token of an index: who may read artefacts and counters and have workers evaluate, and its rotation."""

from __future__ import annotations

import base64
import hmac
import unittest

from kube import CommandFailed, condition, dig
from proxy import Proxy
from small_index import INDEX, OPERATOR, SmallIndexTest

KEY = "sluice-token-key"


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

    def test_it_is_made_from_the_key_and_the_uid(self) -> None:
        self.serve()
        key = base64.b64decode(dig(self.kube.in_namespace(OPERATOR).get("secret", KEY), "data.key", ""))
        uid = dig(self.rag(), "metadata.uid")
        self.assertEqual(self.kube.token_of(INDEX), hmac.new(key, uid.encode(), "sha256").hexdigest())

    def test_a_deleted_secret_comes_back_when_a_pod_waits_for_it(self) -> None:
        self.serve()
        before = self.kube.token_of(INDEX)
        self.kube.delete("secret", f"{INDEX}-token")
        # Its successor cannot start without the Secret.
        self.kube.delete("pod", self.ready_pods("worker")[0])
        self.wait("the token", 90, lambda: self.kube.token_of(INDEX))
        self.assertEqual(self.kube.token_of(INDEX), before)
        self.serve()

    def test_the_operator_may_read_no_secret_but_its_key(self) -> None:
        def may(verb: str, what: str, namespace: str) -> bool:
            account = f"--as=system:serviceaccount:{OPERATOR}:sluice-operator"
            try:
                return self.kube.in_namespace(namespace).run("auth", "can-i", verb, what, account).strip() == "yes"
            except CommandFailed:  # "no" is its status too.
                return False

        for namespace in (self.kube.namespace, "kube-system", OPERATOR):
            for verb in ("list", "watch", "delete", "update"):
                self.assertFalse(may(verb, "secrets", namespace), f"{verb} in {namespace}")
        self.assertFalse(may("get", f"secrets/{INDEX}-token", self.kube.namespace))
        self.assertFalse(may("get", f"secrets/{KEY}", self.kube.namespace))
        self.assertTrue(may("get", f"secrets/{KEY}", OPERATOR))
        self.assertTrue(may("patch", "secrets", self.kube.namespace))


class AnotherKey(SmallIndexTest):
    ALONE = True  # It takes the key away that the tokens of all indexes are made from.

    def test_another_key_gives_another_token_and_the_index_goes_on(self) -> None:
        self.kube.apply(self.rollout)
        self.serve()
        before = self.kube.token_of(INDEX)
        self.kube.in_namespace(OPERATOR).delete("secret", KEY)
        self.wait("another token", 120, lambda: self.kube.token_of(INDEX) not in ("", before))
        # Pods see it when their kubelet looks again; then a rollout, which needs counters, gets its weight.
        self.start_candidate(within=240)


if __name__ == "__main__":
    unittest.main()
