#!/usr/bin/env python3
"""usage: bench/thousand.py [--pairs N] [--kubectl PROGRAM] [--keep]

A thousand RagIndexes of zero replicas, each with a CanaryRollout, all created at once: how long an operator takes
until it has nothing more to write, against a bare loop that makes the very same writes (creations, applies, status
writes, events), those of one pair one after the other, over as many connections. Needs KUBECONFIG, a cluster with our
CRDs, no other operator that watches these namespaces, and `thousand_bench`:

    cmake --preset release -DSLUICE_BENCH=ON && cmake --build build/release --target thousand_bench

First half: the operator, in a process of its own that also creates the pairs, in the namespace thousand-a. Its last
write ends the time; then all indexes must say Suspended. Second half: the loop, in thousand-b. Prints both, CPU a
write and memory, and the ratio of the times. Exit status 1 when that is above 1.3, or anything failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
PROGRAM = REPO / "build" / "release" / "bin" / "thousand_bench"
OPERATOR_SPACE, LOOP_SPACE = "thousand-a", "thousand-b"
RATIO_MAX = 1.3


class Cluster:
    def __init__(self, kubectl: str) -> None:
        self.kubectl = kubectl

    def run(self, *arguments: str, timeout: float = 60) -> str:
        done = subprocess.run([self.kubectl, *arguments], capture_output=True, text=True, timeout=timeout,
                              check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise SystemExit(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def check_is_free(self) -> None:
        text = self.run("get", "deployments", "-A", "-l", "app.kubernetes.io/name=sluice-operator", "-o", "json")
        for one in json.loads(text)["items"]:
            space = one["metadata"]["namespace"]
            if one["spec"].get("replicas", 1) > 0:
                raise SystemExit(f"an operator runs in {space}, and would make these writes too: "
                                 f"kubectl -n {space} scale deployment sluice-operator --replicas=0")

    def remove(self, wait: bool) -> None:
        self.run("delete", "namespace", OPERATOR_SPACE, LOOP_SPACE, "--ignore-not-found", f"--wait={str(wait).lower()}",
                 "--timeout=900s", timeout=910)

    def create(self) -> None:
        for space in (OPERATOR_SPACE, LOOP_SPACE):
            self.run("create", "namespace", space)


def half(*arguments: str) -> dict[str, Any]:
    done = subprocess.run([str(PROGRAM), *arguments], stdout=subprocess.PIPE, text=True, timeout=2000, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0 or not done.stdout.strip():
        raise SystemExit(f"thousand_bench {' '.join(arguments)} ended with status {done.returncode}: {done.stdout}")
    return json.loads(done.stdout)


def row(name: str, seen: dict[str, Any]) -> str:
    each = 1e3 * seen["cpu"] / seen["writes"]
    return (f"{name:<10}{seen['writes']:>8}{seen['wall']:>9.1f}{seen['writes'] / seen['wall']:>10.0f}{seen['cpu']:>8.1f}"
            f"{each:>13.2f}{seen['mib_before']:>12.0f}{seen['mib']:>7.0f}{seen['mib_peak']:>7.0f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--kubectl", default=os.environ.get("KUBECTL", "kubectl"))
    parser.add_argument("--keep", action="store_true", help="leave the namespaces as they are")
    options = parser.parse_args()
    if not PROGRAM.exists():
        raise SystemExit(f"{PROGRAM} is not built: see --help and this file's head")
    cluster = Cluster(options.kubectl)
    cluster.check_is_free()
    cluster.remove(wait=True)
    cluster.create()
    try:
        with tempfile.TemporaryDirectory() as folder:
            writes = str(Path(folder) / "writes.jsonl")
            operator = half("operator", "--pairs", str(options.pairs), "--namespace", OPERATOR_SPACE, "--writes", writes)
            loop = half("loop", "--namespace", LOOP_SPACE, "--from-namespace", OPERATOR_SPACE, "--writes", writes)
    finally:
        if not options.keep:
            cluster.remove(wait=False)
    ratio = operator["wall"] / loop["wall"]
    print(f"{options.pairs} RagIndexes with CanaryRollouts, zero replicas, created at once")
    print(f"{'':<10}{'writes':>8}{'wall s':>9}{'writes/s':>10}{'CPU s':>8}{'CPU ms/write':>13}{'MiB empty':>12}{'now':>7}{'peak':>7}")
    print(row("operator", operator))
    print(row("bare loop", loop))
    print(f"ratio of the times: {ratio:.2f} (at most {RATIO_MAX})")
    return 0 if ratio <= RATIO_MAX and operator["failed"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
