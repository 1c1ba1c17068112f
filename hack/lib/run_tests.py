"""The parts of hack/test, in order, and the table at the end. hack/test is the entry."""

from __future__ import annotations

import argparse
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from build_ahead import BuildAhead
from commands import HACK, LOGS, REPO, PartFailed, clock, run, say
from test_results import Counts, of_ctest, of_last_line, of_one

# The acts that are always played; --all adds those that mostly wait for a cluster to come back.
STORY = [1, 2, 3, 4, 5, 6, 7, 11]
WHOLE_STORY = [*range(1, 14)]
# The tests that need the very code of the programs (preset release), or all of its speed.
SHIPPED = ["analysis_test", "canary_rollout_test", "sim_test", "sim_test_2"]
# Threads meet in these; the rest runs on one thread.
THREADED = re.compile("http|proxy|router|worker|loop|transport|client|load|signals")


def tracked(*patterns: str) -> list[str]:
    done = subprocess.run(["git", "ls-files", *patterns], cwd=REPO, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split() if (REPO / name).exists()]


def part_format() -> Counts:
    counts = Counts()
    run("clang-format", ["clang-format-19", "--dry-run", "--Werror", *tracked("*.cc", "*.h")], 120)
    scripts = [name for name in tracked("hack", ".ci") if (REPO / name).read_bytes().startswith(b"#!/usr/bin/env bash")]
    run("shellcheck", ["shellcheck", *scripts], 120)
    run("python", [sys.executable, "-B", "-c", "import sys\nfor name in sys.argv[1:]: compile(open(name).read(), name, 'exec')",
                   *tracked("*.py", "hack/corpus")], 60)
    run("dockerfile", [str(HACK / "image"), "--check"], 60)
    counts.passed = 4
    return counts


def part_build() -> Counts:
    build_programs()
    return of_one(True, "build")


def commands_ahead() -> list[list[str]]:
    return [*shipped_commands(), tsan_command(threaded_tests()), asan_command(), clang_tidy_command(),
            # Virtual time: it is as good when others take the machine. What is on the wall's clock is not run ahead.
            ctest_command("release", shipped_tests())]


@functools.cache
def build_programs() -> None:
    run("build-release", [str(HACK / "build"), "--preset", "release"], 3000)


def results_of(preset: str, arguments: list[str]) -> Path:
    return LOGS / f"gtest-{preset}-{arguments[1].replace('|', '_')[:20]}"


def ctest_command(preset: str, arguments: list[str]) -> list[str]:
    results = results_of(preset, arguments)
    results.mkdir(parents=True, exist_ok=True)
    return ["env", "GTEST_BRIEF=1", f"GTEST_OUTPUT=xml:{results}/", "ctest", "--test-dir", f"build/{preset}", "-j2", "--output-on-failure",
            "--no-tests=error", "--output-junit", str(results / "ctest.junit"), *arguments]


def ctest(preset: str, arguments: list[str], seconds: float, **environment: str) -> Counts:
    """Runs them, unless they were run ahead and all of them passed."""
    results = results_of(preset, arguments)
    command = ctest_command(preset, arguments)
    name = f"ctest-{preset}-{arguments[1][:10]}"
    if AHEAD.has_passed(command):
        say(f"{name}: was run ahead, and passed")
        return of_ctest(results / "ctest.junit", results)
    shutil.rmtree(results)
    results.mkdir()
    run(name, command, seconds, check=False, **environment)
    counts = of_ctest(results / "ctest.junit", results)
    if counts.failed:
        print("\n".join((LOGS / f"{name}.log").read_text(errors="replace").splitlines()[-80:]))
    return counts


def part_dev() -> Counts:
    run("build-dev", [str(HACK / "build"), "--preset", "dev"], 3000)
    return ctest("dev", ["-L", "unit"], 1200)


def shipped_commands() -> list[list[str]]:
    return [["cmake", "--preset", "release", "-DSLUICE_TESTS=ON"], ["cmake", "--build", "build/release", "--target", *SHIPPED]]


