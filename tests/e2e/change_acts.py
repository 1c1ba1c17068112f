"""Acts in which people change their minds in the middle of a rollout. As in acts.py."""

from __future__ import annotations

import time

from acts import check, newest_decision, promote, wait_for_weight, weights_since
from changes import SPLIT_10, another_change, policy, tuning
from kube import REPO, Object, condition, dig, is_true
from recorder import Served
from small_index import CHILD_KINDS, changed
from stage import ENDED, Act, Stage

OTHER = "other"


def await_candidate(stage: Stage, *others: str) -> str:
    """The revision of a candidate that is none of these."""
    stage.wait("a candidate", 180, lambda: stage.of_rag("candidate.revision", "") not in ("", *others))
    return str(stage.of_rag("candidate.revision"))


def overtaken(stage: Stage, act: Act) -> None:
    stage.narrator.explain("A good change has 10 % when a newer one arrives. Traffic leaves the first, confirmed by every router,")
    stage.narrator.explain("before the second gets any; then the second walks its own steps.")
    stable = stage.of_rag("stableRevision")
    began = stage.apply(another_change(stage))
    wait_for_weight(stage, began, "10%", 180)
    first = stage.of_rag("candidate.revision")
    stage.wait("queries for the first", 30, lambda: stage.recorder.count(first, "assigned") > 0)
    newer = tuning(stage, 1.0, 0.45)
    at = stage.apply(newer)
    second = await_candidate(stage, stable, first)
    stage.narrator.say(f"{second} is wanted in place of {first}")
    before = stage.recorder.count(second, "assigned")
    stage.wait("queries for the second", 150, lambda: stage.recorder.count(second, "assigned") > before)
    of_first = stage.recorder.count(first, "assigned")
    act.outcome = str(stage.wait("the end of the second", 300, lambda: end_of(stage, at, second)))
    act.reason = newest_decision(stage, "Advanced").get("message", "")
    moments = stage.recorder.moments_since
    for good, text in in_order(moments(at, "served"), moments(at, "route"), first, second):
        check(stage, act, good, text)
    late = stage.recorder.count(first, "assigned") - of_first
    check(stage, act, late == 0, f"queries given to the first once the second had any: {late}")
    check(stage, act, first not in stage.rejected_revisions(), "the first is not rejected: nothing was found against it")
    stage.wait("the second serving as stable", 60, lambda: stage.of_rag("stableRevision") == second and is_true(stage.rag, "Ready"))
    stage.stable_manifest = newer


def end_of(stage: Stage, since: float, revision: str) -> str:
    ends = [phase for phase, of in stage.recorder.moments_since(since, "phase") if of == revision and phase in ENDED]
    return ends[-1] if ends else ""


def in_order(served: list[Served], tables: list[tuple[int, str, str]], first: str, second: str) -> list[tuple[bool, str]]:
    """What is to be seen when the second takes over from the first: by each status of the index and each route table that
    was written, not by what we happened to look at."""
    given = next((place for place, status in enumerate(served) if status.routed == second), len(served))
    off = [status.generation for status in served[:given] if status.is_off]
    zero = [generation for generation, revision, weight in tables if not revision or weight == "0%"]
    ours = [generation for generation, revision, _ in tables if revision == second]
    weights = [weight for _, revision, weight in tables if revision == second]
    return [
        (given < len(served) and bool(off),
         f"route {off[0] if off else '?'} without a candidate was confirmed before any with the second was written"),
        (all(status.routed != first for status in served[given:]), "the first never came back"),
        (bool(zero and ours and off) and max(zero[0], off[0]) < ours[0],
         f"route tables in this order: without a candidate {zero[:1]}, with the second {ours[:1]}"),
        (weights[:1] == ["10%"], f"the second had {', '.join(dict.fromkeys(weights)) or 'no weight'}"),
    ]


def deleted_policy(stage: Stage, act: Act) -> None:
    stage.narrator.explain("Steps and objectives are edited while a candidate has 10 %: the edit counts for the next rollout. In")
    stage.narrator.explain("that one the policy is deleted: nothing may be promoted without one. Then a whole index is deleted.")
    start_other(stage)
    old = edit_during(stage, act)
    delete_during(stage, act, old)
    delete_other(stage, act)


