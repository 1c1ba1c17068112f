"""Looks at an index, its rollout, its routers and the load twice a second, and remembers what it saw."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kube import CommandFailed, Object, TooLate, dig, token_in
from proxy import Proxy

COUNTED = ("assigned", "ended", "failed", "rescued", "lost", "answered", "diverted")


class Tally:
    """Adds up counters that begin again at 0 when their process does or when they were dropped."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, ...], int] = {}
        self.sums: dict[tuple[str, ...], int] = defaultdict(int)

    def see(self, source: tuple[str, ...], key: tuple[str, ...], value: int) -> int:
        """By how much it has grown."""
        before = self._last.get(source + key, 0)
        growth = value - before if value >= before else value
        self.sums[key] += growth
        self._last[source + key] = value
        return growth


@dataclass
class Moment:
    """A change in what the rollout or the route says."""

    at: float  # time.time()
    what: str  # "phase", "step", "route", "served", "quarantine", "weight"
    value: Any


class Served(NamedTuple):
    """What a RagIndex's status says of its route, and which candidate it has."""

    generation: int
    routed: str  # The candidate in the route table.
    weight: str
    confirmed: bool
    candidate: str

    @property
    def is_off(self) -> bool:
        """Every router has confirmed that no candidate has any query."""
        return self.confirmed and (not self.routed or self.weight in ("0%", "0"))


@dataclass
class Record:
    rag: Object = field(default_factory=dict)
    rollout: Object = field(default_factory=dict)
    load: Object = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
    builders: set[str] = field(default_factory=set)
    problem: str = ""
    load_pod: str = ""


class Recorder:
    """Looks from a thread of its own between start() and stop(). Its results are read from any thread:
    whole objects are replaced, lists only grow."""

    def __init__(self, proxy: Proxy, index: str) -> None:
        self.proxy = proxy
        self.index = index
        self.record = Record()
        self.tally = Tally()
        self.candidate_answers = 0  # Users who got the answer of a revision while it was the candidate.
        self._token = ""
        self.quarantine: dict[str, Object] = {}
        self.in_flight: dict[str, int] = {}  # By revision, when its quarantine was last seen to begin.
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._look_for_ever, daemon=True),
            threading.Thread(target=self._watch_route, daemon=True),
            threading.Thread(target=self._watch_index, daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._threads[0].join(10)

    def count(self, revision: str, counter: str, mode: str = "live") -> int:
        return self.tally.sums[(revision, mode, counter)]

    def count_all(self, counter: str, mode: str = "live") -> int:
        sums = dict(self.tally.sums)
        return sum(value for key, value in sums.items() if key[1:] == (mode, counter))

    def moments_since(self, at: float, what: str) -> list[Any]:
        return [moment.value for moment in list(self.record.moments) if moment.what == what and moment.at >= at]

    def _remember(self, what: str, value: Any) -> None:
        last = next((moment.value for moment in reversed(self.record.moments) if moment.what == what), None)
        if last != value:
            self.record.moments.append(Moment(time.time(), what, value))

    def _look_for_ever(self) -> None:
        while not self._stop.wait(0.5):
            try:
                self.look()
                self.record.problem = ""
            except (CommandFailed, TooLate, ValueError, KeyError) as problem:
                self.record.problem = str(problem)

    def look(self) -> None:
        """One look at everything."""
        record, proxy = self.record, self.proxy
        record.rag = proxy.get(proxy.ours("ragindexes", self.index)) or {}
        record.rollout = proxy.get(proxy.ours("canaryrollouts", self.index)) or {}
        status = record.rollout.get("status", {})
        self._remember("phase", (status.get("phase"), status.get("candidateRevision", "")))
        self._remember("step", (status.get("candidateRevision", ""), status.get("stepSummary", "")))
        pods = proxy.get(proxy.core("pods", f"sluice.dev/index={self.index}"))["items"]
        for pod in pods:
            component = dig(pod, "metadata.labels", {}).get("sluice.dev/component")
            if component == "builder":
                record.builders.add(pod["metadata"]["name"])
            if component == "router" and dig(pod, "status.phase") == "Running":
                self._read_router(pod["metadata"]["name"])
        for pod in proxy.get(proxy.core("pods", "app.kubernetes.io/name=load"))["items"]:
            if dig(pod, "status.phase") == "Running":
                record.load_pod = pod["metadata"]["name"]
                record.load = proxy.get(proxy.pod(pod["metadata"]["name"], "/stats")) or {}

    def _read_router(self, pod: str) -> None:
        # The API server's proxy takes an Authorization off, so the token goes by its other name.
        headers = {"X-Sluice-Token": self._token}
        status, text, _ = self.proxy.request(self.proxy.pod(pod, "/counters"), headers=headers)
        if status == 401:
            self._token = token_in(self.proxy.get(self.proxy.core("secrets") + f"/{self.index}-token"))
        if status != 200:
            return
        counters = json.loads(text)
        source = (counters["processStartId"],)
        candidate = dig(self.record.rag, "status.candidate.revision", "")
        for row in counters.get("revisions", []):
            growth = {counter: self.tally.see(source, (row["revision"], row["mode"], counter), row.get(counter, 0))
                      for counter in COUNTED}
            self.candidate_answers += growth["answered"] if row["revision"] == candidate else 0
        flying = {row["revision"]: row.get("inFlight", 0) for row in counters["revisions"] if row["mode"] == "live"}
        for state in counters.get("quarantine", []):
            if state.get("active") and not self.quarantine.get(state["revision"], {}).get("active"):
                self.in_flight[state["revision"]] = flying.get(state["revision"], 0)
            self.quarantine[state["revision"]] = state
            self._remember("quarantine", (state["revision"], state.get("active", False)))
        self._remember("weight", counters.get("candidateWeight"))

    def _watch_route(self) -> None:
        path = f"{self.proxy.core('configmaps')}?fieldSelector=metadata.name%3D{self.index}-route"

        def seen(route: Object) -> None:
            table = json.loads(dig(route, "data", {}).get("table.json", "{}"))
            candidate = table.get("candidate") or {}
            self._remember(
                "route",
                (table.get("generation"), dig(candidate, "target.revision", ""), candidate.get("weight", "0%")),
            )

        self.proxy.watch(path, seen, self._stop)

    def _watch_index(self) -> None:
        """Each status that the operator wrote: in between two looks it may write several."""
        path = f"{self.proxy.ours('ragindexes')}?fieldSelector=metadata.name%3D{self.index}"

        def seen(rag: Object) -> None:
            route = dig(rag, "status.route", {})
            self._remember("served", Served(
                route.get("generation", 0), route.get("candidateRevision", ""), route.get("weight", "0%"),
                route.get("confirmed", False), dig(rag, "status.candidate.revision", "")))

        self.proxy.watch(path, seen, self._stop)