def shipped_tests() -> list[str]:
    return ["-R", "^(" + "|".join([*SHIPPED, "crd_is_current"]) + ")$"]


def part_shipped() -> Counts:
    AHEAD.finish()
    configure, build = shipped_commands()
    run("configure-shipped", configure, 300)
    run("build-shipped", build, 3000)
    return ctest("release", shipped_tests(), 2400)


def part_mutants() -> Counts:
    AHEAD.finish()
    run("build-mutants", [str(HACK / "build"), "--preset", "mutants", "sluice-sim"], 3000)
    text = run("mutants", ["build/mutants/bin/sluice-sim", "--mutants", "--jobs", "2"], 3000, check=False)
    found = re.findall(r"^(\d+) mutants caught, (\d+) not caught, (\d+) known gaps$", text, re.MULTILINE)
    if not found:
        return Counts(failed=1, notes=["FAILED mutants: ended without a count"])
    caught, missed, gaps = (int(number) for number in found[-1])
    return Counts(caught, missed, gaps, [line for line in text.splitlines() if "not caught" in line.lower()])


def part_scripts() -> Counts:
    counts = Counts()
    for name in ("scripts_test", "operations_test"):
        counts.add(of_last_line_of_unittest(name, run(name, [sys.executable, "-B", str(HACK / "lib" / f"{name}.py")], 120, check=False)))
    return counts


def of_last_line_of_unittest(name: str, text: str) -> Counts:
    ran = re.search(r"^Ran (\d+) tests?", text, re.MULTILINE)
    bad = len(re.findall(r"^(?:FAIL|ERROR): ", text, re.MULTILINE))
    if ran is None:
        return Counts(failed=1, notes=[f"FAILED {name}.py: ended without a count"])
    return Counts(passed=int(ran[1]) - bad, failed=bad, notes=re.findall(r"^(?:FAIL|ERROR): .*", text, re.MULTILINE))


def part_style() -> Counts:
    run("build-style", [str(HACK / "build"), "--preset", "dev", "tidy_test"], 600)
    return ctest("dev", ["-L", "tidy"], 120)


def clang_tidy_command() -> list[str]:
    return [str(HACK / "lib" / "clang_tidy.py"), "--seconds", "1200"]


def part_clang_tidy() -> Counts:
    AHEAD.finish()
    run("configure-dev", ["cmake", "--preset", "dev"], 300)
    text = run("clang-tidy", clang_tidy_command(), 1500, check=False)
    found = re.findall(r"^(\d+) clean, (\d+) with findings, (\d+) not checked$", text, re.MULTILINE)
    if not found:
        return Counts(failed=1, notes=["FAILED clang-tidy: ended without a count"])
    clean, bad, left = (int(number) for number in found[-1])
    notes = [line for line in text.splitlines() if line.startswith(("BAD ", "not checked: "))]
    notes += [line[:200] for line in text.splitlines() if " error: " in line][:40]
    return Counts(clean, bad, left, notes)


def asan_command() -> list[str]:
    return [str(HACK / "build"), "--preset", "asan"]


