"""Does harm to pods of the local cluster from outside, in their network namespaces: they notice nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from kube import CommandFailed

TABLE = "sluice_fault"


def rules(sources: list[str], port: int, percent: int) -> str:
    """So many of a hundred packets that come with data or acknowledgements are answered by a reset of their connection."""
    return f"""table ip {TABLE} {{
  chain input {{
    type filter hook input priority 0; policy accept;
    ip saddr {{ {", ".join(sources)} }} tcp dport {port} tcp flags & (syn | fin | rst) == 0 \\
      numgen random mod 100 < {percent} reject with tcp reset
  }}
}}
"""


def nft(process: int, arguments: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
    """nft in the network namespace of a process."""
    return subprocess.run(["nsenter", "-t", str(process), "-n", "nft", *arguments], input=text, capture_output=True,
                          text=True, timeout=20, check=False)


@contextmanager
def resetting(processes: list[int], sources: list[str], port: int = 8080, percent: int = 10) -> Iterator[None]:
    """While in it, those processes' pods lose connections from those addresses now and then. Probes of the node and the
    operator's own requests come from elsewhere, so that the pods look well."""
    harmed: list[int] = []
    try:
        for process in processes:
            done = nft(process, ["-f", "-"], rules(sources, port, percent))
            if done.returncode != 0:
                raise CommandFailed(f"no fault for process {process}: {done.stderr.strip()[:500]}")
            harmed.append(process)
        yield
    finally:
        for process in harmed:
            nft(process, ["delete", "table", "ip", TABLE])  # Its pod may be gone, and the table with it.
