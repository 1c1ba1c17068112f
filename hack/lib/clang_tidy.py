#!/usr/bin/env python3
"""Usage: hack/lib/clang_tidy.py [--deep] [--build DIR] [--jobs N] [--seconds N] [FILE...]
       hack/lib/clang_tidy.py --install | --find

clang-tidy over the project's .cc files, remembering what was clean: a file is checked again only when it, a
header of ours that it includes, its compile command, the list of checks or clang-tidy has changed. The
memory is ~/.cache/sluice/tidy. After --seconds (default 1500) no new file is begun, and those left are
named: they count as not checked, with exit status 1.

With --deep clang-analyzer follows the paths through the code too, one file at a time: up to a minute for a
file of the product, seven for a test, so name the FILEs or give it hours with --seconds.

--install puts the one version of clang-tidy that is used into ~/.cache/sluice, from PyPI, when it is not
there (hack/deps does that); --find prints its path, or ends with status 1.

The last line is `N clean, N with findings, N not checked`.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "sluice"
MEMORY = CACHE / "tidy"
# Debian's clang-tidy-19 also walks through every system header: ten times the time of this one.
VERSION = "23.1.4"
VENV = CACHE / f"clang-tidy-{VERSION}"
PROGRAM = VENV / "bin" / "clang-tidy"
# Of the same folder, as one translation unit.
BATCH = 8
FOR_PRODUCT = ["--checks=-clang-analyzer-*"]
# A test need not be fast.
FOR_TESTS = ["--checks=-clang-analyzer-*,-performance-*"]


def install() -> None:
    """pip writes the program last: one that is there is whole, and what an interrupted run left is cleared."""
    if PROGRAM.exists():
        return
    # Debian's own Python: it is the one that python3-venv belongs to.
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", str(VENV)], check=True)
    pip = [str(VENV / "bin" / "python3"), "-m", "pip", "install", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*pip, f"clang-tidy=={VERSION}"], check=True)


def is_test(path: Path) -> bool:
    folders = path.relative_to(REPO).parts[:-1]
    return path.stem.endswith("_test") or "tests" in folders or "testing" in folders


def arguments_for(path: Path, deep: bool) -> list[str]:
    if deep:
        return []
    return FOR_TESTS if is_test(path) else FOR_PRODUCT


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
    """The name under which is remembered that a file was clean: all that may change the answer is in it."""
    digest = hashlib.sha256(common)
    digest.update(command.replace(str(REPO), "").encode())
    for file in [path, *sorted(own_headers(path, known))]:
        digest.update(str(file.relative_to(REPO)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def run_program(paths: list[Path], commands: dict[Path, str], arguments: list[str]) -> str:
    """clang-tidy over these files as one translation unit: what it says, empty when it finds nothing. Most of
    the time goes into reading the headers that the files of a folder share."""
    with tempfile.TemporaryDirectory() as folder:
        unit = paths[0] if len(paths) == 1 else Path(folder) / "batch.cc"
        if len(paths) > 1:
            unit.write_text("".join(f'#include "{path}"\n' for path in paths))
        words = dict.fromkeys(word for path in paths for word in commands[path].split(" -o ")[0].split())
        entry = {"directory": str(REPO), "file": str(unit), "command": f"{' '.join(words)} -c {unit}"}
        (Path(folder) / "compile_commands.json").write_text(json.dumps([entry]))
        done = subprocess.run(
            [str(PROGRAM), "-p", folder, "--quiet", f"--config-file={REPO}/.clang-tidy", *arguments,
             rf"--header-filter=^{REPO}/.*\.(h|cc)$", "--extra-arg=-Wno-unknown-warning-option", str(unit)],
            capture_output=True, text=True, check=False,
        )
    return "" if done.returncode == 0 else done.stdout + done.stderr[-2000:]


def check(paths: list[Path], commands: dict[Path, str], arguments: list[str], known: dict[Path, set[Path]]) -> tuple[set[Path], str]:
    """Those of the files that have findings (themselves or in a header of theirs), and the findings."""
    text = run_program(paths, commands, arguments)
    if not text or len(paths) == 1:
        return set(paths) if text else set(), text
    found = {Path(name) for name in re.findall(r"^(/[^:]+):\d+:\d+: error: ", text, re.MULTILINE)}
    if "[clang-diagnostic-error" not in text and found:
        return {path for path in paths if found & ({path} | own_headers(path, known))}, text
    # Two of them have a name in common, each in a namespace without a name; or one does not compile at all.
    apart = [path for path in paths if path in found]
    together = [path for path in paths if path not in found]
    parts = [apart, together] if apart and together else [[path] for path in paths]
    answers = [check(part, commands, arguments, known) for part in parts]
    return set().union(*(bad for bad, _ in answers)), "".join(text for _, text in answers)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(usage=__doc__.removeprefix("Usage: "))
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--find", action="store_true")
    parser.add_argument("--deep", action="store_true")
    parser.add_argument("--build", type=Path, default=REPO / "build" / "dev")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=1500)
    parser.add_argument("files", nargs="*", type=lambda name: Path(name).resolve())
    return parser.parse_args()


def check_all(options: argparse.Namespace) -> int:
    commands = {
        Path(entry["file"]): entry["command"]
        for entry in json.loads((options.build / "compile_commands.json").read_text())
    }
    wanted = options.files or sorted(commands)
    for path in [path for path in wanted if path not in commands]:
        sys.exit(f"{path} is not built by {options.build}")
    version = subprocess.run([str(PROGRAM), "--version"], capture_output=True, check=True).stdout
    settings = version + (REPO / ".clang-tidy").read_bytes()
    MEMORY.mkdir(parents=True, exist_ok=True)
    known: dict[Path, set[Path]] = {}
    markers = {}
    groups: dict[tuple[Path, bool], list[Path]] = {}
    for path in wanted:
        arguments = " ".join(arguments_for(path, options.deep))
        marker = MEMORY / key_of(path, f"{commands[path]} {arguments}", settings, known)
        if not marker.exists():
            markers[path] = marker
            groups.setdefault((path.parent, is_test(path)), []).append(path)
    size = 1 if options.deep else BATCH
    batches = [group[at : at + size] for group in groups.values() for at in range(0, len(group), size)]
    clean, bad, left = len(wanted) - len(markers), 0, 0
    print(f"{len(wanted)} files, {clean} known to be clean, {len(markers)} to check", flush=True)
    deadline = time.monotonic() + options.seconds

    def one(batch: list[Path]) -> tuple[int, int, int]:
        """How many are clean, have findings, were not checked."""
        began = time.monotonic()
        if began > deadline:
            print("".join(f"not checked: {path.relative_to(REPO)}\n" for path in batch), end="", flush=True)
            return 0, 0, len(batch)
        dirty, text = check(batch, commands, arguments_for(batch[0], options.deep), known)
        for path in set(batch) - dirty:
            markers[path].touch()
        lines = [f"{'BAD' if path in dirty else 'ok '} {path.relative_to(REPO)}\n" for path in batch]
        print(f"{''.join(lines)}{text}({len(batch)} in {time.monotonic() - began:.0f} s)\n", end="", flush=True)
        return len(batch) - len(dirty), len(dirty), 0

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for counts in pool.map(one, batches):
            clean, bad, left = clean + counts[0], bad + counts[1], left + counts[2]
    print(f"{clean} clean, {bad} with findings, {left} not checked")
    return 0 if bad == left == 0 else 1


def main() -> int:
    options = parse_arguments()
    if options.install:
        install()
    elif not PROGRAM.exists():
        print(f"clang-tidy {VERSION} is not installed: hack/deps installs it.", file=sys.stderr)
        return 1
    if options.install or options.find:
        print(PROGRAM)
        return 0
    return check_all(options)


if __name__ == "__main__":
    sys.exit(main())