def part_unit() -> Counts:
    AHEAD.finish()
    run("build-asan", asan_command(), 3000)
    return ctest("asan", ["-L", "unit", "-E", "crd_is_current"], 1200,
                 ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1", UBSAN_OPTIONS="print_stacktrace=1")


@functools.cache
def threaded_tests() -> list[str]:
    """Configures the preset tsan; the names of the tests that it is for."""
    run("configure-tsan", ["cmake", "--preset", "tsan"], 300)
    listing = run("list-tsan", ["ctest", "--test-dir", "build/tsan", "-N", "-L", "unit"], 60)
    # A test that is a script over a program is no target of its own: the program runs under it in the part unit.
    targets = set(re.findall(r"^(\S+):", run("targets-tsan", ["cmake", "--build", "build/tsan", "--target", "help"], 60), re.MULTILINE))
    return [name for name in re.findall(r"Test +#\d+: (\S+)", listing) if THREADED.search(name) and name in targets]


def tsan_command(names: list[str]) -> list[str]:
    return [str(HACK / "build"), "--preset", "tsan", *names]


def part_tsan() -> Counts:
    AHEAD.finish()
    names = threaded_tests()
    run("build-tsan", tsan_command(names), 3000)
    return ctest("tsan", ["-R", "^(" + "|".join(names) + ")$"], 1200, TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1")


class LocalCluster:
    """The cluster of this machine. Started when a part first needs it; taken down at the end by whoever
    started it."""

    def __init__(self) -> None:
        self.started = False
        self.environment: dict[str, str] = {}
        self.images: dict[str, str] = {}

    def use(self) -> None:
        if self.environment:
            return
        healthy = subprocess.run([str(HACK / "cluster"), "status"], capture_output=True, check=False).returncode == 0
        # Said before it is true: also a start that fails half-way is cleaned up.
        self.started = not healthy
        text = run("cluster-up", [str(HACK / "cluster"), "up"], 1500)
        kubeconfig = text.strip().splitlines()[-1]
        program = Path(kubeconfig).parent / "program"
        kubectl = Path(program.read_text().strip()).parent / "kubectl"
        self.environment = {"KUBECONFIG": kubeconfig, "KUBECTL": str(kubectl)}
        self.environment["CONTAINERD_SOCKET"] = str(Path(kubeconfig).parent / "run" / "containerd.sock")

    def deploy(self) -> None:
        """Programs, images, CRDs and operator."""
        self.use()
        if self.images:
            return
        build_programs()
        for key, arguments in (("image", []), ("tools", ["--tools"])):
            self.images[key] = run(f"image-{key}", [str(HACK / "image"), *arguments], 300).strip().splitlines()[-1]
        run("deploy", [str(HACK / "deploy"), "--image", self.images["image"]], 300, **self.environment)
        self.environment.update(SLUICE_IMAGE=self.images["image"], SLUICE_TOOLS_IMAGE=self.images["tools"])
        run("corpus", ["bash", "-c", 'test -n "$(find build/corpus/golden.jsonl -mtime -1 2>/dev/null)" || exec hack/corpus --out build/corpus'], 600)

    def end(self) -> None:
        if self.started:
            say("taking down the cluster that this run started")
            subprocess.run([str(HACK / "cluster"), "down"], check=False)


CLUSTER = LocalCluster()
AHEAD = BuildAhead()


def e2e(name: str, modules: list[str], seconds: float) -> Counts:
    text = run(name, [sys.executable, "-B", "tests/e2e/suite.py", *modules], seconds, check=False, **CLUSTER.environment)
    counts = of_last_line(text, name)
    if counts.failed:
        print("\n".join(text.splitlines()[-100:]))
    return counts


def part_specs() -> Counts:
    CLUSTER.use()
    run("crds", [CLUSTER.environment["KUBECTL"], "apply", "--server-side", "-k", "config/crd"], 60, **CLUSTER.environment)
    return e2e("specs", ["bad_specs_test"], 300)


def part_story() -> Counts:
    CLUSTER.deploy()
    environment = CLUSTER.environment
    text = run("story", [sys.executable, "-B", "tests/e2e/story.py", "--corpus", "build/corpus", "--namespace", "sluice-test-story",
                         "--acts", ",".join(str(act) for act in STORY), "--tools-image", CLUSTER.images["tools"], "--json", str(LOGS / "story.json"),
                         "--containerd-socket", environment["CONTAINERD_SOCKET"]], 2400, check=False, **environment)
    print("\n".join(text.splitlines()[-60:]))
    subprocess.run([environment["KUBECTL"], "delete", "namespace", "sluice-test-story", "--ignore-not-found", "--timeout=120s"],
                   env={**os.environ, **environment}, check=False)
    return of_last_line(text, "story")


def part_cluster() -> Counts:
    CLUSTER.deploy()
    modules = sorted(path.stem for path in (REPO / "tests" / "e2e").glob("*_test.py") if path.stem != "bad_specs_test")
    return e2e("cluster", modules, 1800)


@dataclass
class Part:
    name: str
    what: str
    run: Callable[[], Counts]
    is_quick: bool = False
    is_whole: bool = True
    is_for_all: bool = False


# What waits for a cluster comes before what is compiled for long: that is done ahead meanwhile.
PARTS = [
    Part("format", "clang-format, shellcheck, Python's syntax, Dockerfile and hack/image agree", part_format, is_quick=True),
    Part("style", "tests/tidy: include direction, banned names, sizes, READMEs", part_style, is_quick=True),
    Part("scripts", "the scripts; each condition has a runbook, each alert its metric", part_scripts, is_quick=True),
    Part("dev", "unit tests with g++ and without sanitizers", part_dev, is_quick=True, is_whole=False),
    Part("build", "the programs as shipped, with g++ and -Werror (preset release)", part_build),
    Part("specs", "bad specs refused by a real API server, examples accepted", part_specs),
    Part("story", "the acts of hack/demo on the real cluster", part_story),
    Part("cluster", "deletion, bad input, commands and permissions on the real cluster", part_cluster),
    Part("shipped", "the programs' own code: all plays of faults, the bits of the evidence, CRDs current", part_shipped),
    Part("mutants", "each bug that is planted in the code is found by the simulator", part_mutants, is_whole=False, is_for_all=True),
    Part("tidy", "clang-tidy on what has changed since it was last clean", part_clang_tidy),
    Part("tsan", "worker, router, HTTP and loop tests with ThreadSanitizer", part_tsan),
    Part("unit", "unit tests with clang, AddressSanitizer and UndefinedBehaviorSanitizer; SciFact where its data is there", part_unit),
]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hack/test")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--go-on", action="store_true")
    options = parser.parse_args()
    options.wanted = [name for name in options.only.split(",") if name] or [
        part.name for part in PARTS
        if (part.is_quick if options.quick else part.is_whole or (options.all and part.is_for_all))
    ]
    unknown = set(options.wanted) - {part.name for part in PARTS}
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))} (hack/test --list names them)")
    return options


