#!/usr/bin/env python3
"""Usage: hack/lib/clang_tidy.py [--build DIR] [--jobs N] [--seconds N] [FILE...]

clang-tidy over the project's .cc files, two at a time, remembering what was clean: a file is checked again
only when it, a header of ours that it includes, its compile command, the list of checks or clang-tidy has
changed. The memory is ~/.cache/sluice/tidy. After --seconds (default 1500) no new file is begun, and those
left are named: they count as not checked, with exit status 1.

The last line is `N clean, N with findings, N not checked`.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "sluice" / "tidy"
PROGRAM = "clang-tidy-19"


def own_headers(path: Path, known: dict[Path, set[Path]]) -> set[Path]:
    """Every file of ours that this one includes, however indirectly."""
    if path not in known:
        known[path] = set()  # Ends a cycle.
        found = set()
        for line in path.read_text(errors="replace").splitlines():
            if line.startswith('#include "'):
                header = REPO / line.split('"')[1]
                if header.exists():
                    found |= {header} | own_headers(header, known)
        known[path] = found
    return known[path]


def key_of(path: Path, command: str, common: bytes, known: dict[Path, set[Path]]) -> str:
    digest = hashlib.sha256(common)
    digest.update(command.replace(str(REPO), "").encode())
    for file in [path, *sorted(own_headers(path, known))]:
        digest.update(str(file.relative_to(REPO)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def check(path: Path, build: Path) -> tuple[bool, str]:
    done = subprocess.run(
        [PROGRAM, "-p", str(build), "--quiet", "--extra-arg=-Wno-unknown-warning-option", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout + ("" if done.returncode == 0 else done.stderr[-2000:])


def main() -> int:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--build", default=str(REPO / "build" / "dev"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=1500)
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    build = Path(options.build)
    commands = {
        Path(entry["file"]): entry["command"] for entry in json.loads((build / "compile_commands.json").read_text())
    }
    wanted = [Path(name).resolve() for name in options.files] or sorted(commands)
    for path in [path for path in wanted if path not in commands]:
        parser.error(f"{path} is not built by {build}")
    version = subprocess.run([PROGRAM, "--version"], capture_output=True, check=True).stdout
    common = version + (REPO / ".clang-tidy").read_bytes()
    CACHE.mkdir(parents=True, exist_ok=True)
    known: dict[Path, set[Path]] = {}
    todo = []
    for path in wanted:
        marker = CACHE / key_of(path, commands[path], common, known)
        if not marker.exists():
            todo.append((path, marker))
    clean, bad, left = len(wanted) - len(todo), 0, 0
    print(f"{len(wanted)} files, {clean} known to be clean, {len(todo)} to check", flush=True)
    deadline = time.monotonic() + options.seconds

    def one(job: tuple[Path, Path]) -> bool | None:
        path, marker = job
        if time.monotonic() > deadline:
            return None
        good, text = check(path, build)
        if good:
            marker.touch()
        print(f"{'ok ' if good else 'BAD'} {path.relative_to(REPO)}", flush=True)
        if not good:
            print(text, flush=True)
        return good

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for (path, _), good in zip(todo, pool.map(one, todo)):
            clean, bad, left = clean + (good is True), bad + (good is False), left + (good is None)
            if good is None:
                print(f"not checked: {path.relative_to(REPO)}")
    print(f"{clean} clean, {bad} with findings, {left} not checked")
    return 0 if bad == left == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
