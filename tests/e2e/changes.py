"""Changes of index and policy for the later acts, made from the examples."""

from __future__ import annotations

from acts import CHANGES
from kube import Object
from small_index import changed
from stage import POLICY, Stage

SPLIT_10: Object = {"split": {"weight": "10%", "minDuration": "15s", "maxDuration": "5m"}}


def policy(stage: Stage, *steps: Object) -> Object:
    """The example's policy with other steps after the golden set."""
    return changed(stage.kube.load(POLICY), spec__steps=[{"evaluate": {}}, *steps])


def tuning(stage: Stage, k1: float, b: float) -> Object:
    """A harmless tuning of BM25, which is no file of the examples."""
    return changed(stage.kube.load(CHANGES / "tuned.yaml"), spec__retrieval__bm25={"k1": k1, "b": b})


def another_change(stage: Stage) -> Object:
    """One of two good changes: the one that is not what stable runs."""
    first, second = (stage.kube.load(CHANGES / name) for name in ("bm25.yaml", "tuned.yaml"))
    stable = stage.rag["spec"]["retrieval"]
    return second if stable["mode"] == "bm25" and stable.get("bm25") == first["spec"]["retrieval"]["bm25"] else first
