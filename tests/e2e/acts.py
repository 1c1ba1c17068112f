"""The six acts of the story. Each plays on a Stage, writes into its Act, and raises TooLate or
CommandFailed when it cannot go on."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, Callable

import node
from kube import REPO, CommandFailed, Object, TooLate, condition, dig, is_true
from stage import INDEX, OPERATOR_NAMESPACE, POLICY, Act, Stage, parse_time

EXAMPLES = REPO / "examples"
CHANGES = EXAMPLES / "changes"
DOCUMENTS_MIN = 20_000
RESCUED_MAX = 60


def check(stage: Stage, act: Act, good: Any, text: str) -> None:
    act.checks.append((bool(good), text))
    stage.narrator.check(bool(good), text)


def number(value: Any, digits: int = 4) -> str:
    return "?" if value is None else f"{value:.{digits}f}"


def newest_decision(stage: Stage, verdict: str = "") -> dict[str, Any]:
    for decision in stage.of_rollout("decisions", []):
        if not verdict or decision.get("verdict") == verdict:
            return decision
    return {}


def weights_since(stage: Stage, since: float) -> list[tuple[str, str]]:
    """(candidate, weight) of each route table written since then."""
    return [(candidate, weight) for _, candidate, weight in stage.recorder.moments_since(since, "route")]


def wait_for_weight(stage: Stage, since: float, weight: str, seconds: float) -> None:
    stage.wait(
        f"{weight} confirmed",
        seconds,
        lambda: stage.of_rollout("phase") == "Progressing"
        and stage.of_rollout("observedWeight") == weight
        and stage.recorder.moments_since(since, "phase"),
    )


def first_revision(stage: Stage, act: Act) -> None:
    stage.narrator.explain("An index with tf-idf and the policy for later changes. There is nothing to compare the first")
    stage.narrator.explain("revision with: it is built, passes its objectives, and serves.")
    began = stage.apply(POLICY)
    stage.apply(EXAMPLES / "packages.yaml")
    stage.wait("the index being served", 300, lambda: is_true(stage.rag, "Ready") and is_true(stage.rag, "Available"))
    act.figures["secondsToServing"] = round(time.time() - began, 1)
    act.outcome = "Served"
    act.reason = condition(stage.rag, "Ready").get("reason", "")
    query = {"query": "text editor with syntax highlighting", "top_k": 3}

    def first_answer() -> Any:
        status, text, headers = stage.proxy.request(stage.proxy.service(INDEX, "/query"), query)
        return (text, headers) if status == 200 else None

    text, headers = stage.wait("an answer", 30, first_answer)
    stage.narrator.say(f"asked “{query['query']}”, got " + ", ".join(re.findall(r'"id":\s*"([^"]+)"', text)[:3]))
    revision = stage.of_rag("stableRevision")
    check(stage, act, headers.get("x-sluice-revision") == revision, f"revision {revision} answers at {stage.of_rag('url')}")
    builders = stage.recorder.record.builders
    check(stage, act, len(builders) == 1, f"built once ({', '.join(sorted(builders))})")
    workers = stage.kube.list("pods", f"sluice.dev/revision={revision},sluice.dev/component=worker")
    fetched = [pod for pod in workers if dig(pod, "status.initContainerStatuses.0.state.terminated.exitCode", 0) == 0
               and dig(pod, "status.initContainerStatuses")]
    check(stage, act, len(fetched) == 2, f"fetched and verified by {len(fetched)} workers")
    documents, digest = stage.of_rag("documents", 0), stage.of_rag("indexDigest", "")
    check(stage, act, documents >= DOCUMENTS_MIN and re.fullmatch("[0-9a-f]{64}", digest),
          f"{documents} documents, index sha256 {digest[:12]}… in status")
    quality = stage.of_rag("evaluation.ndcgAt10")
    act.figures["ndcgAt10"] = quality
    check(stage, act, quality is not None and quality >= dig(stage.rag, "spec.slo.ndcgAt10"),
          f"nDCG@10 {number(quality)} on {stage.of_rag('evaluation.queries')} judged queries")


def better_ranking(stage: Stage, act: Act) -> None:
    stage.narrator.explain("The spec changes to BM25. Nobody approves anything: the golden set, then evidence from live")
    stage.narrator.explain("queries at 10 % and 50 % decide.")
    before = stage.of_rag("evaluation.ndcgAt10", 0)
    promote(stage, act, CHANGES / "bm25.yaml")
    after = stage.of_rag("evaluation.ndcgAt10", 0)
    act.figures.update(ndcgAt10Before=before, ndcgAt10=after)
    check(stage, act, after > before, f"nDCG@10 of what users get went from {number(before)} to {number(after)}")


def promote(stage: Stage, act: Act, manifest: Object | Path, during: Callable[[float], None] | None = None) -> None:
    """Applies a good change and waits for its promotion."""
    old = stage.of_rag("stableRevision")
    answered_before = stage.recorder.count_all("answered")
    began = stage.apply(manifest)
    stage.wait("a built candidate", 180, lambda: stage.of_rag("candidate.revision", "") not in ("", old))
    revision = stage.of_rag("candidate.revision")
    stage.narrator.say(f"candidate {revision} is built")
    own_before = stage.recorder.count(revision, "answered")
    stage.wait("the first answer of the candidate", 120, lambda: stage.recorder.count(revision, "answered") > own_before)
    act.figures["secondsToFirstCandidateAnswer"] = round(time.time() - began, 1)
    stage.narrator.say(f"first answers of the candidate {act.figures['secondsToFirstCandidateAnswer']} s after the apply")
    if during is not None:
        during(began)
    act.outcome = stage.wait_for_end(began, 300)
    check(stage, act, stage.recorder.count_all("answered") > answered_before, "users were answered all the while")
    weights = [weight for candidate, weight in weights_since(stage, began) if candidate == revision]
    check(stage, act, "10%" in weights and "50%" in weights, f"it had {', '.join(dict.fromkeys(weights)) or 'no weight'}")
    errors = [one for one in stage.of_rollout("objectives", []) if one["name"] == "errors"]
    if errors:
        interval = errors[0].get("interval", {})
        check(stage, act, errors[0].get("verdict") == "Pass",
              f"errors within the margin on {errors[0].get('samples')} of its queries: difference between "
              f"{interval.get('low', 0):+.4f} and {interval.get('high', 0):+.4f}")
    act.reason = newest_decision(stage, "Advanced").get("message", "") or stage.of_rollout("verdict", "")
    stage.wait("the index serving it as stable", 60,
               lambda: stage.of_rag("stableRevision") == revision and is_true(stage.rag, "Ready"))
    check(stage, act, stage.of_rag("stableRevision") == revision, f"{revision} is stable now")
    stage.stable_manifest = manifest


def silent_mistake(stage: Stage, act: Act) -> None:
    stage.narrator.explain("Somebody indexes the section's name as the text. Every request will get an answer, quickly, and")
    stage.narrator.explain("without any error: only judged queries show what it is worth.")
    stable = stage.of_rag("stableRevision")
    began = stage.apply(CHANGES / "wrong-field.yaml")
    end = stage.wait_for_end(began, 240)
    record = stage.of_rollout("lastRollback", {})
    act.reason = record.get("message", "") or stage.of_rollout("message", "")
    seen = [pair for pair in weights_since(stage, began) if pair[0] and pair[1] not in ("0%", "")]
    act.outcome = "Refused" if end == "RolledBack" and not seen else end
    check(stage, act, not seen, "it never had any weight: no user saw it")
    revision = stage.of_rollout("candidateRevision", "")
    check(stage, act, stage.recorder.count(revision, "assigned") == 0, "no router gave it a query")
    numbers = re.findall(r"[-+]?\d+\.\d+", act.reason)
    check(stage, act, re.search("ndcg", act.reason, re.IGNORECASE) and len(numbers) >= 4,
          f"the reason names the metric, both values and the interval: “{act.reason}”")
    stage.wait("the index saying so", 30, lambda: is_true(stage.rag, "Stalled"))
    check(stage, act, is_true(stage.rag, "Available") and stage.of_rag("stableRevision") == stable,
          f"users still get {stable}; the index says {condition(stage.rag, 'Ready').get('reason')}")


def failing_candidate(stage: Stage, act: Act) -> None:
    stage.narrator.explain("This one evaluates well, and then fails one request in five. The router rescues each failure with")
    stage.narrator.explain("stable's answer and soon keeps users away from it; the operator judges when evidence is there.")
    rescued_before, stable = stage.recorder.count_all("rescued"), stage.of_rag("stableRevision")
    began = stage.apply(CHANGES / "failing.yaml")
    stage.wait("a built candidate", 180, lambda: stage.of_rag("candidate.revision", "") not in ("", stable))
    revision = stage.of_rag("candidate.revision")
    check(stage, act, is_true(stage.rag, "DrillActive"), "the condition DrillActive says that this is a drill")
    stage.wait("the quarantine", 150, lambda: stage.recorder.quarantine.get(revision, {}).get("active"))
    at_quarantine = stage.recorder.count(revision, "assigned")
    stage.narrator.say(f"quarantined after {at_quarantine} of its queries; pairs go on as evidence")
    answered = stage.recorder.count(revision, "answered")
    end = stage.wait_for_end(began, 180)
    act.outcome = end
    stage.wait("the last counters", 10, lambda: True)
    record = stage.of_rollout("lastRollback", {})
    act.reason = record.get("message", "")
    first = parse_time(record.get("firstBadAnswerAt"))
    times = [parse_time(record.get(name)) for name in ("protectedAt", "verdictAt", "trafficRestoredAt")]
    if first is not None:
        act.seconds_to_protected, act.seconds_to_verdict, act.seconds_to_restored = (
            None if at is None else round(at - first, 3) for at in times
        )
    check(stage, act, first is not None and None not in times,
          f"from the first bad answer: {act.seconds_to_protected} s to users protected, {act.seconds_to_verdict} s to the "
          f"verdict, {act.seconds_to_restored} s to confirmed zero")
    rescued = stage.recorder.count_all("rescued") - rescued_before
    check(stage, act, 0 < rescued <= RESCUED_MAX, f"{rescued} of its failures were rescued (at most {RESCUED_MAX})")
    in_quarantine = stage.recorder.count(revision, "answered", "quarantine")
    check(stage, act, in_quarantine == 0, f"answered by it while quarantined: {in_quarantine}")
    late = stage.recorder.count(revision, "answered") - answered
    act.figures.update(assignedAtQuarantine=at_quarantine, rescued=rescued, liveAnswersAfterQuarantineSeen=late)
    flying = stage.recorder.in_flight.get(revision, 0)
    check(stage, act, late <= flying, f"live answers of it after the quarantine was seen: {late} ({flying} were in flight)")
    lost = stage.recorder.count(revision, "lost")
    check(stage, act, lost == 0, f"failures that reached a user: {lost}")
    check(stage, act, stage.of_rag("stableRevision") == stable, f"users get {stable}")


def revert(stage: Stage, act: Act) -> None:
    stage.narrator.explain("A good change, and at 10 % the spec is set back to what stable runs, as a Git revert would.")
    stable, rejected = stage.of_rag("stableRevision"), stage.rejected_revisions()
    began = stage.apply(CHANGES / "tuned.yaml")
    wait_for_weight(stage, began, "10%", 180)
    revision, builders = stage.of_rag("candidate.revision"), set(stage.recorder.record.builders)
    step = stage.of_rollout("stepSummary")
    back = stage.apply(stage.stable_manifest)
    stage.wait("weight 0 confirmed", 30, lambda: stage.of_rag("route.confirmed") and not stage.of_rag("route.candidateRevision")
               or stage.of_rag("route.confirmed") and stage.of_rag("route.weight") == "0%")
    seconds = time.time() - back
    act.figures["secondsToZeroConfirmed"] = round(seconds, 2)
    check(stage, act, seconds <= 5, f"weight 0 confirmed by every router {seconds:.1f} s after the revert")
    act.outcome = stage.wait_for_end(began, 60)
    stage.wait("the index Ready again", 60, lambda: is_true(stage.rag, "Ready") and not stage.of_rag("candidate"))
    act.reason = newest_decision(stage).get("message", "") or stage.of_rollout("message", "")
    check(stage, act, stage.recorder.record.builders == builders, "nothing was built for it")
    steps = [summary for _, summary in stage.recorder.moments_since(back, "step") if summary]
    check(stage, act, all(summary == step for summary in steps), "no step was walked after the revert")
    check(stage, act, stage.of_rag("stableRevision") == stable, f"stable is {stable}, as before")
    check(stage, act, revision not in stage.rejected_revisions() and stage.rejected_revisions() == rejected,
          "no rejection is remembered: the change may come again")


def evidence_of(stage: Stage) -> tuple[str, int, int, int]:
    """stepStartedAt, blocks of evidence, samples of the errors objective, step: of one status, read now."""
    status = dig(stage.proxy.get(stage.proxy.ours("canaryrollouts", INDEX)), "status", {})
    samples = sum(one.get("samples", 0) for one in status.get("objectives", []) if one["name"] == "errors")
    return status.get("stepStartedAt", ""), dig(status, "evidence.block", 0), samples, status.get("stepIndex", 0)


def check_it_goes_on(stage: Stage, act: Act, before: tuple[str, int, int, int], at: float, seconds: float = 60) -> None:
    """After something was killed at that time: the step and its evidence are what they were, and more of it comes."""
    # It is judged once more when another block is there (or the step is over).
    stage.wait("the rollout going on", seconds,
               lambda: evidence_of(stage)[2] > before[2] or evidence_of(stage)[3] > before[3])
    after = evidence_of(stage)
    act.figures.update(blockAtKill=before[1], samplesAtKill=before[2], secondsUntilItWentOn=round(time.time() - at, 1))
    if after[3] == before[3]:
        check(stage, act, after[0] == before[0], f"stepStartedAt is unchanged ({after[0]})")
    else:
        check(stage, act, True, "the step ended on its old start")
    check(stage, act, after[3] > before[3] or after[1] >= before[1] and after[2] >= before[2],
          f"evidence went on: block {before[1]} → {after[1]}, samples {before[2]} → {after[2]}")
    act.figures["killedAt"] = at


def check_no_zero(stage: Stage, act: Act) -> None:
    at = act.figures.pop("killedAt", None)
    if at is not None:
        zeros = [weight for candidate, weight in weights_since(stage, at) if candidate and weight in ("0%", "")]
        check(stage, act, not zeros, "no route with weight 0 in between")


def killed_operator(stage: Stage, act: Act) -> None:
    stage.narrator.explain("A good change; in the middle of its 10 % the operator is killed with SIGKILL: no chance to save")
    stage.narrator.explain("anything. What it knew is in status, so its successor goes on where it was.")
    kube = stage.kube.in_namespace(OPERATOR_NAMESPACE)

    def kill(began: float) -> None:
        wait_for_weight(stage, began, "10%", 120)
        stage.wait("evidence", 60, lambda: evidence_of(stage)[1] >= 1 and evidence_of(stage)[2] > 0)
        restarts = operator_restarts(stage)
        before = evidence_of(stage)
        at = time.time()
        process = node.kill_operator(kube, stage.containerd_socket)
        stage.narrator.say(f"killed process {process}; before: step since {before[0]}, block {before[1]}, {before[2]} samples")
        stage.wait("the operator's return", 60, lambda: operator_restarts(stage) > restarts)
        check_it_goes_on(stage, act, before, at)

    promote(stage, act, CHANGES / "tuned.yaml", kill)
    check_no_zero(stage, act)


def operator_restarts(stage: Stage) -> int:
    """Counts starts of operator containers that run now."""
    path = f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/pods?labelSelector=app.kubernetes.io/name%3Dsluice-operator"
    pods = stage.proxy.get(path)["items"]
    running = [pod for pod in pods if dig(pod, "status.containerStatuses.0.state.running")]
    return sum(dig(pod, "status.containerStatuses.0.restartCount", 0) for pod in running) if running else -1


ACTS: list[tuple[str, str, Callable[[Stage, Act], None]]] = [
    ("first revision", "Served", first_revision),
    ("a better ranking", "Promoted", better_ranking),
    ("a silent mistake", "Refused", silent_mistake),
    ("a failing candidate", "RolledBack", failing_candidate),
    ("a revert at 10 %", "Superseded", revert),
    ("the operator killed", "Promoted", killed_operator),
]

__all__ = ["ACTS", "CommandFailed", "TooLate"]