def run_part(part: Part) -> Counts:
    say(f"━━ {part.name}: {part.what}")
    try:
        return part.run()
    except PartFailed as problem:
        return Counts(failed=1, notes=[f"FAILED {problem}"])


def show_summary(rows: list[tuple[str, str, Counts, float]]) -> Counts:
    total = Counts()
    print(f"\n{'part':<10}{'result':<12}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for name, result, counts, seconds in rows:
        print(f"{name:<10}{result:<12}{counts.passed:>8}{counts.failed:>8}{counts.skipped:>9}{seconds:>9.0f}")
        total.add(counts)
    for note in total.notes:
        print(f"  {note}")
    return total


def main() -> int:
    options = parse_arguments()
    if options.all:
        STORY[:] = WHOLE_STORY
    if options.list:
        print("\n".join(f"{part.name:<10}{part.what}" for part in PARTS))
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    # SIGTERM ends a run as Ctrl-C does: with the cluster taken down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rows: list[tuple[str, str, Counts, float]] = []
    stopped = ""
    try:
        for part in PARTS:
            if part.name not in options.wanted and not part.is_whole:
                continue
            if part.name not in options.wanted or stopped:
                reason = stopped or "not asked for"
                rows.append((part.name, "not run", Counts(skipped=1, notes=[f"SKIPPED part {part.name}: {reason}"]), 0))
                continue
            began = time.monotonic()
            counts = run_part(part)
            rows.append((part.name, "FAILED" if counts.failed else "passed", counts, time.monotonic() - began))
            if part.name == "build" and {"specs", "story", "cluster"} & {*options.wanted}:
                AHEAD.start(commands_ahead)
            if counts.failed and not options.go_on:
                stopped = f"{part.name} failed before"
    except KeyboardInterrupt:
        stopped = "interrupted"
        rows.append(("", stopped, Counts(failed=1, notes=["FAILED interrupted"]), 0))
    finally:
        AHEAD.end()
        CLUSTER.end()
    total = show_summary(rows)
    say(f"wall time {clock()}")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 0 if total.failed == 0 and not stopped else 1


if __name__ == "__main__":
    sys.exit(main())
