#!/usr/bin/env python3
"""What operators of a cluster go by, against the code: alert rules, runbooks, the operator's rights.
With the standard library only: python3 hack/lib/operations_test.py"""

from __future__ import annotations

import re
import unittest
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
RUNBOOKS = REPO / "docs" / "runbooks"
RULES = REPO / "config" / "monitoring" / "rules.yaml"
# Who writes conditions, and whose words become their reasons.
WRITERS = ("rag_index", "canary_rollout", "model_version", "analysis")
CODE = ("apiclient", "controllers", "operator", "dataplane")

# Words of those folders that are no reason of a condition. A new word belongs here or in
# docs/runbooks/conditions.md; one that is gone from the code is to go from here too.
NO_REASONS = {
    # Types of conditions, and fields of Kubernetes.
    "ArtifactDurable", "Available", "ClusterIP", "DisruptionTarget", "DocumentsCurrent", "DrillActive",
    "FallbackToLogsOnError", "IfNotPresent", "In", "Ingress", "Never", "PodScheduled", "Ready", "Reconciling",
    "Recreate", "RollingUpdate", "RuntimeDefault", "Stalled", "TrafficUnconfirmed", "Verified",
    # Kinds, and words of the operator in Events.
    "CanaryRollout", "ControllerRevision", "ModelVersion", "RagIndex", "Reconcile", "Role", "Rollout", "ServiceAccount",
    # Phases of pods, and reasons of theirs.
    "ContainerCreating", "CreateContainerConfigError", "CreateContainerError", "ErrImageNeverPull", "ErrImagePull",
    "Evicted", "Failed", "ImagePullBackOff", "InvalidImageName", "NodeLost", "NodeShutdown", "PodInitializing",
    "Preempting", "Running", "Shutdown", "Succeeded", "Terminated",
    # Reasons of Events only.
    "Built", "CandidateFound", "CandidateWithdrawn", "CommandAccepted", "CommandRefused", "EvidenceLost", "Rebuilding",
    "Resumed", "RetainedLost", "RolloutStarted", "RouteEdited", "RouteManual", "StatusRecovered", "StepPassed", "StepStarted",
    "TokenNotApplied", "TrafficMoved", "TrafficRestored",
    # Verdicts, and reasons of decisions that become no condition.
    "Advance", "Advanced", "Approved", "BadCounts", "BlockInvalid", "BothBlind", "CandidateBlind", "CandidateLetGo",
    "Collecting", "Committed", "Coverage", "Differs", "Equivalent", "EvidenceAgainst", "Fail", "Hold", "Ignore",
    "KeepLooking", "LowTraffic", "NewerCandidate", "NewerRevision", "NoDataIgnored", "NoStable", "NonInferior",
    "NotCompared", "NotWorse", "NothingToProve", "Pass", "PromotedByCommand", "Refused", "Reported", "Returned",
    "RollBack", "Rollback", "StableBlind", "StaleBlock", "Valid", "WatchEnded", "Watched",
}


def production(*folders: str) -> list[Path]:
    """Sources of these folders that are no tests and no worlds of tests."""
    found = [path for folder in folders for suffix in ("*.cc", "*.h") for path in (REPO / folder).rglob(suffix)]
    return [path for path in found if not re.search(r"_test\.cc$|_for_test\.h$|/testing/|/story_", str(path))]


def words(folder: str) -> set[str]:
    """String literals that are one CamelCase word."""
    text = "\n".join(re.sub(r"//.*", "", path.read_text()) for path in production(folder))
    return set(re.findall(r'"([A-Z][a-z]+[A-Za-z]*)"', text))


def headings(page: Path, level: str) -> list[str]:
    return re.findall(rf"^{level} (\S.*)$", page.read_text(), re.MULTILINE)


def anchors(page: Path) -> set[str]:
    return {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in headings(page, "#+")}


class Conditions(unittest.TestCase):
    def setUp(self) -> None:
        self.text = (RUNBOOKS / "conditions.md").read_text()
        self.runbooks = headings(RUNBOOKS / "conditions.md", "###")
        harmless = self.text[self.text.index("## Nothing to do"):]
        rows = [row.split("|")[1] for row in harmless.splitlines() if row.startswith("| `")]
        self.harmless = [word for row in rows for word in re.findall(r"`(\w+)`", row)]
        self.code = set().union(*(words(f"controllers/{folder}") for folder in WRITERS))

    def test_every_word_of_the_code_has_a_runbook_or_is_known_to_be_no_reason(self) -> None:
        explained = {*self.runbooks, *self.harmless}
        self.assertEqual(sorted(self.code - explained - NO_REASONS), [], "no heading in docs/runbooks/conditions.md")

    def test_every_runbook_is_of_a_reason_that_the_code_has(self) -> None:
        self.assertEqual(sorted({*self.runbooks, *self.harmless, *NO_REASONS} - self.code), [])

    def test_a_reason_is_explained_once(self) -> None:
        explained = [*self.runbooks, *self.harmless]
        self.assertEqual(sorted({word for word in explained if explained.count(word) > 1}), [])
        self.assertEqual(sorted({*explained} & NO_REASONS), [])

    def test_each_runbook_says_something(self) -> None:
        for part in re.split(r"^### ", self.text, flags=re.MULTILINE)[1:]:
            title, _, body = part.partition("\n")
            self.assertGreater(len(body.split()), 4, title)


