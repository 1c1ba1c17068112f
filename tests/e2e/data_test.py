"""New documents at the same place: noticed, tried, served, or refused."""

from __future__ import annotations

import json
import unittest

from kube import condition, dig, is_true
from small_index import INDEX, SmallIndexTest, changed, make_corpus

SOURCE = {"http": {"url": "http://corpus/living.jsonl"}}
# A look each 30 s, a pod that reads and builds, workers that start: beside all other tests.
SERVED_WITHIN = 180
REFUSED_WITHIN = 120


class Documents(SmallIndexTest):
    def setUp(self) -> None:
        super().setUp()
        self.lines = make_corpus()[0].splitlines()

    def publish_lines(self, lines: list[str]) -> None:
        self.publish("living.jsonl", "\n".join(lines) + "\n")

    def hits_for(self, line: str) -> list[str]:
        """Ids of the documents that are found by this one's words."""
        words = json.loads(line)["text"].split()[:8]
        answer = self.proxy.post(self.proxy.service(INDEX, "/query"), {"query": " ".join(words), "top_k": 3})
        return [hit["id"] for hit in answer["hits"]]

    def looks(self) -> int:
        return int(dig(self.rag(), "status.refresh.looks", 0))

    def test_they_are_served_within_minutes_and_a_truncated_file_is_refused(self) -> None:
        self.kube.apply(self.rollout)
        self.publish_lines(self.lines)
        old = self.serve(changed(self.index, spec__source=SOURCE, spec__refresh={"every": "30s"}))
        gone = self.lines[-1]
        self.assertIn("d299", self.hits_for(gone))

        fresh = json.dumps({**json.loads(make_corpus(1, 0, seed=12)[0]), "_id": "fresh", "title": "fresh"})
        self.publish_lines([*self.lines[:270], fresh])
        self.wait("the new documents served", SERVED_WITHIN,
                  lambda: dig(self.rag(), "status.documents") == 271 and is_true(self.rag(), "Ready"))
        self.assertNotEqual(dig(self.rag(), "status.stableRevision"), old)
        self.assertEqual(condition(self.rag(), "DocumentsCurrent").get("reason"), "SameSource")
        # Under Gate the split step, which would wait for queries, is left out.
        self.wait("the rollout's end", 30, lambda: dig(self.cro(), "status.phase") == "Promoted")
        self.wait("routers with the new revision", 30, lambda: "fresh" in self.hits_for(fresh))
        self.assertNotIn("d299", self.hits_for(gone))

        stable = dig(self.rag(), "status.stableRevision")
        self.publish_lines(self.lines[:108])
        self.wait("the truncated file refused", REFUSED_WITHIN,
                  lambda: condition(self.rag(), "DocumentsCurrent").get("reason") == "DocumentsRejected")
        message = condition(self.rag(), "DocumentsCurrent")["message"]
        self.assertRegex(message, r"\b108\b.*\b271\b")
        decision = dig(self.cro(), "status.decisions.0")
        self.assertEqual(decision["reason"], "DocumentCountChanged")
        before = self.looks()
        self.wait("another look at it", 90, lambda: self.looks() > before)
        self.assertIsNone(dig(self.rag(), "status.candidate"))
        self.assertEqual(dig(self.cro(), "status.decisions.0"), decision)
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)
        self.assertTrue(is_true(self.rag(), "Ready"))
        self.assertIn("fresh", self.hits_for(fresh))

    def test_another_place_with_the_same_documents_makes_no_revision(self) -> None:
        self.kube.apply(self.rollout)
        stable = self.serve()
        self.publish_lines(self.lines)
        self.kube.apply(changed(self.index, spec__source=SOURCE))
        self.wait("the place read", 90, lambda: self.looks() == 1)
        self.wait("Ready", 30, lambda: is_true(self.rag(), "Ready"))
        self.assertEqual(condition(self.rag(), "DocumentsCurrent").get("reason"), "SameSource")
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)
        self.assertEqual(len(self.kube.list("controllerrevisions", f"sluice.dev/index={INDEX}")), 1)


if __name__ == "__main__":
    unittest.main()
