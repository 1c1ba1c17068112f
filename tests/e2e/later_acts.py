"""The acts after the sixth, which `hack/demo --all` plays, by their numbers. As in acts.py: each plays on a Stage, writes
into its Act, and raises TooLate or CommandFailed when it cannot go on."""

from __future__ import annotations

import re
import time
from typing import Callable

from acts import CHANGES, check, weights_since
from change_acts import deleted_policy, overtaken
from kube import is_true
from loss_acts import lost_api_server, lost_workers
from stage import Act, Stage, parse_time
from upgrade_act import upgraded_operator
from watch_acts import worse_after_promotion


def slow_candidate(stage: Stage, act: Act) -> None:
    stage.narrator.explain("This one evaluates well, answers without any error, and takes 350 ms more for each answer. The index")
    stage.narrator.explain("promises 250 ms to 95 of 100 users, and nobody compares in shadow first: live queries have to tell.")
    stable = stage.of_rag("stableRevision")
    began = stage.apply(CHANGES / "slow.yaml")
    stage.wait("a built candidate", 180, lambda: stage.of_rag("candidate.revision", "") not in ("", stable))
    revision = stage.of_rag("candidate.revision")
    check(stage, act, is_true(stage.rag, "DrillActive"), "the condition DrillActive says that this is a drill")
    stage.wait("the first answer of the candidate", 150, lambda: stage.recorder.count(revision, "answered") > 0)
    first = time.time()
    act.outcome = stage.wait_for_end(began, 240)
    record = stage.of_rollout("lastRollback", {})
    act.reason = record.get("message", "")
    verdict, restored = parse_time(record.get("verdictAt")), parse_time(record.get("trafficRestoredAt"))
    if verdict is not None and restored is not None:
        # Nothing failed, so there is no first bad answer: these count from the first slow one, as we saw it.
        act.seconds_to_verdict, act.seconds_to_restored = round(verdict - first, 1), round(restored - first, 1)
    check(stage, act, verdict is not None and restored is not None and restored - verdict <= 5,
          f"from its first answer: {act.seconds_to_verdict} s to the verdict, {act.seconds_to_restored} s to confirmed zero")
    check(stage, act, record.get("objective") == "latency", f"rolled back on the objective {record.get('objective')!r}")
    check(stage, act, re.search(r"took longer than \d+ ms, 5% allowed; stable [\d.]+%", act.reason),
          f"the reason gives shares and milliseconds: “{act.reason}”")
    rows = {row["name"]: row for row in stage.of_rollout("objectives", [])}
    check(stage, act, rows.get("latency", {}).get("verdict") == "Fail" and rows.get("errors", {}).get("verdict") != "Fail",
          f"the row of latencies: {rows.get('latency', {}).get('message', 'not there')}")
    failed, ended = stage.recorder.count(revision, "failed"), stage.recorder.count(revision, "ended")
    check(stage, act, failed <= 0.01 * ended, f"it failed {failed} of {ended} queries: its answers were only late")
    weights = [weight for candidate, weight in weights_since(stage, began) if candidate == revision]
    check(stage, act, "50%" not in weights, f"it had {', '.join(dict.fromkeys(weights)) or 'no weight'}")
    check(stage, act, stage.of_rag("stableRevision") == stable, f"users get {stable}")


LATER_ACTS: dict[int, tuple[str, str, Callable[[Stage, Act], None]]] = {
    7: ("a slow candidate", "RolledBack", slow_candidate),
    8: ("the API server killed", "Promoted", lost_api_server),
    9: ("workers deleted", "Promoted", lost_workers),
    10: ("a newer revision", "Promoted", overtaken),
    11: ("worse once promoted", "RolledBack", worse_after_promotion),
    12: ("policy, index deleted", "Rejected", deleted_policy),
    13: ("the operator upgraded", "Promoted", upgraded_operator),
}
