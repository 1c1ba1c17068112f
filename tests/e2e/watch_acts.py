"""The act in which a revision turns bad after its promotion."""

from __future__ import annotations

import json
import time

import node
import pod_net
from acts import CHANGES, check, weights_since
from kube import condition, dig, is_true
from stage import INDEX, Act, Stage, parse_time

WINDOW = "3m"
WINDOW_SECONDS = 180
HTTP_PORT = 8080


def set_watch(stage: Stage, window: str) -> None:
    """The policy's window for the rollouts that begin from now on."""
    patch = {"spec": {"rollback": {"watchAfterPromotion": window}}}
    stage.kube.run("patch", "cro", INDEX, "--type=merge", "-p", json.dumps(patch))
    stage.wait("the policy being read", 30,
               lambda: dig(stage.rollout, "spec.rollback.watchAfterPromotion") == window
               and stage.of_rollout("observedGeneration") == dig(stage.rollout, "metadata.generation"))


def promoted_and_watched(stage: Stage, act: Act, old: str) -> tuple[str, float]:
    """Applies a good change and waits until users of both can be compared. Its revision, and when it was applied."""
    began = stage.apply(CHANGES / "retuned.yaml")
    stage.wait("a built candidate", 180, lambda: stage.of_rag("candidate.revision", "") not in ("", old))
    revision = stage.of_rag("candidate.revision")
    stage.wait("95% confirmed after the promotion", 240,
               lambda: stage.of_rollout("phase") == "Watching" and stage.of_rollout("stepStartedAt")
               and stage.of_rollout("observedWeight") == "95%")
    stage.wait("the index being Ready", 20,
               lambda: stage.of_rag("stableRevision") == revision and is_true(stage.rag, "Ready"))
    check(stage, act, dig(stage.rag, "status.previous.revision") == old, f"{revision} is stable, and {old} is kept beside it")
    answered = stage.recorder.count(old, "answered")
    stage.wait("users of the old stable", 20, lambda: stage.recorder.count(old, "answered") >= answered + 50)
    check(stage, act, True, f"{old} still answers some users, to compare with")
    return revision, began


def take_times(stage: Stage, act: Act, harmed_at: float) -> None:
    record = stage.of_rollout("lastRollback", {})
    act.reason = record.get("message", "")
    first, protected, verdict, restored = (
        parse_time(record.get(name)) for name in ("firstBadAnswerAt", "protectedAt", "verdictAt", "trafficRestoredAt"))
    if first is not None:
        act.seconds_to_protected, act.seconds_to_verdict, act.seconds_to_restored = (
            None if at is None else round(at - first, 3) for at in (protected, verdict, restored))
    check(stage, act, verdict is not None and restored is not None and restored - harmed_at < WINDOW_SECONDS,
          f"from the first bad answer: {act.seconds_to_verdict} s to the verdict, {act.seconds_to_restored} s until every "
          f"router had confirmed; the window is {WINDOW}")


def worse_after_promotion(stage: Stage, act: Act) -> None:
    stage.narrator.explain("A good change is promoted; the old stable keeps its workers and 5 % of the users for a while. Then")
    stage.narrator.explain("the network of the new one's pods begins to reset connections. No step could have seen that: users")
    stage.narrator.explain("go back to the old stable, which needs no build.")
    old = stage.of_rag("stableRevision")
    set_watch(stage, WINDOW)
    try:
        revision, began = promoted_and_watched(stage, act, old)
        builders = set(stage.recorder.record.builders)
        ours = f"sluice.dev/index={INDEX},sluice.dev/component="
        workers = stage.kube.list("pods", f"{ours}worker,sluice.dev/revision={revision}")
        routers = [address for pod in stage.kube.list("pods", f"{ours}router") if (address := dig(pod, "status.podIP"))]
        processes = [node.process_of_pod(pod, stage.containerd_socket) for pod in workers]
        at = time.time()
        with pod_net.resetting(processes, routers, HTTP_PORT):
            stage.narrator.say(f"connections of {len(routers)} router to {len(processes)} workers are reset now and then")
            act.outcome = stage.wait_for_end(began, WINDOW_SECONDS)
            stage.wait("the old stable being stable again", 30,
                       lambda: stage.of_rag("stableRevision") == old and not stage.of_rag("previous"))
    finally:
        set_watch(stage, "0s")
    take_times(stage, act, at)
    check(stage, act, stage.recorder.record.builders == builders, "nothing was built on the way back")
    weights = [weight for candidate, weight in weights_since(stage, began) if candidate == revision]
    check(stage, act, weights[-2:] == ["100%", "95%"], f"it had {', '.join(dict.fromkeys(weights)) or 'no weight'}")
    lost = stage.recorder.count(revision, "lost")
    check(stage, act, lost == 0, f"failures that reached a user: {lost}")
    stage.wait("the index saying so", 30, lambda: is_true(stage.rag, "Stalled"))
    check(stage, act, is_true(stage.rag, "Available") and revision in stage.rejected_revisions(),
          f"users get {old}; the index says {condition(stage.rag, 'Ready').get('reason')}")
