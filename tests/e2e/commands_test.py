"""What a person says to a rollout: pauses, approval, promotion, and moving the traffic by hand."""

from __future__ import annotations

import json
import time
import unittest
from typing import Any

from kube import condition, dig, is_true, wait_until
from small_index import INDEX, SmallIndexTest, changed

ANSWERED_WITHIN = 2.0  # Seconds from the annotation's acceptance to status.lastCommand, seen through kubectl.
SPLIT = {"weight": "10%", "minDuration": "5s", "maxDuration": "1h"}
# Nobody asks this index anything: a split passes when its policy says that this is no reason to wait.
ANALYSIS = {"block": "5s", "noDataTimeout": "5s",
            "objectives": [{"name": "errors", "errorRate": {"max": "1%"}, "onNoData": "Ignore"}]}


class Commands(SmallIndexTest):
    def start(self, steps: list[dict[str, Any]], **more: Any) -> tuple[str, str]:
        """The index serves under such a policy and has a candidate; stable and candidate."""
        self.kube.apply(changed(self.rollout, spec__steps=steps, spec__analysis=ANALYSIS, **more))
        stable = self.serve()
        self.kube.apply(changed(self.index, spec__retrieval={"mode": "bm25"}))
        self.wait("its candidate", 120, lambda: dig(self.cro(), "status.candidateRevision"))
        return stable, str(dig(self.cro(), "status.candidateRevision"))

    def phase(self) -> str:
        return str(dig(self.cro(), "status.phase", ""))

    def await_phase(self, phase: str, seconds: float = 180) -> None:
        self.wait(f"phase {phase}", seconds, lambda: self.phase() == phase)

    def command(self, text: str) -> str:
        """Gives the command; its result, which must be there in time, with an Event."""
        self.kube.run("annotate", "cro", INDEX, "--overwrite", f"sluice.dev/command={text}")
        given, identity = time.monotonic(), text.split()[-1]
        record = wait_until("the answer to " + text, 30, every=0.1, ready=lambda: self.answer(identity))
        seconds = time.monotonic() - given
        self.assertLess(seconds, ANSWERED_WITHIN, text)
        reason = "CommandAccepted" if record["result"].startswith("accepted") else "CommandRefused"
        self.wait("its Event", 10, lambda: reason in self.kube.run("get", "events"))
        print(f"{text.split()[0]}: {record['result']} ({seconds:.2f} s)")
        return str(record["result"])

    def answer(self, identity: str) -> dict[str, Any] | None:
        record = dig(self.cro(), "status.lastCommand", {})
        return record if record.get("id") == identity else None

    def test_a_pause_step_keeps_its_weight_until_somebody_approves(self) -> None:
        _, candidate = self.start([{"evaluate": {}}, {"split": SPLIT}, {"pause": {}}, {"split": {**SPLIT, "weight": "50%"}}])
        self.await_phase("Paused")
        paused = condition(self.cro(), "Paused")
        self.assertEqual((paused.get("status"), paused.get("reason")), ("True", "PauseStep"))
        self.assertIn(f"approve {candidate}:2", paused["message"])
        self.assertIn("refused", self.command(f"approve {candidate}:1 wrong-step"))
        self.assertIn("refused", self.command("approve somebody-else wrong-revision"))
        time.sleep(10)
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

    def test_policy_and_command_hold_a_step_and_promote_skips_the_rest(self) -> None:
        # Evidence alone would never end this step.
        self.kube.apply(self.rollout)
        self.serve()
        candidate = self.start_candidate()
        self.assertIn("refused", self.command(f"resume {candidate} c1"))
        self.assertIn("accepted", self.command(f"pause {candidate} c2"))
        self.wait("Paused", 10, lambda: condition(self.cro(), "Paused").get("reason") == "PausedByCommand")
        self.assertIn("refused", self.command(f"promote {candidate} c3"))
        self.assertIn("accepted", self.command(f"resume {candidate} c4"))
        for paused, reason in (("true", "SpecPaused"), ("false", "NotPaused")):
            self.kube.run("patch", "cro", INDEX, "--type=merge", "-p", f'{{"spec":{{"paused":{paused}}}}}')
            self.wait(reason, 10, lambda: condition(self.cro(), "Paused").get("reason") == reason)
        self.assertEqual(dig(self.cro(), "status.observedWeight"), "10%")
        self.assertIn("refused", self.command(f"approve {candidate} c5"))
        self.assertIn("accepted", self.command(f"promote {candidate} c6"))
        self.await_phase("Promoted")
        self.assertEqual(dig(self.rag(), "status.stableRevision"), candidate)

    def test_a_route_edited_by_hand_is_honoured_until_its_time_is_over(self) -> None:
        self.kube.apply(self.rollout)
        self.serve()
        self.start_candidate()
        table = json.loads(dig(self.kube.get("configmap", f"{INDEX}-route"), "data", {})["table.json"])
        del table["candidate"]
        edited = json.dumps(table)
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 30))
        self.kube.run("patch", "configmap", f"{INDEX}-route", "--type=merge", "-p", json.dumps(
            {"metadata": {"annotations": {"sluice.dev/manual": until}}, "data": {"table.json": edited}}))
        self.wait("ManualRoute", 10, lambda: is_true(self.rag(), "ManualRoute"))
        self.assertIn(until, condition(self.rag(), "ManualRoute")["message"])
        self.wait("a router that took it", 10, lambda: "a person" in self.kube.run("logs", f"deploy/{INDEX}-router"))
        time.sleep(5)
        self.assertEqual(dig(self.kube.get("configmap", f"{INDEX}-route"), "data", {})["table.json"], edited)
        self.wait("the table put back", 60, lambda: dig(self.rag(), "status.route.confirmed")
                  and dig(self.rag(), "status.route.generation", 0) > table["generation"])
        again = json.loads(dig(self.kube.get("configmap", f"{INDEX}-route"), "data", {})["table.json"])
        self.assertEqual(dig(again, "candidate.weight"), "10%")
        self.assertFalse(is_true(self.rag(), "ManualRoute"))


if __name__ == "__main__":
    unittest.main()
