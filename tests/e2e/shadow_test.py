"""A shadow step: what it catches before any user, and what users notice of it, which is nothing."""

from __future__ import annotations

import os
import unittest

from kube import REPO, Object, dig
from small_index import INDEX, SmallIndexTest, changed


class Shadow(SmallIndexTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.rollout = changed(
            cls.rollout,
            spec__steps=[{"evaluate": {}},
                         {"shadow": {"share": "100%", "minDuration": "10s", "minSamples": 200, "maxDuration": "5m"}},
                         {"split": {"weight": "10%", "minDuration": "20m", "maxDuration": "1h"}}],
        )

    def start_load(self) -> None:
        """Asks the index 50 times a second, and checks every answer."""
        text = (REPO / "examples" / "load.yaml").read_text()
        text = text.replace("localhost/sluice-tools:latest", os.environ["SLUICE_TOOLS_IMAGE"])
        text = text.replace("http://packages/", f"http://{INDEX}/").replace("--rate=400", "--rate=50")
        self.kube.apply(text)
        self.kube.run("rollout", "status", "deployment/load", "--timeout=60s", timeout=70)
        self.wait("queries being answered", 30, lambda: self.asked().get("ok", 0) > 100)

    def stop_load(self) -> None:
        self.kube.delete("deployment", "load")
        self.wait("the load's pod gone", 60, lambda: not self.kube.list("pods", "app.kubernetes.io/name=load"))

    def asked(self) -> Object:
        (pod,) = self.kube.list("pods", "app.kubernetes.io/name=load")
        return dict(self.kube.pod_get(pod["metadata"]["name"], "/stats"))

    def counted(self, revision: str, mode: str) -> int:
        """Queries of a revision that ended, over all routers."""
        ended = 0
        for pod in self.kube.list("pods", f"sluice.dev/index={INDEX},sluice.dev/component=router"):
            path = f"/api/v1/namespaces/{self.kube.namespace}/pods/{pod['metadata']['name']}:8080/proxy/metrics"
            series = f'sluice_router_ended_total{{revision="{revision}",mode="{mode}"}} '
            ended += sum(int(line.removeprefix(series)) for line in self.kube.raw(path).splitlines() if line.startswith(series))
        return ended

    def objective(self, name: str) -> Object:
        return next((row for row in dig(self.cro(), "status.objectives", []) if row["name"] == name), {})

    def test_a_failing_candidate_is_rolled_back_without_having_met_a_user(self) -> None:
        self.kube.apply(self.rollout)
        stable = self.serve()
        self.start_load()
        self.addCleanup(self.stop_load)
        self.kube.apply(changed(self.index, spec__retrieval={"mode": "bm25"}, spec__drill={"errorRate": "20%"}))
        self.wait("the copies", 120, lambda: dig(self.cro(), "status.weightSummary") == "shadow 100%/100%")
        candidate = str(dig(self.cro(), "status.candidateRevision"))
        self.wait("the rollback", 120, lambda: dig(self.cro(), "status.phase") == "RolledBack")
        self.assertEqual(dig(self.cro(), "status.lastRollback.objective"), "errors")
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)
        self.assertEqual(self.counted(candidate, "live"), 0)
        self.assertGreater(self.counted(candidate, "shadow"), 0)
        self.assertEqual(self.asked()["failed"], 0)

    def test_other_rankings_are_reported_and_the_candidate_goes_on(self) -> None:
        self.kube.apply(self.rollout)
        self.serve()
        self.start_load()
        self.addCleanup(self.stop_load)
        self.kube.apply(changed(self.index, spec__retrieval={"mode": "bm25"}))
        self.wait("the candidate at 10 %", 240, lambda: dig(self.cro(), "status.observedWeight") == "10%")
        row = self.objective("agreement")
        self.assertGreaterEqual(row["samples"], 200)
        self.assertGreater(row["candidate"], 0)
        self.assertEqual(row["verdict"], "Pass")
        self.assertEqual(self.asked()["failed"], 0)


if __name__ == "__main__":
    unittest.main()