class Links(unittest.TestCase):
    def test_lead_somewhere(self) -> None:
        for page in RUNBOOKS.glob("*.md"):
            for path, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", page.read_text()):
                target = (page.parent / path).resolve() if path else page
                self.assertTrue(target.exists(), f"{page.name}: {path}")
                if anchor:
                    self.assertIn(anchor, anchors(target), f"{page.name}: {path}#{anchor}")


class Alerts(unittest.TestCase):
    def setUp(self) -> None:
        parts = re.split(r"^    - alert: ", RULES.read_text(), flags=re.MULTILINE)[1:]
        self.rules = {part.split("\n", 1)[0]: part for part in parts}
        self.assertEqual(len(self.rules), len(parts), "two rules of one name")

    def expression(self, name: str) -> str:
        """All of the rule's expression, on one line."""
        found = re.search(r"^ {6}expr:(.*?)(?=^ {6}\w+:)", self.rules[name], re.MULTILINE | re.DOTALL)
        assert found is not None, name
        return " ".join(found[1].replace("|\n", " ").split())

    def test_name_metrics_that_the_programs_have(self) -> None:
        code = "\n".join(path.read_text() for path in production(*CODE))
        for name in self.rules:
            plain = re.sub(r'by \([^)]*\)|\{[^}]*\}|\[[^]]*\]', " ", self.expression(name))
            metrics = set(re.findall(r"[a-z][a-z_:]+", plain)) - {"sum", "max", "rate", "increase", "absent", "or"}
            self.assertTrue(metrics, name)
            for metric in metrics:
                self.assertRegex(code, rf'"{metric}["{{]', f"{name}: {metric}")

    def test_name_conditions_that_the_controllers_write(self) -> None:
        every = set().union(*(words(f"controllers/{folder}") for folder in WRITERS))
        kinds = {"RagIndex", "CanaryRollout", "ModelVersion"}
        for name in self.rules:
            for labels in re.findall(r"sluice_conditions\{([^}]*)\}", self.expression(name)):
                said = dict(re.findall(r'(\w+)(?:=|!=|=~)"([^"]*)"', labels))
                self.assertLessEqual({*said}, {"kind", "type", "status", "reason"}, name)
                self.assertIn(said.get("kind", "RagIndex"), kinds, name)
                self.assertIn(said["status"], {"True", "False"}, name)
                for word in [said["type"], *said.get("reason", said["type"]).split("|")]:
                    self.assertIn(word, every, name)

    def test_name_controllers_that_there_are(self) -> None:
        code = "\n".join(path.read_text() for path in production("controllers", "operator"))
        for name in self.rules:
            for controllers in re.findall(r'controller=~"([^"]*)"', self.expression(name)):
                for controller in controllers.split("|"):
                    self.assertIn(f'.name = "{controller}"', code, name)

    def test_have_a_runbook_each_and_runbooks_a_rule(self) -> None:
        self.assertEqual(headings(RUNBOOKS / "alerts.md", "##"), [*self.rules])
        for name, rule in self.rules.items():
            self.assertIn(f"runbook: docs/runbooks/alerts.md#{name.lower()}\n", rule + "\n")
            self.assertRegex(rule, r"labels: \{severity: (critical|warning|info)\}")
            self.assertRegex(rule, r"summary: \S+")


class Rights(unittest.TestCase):
    """config/rbac: what the operator may do."""

    def setUp(self) -> None:
        text = (REPO / "config" / "rbac" / "operator.yaml").read_text()
        self.text = re.sub(r"#.*", "", text)
        self.documents = {}
        for document in self.text.split("\n---\n"):
            kind, name = re.search(r"^kind: (\S+)", document, re.M), re.search(r"^  name: (\S+)", document, re.M)
            assert kind is not None and name is not None, document
            self.documents[kind[1], name[1]] = document

    def rules_on(self, resource: str, document: str) -> list[tuple[list[str], list[str]]]:
        """Names (none: all) and verbs of each rule on the resource."""
        found = []
        for rule in document.split("- apiGroups:")[1:]:
            lists = {key: re.split(r",\s*", items) for key, items in re.findall(r"(\w+): \[([^]]*)\]", rule)}
            if resource in lists["resources"]:
                found.append((lists.get("resourceNames", []), lists["verbs"]))
        return found

    def test_it_may_neither_read_nor_delete_secrets_of_the_cluster(self) -> None:
        role = self.documents["ClusterRole", "sluice-operator"]
        self.assertEqual(self.rules_on("secrets", role), [([], ["create", "patch"])])

    def test_it_reads_one_secret_of_its_own_namespace(self) -> None:
        role = self.documents["Role", "sluice-token-key"]
        self.assertEqual(self.rules_on("secrets", role), [([], ["create"]), (["sluice-token-key"], ["get"])])
        header = (REPO / "controllers" / "rag_index" / "token_key.h").read_text()
        self.assertIn('kTokenKeyName = "sluice-token-key"', header)
        self.assertIn("name: sluice-operator", self.documents["RoleBinding", "sluice-token-key"])

    def test_the_code_asks_for_no_other_secret(self) -> None:
        users = {path.name for path in production("apiclient", "controllers", "operator", "dataplane")
                 if "kSecretKind" in path.read_text()}
        self.assertEqual(users, {"core.h", "render_network.cc", "token_key.cc"})

    def test_there_is_no_wildcard_and_no_way_up(self) -> None:
        self.assertNotIn("*", self.text)
        for word in ("escalate", "bind", "impersonate"):
            self.assertNotRegex(self.text, rf"[\[ ,]{word}[\],]", word)


if __name__ == "__main__":
    unittest.main()
