"""Documents and golden sets that cannot be used: a clear message, and users keep their answers."""

from __future__ import annotations

import unittest

from kube import Object, condition, dig, is_true
from small_index import SmallIndexTest, changed, make_corpus


class FirstBuilds(SmallIndexTest):
    def test_first_builds_that_cannot_work_say_why(self) -> None:
        """All at once: a source that cannot be reached is tried for two minutes."""
        documents, golden = make_corpus()
        bad = ['{"_id": "x"', "", '{"_id": 7}', '{"_id": "y", "text": 5}', "\x00\x01"] * 3
        self.publish("bad.jsonl", documents + "\n".join(bad) + "\n")
        self.publish("empty.jsonl", "\n")
        self.publish("unknown.jsonl", golden.replace('{"d', '{"nobody'))
        unknown = {"goldenSet": {"http": {"url": "http://corpus/unknown.jsonl"}}}
        rows = [
            ("unreachable", "nowhere", {"spec__source": {"http": {"url": "http://nowhere.invalid/x.jsonl"}}}),
            ("missing", "404", {"spec__source": {"http": {"url": "http://corpus/missing.jsonl"}}}),
            ("malformed", r"line \d+", {"spec__source": {"http": {"url": "http://corpus/bad.jsonl"}}}),
            ("empty", "(?i)no usable document", {"spec__source": {"http": {"url": "http://corpus/empty.jsonl"}}}),
            ("pinned", "(?i)sha256|digest", {"spec__source__http__sha256": "0" * 64}),
            ("secret", "secretRef", {"spec__source__http__secretRef": {"name": "nobody-made-it"}}),
            ("judged", "(?i)golden|judged|unknown", {"spec__evaluation": unknown}),
            ("drill", "DrillRefused", {"spec__drill": {"errorRate": "20%"}}),
        ]
        for name, _, paths in rows:
            self.kube.apply(changed(self.index, metadata__name=name, **paths))
        for name, expected, _ in rows:
            with self.subTest(name):
                rag = self.wait(f"{name} saying why it does not go on", 240, lambda name=name: self.stalled_index(name))
                ready = condition(rag, "Ready")
                self.assertRegex(f"{ready.get('reason')}: {ready.get('message')}", expected)
                self.assertEqual(condition(rag, "Available").get("status"), "False")

    def stalled_index(self, name: str) -> Object | None:
        rag = self.kube.get("rag", name)
        return rag if is_true(rag, "Stalled") else None


class BadSources(SmallIndexTest):
    def test_malformed_lines_within_the_limit_are_skipped(self) -> None:
        documents, _ = make_corpus()
        self.publish("few.jsonl", documents + '{"_id": "x"\nnot json\n')
        self.serve(changed(self.index, spec__source={"http": {"url": "http://corpus/few.jsonl"}}))
        self.assertEqual(dig(self.rag(), "status.documents"), 300)

    def test_a_candidate_is_built_from_stables_documents_also_when_the_source_has_moved_on(self) -> None:
        self.kube.apply(self.rollout)
        self.publish("moving.jsonl", make_corpus()[0])
        moving = changed(self.index, spec__source={"http": {"url": "http://corpus/moving.jsonl"}})
        self.serve(moving)
        digest = dig(self.rag(), "status.stable.documentsDigest")
        self.publish("moving.jsonl", make_corpus(documents=200, seed=8)[0])
        self.kube.apply(changed(moving, spec__retrieval={"mode": "bm25"}))
        self.wait("the candidate's facts", 120, lambda: dig(self.rag(), "status.candidate.facts"))
        self.assertEqual(dig(self.rag(), "status.candidate.facts.documentsDigest"), digest)
        self.assertEqual(dig(self.rag(), "status.candidate.facts.documents"), 300)

    def test_a_golden_set_that_changed_is_one_that_stable_is_evaluated_on_as_well(self) -> None:
        self.kube.apply(self.rollout)
        self.publish("judged.jsonl", make_corpus()[1])
        judged = changed(self.index, spec__evaluation={"goldenSet": {"http": {"url": "http://corpus/judged.jsonl"}}})
        self.serve(judged)
        before = dig(self.rag(), "status.stable.evaluation.goldenDigest")
        self.publish("judged.jsonl", make_corpus(queries=30)[1])
        self.kube.apply(changed(judged, spec__retrieval={"mode": "bm25"}))
        self.wait("the candidate at 10 %", 120, lambda: dig(self.cro(), "status.observedWeight") == "10%")
        facts = dig(self.rag(), "status.candidate.facts.evaluation")
        self.assertNotEqual(facts["goldenDigest"], before)
        self.assertEqual(facts["queries"], 30)
        quality = [one for one in dig(self.cro(), "status.objectives") if one["name"] == "quality"]
        self.assertEqual([(one["samples"], one["stableSamples"]) for one in quality], [(30, 30)])



if __name__ == "__main__":
    unittest.main()
