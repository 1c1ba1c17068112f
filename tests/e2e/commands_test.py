"""Steps and policies that wait for a person: pauses, approval, promotion."""

from __future__ import annotations

import json
import unittest
from typing import Any

from commanded import CommandedTest
from kube import condition, dig, is_true
from small_index import changed

SPLIT = {"weight": "10%", "minDuration": "5s", "maxDuration": "1h"}
# Nobody asks this index anything: a split passes when its policy says that this is no reason to wait.
ANALYSIS = {"block": "5s", "noDataTimeout": "5s",
            "objectives": [{"name": "errors", "errorRate": {"max": "1%"}, "onNoData": "Ignore"}]}


class Commands(CommandedTest):
    def start(self, steps: list[dict[str, Any]], **more: Any) -> tuple[str, str]:
        """The index serves under such a policy and has a candidate; stable and candidate."""
        self.kube.apply(changed(self.rollout, spec__steps=steps, spec__analysis=ANALYSIS, **more))
        stable = self.serve()
        self.kube.apply(self.candidate_manifest())
        self.wait("its candidate", 120, lambda: dig(self.cro(), "status.candidateRevision"))
        return stable, str(dig(self.cro(), "status.candidateRevision"))

    def test_a_pause_step_keeps_its_weight_until_somebody_approves(self) -> None:
        _, candidate = self.start([{"evaluate": {}}, {"split": SPLIT}, {"pause": {}}, {"split": {**SPLIT, "weight": "50%"}}])
        self.await_phase("Paused")
        paused = condition(self.cro(), "Paused")
        self.assertEqual((paused.get("status"), paused.get("reason")), ("True", "PauseStep"))
        self.assertIn(f"approve {candidate}:2", paused["message"])
        self.assertIn("refused", self.command(f"approve {candidate}:1 wrong-step"))
        self.assertIn("refused", self.command("approve somebody-else wrong-revision"))
        self.see_two_more_blocks()
        self.assertEqual(self.phase(), "Paused")
        self.assertEqual(dig(self.cro(), "status.observedWeight"), "10%")
        self.assertIn("accepted", self.command(f"approve {candidate}:2 jo-1"))
        self.await_phase("Promoted")
        self.assertIn("jo-1", json.dumps(dig(self.cro(), "status.decisions")))
        self.assertEqual(dig(self.rag(), "status.stableRevision"), candidate)

    def test_an_abort_works_in_a_pause(self) -> None:
        stable, candidate = self.start([{"evaluate": {}}, {"split": SPLIT}, {"pause": {}}])
        self.await_phase("Paused")
        self.assertIn("accepted", self.command(f"abort {candidate} a1"))
        self.await_phase("RolledBack", 30)
        self.wait("no candidate in the route", 30, lambda: not dig(self.rag(), "status.route.candidateRevision"))
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)

    def test_a_manual_promotion_waits_for_promote(self) -> None:
        stable, candidate = self.start([{"evaluate": {}}, {"split": SPLIT}], spec__promotion="Manual")
        self.await_phase("Paused")
        self.assertEqual(condition(self.cro(), "Paused").get("reason"), "AwaitingPromotion")
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)
        self.assertIn("accepted", self.command(f"promote {candidate} p1"))
        self.await_phase("Promoted")
        self.wait("Ready", 60, lambda: is_true(self.rag(), "Ready"))
        self.assertEqual(dig(self.rag(), "status.stableRevision"), candidate)


if __name__ == "__main__":
    unittest.main()
