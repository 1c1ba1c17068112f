"""Changes, policies, commands and edits that make no sense: a clear message, and users keep their answers."""

from __future__ import annotations

import json
import time
import unittest

from kube import condition, dig, is_true
from small_index import INDEX, SmallIndexTest, changed


class BadChanges(SmallIndexTest):
    def test_an_image_that_does_not_exist_is_a_failed_candidate(self) -> None:
        self.kube.apply(self.rollout)
        stable = self.serve()
        self.kube.apply(changed(self.index, spec__engine={"image": "localhost/sluice:no-such-tag"}))
        message = self.stalled(150)
        self.assertIn("localhost/sluice:no-such-tag", message)
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)
        self.assertTrue(is_true(self.rag(), "Available"))
        self.assertEqual(dig(self.cro(), "status.phase"), "RolledBack")

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
        self.wait("no pods but the one that holds its artefacts", 60,
                  lambda: {dig(pod, "metadata.labels")["sluice.dev/component"]
                           for pod in self.kube.list("pods", f"sluice.dev/index={INDEX}")} == {"holder"})
        self.assertEqual(condition(self.rag(), "Ready").get("reason"), "Suspended")
        self.kube.run("scale", "rag", INDEX, "--replicas=2")
        self.wait("serving again", 120, lambda: is_true(self.rag(), "Ready"))
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)
        self.assertNotIn("Rebuilding", self.kube.run("get", "events"))

if __name__ == "__main__":
    unittest.main()
