"""Acts in which parts of the cluster go away in the middle of a rollout. As in acts.py."""

from __future__ import annotations

import subprocess
import time

import node
from acts import check, check_it_goes_on, check_no_zero, evidence_of, operator_restarts, promote, wait_for_weight
from changes import SPLIT_10, another_change, policy
from kube import CommandFailed, condition, dig
from stage import Act, Stage

OUTAGE_SECONDS = 30
LAST_STEP = 2


def await_evidence_at_half(stage: Stage, began: float) -> tuple[str, int, int, int]:
    """In the middle of the 50 % step, with a block of its own judged; what the status says of it."""
    wait_for_weight(stage, began, "50%", 180)
    first = stage.wait("the clock of the 50 % step", 30,
                       lambda: (seen := evidence_of(stage))[0] and seen[3] == LAST_STEP and seen)
    return stage.wait("its evidence", 30, lambda: (seen := evidence_of(stage))[1] > first[1] and seen[2] > 0 and seen)


def lost_api_server(stage: Stage, act: Act) -> None:
    stage.narrator.explain("A good change; in the middle of its 50 % the API server is killed with SIGKILL, and comes back half a")
    stage.narrator.explain("minute later. Routers and workers need it for news only; the operator can write nothing until then.")
    stage.kube.apply(policy(stage, SPLIT_10, {"split": {"weight": "50%", "minDuration": "30s", "maxDuration": "5m"}}))

    def cut_off(began: float) -> None:
        before = await_evidence_at_half(stage, began)
        restarts = operator_restarts(stage)
        at, sent, failed = time.time(), stage.load_count("sent"), stage.load_count("failed")
        with node.cut_off_api_server(stage.containerd_socket, OUTAGE_SECONDS) as outage:
            watch_outage(stage, act, outage)
        act.figures["secondsWithoutApiServer"] = round(time.time() - at, 1)
        stage.wait("the load's counts", 30, lambda: not stage.recorder.record.problem and stage.load_count("sent") > sent)
        seconds = time.time() - at
        sent, failed = stage.load_count("sent") - sent, stage.load_count("failed") - failed
        check(stage, act, sent >= 0.9 * stage.query_rate * seconds - stage.query_rate and failed == 0,
              f"{sent} queries in the {seconds:.0f} s from the kill until it could be asked again, {failed} failed")
        # Its caches ask again after half a minute at most, and its own lease has to run out.
        check_it_goes_on(stage, act, before, at, 120)
        stage.wait("the operator running", 60, lambda: operator_restarts(stage) >= restarts)
        again = operator_restarts(stage) - restarts
        check(stage, act, again <= 1, f"the operator's container was restarted {again} times (once at most)")

    promote(stage, act, another_change(stage), cut_off)
    check_no_zero(stage, act)


def watch_outage(stage: Stage, act: Act, outage: subprocess.Popen[str]) -> None:
    """Until the API server is back. That it was away is seen by our own looks."""
    stage.wait("the API server's end", 20, lambda: stage.recorder.record.problem)
    seen_at = time.time()
    stage.narrator.say("the API server is killed: nothing can be asked or told")
    try:
        text, _ = outage.communicate(timeout=OUTAGE_SECONDS + 150)
    except subprocess.TimeoutExpired as late:
        raise CommandFailed("hack/cluster outage does not end") from late
    if outage.returncode != 0:
        raise CommandFailed(f"hack/cluster outage ended with {outage.returncode}: {text.strip()[-600:]}")
    away = time.time() - seen_at
    check(stage, act, away >= OUTAGE_SECONDS - 10, f"the API server was away for {away:.0f} s")


def workers_of(stage: Stage, revision: str) -> dict[str, bool]:
    """Names of its workers that are not going, and whether each is ready."""
    selector = f"sluice.dev/revision={revision},sluice.dev/component=worker"
    pods = stage.proxy.get(stage.proxy.core("pods", selector))["items"]
    return {pod["metadata"]["name"]: condition(pod, "Ready").get("status") == "True"
            for pod in pods if not dig(pod, "metadata.deletionTimestamp")}


def lost_workers(stage: Stage, act: Act) -> None:
    stage.narrator.explain("A good change; in the middle of its 50 % all its workers vanish at once, without any grace, and with")
    stage.narrator.explain("them every copy of its index. When it is back, all of stable's workers but one are deleted.")
    stage.kube.apply(policy(stage, SPLIT_10, {"split": {"weight": "50%", "minDuration": "40s", "maxDuration": "5m"}}))
    stable = stage.of_rag("stableRevision")

    def take_away(began: float) -> None:
        await_evidence_at_half(stage, began)
        revision = stage.of_rag("candidate.revision")
        take_candidate(stage, act, revision)
        phase = stage.of_rollout("phase")
        check(stage, act, phase == "Progressing", f"the rollout is still on its way ({phase})")
        take_stable(stage, act, stable)

    lost = stage.recorder.count_all("lost")
    promote(stage, act, another_change(stage), take_away)
    lost = stage.recorder.count_all("lost") - lost
    check(stage, act, lost == 0, f"failures that reached a user: {lost}")


def take_candidate(stage: Stage, act: Act, revision: str) -> None:
    def counts() -> tuple[int, int]:
        return stage.recorder.count(revision, "assigned"), stage.recorder.count(revision, "diverted")

    old, builders, before = workers_of(stage, revision), set(stage.recorder.record.builders), counts()
    share = stage.query_rate / 2
    at = time.time()
    stage.kube.run("delete", "pods", *old, "--grace-period=0", "--force", "--wait=false")
    stage.narrator.say(f"deleted {len(old)} workers of the candidate, all it had")
    stage.wait("its share going to stable", 30, lambda: counts()[1] - before[1] > share / 2)
    gone = counts()
    stage.wait("a second of that", 30, lambda: counts()[1] - gone[1] > share)
    away = counts()
    act.figures["candidateShareWithoutWorkers"] = (away[0] - gone[0]) / (sum(away) - sum(gone))
    check(stage, act, away[0] == gone[0],
          f"without a worker it got {away[0] - gone[0]} of its next {sum(away) - sum(gone)} queries, stable the rest")
    stage.wait("new workers of the candidate", 120,
               lambda: (now := workers_of(stage, revision)) and len(now) >= len(old) and all(now.values()) and not now.keys() & old)
    act.figures["secondsUntilReplaced"] = round(time.time() - at, 1)
    act.figures["builtAgain"] = len(stage.recorder.record.builders - builders)
    back = counts()
    stage.wait("its share coming back", 30, lambda: counts()[0] - back[0] > share)
    check(stage, act, True, f"its share is back with its workers, {act.figures['secondsUntilReplaced']} s later")


def take_stable(stage: Stage, act: Act, stable: str) -> None:
    old = workers_of(stage, stable)
    _, *gone = sorted(old)
    at = time.time()
    stage.kube.run("delete", "pods", *gone, "--wait=false")
    stage.narrator.say(f"deleted {len(gone)} of stable's {len(old)} workers")
    stage.wait("stable whole again", 120,
               lambda: (now := workers_of(stage, stable)) and len(now) >= len(old) and all(now.values()) and not now.keys() & set(gone))
    act.figures["secondsUntilStableWhole"] = round(time.time() - at, 1)
    check(stage, act, gone and stage.of_rag("stableRevision") == stable,
          f"{stable} is stable as before, whole again after {act.figures['secondsUntilStableWhole']} s")
