"""Makes what later parts need while the cluster's tests, which mostly wait, have the machine."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from commands import LOGS, end_group, say, spawn

SECONDS_MAX = 3000  # Of one command.
Command = list[str]


class BuildAhead:
    """A thread that runs commands one after another, with what processor time nobody else wants. Their failures are
    not told here: who needs the result runs the command again, which then has nothing to do, or fails; or asks
    whether it has passed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_awaited = False
        self._is_over = False
        self._passed: list[Command] = []
        self._thread: threading.Thread | None = None

    def start(self, commands: Callable[[], list[Command]]) -> None:
        self._thread = threading.Thread(target=lambda: self._run_all(commands()), daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Now it is waited for, so with the machine's full attention."""
        if self._thread is None:
            return
        with self._lock:
            self._is_awaited = True
            self._set_priority()
        if self._thread.is_alive():
            say("the builds ahead: waiting for the rest of them")
        self._thread.join()
        self._thread = None

    def has_passed(self, command: Command) -> bool:
        return command in self._passed

    def end(self) -> None:
        """Gives up what is not done yet."""
        with self._lock:
            self._is_over = True
            process = self._process
        if process is not None:
            end_group(process)

    def _run_all(self, commands: list[Command]) -> None:
        with (LOGS / "build-ahead.log").open("w") as log:
            for command in commands:
                with self._lock:
                    if self._is_over:
                        return
                    self._process = process = spawn(command, log)
                    self._set_priority()
                try:
                    if process.wait(SECONDS_MAX) == 0:
                        self._passed.append(command)
                except subprocess.TimeoutExpired:
                    end_group(process)
                with self._lock:
                    self._process = None

    def _set_priority(self) -> None:
        if self._process is None:
            return
        niceness = 0 if self._is_awaited else 19
        # Where the kernel shares time among sessions, a process's own niceness counts only within its session.
        with suppress(OSError):
            Path(f"/proc/{self._process.pid}/autogroup").write_text(str(niceness))
        with suppress(OSError):
            os.setpriority(os.PRIO_PGRP, self._process.pid, niceness)
