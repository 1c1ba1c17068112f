"""kubectl with deadlines: the one way in which the story and the tests speak to a cluster."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

REPO = Path(__file__).resolve().parents[2]
Object = dict[str, Any]


class CommandFailed(Exception):
    """A command ended with another status than 0; the text is what it wrote on standard error."""


class TooLate(Exception):
    """Something awaited did not happen before its deadline."""


def dig(value: Any, path: str, default: Any = None) -> Any:
    """Follows a dotted path into dicts and lists; `default` where it ends early."""
    for part in path.split("."):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and value.get(part) is not None:
            value = value[part]
        else:
            return default
    return value


def condition(thing: Object | None, kind: str) -> Object:
    """The condition of that type, or an empty one."""
    for entry in dig(thing, "status.conditions", []):
        if entry.get("type") == kind:
            return entry
    return {}


def is_true(thing: Object | None, kind: str) -> bool:
    return condition(thing, kind).get("status") == "True"


def token_in(secret: Object | None) -> str:
    return base64.b64decode(dig(secret, "data.token", "")).decode()


@dataclass
class Kube:
    """One cluster, and by default one namespace of it."""

    namespace: str = "default"
    flags: list[str] = field(default_factory=list)  # Such as --context NAME.
    program: str = os.environ.get("KUBECTL", "kubectl")

    def in_namespace(self, namespace: str) -> Kube:
        return Kube(namespace, self.flags, self.program)

    def command(self, *arguments: str) -> list[str]:
        return [self.program, *self.flags, "-n", self.namespace, *arguments]

    def run(self, *arguments: str, stdin: str | bytes | None = None, timeout: float = 30) -> str:
        """Its standard output. Raises CommandFailed, or TooLate."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        try:
            # Without any input of its own a command must not take ours.
            source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if data is None else {"input": data}
            done = subprocess.run(
                self.command(*arguments), capture_output=True, timeout=timeout, check=False, **source
            )
        except subprocess.TimeoutExpired as late:
            raise TooLate(f"kubectl {' '.join(arguments)} took more than {timeout} s") from late
        if done.returncode != 0:
            raise CommandFailed(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode(errors="replace")

    def get(self, kind: str, name: str) -> Object | None:
        """The object, or None where there is none."""
        text = self.run("get", kind, name, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text.strip() else None

    def list(self, kind: str, selector: str = "") -> list[Object]:
        chosen = ["-l", selector] if selector else []
        return json.loads(self.run("get", kind, *chosen, "-o", "json"))["items"]

    def apply(self, manifest: Object | str | Path) -> str:
        """Applies a dict, YAML text or a file, as a user would: client side."""
        if isinstance(manifest, Path):
            text = manifest.read_text()
        elif isinstance(manifest, str):
            text = manifest
        else:
            text = json.dumps(manifest)
        return self.run("apply", "-f", "-", stdin=text)

    def delete(self, kind: str, name: str, timeout: float = 60) -> None:
        """Deletes and waits until it is gone. What is not there is fine."""
        self.run(
            "delete", kind, name, "--ignore-not-found", f"--timeout={int(timeout)}s", timeout=timeout + 10
        )

    def raw(self, path: str, timeout: float = 10) -> str:
        return self.run("get", "--raw", path, timeout=timeout)

    def token_of(self, index: str) -> str:
        """What the index's pods ask for at /counters, /evaluate and /artifacts; empty where there is none yet."""
        return token_in(self.get("secret", f"{index}-token"))

    def pod_get(self, pod: str, path: str, port: int = 8080) -> Any:
        """GET from a pod through the API server's proxy, as JSON."""
        return json.loads(self.raw(f"/api/v1/namespaces/{self.namespace}/pods/{pod}:{port}/proxy{path}"))

    def load(self, path: Path) -> Object:
        """A manifest file as a dict, one object (kubectl knows YAML; Python's own library does not)."""
        return json.loads(
            self.run("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", str(path))
        )

    def upload(self, pod: str, path: str, data: bytes, timeout: float = 60) -> None:
        """Writes a file in a pod that has a shell, whole or not at all. Our end of the stream stays open
        until the other end has counted the bytes: closed earlier, the last of them can get lost."""
        script = f"head -c {len(data)} >{path}.new && mv {path}.new {path} && echo written"
        command = self.command("exec", "-i", pod, "--", "sh", "-c", script)
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdin is not None and process.stdout is not None and process.stderr is not None
            timer = threading.Timer(timeout, process.kill)
            timer.start()
            try:
                process.stdin.write(data)
                process.stdin.flush()
                answer = process.stdout.readline() if data else b"written"
            except BrokenPipeError:
                answer = b""
            finally:
                timer.cancel()
                process.kill()
            if b"written" not in answer:
                raise CommandFailed(f"{path} was not written to {pod}: {process.stderr.read().decode()[:500]}")

    def make_namespace(self, restricted: bool = True) -> None:
        level = "restricted" if restricted else "privileged"
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": self.namespace,
                    "labels": {"pod-security.kubernetes.io/enforce": level},
                },
            }
        )

    def delete_namespace(self, timeout: float = 120) -> None:
        self.delete("namespace", self.namespace, timeout)


def wait_until(
    what: str, seconds: float, ready: Callable[[], Any], every: float = 0.5, on_look: Callable[[], None] | None = None
) -> Any:
    """Polls until `ready` answers something true, which it returns. A command that fails counts as not
    yet. Raises TooLate with `what` after so many seconds."""
    deadline = time.monotonic() + seconds
    problem = ""
    while True:
        try:
            answer = ready()
            if answer:
                return answer
            problem = ""
        except (CommandFailed, TooLate, json.JSONDecodeError) as failure:
            problem = f" (last answer: {failure})"
        if on_look is not None:
            on_look()
        if time.monotonic() > deadline:
            raise TooLate(f"{what}: not within {seconds:.0f} s{problem}")
        time.sleep(every)
