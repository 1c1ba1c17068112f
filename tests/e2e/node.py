"""Reaches the operator's process on the node of the local cluster."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from kube import CommandFailed, Kube, dig


def process_of_operator(kube: Kube, containerd_socket: str) -> int:
    """Its process id, from the container that the API server names; checked by its command line."""
    pods = kube.list("pods", "app.kubernetes.io/name=sluice-operator")
    running = [pod for pod in pods if dig(pod, "status.containerStatuses.0.state.running")]
    if len(running) != 1:
        raise CommandFailed(f"{len(running)} operator pods are running; one was expected")
    container = dig(running[0], "status.containerStatuses.0.containerID").rpartition("/")[2]
    tasks = subprocess.run(
        ["ctr", "-a", containerd_socket, "-n", "k8s.io", "tasks", "ls"],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    ).stdout
    for line in tasks.splitlines():
        words = line.split()
        if words and words[0] == container:
            process = int(words[1])
            command = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0]
            if not command.endswith(b"sluice-operator"):
                raise CommandFailed(f"process {process} is {command!r}, not the operator")
            return process
    raise CommandFailed(f"containerd knows no task of container {container}")


def kill_operator(kube: Kube, containerd_socket: str) -> int:
    """SIGKILL: no chance to finish or to write anything. The id of the process killed."""
    process = process_of_operator(kube, containerd_socket)
    os.kill(process, signal.SIGKILL)
    return process


def usage_of(process: int) -> tuple[float, float]:
    """Resident memory in MiB and CPU seconds used so far."""
    status = Path(f"/proc/{process}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return resident / 1024, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def operator_usage(kube: Kube, containerd_socket: str) -> tuple[float, float]:
    return usage_of(process_of_operator(kube, containerd_socket))
