"""Tells a person at a terminal what is happening; in a log file it says the same, with fewer repetitions."""

from __future__ import annotations

import shutil
import sys
import time


class Narrator:
    """One at a time; used from one thread."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._is_terminal = sys.stdout.isatty()
        self._live_shown = False
        self._live_text = ""
        self._live_at = 0.0

    def _clock(self) -> str:
        seconds = int(time.monotonic() - self.started)
        return f"{seconds // 60}:{seconds % 60:02d}"

    def _print(self, text: str, style: str = "") -> None:
        if self._live_shown:
            sys.stdout.write("\r\033[K")
            self._live_shown = False
        if self._is_terminal and style:
            text = f"\033[{style}m{text}\033[0m"
        print(text, flush=True)

    def heading(self, text: str) -> None:
        self._print("")
        self._print(f"━━ {text} " + "━" * max(0, 96 - len(text)), "1")

    def say(self, text: str) -> None:
        self._print(f"[{self._clock()}] {text}")

    def explain(self, text: str) -> None:
        """What it means, for somebody who sees it for the first time."""
        self._print(f"        {text}", "2")

    def check(self, good: bool, text: str) -> None:
        self._print(f"   {'✓' if good else '✗'} {text}", "32" if good else "1;31")

    def live(self, text: str) -> None:
        """The line that keeps changing. In a log: when it has changed, every 5 s at most."""
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            sys.stdout.write("\r\033[K" + f"   … {text}"[:width])
            sys.stdout.flush()
            self._live_shown = True
        elif text != self._live_text and time.monotonic() - self._live_at > 5:
            print(f"   … {text}", flush=True)
            self._live_text, self._live_at = text, time.monotonic()
