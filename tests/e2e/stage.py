"""What the acts of the story play on: the cluster, the recorder, the load, and waiting with a live line."""

from __future__ import annotations

import calendar
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from kube import REPO, CommandFailed, Kube, Object, TooLate, condition, dig, wait_until
from narrator import Narrator
from proxy import Proxy
from recorder import Recorder

INDEX = "packages"
OPERATOR_NAMESPACE = "sluice-system"
POLICY = REPO / "examples" / "rollout.yaml"
ENDED = {"Promoted", "RolledBack", "Superseded", "Invalid"}
UNDER_WAY = {"Pending", "Evaluating", "Progressing", "Paused", "Promoting", "Watching", "RollingBack"}


@dataclass
class Act:
    """How one act went."""

    number: int
    name: str
    expected: str
    outcome: str = "not run"
    reason: str = ""
    requests: int = 0
    failed: int = 0
    rescued: int = 0
    candidate_answers: int = 0
    seconds: float = 0
    seconds_to_protected: float | None = None  # These three from the first bad answer.
    seconds_to_verdict: float | None = None
    seconds_to_restored: float | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    checks: list[tuple[bool, str]] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return self.outcome == self.expected and self.failed == 0 and all(ok for ok, _ in self.checks)

    def to_json(self) -> Object:
        return {
            "name": f"{self.number} {self.name}",
            "outcome": self.outcome,
            "expected": self.expected,
            "requests": self.requests,
            "failed": self.failed,
            "rescued": self.rescued,
            "candidateAnswers": self.candidate_answers,
            "reason": self.reason,
            "seconds": round(self.seconds, 1),
            "secondsToProtected": self.seconds_to_protected,
            "secondsToVerdict": self.seconds_to_verdict,
            "secondsToTrafficRestored": self.seconds_to_restored,
            "figures": self.figures,
            "checks": [{"ok": ok, "what": what} for ok, what in self.checks],
        }


def parse_time(text: str | None) -> float | None:
    """Seconds since 1970 of an RFC 3339 time, with or without a fraction."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z", text or "")
    if not match:
        return None
    whole = calendar.timegm(time.strptime(match[1], "%Y-%m-%dT%H:%M:%S"))
    return whole + float(match[2] or 0)


@dataclass
class Stage:
    kube: Kube
    proxy: Proxy
    recorder: Recorder
    narrator: Narrator
    tools_image: str
    query_rate: int
    containerd_socket: str  # Empty: the node is out of reach, so the operator's process is too.
    stable_manifest: Object | Path = REPO / "examples" / "packages.yaml"  # The spec of the present stable.

    @property
    def rag(self) -> Object:
        return self.recorder.record.rag

    @property
    def rollout(self) -> Object:
        return self.recorder.record.rollout

    def of_rag(self, path: str, default: Any = None) -> Any:
        return dig(self.rag, "status." + path, default)

    def of_rollout(self, path: str, default: Any = None) -> Any:
        return dig(self.rollout, "status." + path, default)

    def load_count(self, name: str) -> int:
        return int(self.recorder.record.load.get(name, 0))

    def apply(self, manifest: Object | Path) -> float:
        """Applies it; the time at which it was."""
        at = time.time()
        self.kube.apply(manifest)
        return at

    def wait(self, what: str, seconds: float, ready: Callable[[], Any]) -> Any:
        """wait_until with the live line. Looks at what the recorder saw, or asks by itself."""
        return wait_until(what, seconds, ready, every=0.25, on_look=lambda: self.narrator.live(self.live_line()))

    def live_line(self) -> str:
        record = self.recorder.record
        if record.problem:
            return f"(cannot look: {record.problem[:120]})"
        parts = [
            f"{self.of_rollout('phase', 'no rollout')}",
            self.of_rollout("stepSummary", ""),
            f"candidate {self.of_rag('candidate.phase')}" if self.of_rag("candidate") else "",
            f"weight {self.of_rollout('weightSummary', '')}" if self.of_rollout("weightSummary") else "",
        ]
        for objective in self.of_rollout("objectives", []):
            evidence = ""
            if objective.get("threshold"):
                evidence = f", evidence against it {objective.get('evidence', 0):.1f} of {objective['threshold']:.1f}"
            parts.append(f"{objective['name']} {objective.get('verdict', '')} on {objective.get('samples', 0)}{evidence}")
        if record.load:
            parts.append(f"sent {self.load_count('sent')} failed {self.load_count('failed')}")
        return " · ".join(part for part in parts if part)

    def wait_for_end(self, since: float, seconds: float) -> str:
        """Until the rollout that began since then has ended; its last phase."""

        def ended() -> str:
            phases = [phase for phase, _ in self.recorder.moments_since(since, "phase")]
            began = any(phase in UNDER_WAY for phase in phases)
            return phases[-1] if began and phases[-1] in ENDED else ""

        return str(self.wait("the end of the rollout", seconds, ended))

    def wait_until_settled(self, seconds: float = 120) -> None:
        """Back to the last stable spec and the policy of the examples, with no candidate left, so that the next act
        begins clean."""
        self.kube.apply(POLICY)
        self.kube.apply(self.stable_manifest)
        self.wait(
            "stable serving alone",
            seconds,
            lambda: not self.of_rag("candidate")
            and condition(self.rag, "Ready").get("status") == "True"
            and self.of_rag("observedGeneration") == dig(self.rag, "metadata.generation")
            and self.of_rag("route.confirmed")
            and self.of_rag("route.weight", "0%") in ("0%", "0")
            and self.of_rag("policyUID") == dig(self.rollout, "metadata.uid"),
        )

    def rejected_revisions(self) -> list[str]:
        found = self.kube.list("controllerrevisions", f"sluice.dev/index={INDEX},sluice.dev/verdict=rejected")
        return [revision["metadata"]["name"] for revision in found]

    def diagnose(self) -> str:
        """What the operator says, for whoever has to find out why a wait was in vain."""
        lines = []
        asked = [
            (self.kube, ["get", "rag,cro,pods", "-o", "wide"]),
            (self.kube, ["get", "rag,cro", "-o", "jsonpath={range .items[*]}{.kind} {.status.message} {.status.conditions}{'\\n'}{end}"]),
            (self.kube, ["get", "rag", INDEX, "-o", "jsonpath={.status.candidate}{'\\n'}{.status.route}"]),
            (self.kube, ["get", "events", "--sort-by=.lastTimestamp"]),
            (self.kube.in_namespace(OPERATOR_NAMESPACE), ["get", "pods"]),
            (self.kube.in_namespace(OPERATOR_NAMESPACE), ["logs", "deploy/sluice-operator", "--tail=25"]),
        ]
        for kube, arguments in asked:
            lines.append(f"$ kubectl -n {kube.namespace} {' '.join(arguments)}")
            try:
                text = kube.run(*arguments).strip().splitlines()
                lines += ["  " + line[:400] for line in text[-25:]]
            except (CommandFailed, TooLate) as problem:
                lines.append(f"  {problem}")
        return "\n".join(lines)
