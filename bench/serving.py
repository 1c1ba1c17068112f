#!/usr/bin/env python3
"""usage: bench/serving.py [--rate N] [--seconds N] [--rounds N] [--corpus DIR]

What a query costs over HTTP on loopback: one worker asked directly, the same worker through the router, through
a router that copies every query to a candidate (shadow: the same worker again; dead: nobody listens), and, where
nginx is installed, through nginx as a plain reverse proxy with kept connections. The ways take turns, round by
round, under the same open-loop load (latency counts from the intended time), so that a noisy machine is noisy for all.

Needs `hack/build` (release) and `hack/corpus --out build/corpus`. Prints a table: latency percentiles in
milliseconds, CPU of the proxy a request in microseconds, its memory. The median of the rounds is shown.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
PROGRAMS = REPO / "build" / "release" / "bin"
PERCENTILES = ("p50", "p90", "p99", "p999")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).read()
            return
        except urllib.error.HTTPError:
            return  # It answers.
        except OSError:
            if process.poll() is not None:
                raise SystemExit(f"{list(process.args)[0]} ended with status {process.returncode}") from None
            if time.monotonic() > deadline:
                raise SystemExit(f"{url} did not answer within {seconds} s") from None
            time.sleep(0.1)


def cpu_seconds(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_mib(pids: list[int]) -> float:
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(int(child) for child in children)]


class Place:
    """The programs, each started once and ended at the end."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path) -> None:
        self.stack, self.folder = stack, folder

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        log = self.stack.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.stack.callback(self.end, process)
        return process

    @staticmethod
    def end(process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def worker(self, corpus: Path) -> tuple[str, int]:
        spec, index = self.folder / "index.yaml", self.folder / "packages.idx"
        spec.write_text((REPO / "examples" / "packages.yaml").read_text())
        subprocess.run(
            [PROGRAMS / "sluice-worker", "build", "--spec", spec, "--corpus", corpus / "packages.jsonl.gz", "--out", index],
            check=True, stdout=subprocess.DEVNULL,
        )
        port = free_port()
        process = self.start("worker", str(PROGRAMS / "sluice-worker"), "serve", "--index", str(index), "--address",
                             "127.0.0.1", "--port", str(port), "--revision", "packages-a")
        wait_for(f"http://127.0.0.1:{port}/health", process)
        return f"127.0.0.1:{port}", process.pid

    def router(self, worker: str, name: str = "router", candidate: str | None = None) -> tuple[str, int]:
        table = {"version": 1, "index": "packages", "uid": "bench", "epoch": 1, "generation": 1,
                 "stable": {"revision": "packages-a"}, "deadlineMs": 5000}
        endpoints = f"packages-a={worker}"
        if candidate:
            table["candidate"] = {"target": {"revision": "packages-b"}, "weight": "0%", "shadow": "100%"}
            endpoints += f",packages-b={candidate}"
        table_file = self.folder / f"{name}.json"
        table_file.write_text(json.dumps(table))
        port = free_port()
        process = self.start(name, str(PROGRAMS / "sluice-router"), "--table-file", str(table_file),
                             "--endpoints", endpoints, "--address", "127.0.0.1", "--port", str(port))
        wait_for(f"http://127.0.0.1:{port}/health", process)
        return f"127.0.0.1:{port}", process.pid

    def nginx(self, program: str, worker: str) -> tuple[str, int]:
        port = free_port()
        (self.folder / "nginx.conf").write_text(
            f"""worker_processes 2; daemon off; pid {self.folder}/nginx.pid; error_log {self.folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy; fastcgi_temp_path {self.folder}/f;
  uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  upstream workers {{ server {worker}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://workers; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
""")
        process = self.start("nginx", program, "-c", str(self.folder / "nginx.conf"), "-e", str(self.folder / "nginx.err"))
        wait_for(f"http://127.0.0.1:{port}/health", process)
        return f"127.0.0.1:{port}", process.pid


def one_round(address: str, pid: int, options: argparse.Namespace) -> dict[str, float]:
    before = cpu_seconds(family(pid))
    done = subprocess.run(
        [PROGRAMS / "sluice-load", "--url", f"http://{address}/query", "--queries", options.corpus / "golden.jsonl",
         "--rate", str(options.rate), "--duration", f"{options.seconds}s"],
        capture_output=True, check=False, timeout=options.seconds + 60,
    )
    summary = json.loads(done.stdout)
    if done.returncode != 0 or summary["failed"] != 0:
        raise SystemExit(f"{address}: {summary['failed']} of {summary['sent']} failed: {summary.get('problems')}")
    used = cpu_seconds(family(pid)) - before
    return {**{name: summary["latencyMs"][name] for name in PERCENTILES}, "cpu": used * 1e6 / summary["sent"],
            "memory": resident_mib(family(pid))}


def main() -> int:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--rate", type=int, default=400)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--corpus", type=Path, default=REPO / "build" / "corpus")
    options = parser.parse_args()
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    with contextlib.ExitStack() as stack:
        place = Place(stack, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        worker, worker_pid = place.worker(options.corpus)
        ways = {"worker": (worker, worker_pid), "router": place.router(worker),
                "shadow": place.router(worker, "shadow", worker),
                "dead": place.router(worker, "dead", f"127.0.0.1:{free_port()}")}
        if nginx:
            ways["nginx"] = place.nginx(nginx, worker)
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
        for number in range(options.rounds + 1):
            for name, (address, pid) in ways.items():
                result = one_round(address, pid, options)
                if number > 0:  # The first warms up.
                    rounds[name].append(result)
            print(f"round {number} of {options.rounds}", file=sys.stderr, flush=True)
    middle = {name: {key: statistics.median(row[key] for row in rows) for key in rows[0]} for name, rows in rounds.items()}
    print(f"{options.rate} queries/s, {options.seconds} s, median of {options.rounds} rounds; milliseconds from the intended time")
    print(f"{'way':<10}" + "".join(f"{name:>9}" for name in PERCENTILES) + f"{'added p50':>11}{'CPU us/req':>12}{'RSS MiB':>9}")
    for name, row in middle.items():
        added = row["p50"] - middle["worker"]["p50"]
        print(f"{name:<10}" + "".join(f"{row[key]:>9.2f}" for key in PERCENTILES) +
              (f"{'–':>11}" if name == "worker" else f"{added:>11.3f}") + f"{row['cpu']:>12.0f}{row['memory']:>9.1f}")
    print(f"shadow at 100 %: {middle['shadow']['cpu'] / middle['router']['cpu']:.2f} times the router's CPU a request; "
          f"with a dead candidate p99 is {middle['dead']['p99'] / middle['router']['p99']:.2f} times the plain router's")
    if not nginx:
        print("nginx is not installed: not compared (apt-get install nginx-light).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
