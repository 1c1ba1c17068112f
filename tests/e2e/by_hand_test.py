"""A person holds a rollout, moves it on, or moves the traffic by hand."""

from __future__ import annotations

import json
import time
import unittest

from commanded import CommandedTest
from kube import condition, dig, is_true
from small_index import INDEX


class ByHand(CommandedTest):
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
        self.look_again(self.candidate_manifest())
        self.assertEqual(dig(self.kube.get("configmap", f"{INDEX}-route"), "data", {})["table.json"], edited)
        self.wait("the table put back", 60, lambda: dig(self.rag(), "status.route.confirmed")
                  and dig(self.rag(), "status.route.generation", 0) > table["generation"])
        again = json.loads(dig(self.kube.get("configmap", f"{INDEX}-route"), "data", {})["table.json"])
        self.assertEqual(dig(again, "candidate.weight"), "10%")
        self.assertFalse(is_true(self.rag(), "ManualRoute"))

if __name__ == "__main__":
    unittest.main()
