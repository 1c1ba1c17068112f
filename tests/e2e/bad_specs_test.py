"""`kubectl apply` refuses nonsense at once, with a message that names the field."""

from __future__ import annotations

import copy
import re
import unittest
from typing import Any

import suite
from kube import REPO, CommandFailed, Object

REMOVED = object()

# What is wrong | path in examples/packages.yaml | bad value | what the message must name.
BAD_INDEXES: list[tuple[str, str, Any, str]] = [
    ("no source", "spec.source", REMOVED, r"spec\.source"),
    ("an empty source", "spec.source", {}, r"spec\.source"),
    ("a source of an unknown kind", "spec.source", {"ftp": {"url": "ftp://x"}}, r"spec\.source"),
    ("a source without url", "spec.source.http", {}, r"spec\.source\.http\.url"),
    ("a url of another scheme", "spec.source.http.url", "file:///etc/passwd", r"spec\.source\.http\.url"),
    ("a sha256 that is none", "spec.source.http.sha256", "beef", r"spec\.source\.http\.sha256"),
    ("a secret without a name", "spec.source.http.secretRef", {}, r"spec\.source\.http\.secretRef\.name"),
    ("an unknown retrieval mode", "spec.retrieval.mode", "magic", r"spec\.retrieval\.mode"),
    ("a negative k1", "spec.retrieval.bm25", {"k1": -1}, r"spec\.retrieval\.bm25\.k1"),
    ("a b above 1", "spec.retrieval.bm25", {"b": 1.5}, r"spec\.retrieval\.bm25\.b"),
    ("k1 as a word", "spec.retrieval.bm25", {"k1": "high"}, r"spec\.retrieval\.bm25\.k1"),
    ("topK of 0", "spec.retrieval.topK", 0, r"spec\.retrieval\.topK"),
    ("negative replicas", "spec.serving.replicas", -1, r"spec\.serving\.replicas"),
    ("a fraction of a replica", "spec.serving.replicas", 1.5, r"spec\.serving\.replicas"),
    ("no router", "spec.traffic.router.replicas", 0, r"spec\.traffic\.router\.replicas"),
    ("nonsense as memory", "spec.serving.resources.limits.memory", "lots", r"resources\.limits\.memory"),
    ("a toleration of nothing", "spec.serving.podTemplate", {"tolerations": [{}]}, r"without a key needs operator Exists"),
    ("a spread without a key", "spec.serving.podTemplate", {"topologySpreadConstraints": [{"whenUnsatisfiable": "ScheduleAnyway"}]}, r"topologySpreadConstraints\[0\]\.topologyKey"),
    ("availability without %", "spec.slo.availability", "0.99", r"spec\.slo\.availability"),
    ("availability above 100%", "spec.slo.availability", "101%", r"spec\.slo\.availability"),
    ("nDCG above 1", "spec.slo.ndcgAt10", 1.2, r"spec\.slo\.ndcgAt10"),
    ("an objective on nDCG without a golden set", "spec.evaluation", REMOVED, r"slo\.ndcgAt10 needs evaluation"),
    ("an unknown chunking", "spec.chunking", {"strategy": "random"}, r"spec\.chunking\.strategy"),
    ("chunks that never advance", "spec.chunking", {"maxTokens": 8, "overlapTokens": 8}, r"overlapTokens must be below"),
    ("an unknown changeover", "spec.changeover", "YOLO", r"spec\.changeover"),
    ("two metadata fields of one name", "spec.documents.metadata", [{"name": "a"}, {"name": "a"}], r"spec\.documents\.metadata\[1\]"),
    ("a metadata type that is not there yet", "spec.documents.metadata", [{"name": "a", "type": "date"}], r"metadata\[0\]\.type"),
    ("an analyzer without model", "spec.retrieval.analyzer", {}, r"spec\.retrieval\.analyzer\.modelVersionRef"),
    ("a drill of 120%", "spec.drill", {"errorRate": "120%"}, r"spec\.drill\.errorRate"),
    ("a name of 41 characters", "metadata.name", "a" * 41, r"metadata\.name must be"),
    ("a name that starts with a digit", "metadata.name", "1packages", r"metadata\.name must be"),
    ("a field that does not exist", "spec.retreival", {"mode": "bm25"}, r"retreival"),
]

