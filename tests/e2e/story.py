#!/usr/bin/env python3
"""Plays the story on a cluster where the CRDs and the operator are installed. `hack/demo` prepares one.

usage: story.py --corpus DIR --tools-image REF [--acts 1,2,…] [--json FILE] [--keep] [--rate N]
                [--containerd-socket PATH] [--kubectl-flags "--context NAME"] [--namespace NAME]

Acts after the sixth are played, and shown, only if --acts names them. Exit status 0 only when each act shown was
played and ended as expected and no request failed.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import node
from acts import ACTS
from kube import REPO, CommandFailed, Kube, TooLate, dig
from later_acts import LATER_ACTS
from narrator import Narrator
from proxy import Proxy
from recorder import Recorder
from stage import INDEX, OPERATOR_NAMESPACE, Act, Stage
from turns import our_turn

ALL_ACTS = {**dict(enumerate(ACTS, 1)), **LATER_ACTS}
ON_THE_NODE = {6: "the operator cannot be killed", 8: "the API server cannot be killed",
               11: "nothing can be done to its pods from outside", 13: "another image cannot be loaded"}
CORPUS_FILES = ("packages.jsonl.gz", "golden.jsonl")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--tools-image", required=True)
    parser.add_argument("--acts", default="1,2,3,4,5,6")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--rate", type=int, default=400)
    parser.add_argument("--containerd-socket", default="")
    parser.add_argument("--kubectl-flags", default="")
    parser.add_argument("--namespace", default="sluice-demo")
    options = parser.parse_args()
    options.wanted = {int(part) for part in options.acts.split(",")}
    if not options.wanted <= ALL_ACTS.keys():
        parser.error(f"there are no acts {sorted(options.wanted - ALL_ACTS.keys())}")
    return options


def with_image(example: str, image: str, rate: int) -> str:
    text = (REPO / "examples" / example).read_text()
    return text.replace("localhost/sluice-tools:latest", image).replace("--rate=400", f"--rate={rate}")


def serve_corpus(kube: Kube, narrator: Narrator, options: argparse.Namespace) -> None:
    narrator.say("starting a web server for the corpus, and giving it the files")
    kube.apply(with_image("corpus.yaml", options.tools_image, options.rate))
    kube.run("rollout", "status", "deployment/corpus", "--timeout=90s", timeout=100)
    for name in CORPUS_FILES:
        data = (options.corpus / name).read_bytes()
        kube.upload("deploy/corpus", f"/srv/{name}", data)
        narrator.say(f"  {name}: {len(data) / 1e6:.1f} MB")


def start_load(stage: Stage) -> None:
    stage.narrator.say(f"asking {stage.query_rate} queries a second from now to the end, each answer checked")
    stage.kube.apply(with_image("load.yaml", stage.tools_image, stage.query_rate))
    stage.wait("queries on their way", 60, lambda: stage.load_count("sent") > 0)


def operator_usage(stage: Stage) -> tuple[float, float] | None:
    """Memory in MiB and CPU seconds of the operator, where its process can be seen."""
    if not stage.containerd_socket:
        return None
    try:
        return node.operator_usage(stage.kube.in_namespace(OPERATOR_NAMESPACE), stage.containerd_socket)
    except (CommandFailed, TooLate, OSError):
        return None


def note_usage(figures: dict[str, object], before: tuple[float, float] | None, after: tuple[float, float] | None,
               seconds: float) -> None:
    if before and after and after[1] >= before[1]:
        figures["operatorMiB"] = round(after[0], 1)
        figures["operatorCpuPercent"] = round(100 * (after[1] - before[1]) / seconds, 2)


def measure_rest(stage: Stage, seconds: float = 10) -> dict[str, object]:
    """What the operator uses while nothing changes, under the same load of queries."""
    figures: dict[str, object] = {}
    before = operator_usage(stage)
    time.sleep(seconds)
    note_usage(figures, before, operator_usage(stage), seconds)
    stage.narrator.say(f"the operator at rest: {figures or 'its process cannot be seen'}")
    return figures


def play(stage: Stage, act: Act, run: object) -> None:
    """One act, its counts taken before and after. A failure is its outcome, never an exception."""
    stage.narrator.heading(f"Act {act.number}: {act.name} (expected: {act.expected})")
    recorder = stage.recorder
    began = time.time()
    before = {name: stage.load_count(name) for name in ("sent", "failed")}
    rescued = recorder.count_all("rescued")
    answered = recorder.candidate_answers
    usage = operator_usage(stage)
    if recorder.record.load_pod:
        recorder.proxy.post(recorder.proxy.pod(recorder.record.load_pod, f"/mark?name=act{act.number}"), {})
    try:
        run(stage, act)  # type: ignore[operator]
        if act.number == 1:
            start_load(stage)
    except (CommandFailed, TooLate) as problem:
        act.outcome, act.reason = "Failed", str(problem)
        stage.narrator.check(False, str(problem))
        stage.narrator.say("what the cluster says:\n" + stage.diagnose())
    time.sleep(1.5)  # Two looks more: the counts of the act's last queries.
    act.seconds = time.time() - began
    note_usage(act.figures, usage, operator_usage(stage), act.seconds)
    if act.number > 1:
        gone = stage.load_count("sent") - before["sent"]
        if gone < act.seconds * stage.query_rate * 0.9:
            act.checks.append((False, f"only {gone} queries were sent: is the load well?"))
    act.requests = stage.load_count("sent") - before["sent"]
    act.failed = stage.load_count("failed") - before["failed"]
    act.rescued = recorder.count_all("rescued") - rescued
    act.candidate_answers = recorder.candidate_answers - answered
    verdict = "as expected" if act.good else "NOT as expected"
    stage.narrator.check(act.good, f"{act.outcome}, {verdict}; {act.requests} requests, {act.failed} failed, {act.rescued} rescued")


def play_all(stage: Stage, acts: list[Act], wanted: set[int]) -> None:
    for act in acts:
        if act.number not in wanted:
            act.reason = "not asked for"
            continue
        if act.number in ON_THE_NODE and not stage.containerd_socket:
            act.reason = f"the node is out of reach, so {ON_THE_NODE[act.number]}"
            stage.narrator.heading(f"Act {act.number}: {act.name}: not run, {act.reason}")
            continue
        play(stage, act, ALL_ACTS[act.number][2])
        if act.number == 1 and act.outcome != "Served":
            for later in acts[1:]:
                later.reason = "nothing is served"
            return
        if act.number > 1:
            try:
                stage.wait_until_settled()
            except TooLate as problem:
                stage.narrator.check(False, f"{problem}; the acts after this one are not run")
                for later in acts[acts.index(act) + 1:]:
                    later.reason = f"not settled after act {act.number}"
                return


def seconds_text(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def show_table(narrator: Narrator, acts: list[Act], load: dict[str, Any], wall: float) -> None:
    narrator.heading("What happened")
    header = ("act", "outcome", "expected", "requests", "failed", "rescued", "by cand.", "protected", "verdict", "zero s")
    widths = (25, 11, 11, 9, 7, 8, 9, 10, 8, 7)
    rows = [header] + [
        (f"{act.number} {act.name}", act.outcome, act.expected, act.requests, act.failed, act.rescued,
         act.candidate_answers, seconds_text(act.seconds_to_protected), seconds_text(act.seconds_to_verdict),
         seconds_text(act.seconds_to_restored))
        for act in acts
    ]
    for row in rows:
        print("".join(str(cell).ljust(width) if at < 3 else str(cell).rjust(width)
                      for at, (cell, width) in enumerate(zip(row, widths))))
    print()
    for act in acts:
        print(f"{act.number}: {act.reason}")
        for good, text in act.checks:
            if not good:
                print(f"   ✗ {text}")
    print("\nprotected, verdict, zero: seconds from the first bad answer until users were protected, until the verdict, and")
    print("until every router had confirmed that all traffic is back on stable.")
    latency = dig(load, "latencyMs", {})
    print(f"In all, between the acts too: {load.get('sent', 0)} requests, {load.get('failed', 0)} failed, in {wall:.0f} s; "
          f"latency from the intended time p50 {latency.get('p50', 0):.1f} ms, p99 {latency.get('p99', 0):.1f} ms.")


def show_load(narrator: Narrator, stage: Stage) -> None:
    load = stage.recorder.record.load
    narrator.say("load: " + json.dumps({key: value for key, value in load.items() if not isinstance(value, (list, dict))}))
    for problem in dig(load, "problems", [])[:10]:
        narrator.say(f"  {problem}")


def main() -> int:
    options = parse_arguments()
    with our_turn():
        return play_story(options)


def play_story(options: argparse.Namespace) -> int:
    wanted = set(options.wanted)
    if not options.keep:
        wanted.add(1)
    narrator = Narrator()
    began = time.monotonic()
    kube = Kube(options.namespace, shlex.split(options.kubectl_flags))
    acts = [Act(number, name, expected) for number, (name, expected, _) in ALL_ACTS.items()]
    if not options.keep:
        narrator.say(f"namespace {options.namespace}, new")
        kube.delete_namespace()
    kube.make_namespace()
    if not options.keep:
        serve_corpus(kube, narrator, options)
    with Proxy(kube) as proxy:
        recorder = Recorder(proxy, INDEX)
        stage = Stage(kube, proxy, recorder, narrator, options.tools_image, options.rate, options.containerd_socket)
        recorder.start()
        try:
            recorder.look()
            play_all(stage, acts, wanted)
            rest = measure_rest(stage)
            load_total = stage.load_count("failed")
            show_load(narrator, stage)
        finally:
            recorder.stop()
    wall = time.monotonic() - began
    acts = [act for act in acts if act.number <= len(ACTS) or act.number in wanted]
    show_table(narrator, acts, recorder.record.load, wall)
    if options.json:
        result = {"acts": [act.to_json() for act in acts], "wallSeconds": round(wall, 1),
                  "load": recorder.record.load, "operatorAtRest": rest}
        options.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
        narrator.say(f"the same as JSON: {options.json}")
    good = sum(act.good for act in acts)
    print(f"{good} passed, {sum(act.outcome != 'not run' and not act.good for act in acts)} failed, "
          f"{sum(act.outcome == 'not run' for act in acts)} skipped")
    return 0 if good == len(acts) and load_total == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
