"""Bad input to a served index: a clear message, and users keep their answers."""

from __future__ import annotations

import json
import time
import unittest

from kube import Object, condition, dig, is_true
from small_index import INDEX, SmallIndexTest, changed, make_corpus


class BadInput(SmallIndexTest):
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

    def test_malformed_lines_within_the_limit_are_skipped(self) -> None:
        documents, _ = make_corpus()
        self.publish("few.jsonl", documents + '{"_id": "x"\nnot json\n')
        self.serve(changed(self.index, spec__source={"http": {"url": "http://corpus/few.jsonl"}}))
        self.assertEqual(dig(self.rag(), "status.documents"), 300)

    def test_an_image_that_does_not_exist_is_a_failed_candidate(self) -> None:
        self.kube.apply(self.rollout)
        stable = self.serve()
        self.kube.apply(changed(self.index, spec__engine={"image": "localhost/sluice:no-such-tag"}))
        message = self.stalled(150)
        self.assertIn("localhost/sluice:no-such-tag", message)
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)
        self.assertTrue(is_true(self.rag(), "Available"))
        self.assertEqual(dig(self.cro(), "status.phase"), "RolledBack")

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

    def test_another_source_under_the_same_config_is_queued_and_says_so(self) -> None:
        self.kube.apply(self.rollout)
        stable = self.serve()
        self.publish("other.jsonl", make_corpus(documents=200, seed=9)[0])
        self.kube.apply(changed(self.index, spec__source={"http": {"url": "http://corpus/other.jsonl"}}))
        self.wait("DocumentsCurrent=False", 30,
                  lambda: condition(self.rag(), "DocumentsCurrent").get("status") == "False")
        self.assertEqual(condition(self.rag(), "DocumentsCurrent")["reason"], "SourceChanged")
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)
        self.assertIsNone(dig(self.rag(), "status.candidate"))

    def test_the_second_rollout_of_an_index_says_that_it_is_the_second(self) -> None:
        self.kube.apply(self.rollout)
        self.serve()
        time.sleep(1.1)  # Creation times have a resolution of a second.
        self.kube.apply(changed(self.rollout, metadata__name="another"))
        self.wait("its Ready=False", 30, lambda: condition(self.cro("another"), "Ready").get("status") == "False")
        self.assertEqual(condition(self.cro("another"), "Ready")["reason"], "AnotherPolicyAttached")
        self.assertTrue(is_true(self.cro(), "Ready"))

    def test_a_rollout_without_its_index_says_so(self) -> None:
        self.kube.apply(self.rollout)
        self.wait("its Ready=False", 30, lambda: condition(self.cro(), "Ready").get("status") == "False")
        self.assertEqual(condition(self.cro(), "Ready")["reason"], "IndexNotFound")

    def test_a_change_without_a_policy_waits(self) -> None:
        stable = self.serve()
        self.kube.apply(changed(self.index, spec__retrieval={"mode": "bm25"}))
        self.wait("Ready=False", 30, lambda: condition(self.rag(), "Ready").get("status") == "False")
        self.assertEqual(condition(self.rag(), "Ready")["reason"], "AwaitingRollout")
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)

    def test_abort_and_retry_need_no_edit_of_the_spec(self) -> None:
        self.kube.apply(self.rollout)
        stable = self.serve()
        candidate = self.start_candidate()
        self.command(f"abort {candidate} a1")
        self.wait("the abort", 30, lambda: dig(self.cro(), "status.phase") == "RolledBack")
        self.assertEqual(dig(self.cro(), "status.lastCommand.id"), "a1")
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)
        self.stalled(60)
        self.command(f"retry {candidate} r1")
        self.wait("the candidate back at 10 %", 120, lambda: dig(self.cro(), "status.observedWeight") == "10%")
        self.command(f"dance {candidate} d1")
        self.wait("the refusal", 30, lambda: dig(self.cro(), "status.lastCommand.id") == "d1")
        self.assertIn("dance", json.dumps(dig(self.cro(), "status.lastCommand")))

    def command(self, text: str) -> None:
        self.kube.run("annotate", "cro", INDEX, "--overwrite", f"sluice.dev/command={text}")

    def route_table(self) -> dict[str, object]:
        return dict(json.loads(dig(self.kube.get("configmap", f"{INDEX}-route"), "data", {})["table.json"]))

    def edit_route(self, text: str) -> None:
        self.kube.run("patch", "configmap", f"{INDEX}-route", "--type=merge", "-p", json.dumps({"data": {"table.json": text}}))

    def test_an_edit_of_the_route_by_hand_is_put_back(self) -> None:
        self.kube.apply(self.rollout)
        stable = self.serve()
        edited = self.route_table()
        edited["generation"] += 1  # Or no router would take it.
        edited["stable"] = {"revision": "somebody-elses"}
        self.edit_route(json.dumps(edited))
        self.wait("a route that is newer than the edit", 30,
                  lambda: dig(self.rag(), "status.route.generation", 0) > edited["generation"]
                  and dig(self.rag(), "status.route.confirmed"))
        self.assertEqual(self.route_table()["stable"]["revision"], stable)
        self.wait("its Event", 10, lambda: "RouteEdited" in self.kube.run("get", "events"))
        self.edit_route("{}")
        self.wait("a table in place of nonsense", 30, lambda: self.route_table().get("stable"))

    def test_zero_replicas_suspend_the_index_and_two_bring_it_back(self) -> None:
        stable = self.serve()
        self.kube.run("scale", "rag", INDEX, "--replicas=0")
        self.wait("no pods", 60, lambda: not self.kube.list("pods", f"sluice.dev/index={INDEX}"))
        self.assertEqual(condition(self.rag(), "Ready").get("reason"), "Suspended")
        self.kube.run("scale", "rag", INDEX, "--replicas=2")
        self.wait("serving again", 120, lambda: is_true(self.rag(), "Ready"))
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)


if __name__ == "__main__":
    unittest.main()