def edit_during(stage: Stage, act: Act) -> str:
    """A rollout whose policy is edited at 10 %; the name of the policy that it went by."""
    names: list[str] = []

    def edit(began: float) -> None:
        wait_for_weight(stage, began, "10%", 120)
        names.append(stage.of_rollout("policyRevision"))
        edited = policy(stage, {"split": {"weight": "20%", "minDuration": "20m", "maxDuration": "1h"}})
        edited["spec"]["analysis"]["objectives"][0]["errorRate"] = {"max": "2%", "worseThanStableBy": "2%"}
        stage.kube.apply(edited)
        stage.wait("the edit being seen", 30, lambda: dig(stage.rollout, "spec.steps.1.split.weight") == "20%"
                   and stage.of_rollout("observedGeneration") == dig(stage.rollout, "metadata.generation"))
        check(stage, act, stage.of_rollout("phase") == "Progressing", "the edit came while the rollout was on its way")

    began = time.time()
    promote(stage, act, another_change(stage), edit)
    check(stage, act, act.outcome == "Promoted" and stage.of_rollout("policyRevision") == names[0],
          f"it went on by the policy it began with ({names[0]}), and was promoted")
    check(stage, act, "20%" not in [weight for _, weight in weights_since(stage, began)], "it never had the weight of the edit")
    return names[0]


def delete_during(stage: Stage, act: Act, old: str) -> None:
    """The next rollout goes by the edited policy, and loses it."""
    stable, rejected = stage.of_rag("stableRevision"), stage.rejected_revisions()
    began = stage.apply(tuning(stage, 1.1, 0.35))
    wait_for_weight(stage, began, "20%", 180)
    revision, new = stage.of_rag("candidate.revision"), stage.of_rollout("policyRevision")
    check(stage, act, new != old, f"the next rollout goes by the edited policy ({new}): 20 % first")
    at = time.time()
    stage.kube.delete("cro", dig(stage.rollout, "metadata.name"))
    stage.wait("the candidate rejected", 60, lambda: is_true(stage.rag, "Stalled") and not stage.of_rag("candidate"))
    act.reason = condition(stage.rag, "Stalled").get("message", "")
    stage.wait("the records of that", 10, lambda: served_since(stage, at) and not served_since(stage, at)[-1].candidate)
    served = served_since(stage, at)
    check(stage, act, is_off_first(served), "every router had confirmed weight 0 before the index let the candidate go")
    check(stage, act, "PolicyRemoved" in act.reason and sorted([*rejected, revision]) == sorted(stage.rejected_revisions()),
          f"rejected: “{act.reason}”")
    check(stage, act, stage.of_rag("stableRevision") == stable and is_true(stage.rag, "Available"), f"users get {stable}")
    act.outcome = "Rejected"


def is_off_first(served: list[Served]) -> bool:
    """Whether no status without a candidate left it any query."""
    without = [status for status in served if not status.candidate]
    return bool(without) and all(status.is_off for status in without)


def served_since(stage: Stage, at: float) -> list[Served]:
    return stage.recorder.moments_since(at, "served")


def start_other(stage: Stage) -> None:
    """Another index of the same documents, which nobody asks anything: its candidate stays at 10 %."""
    stage.kube.apply(other_index(stage))
    stage.kube.apply(changed(policy(stage, {"split": {"weight": "10%", "minDuration": "20m", "maxDuration": "1h"}}),
                             metadata__name=OTHER, spec__indexRef={"name": OTHER}))


def other_index(stage: Stage) -> Object:
    small = {"requests": {"cpu": "5m", "memory": "32Mi"}}
    return changed(stage.kube.load(REPO / "examples" / "packages.yaml"), metadata__name=OTHER,
                   spec__serving={"replicas": 1, "resources": small}, spec__traffic__router__resources=small)


def delete_other(stage: Stage, act: Act) -> None:
    kube = stage.kube
    stage.wait("the other index being served", 120, lambda: is_true(kube.get("rag", OTHER), "Ready"))
    kube.apply(changed(other_index(stage), spec__retrieval={"mode": "bm25"}))
    stage.wait("its candidate at 10 %", 120, lambda: dig(kube.get("cro", OTHER), "status.observedWeight") == "10%")

    def left() -> list[str]:
        things = kube.list(f"{CHILD_KINDS},ragindexes,canaryrollouts,endpointslices")
        return [f"{thing['kind']} {thing['metadata']['name']}" for thing in things
                if thing["metadata"]["name"].startswith(OTHER)
                or dig(thing, "metadata.labels", {}).get("sluice.dev/index") == OTHER]

    before, at = left(), time.time()
    kube.delete("rag", OTHER)
    kube.delete("cro", OTHER)
    stage.wait("nothing of it left", 90, lambda: not left())
    act.figures["secondsUntilNothingLeft"] = round(time.time() - at, 1)
    check(stage, act, len(before) > 10, f"of the {len(before)} objects of a deleted index nothing is left "
          f"{act.figures['secondsUntilNothingLeft']} s later")
