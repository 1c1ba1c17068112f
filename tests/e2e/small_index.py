"""A small index with a corpus of its own, for tests that need a served index and no story."""

from __future__ import annotations

import copy
import json
import os
import random
import time
from typing import Any, Callable

import suite
from kube import REPO, CommandFailed, Object, TooLate, condition, dig, wait_until
from proxy import Proxy

INDEX = "small"
# Everything that the operator makes for an index, by the folder of its API.
CHILD_KINDS_BY_FOLDER = {
    "/api/v1": ("pods", "services", "configmaps", "secrets", "serviceaccounts"),
    "/apis/apps/v1": ("deployments", "controllerrevisions"),
    "/apis/policy/v1": ("poddisruptionbudgets",),
    "/apis/rbac.authorization.k8s.io/v1": ("roles", "rolebindings"),
    "/apis/networking.k8s.io/v1": ("networkpolicies",),
}
CHILD_KINDS = ",".join(kind for kinds in CHILD_KINDS_BY_FOLDER.values() for kind in kinds)
OPERATOR = "sluice-system"
WORDS = ("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau "
         "upsilon phi chi psi omega amber birch cedar dune ember fjord glade heath inlet jetty knoll ledge "
         "marsh notch oasis prairie quarry ridge strait tundra upland valley wharf").split()


def make_corpus(documents: int = 300, queries: int = 40, seed: int = 7) -> tuple[str, str]:
    """Documents and golden set as JSON lines: each query is four words of its one relevant document."""
    chance = random.Random(seed)
    lines, golden = [], []
    for number in range(documents):
        words = [chance.choice(WORDS) + str(chance.randrange(40)) for _ in range(30)]
        document = {"_id": f"d{number}", "title": f"document {number}", "text": " ".join(words),
                    "metadata": {"section": WORDS[number % 5]}}
        lines.append(json.dumps(document))
        if number < queries:
            golden.append(json.dumps({"id": f"q{number}", "query": " ".join(words[:4]), "relevant": {f"d{number}": 1}}))
    return "\n".join(lines) + "\n", "\n".join(golden) + "\n"


