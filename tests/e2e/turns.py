"""One suite at a time: the tests share one operator, stop it, and take its CRDs away."""

from __future__ import annotations

import fcntl
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT_SECONDS = 1800


@contextmanager
def our_turn() -> Iterator[None]:
    """Waits until no other suite or story of this machine is at work. A process that dies gives its turn up."""
    path = Path(tempfile.gettempdir()) / "sluice-e2e.lock"
    with path.open("a") as file:
        deadline = time.monotonic() + WAIT_SECONDS
        said = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise SystemExit(f"another end-to-end run still holds {path} after {WAIT_SECONDS} s") from None
                if not said:
                    print(f"another end-to-end run is at work ({path}); waiting for its end", flush=True)
                    said = True
                time.sleep(1)
        yield
