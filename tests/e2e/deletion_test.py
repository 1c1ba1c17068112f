"""Deleting things in the middle of a rollout: gone within 60 s, and nothing left behind."""

from __future__ import annotations

import unittest

from kube import condition, dig
from small_index import INDEX, SmallIndexTest, changed


class NamespaceDeletion(SmallIndexTest):
    ALONE = True  # Its minute is one of a machine that has no dozen other indexes to start and to end.

    def test_a_namespace_in_the_middle_of_a_rollout_is_gone_within_a_minute(self) -> None:
        self.kube.apply(self.rollout)
        self.serve()
        self.start_candidate()
        self.delete_namespace_within_a_minute()


class Deletion(SmallIndexTest):
    def test_a_deleted_index_leaves_nothing_behind(self) -> None:
        self.kube.apply(self.rollout)
        self.serve()
        self.assertNotEqual(self.children(), [])
        self.kube.delete("rag", INDEX)
        self.kube.delete("cro", INDEX)
        self.wait("nothing of it left", 60, lambda: not self.children())
        # Also nothing without our labels: what is left in the namespace is the test's own.
        self.assertEqual([name for name in self.children(selector="") if f"/{INDEX}" in name], [])

    def test_a_rollout_deleted_while_its_candidate_has_weight_rejects_the_candidate(self) -> None:
        self.kube.apply(self.rollout)
        stable = self.serve()
        candidate = self.start_candidate()
        self.kube.delete("cro", INDEX)
        self.wait("weight 0 confirmed", 30, lambda: dig(self.rag(), "status.route.confirmed")
                  and dig(self.rag(), "status.route.weight") == "0%")
        self.assertIn("PolicyRemoved", self.stalled(60))
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)
        self.assertEqual(condition(self.rag(), "Available").get("status"), "True")
        # A policy that comes back must not promote what was rejected, now or when it is looked at again.
        self.kube.apply(self.rollout)
        uid = dig(self.cro(), "metadata.uid")
        self.wait("the policy attached", 30, lambda: dig(self.rag(), "status.policyUID") == uid)
        self.wait("the policy ready", 30, lambda: condition(self.cro(), "Ready").get("status") == "True")
        self.look_again(changed(self.index, spec__retrieval={"mode": "bm25"}))
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)
        rejected = self.kube.list("controllerrevisions", "sluice.dev/verdict=rejected")
        self.assertEqual([one["metadata"]["name"] for one in rejected], [candidate])


if __name__ == "__main__":
    unittest.main()
