"""Reaches the processes of the local cluster's node: the operator, the API server."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from kube import REPO, CommandFailed, Kube, Object, TooLate, dig


def process_of_operator(kube: Kube, containerd_socket: str) -> int:
    """Its process id, from the container that the API server names; checked by its command line."""
    pods = kube.list("pods", "app.kubernetes.io/name=sluice-operator")
    running = [pod for pod in pods if dig(pod, "status.containerStatuses.0.state.running")]
    if len(running) != 1:
        raise CommandFailed(f"{len(running)} operator pods are running; one was expected")
    process = process_of_pod(running[0], containerd_socket)
    command = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0]
    if not command.endswith(b"sluice-operator"):
        raise CommandFailed(f"process {process} is {command!r}, not the operator")
    return process


def process_of_pod(pod: Object, containerd_socket: str) -> int:
    """The process id of its first container."""
    container = dig(pod, "status.containerStatuses.0.containerID", "").rpartition("/")[2]
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
            return int(words[1])
    raise CommandFailed(f"containerd knows no task of container {container}")


def kill_operator(kube: Kube, containerd_socket: str) -> int:
    """SIGKILL: no chance to finish or to write anything. The id of the process killed."""
    process = process_of_operator(kube, containerd_socket)
    os.kill(process, signal.SIGKILL)
    return process


def cut_off_api_server(containerd_socket: str, seconds: int) -> subprocess.Popen[str]:
    """Kills the API server of the cluster with that socket, and has it started again after so many seconds. In a
    session of its own: it comes back also if we are interrupted."""
    cluster = Path(containerd_socket).parent.parent
    return subprocess.Popen(
        [str(REPO / "hack" / "cluster"), "outage", str(seconds)], env={**os.environ, "SLUICE_CLUSTER_DIR": str(cluster)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )


def answer_of(command: list[str], seconds: float, **environment: str) -> str:
    """The last line that a script of hack/ writes as its answer."""
    try:
        done = subprocess.run(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as late:
        raise TooLate(f"{' '.join(command)} took more than {seconds} s") from late
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-600:]}")
    return (done.stdout.strip().splitlines() or [""])[-1]


def another_image(containerd_socket: str) -> str:
    """The image of what is built here, with another tag, loaded into the cluster with that socket."""
    cluster = Path(containerd_socket).parent.parent
    return answer_of([str(REPO / "hack" / "image"), "--stamp", "another"], 120, SLUICE_CLUSTER_DIR=str(cluster))


def deploy(kube: Kube, image: str) -> None:
    """Installs the operator of that image, and waits until it is ready."""
    answer_of([str(REPO / "hack" / "deploy"), "--image", image], 200, KUBECTL=kube.program)


def usage_of(process: int) -> tuple[float, float]:
    """Resident memory in MiB and CPU seconds used so far."""
    status = Path(f"/proc/{process}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return resident / 1024, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def operator_usage(kube: Kube, containerd_socket: str) -> tuple[float, float]:
    return usage_of(process_of_operator(kube, containerd_socket))
