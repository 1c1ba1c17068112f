"""Runs the commands of hack/test: each with a log, a deadline and a word now and then."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TextIO

REPO = Path(__file__).resolve().parents[2]
HACK = REPO / "hack"
LOGS = REPO / "build" / "test-logs"
STARTED = time.monotonic()


class PartFailed(Exception):
    """A command of a part failed; its output has been shown."""


def clock() -> str:
    seconds = int(time.monotonic() - STARTED)
    return f"{seconds // 60}:{seconds % 60:02d}"


def say(text: str) -> None:
    print(f"[test {clock()}] {text}", flush=True)


def run(name: str, command: list[str], seconds: float, check: bool = True, **environment: str) -> str:
    """Runs a command with its output in a log of that name, says every 30 s that it is still at it, and
    ends it with all that it started when its time is over. Returns what it wrote."""
    log = LOGS / f"{name}.log"
    say(f"{name}: {' '.join(command)[:150]}")
    with log.open("w+") as output:
        process = spawn(command, output, **environment)
        try:
            status = wait(process, name, log, seconds)
        except BaseException:
            end_group(process)
            raise
    text = log.read_text(errors="replace")
    if status != 0 and check:
        print("\n".join(text.splitlines()[-60:]))
        raise PartFailed(f"{name} ended with status {status}; all of its output is in {log}")
    return text


def spawn(command: list[str], output: TextIO, **environment: str) -> subprocess.Popen[bytes]:
    """Starts a command in the checkout, in a session of its own, with all that it says in `output`."""
    return subprocess.Popen(
        command, cwd=REPO, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        env={**os.environ, **environment}, start_new_session=True,
    )


def wait(process: subprocess.Popen[bytes], name: str, log: Path, seconds: float) -> int:
    deadline, next_word = time.monotonic() + seconds, time.monotonic() + 30
    while True:
        try:
            return process.wait(0.2)
        except subprocess.TimeoutExpired:
            pass
        if time.monotonic() > deadline:
            raise PartFailed(f"{name} took more than {seconds:.0f} s and was ended; its output is in {log}")
        if time.monotonic() > next_word:
            lines = log.read_text(errors="replace").splitlines()
            say(f"  … {name}: {lines[-1][-110:] if lines else ''}")
            next_word += 30


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Gently first: a test that is told to end cleans up."""
    for how, seconds in ((signal.SIGINT, 60), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, how)
            process.wait(seconds)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