# The same for examples/rollout.yaml.
BAD_ROLLOUTS: list[tuple[str, str, Any, str]] = [
    ("no index", "spec.indexRef", REMOVED, r"spec\.indexRef"),
    ("an index without a name", "spec.indexRef", {}, r"spec\.indexRef\.name"),
    ("no steps", "spec.steps", [], r"spec\.steps"),
    ("a step of no kind", "spec.steps", [{}], r"spec\.steps\[0\]"),
    ("a step of two kinds", "spec.steps", [{"evaluate": {}, "split": {"weight": "5%"}}], r"spec\.steps\[0\]"),
    ("a split without weight", "spec.steps", [{"split": {}}], r"spec\.steps\[0\]\.split\.weight"),
    ("a weight of 0%", "spec.steps", [{"split": {"weight": "0%"}}], r"spec\.steps\[0\]\.split.*weight must be above 0%"),
    ("a weight of 150%", "spec.steps", [{"split": {"weight": "150%"}}], r"spec\.steps\[0\]\.split\.weight"),
    ("a weight as a number", "spec.steps", [{"split": {"weight": 5}}], r"spec\.steps\[0\]\.split\.weight"),
    ("a watch of a month", "spec.rollback", {"watchAfterPromotion": "720h"}, r"watchAfterPromotion must be at most 168h"),
    ("a duration without unit", "spec.steps", [{"split": {"weight": "5%", "minDuration": "300"}}], r"split\.minDuration"),
    ("a minimum above the maximum", "spec.steps", [{"split": {"weight": "5%", "minDuration": "2h", "maxDuration": "1h"}}], r"minDuration must not be above"),
    ("a pause without time", "spec.steps", [{"pause": {"maxDuration": "0s"}}], r"spec\.steps\[0\]\.pause.*maxDuration must be above 0s"),
    ("a promotion of no kind", "spec.promotion", "Perhaps", r"spec\.promotion"),
    ("paused as a word", "spec.paused", "yes", r"spec\.paused"),
    ("a shadow of 0%", "spec.steps", [{"shadow": {"share": "0%"}}], r"spec\.steps\[0\]\.shadow.*share must be above 0%"),
    ("rankings compared at 20", "spec.analysis.objectives", [{"name": "x", "rankingOverlap": {"at": 20}}], r"rankingOverlap\.at"),
    ("a block of 1 s", "spec.analysis.block", "1s", r"block must be between"),
    ("a false rollback rate of 0%", "spec.analysis.falseRollbackRate", "0%", r"falseRollbackRate must be"),
    ("an unknown answer to no verdict", "spec.analysis.inconclusive", "Shrug", r"spec\.analysis\.inconclusive"),
    ("an objective of no kind", "spec.analysis.objectives", [{"name": "x"}], r"spec\.analysis\.objectives\[0\].*exactly one of"),
    ("two objectives of one name", "spec.analysis.objectives", [{"name": "x", "errorRate": {}}, {"name": "x", "errorRate": {}}], r"objectives\[1\]"),
    ("an error limit of 40%", "spec.analysis.objectives", [{"name": "x", "errorRate": {"max": "40%"}}], r"errorRate.*max must be at most 15%"),
    ("an unknown metric", "spec.analysis.objectives", [{"name": "x", "goldenSet": {"metric": "vibes"}}], r"goldenSet\.metric"),
]

# The same for examples/words.yaml.
SHA256 = "0" * 64
BAD_MODELS: list[tuple[str, str, Any, str]] = [
    ("no type", "spec.type", REMOVED, r"spec\.type"),
    ("a type that is not there yet", "spec.type", "Embedder", r"spec\.type"),
    ("no source", "spec.source", {}, r"spec\.source.*exactly one of inline and uri"),
    ("two sources", "spec.source.uri", "http://x/y", r"spec\.source.*exactly one of inline and uri"),
    ("a uri without sha256", "spec.source", {"uri": "http://x/y"}, r"spec\.source.*uri needs sha256"),
    ("a sha256 of nothing", "spec.source.sha256", SHA256, r"spec\.source.*sha256 needs uri"),
    ("a uri of another scheme", "spec.source", {"uri": "s3://x/y", "sha256": SHA256}, r"spec\.source\.uri"),
    ("a synonym of nothing", "spec.source.inline.synonyms", [{"from": [], "to": "x"}], r"synonyms\[0\]\.from"),
    ("a synonym without to", "spec.source.inline.synonyms", [{"from": ["x"]}], r"synonyms\[0\]\.to"),
    ("a word of 65 letters", "spec.source.inline.stopWords", ["a" * 65], r"stopWords\[0\]"),
    ("a gate above 1", "spec.gates", [{"min": 2, "indexRef": {"name": "p"}}], r"gates\[0\]\.min"),
    ("a gate without index", "spec.gates", [{"min": 0.5}], r"gates\[0\]\.indexRef"),
]


def changed(manifest: Object, path: str, value: Any) -> Object:
    """A copy of the manifest with another value at the path, or without it."""
    copied = copy.deepcopy(manifest)
    *parents, last = path.split(".")
    place = copied
    for part in parents:
        place = place.setdefault(part, {})
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return copied


class BadSpecs(suite.ClusterTest):
    """Needs the CRDs only."""

    def check_table(self, example: str, table: list[tuple[str, str, Any, str]]) -> None:
        good = self.kube.load(REPO / "examples" / example)
        self.kube.apply(good)  # What the bad ones differ from is itself accepted.
        for what, path, value, named in table:
            with self.subTest(what):
                with self.assertRaises(CommandFailed, msg=f"{what} was accepted") as refused:
                    self.kube.apply(changed(good, path, value))
                self.assertRegex(str(refused.exception), re.compile(named, re.DOTALL))

    def test_a_bad_index_is_refused_by_naming_the_field(self) -> None:
        self.check_table("packages.yaml", BAD_INDEXES)

    def test_a_bad_rollout_is_refused_by_naming_the_field(self) -> None:
        self.check_table("rollout.yaml", BAD_ROLLOUTS)

    def test_a_bad_model_is_refused_by_naming_the_field(self) -> None:
        self.check_table("words.yaml", BAD_MODELS)

    def test_the_index_of_a_rollout_cannot_be_changed(self) -> None:
        good = self.kube.load(REPO / "examples" / "rollout.yaml")
        self.kube.apply(good)
        with self.assertRaises(CommandFailed) as refused:
            self.kube.apply(changed(good, "spec.indexRef.name", "another"))
        self.assertIn("spec.indexRef", str(refused.exception))

    def test_every_example_is_accepted(self) -> None:
        for path in sorted((REPO / "examples").rglob("*.yaml")):
            with self.subTest(str(path.relative_to(REPO))):
                self.kube.run("apply", "--dry-run=server", "-f", str(path))


if __name__ == "__main__":
    unittest.main()
