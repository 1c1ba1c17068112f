"""The thirteenth act: another operator takes over in the middle of a rollout. As in acts.py."""

from __future__ import annotations

import time

import node
from acts import check, check_it_goes_on, check_no_zero, evidence_of, promote, wait_for_weight
from changes import another_change
from kube import REPO, dig
from small_index import changed
from stage import INDEX, OPERATOR_NAMESPACE, Act, Stage

IDLE_INDEXES = 50
IDLE_LABEL = "act=idle"
OPERATOR = "deployment/sluice-operator"


def upgraded_operator(stage: Stage, act: Act) -> None:
    stage.narrator.explain(f"{IDLE_INDEXES} more indexes, of zero replicas. In the middle of a rollout's 10 % another version of the operator is")
    stage.narrator.explain("installed: nothing is rolled out for that. Then one index asks for the new engine, by its own steps.")
    old = image_of_operator(stage)
    new = node.another_image(stage.containerd_socket)
    make_idle_indexes(stage)
    try:
        upgrade_during(stage, act, new)
        take_new_engine(stage, act, new)
    finally:
        stage.kube.run("delete", "rag", "-l", IDLE_LABEL, timeout=60)
        node.deploy(stage.kube, old)


def image_of_operator(stage: Stage) -> str:
    return stage.kube.in_namespace(OPERATOR_NAMESPACE).run(
        "get", OPERATOR, "-o", "jsonpath={.spec.template.spec.containers[0].image}").strip()


def make_idle_indexes(stage: Stage) -> None:
    packages = stage.kube.load(REPO / "examples" / "packages.yaml")
    idle = [changed(packages, metadata={"name": f"idle-{number:02}", "labels": dict([IDLE_LABEL.split("=")])},
                    spec__serving={"replicas": 0}) for number in range(IDLE_INDEXES)]
    stage.kube.apply({"apiVersion": "v1", "kind": "List", "items": idle})
    stage.wait("all of them suspended", 90, lambda: len([
        one for one in stage.kube.list("ragindexes", IDLE_LABEL)
        if any(condition.get("reason") == "Suspended" for condition in dig(one, "status.conditions", []))]) == IDLE_INDEXES)


def revisions(stage: Stage) -> set[str]:
    """Of all indexes and policies of the namespace."""
    return {revision["metadata"]["name"] for revision in stage.kube.list("controllerrevisions")}


def workers(stage: Stage) -> dict[str, int]:
    """Names of all workers that are not going, with how often their container was restarted."""
    pods = stage.kube.list("pods", "sluice.dev/component=worker")
    return {pod["metadata"]["name"]: dig(pod, "status.containerStatuses.0.restartCount", 0)
            for pod in pods if not dig(pod, "metadata.deletionTimestamp")}


def upgrade_during(stage: Stage, act: Act, new: str) -> None:
    known: set[str] = set()

    def upgrade(began: float) -> None:
        wait_for_weight(stage, began, "10%", 120)
        before = stage.wait("evidence", 60, lambda: (seen := evidence_of(stage))[1] >= 1 and seen[2] > 0 and seen)
        at, serving = time.time(), workers(stage)
        known.update(revisions(stage))
        node.deploy(stage.kube, new)
        check(stage, act, image_of_operator(stage) == new, f"the operator is {new} {time.time() - at:.0f} s later")
        check_it_goes_on(stage, act, before, at)
        now = workers(stage)
        check(stage, act, now == serving, f"the {len(serving)} workers are the same, and none was restarted")

    promote(stage, act, another_change(stage), upgrade)
    check_no_zero(stage, act)
    more = revisions(stage) - known
    check(stage, act, known and not more, f"new ControllerRevisions of {IDLE_INDEXES + 1} indexes: {len(more)}")


def take_new_engine(stage: Stage, act: Act, new: str) -> None:
    engine = changed(stage.kube.load(stage.stable_manifest) if not isinstance(stage.stable_manifest, dict)
                     else stage.stable_manifest, spec__engine={"image": new})
    promote(stage, act, engine)
    images = {pod["spec"]["containers"][0]["image"] for pod in stage.kube.list(
        "pods", f"sluice.dev/component=worker,sluice.dev/revision={stage.of_rag('stableRevision')}")}
    check(stage, act, images == {new}, f"the workers of {INDEX} run {', '.join(sorted(images))}, by the steps of any revision")
