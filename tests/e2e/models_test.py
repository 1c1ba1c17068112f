"""Stop words and synonyms of a ModelVersion: built in, kept, and not missed by what serves."""

from __future__ import annotations

import hashlib
import unittest

from kube import Object, condition, dig
from small_index import SmallIndexTest, changed

WORDS = '{"stopWords": [], "synonyms": [{"from": ["feline"], "to": "cat"}]}\n'


def model(name: str, source: Object) -> Object:
    return {"apiVersion": "sluice.dev/v1alpha1", "kind": "ModelVersion", "metadata": {"name": name},
            "spec": {"type": "Analyzer", "source": source}}


class Models(SmallIndexTest):
    def setUp(self) -> None:
        super().setUp()
        self.kube.delete("mv", "--all")

    def mv(self) -> Object:
        return self.kube.get("mv", "words") or {}

    def with_model(self) -> Object:
        # Direct: nobody asks queries here, and a rollout would wait for evidence.
        return changed(self.index, spec__changeover="Direct",
                       spec__retrieval={"mode": "bm25", "analyzer": {"modelVersionRef": {"name": "words"}}})

    def test_an_index_waits_for_its_model_and_keeps_serving_without_it(self) -> None:
        self.kube.apply(self.with_model())
        self.assertIn("ModelMissing", self.stalled(60))
        self.publish("words.json", WORDS)
        digest = hashlib.sha256(WORDS.encode()).hexdigest()
        self.kube.apply(model("words", {"uri": "http://corpus/words.json", "sha256": digest}))
        stable = self.serve(self.with_model())
        self.assertEqual(dig(self.rag(), "status.stable.analyzerDigest"), digest)
        self.assertEqual(condition(self.rag(), "ModelMissing").get("status"), "False")
        self.wait("the model verified by the build", 30, lambda: dig(self.mv(), "status.phase") == "Ready")
        self.assertEqual(dig(self.mv(), "status.usedBy"), ["small"])

        self.kube.delete("mv", "words")
        self.wait("the index saying that its model is gone", 30,
                  lambda: condition(self.rag(), "ModelMissing").get("status") == "True")
        self.assertEqual(condition(self.rag(), "Ready").get("status"), "True")
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)
        self.kube.apply(changed(self.with_model(), spec__retrieval__mode="tfidf"))
        self.assertIn("ModelMissing", self.stalled(30))
        self.assertEqual(condition(self.rag(), "Available").get("status"), "True")

        self.kube.apply(model("words", {"inline": {"stopWords": ["the"]}}))
        self.wait("the new words served", 180, lambda: condition(self.rag(), "Ready").get("status") == "True")
        self.assertNotEqual(dig(self.rag(), "status.stableRevision"), stable)
        self.assertEqual(dig(self.rag(), "status.stable.analyzerDigest"), dig(self.mv(), "status.digest"))

    def test_other_bytes_than_pinned_fail_the_build_and_say_so(self) -> None:
        self.publish("words.json", WORDS)
        self.kube.apply(model("words", {"uri": "http://corpus/words.json", "sha256": "0" * 64}))
        self.kube.apply(self.with_model())
        self.assertRegex(self.stalled(120), "as pinned")
        self.wait("the model telling of it", 30,
                  lambda: "as pinned" in str(condition(self.mv(), "Ready").get("message")))

    def test_wrong_words_are_rejected_by_the_name_of_the_field(self) -> None:
        self.kube.apply(model("words", {"inline": {"stopWords": ["new york"]}}))
        self.wait("the model rejected", 30, lambda: dig(self.mv(), "status.phase") == "Rejected")
        self.assertIn("stopWords[0]", str(condition(self.mv(), "Ready").get("message")))


if __name__ == "__main__":
    unittest.main()
