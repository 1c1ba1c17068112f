"""A small index whose rollout is given commands."""

from __future__ import annotations

import time
from typing import Any

from kube import dig, wait_until
from small_index import INDEX, SmallIndexTest

ANSWERED_WITHIN = 15.0  # Seconds, on a machine where all tests run side by side; what it took is printed.


class CommandedTest(SmallIndexTest):
    def phase(self) -> str:
        return str(dig(self.cro(), "status.phase", ""))

    def await_phase(self, phase: str, seconds: float = 180) -> None:
        self.wait(f"phase {phase}", seconds, lambda: self.phase() == phase)

    def command(self, text: str) -> str:
        """Gives the command; its result, which must be there in time, with an Event."""
        self.kube.run("annotate", "cro", INDEX, "--overwrite", f"sluice.dev/command={text}")
        given, identity = time.monotonic(), text.split()[-1]
        record = wait_until("the answer to " + text, ANSWERED_WITHIN, every=0.1, ready=lambda: self.answer(identity))
        seconds = time.monotonic() - given
        reason = "CommandAccepted" if record["result"].startswith("accepted") else "CommandRefused"
        self.wait("its Event", 10, lambda: reason in self.kube.run("get", "events"))
        print(f"{text.split()[0]}: {record['result']} ({seconds:.2f} s)")
        return str(record["result"])

    def answer(self, identity: str) -> dict[str, Any] | None:
        record = dig(self.cro(), "status.lastCommand", {})
        return record if record.get("id") == identity else None

    def see_two_more_blocks(self) -> None:
        """The judging goes on; long enough for whatever a command might have set off."""
        before = dig(self.cro(), "status.evidence.block", 0)
        self.wait("two more blocks of evidence", 60, lambda: dig(self.cro(), "status.evidence.block", 0) >= before + 2)