def changed(manifest: Object, **paths: Any) -> Object:
    """A copy with other values: `spec__retrieval__mode="tfidf"`; None takes the field out."""
    copied = copy.deepcopy(manifest)
    for path, value in paths.items():
        *parents, last = path.split("__")
        place = copied
        for part in parents:
            place = place.setdefault(part, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return copied


class SmallIndexTest(suite.ClusterTest):
    """A namespace with a web server for a small corpus; each test makes its own index in it."""

    index: Object
    rollout: Object
    proxy: Proxy  # What is asked for again and again: a kubectl for each look costs a third of a second of processor.

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        if "proxy" not in cls.__dict__:
            cls.proxy = Proxy(cls.kube)
            cls.addClassCleanup(cls.proxy.close)
        image = os.environ.get("SLUICE_TOOLS_IMAGE", "")
        if not image:
            raise AssertionError("SLUICE_TOOLS_IMAGE is not set; hack/test sets it")
        text = (REPO / "examples" / "corpus.yaml").read_text()
        cls.kube.apply(text.replace("localhost/sluice-tools:latest", image))
        cls.kube.run("rollout", "status", "deployment/corpus", "--timeout=60s", timeout=70)
        documents, golden = make_corpus()
        cls.publish("docs.jsonl", documents)
        cls.publish("golden.jsonl", golden)
        base = cls.kube.load(REPO / "examples" / "packages.yaml")
        cls.index = changed(
            base,
            metadata__name=INDEX,
            spec__source={"http": {"url": "http://corpus/docs.jsonl"}},
            spec__evaluation={"goldenSet": {"http": {"url": "http://corpus/golden.jsonl"}}},
            spec__slo={"availability": "99%", "ndcgAt10": 0.2},
            spec__serving__resources={"requests": {"cpu": "5m", "memory": "16Mi"}},
            spec__traffic__router__resources={"requests": {"cpu": "5m", "memory": "16Mi"}},
        )
        cls.rollout = changed(
            cls.kube.load(REPO / "examples" / "rollout.yaml"),
            metadata__name=INDEX,
            spec__indexRef={"name": INDEX},
            # Without queries nothing is ever proven: a candidate stays at 10 % until told otherwise.
            spec__steps=[{"evaluate": {}}, {"split": {"weight": "10%", "minDuration": "20m", "maxDuration": "1h"}}],
        )

    def setUp(self) -> None:
        self.kube.delete("cro", "--all")
        self.kube.delete("rag", "--all")
        self.wait("the last test's workloads gone", 90, lambda: not self.children())

    @classmethod
    def publish(cls, name: str, text: str) -> None:
        cls.kube.upload("deploy/corpus", f"/srv/{name}", text.encode())

    def children(self, selector: str = f"?labelSelector=sluice.dev/index={INDEX}") -> list[str]:
        """What belongs to the index, each as `kind/name`."""
        return [f"{kind}/{child['metadata']['name']}" for folder, kinds in CHILD_KINDS_BY_FOLDER.items() for kind in kinds
                for child in self.proxy.get(f"{folder}/namespaces/{self.kube.namespace}/{kind}{selector}")["items"]]

    def rag(self) -> Object:
        return self.proxy.get(self.proxy.ours("ragindexes", INDEX)) or {}

    def cro(self, name: str = INDEX) -> Object:
        return self.proxy.get(self.proxy.ours("canaryrollouts", name)) or {}

    def wait(self, what: str, seconds: float, ready: Callable[[], Any]) -> Any:
        try:
            return wait_until(what, seconds, ready, every=0.5)
        except TooLate:
            self.show_what_is()
            raise

    def show_what_is(self) -> None:
        """What a person would look at who asks why it does not go on."""
        for arguments in (["get", "rag,cro", "-o", "yaml"], ["get", "pods,endpointslices", "-o", "wide"],
                          ["logs", "--tail=60", "--prefix", "-l", f"sluice.dev/index={INDEX}"],
                          ["logs", "--tail=60", "-n", OPERATOR, "deploy/sluice-operator"]):
            try:
                print(self.kube.run(*arguments))
            except CommandFailed as failure:
                print(failure)

    def serve(self, manifest: Object | None = None) -> str:
        """Applies the index and waits until it serves; its stable revision."""
        self.kube.apply(manifest or self.index)
        self.wait("the index being served", 120, lambda: condition(self.rag(), "Ready").get("status") == "True")
        return str(dig(self.rag(), "status.stableRevision"))

    def candidate_manifest(self) -> Object:
        """The index with another retrieval mode, which makes a candidate."""
        return changed(self.index, spec__retrieval={"mode": "bm25"})

    def start_candidate(self, within: float = 120) -> str:
        """Another retrieval mode, and waits until it has its 10 % confirmed; its revision."""
        self.kube.apply(self.candidate_manifest())
        self.wait("the candidate at 10 %", within, lambda: dig(self.cro(), "status.observedWeight") == "10%")
        return str(dig(self.cro(), "status.candidateRevision"))

    def look_again(self, manifest: Object) -> None:
        """Applies the index with another objective, which makes no revision, and waits until the operator has
        decided on that."""
        self.kube.apply(changed(manifest, spec__slo={**manifest["spec"]["slo"], "availability": "99.5%"}))
        self.wait("the operator looking again", 30, lambda: dig(self.rag(), "status.observedGeneration")
                  == dig(self.rag(), "metadata.generation"))

    def stalled(self, within: float, what: str = "the index saying why it does not go on") -> str:
        """Waits for Stalled=True; reason and message of Ready, in one line."""
        self.wait(what, within, lambda: condition(self.rag(), "Stalled").get("status") == "True")
        ready = condition(self.rag(), "Ready")
        return f"{ready.get('reason')}: {ready.get('message')}"

    def delete_namespace_within_a_minute(self) -> None:
        """The test's own namespace, with all that is in it; it is made again for the next test."""
        began = time.monotonic()
        self.kube.delete_namespace(60)
        self.assertLess(time.monotonic() - began, 60)
        self.assertIsNone(self.kube.get("namespace", self.kube.namespace))
        type(self).setUpClass()
