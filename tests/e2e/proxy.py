"""A `kubectl proxy` of our own: reads that are cheap enough to be made twice a second, and watches."""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Callable

from kube import CommandFailed, Kube, TooLate

# A proxy would be asked for what environment variables name; ours listens on this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Proxy:
    """Lives as long as it is not closed; safe to be used from several threads."""

    def __init__(self, kube: Kube) -> None:
        self.kube = kube
        # pylint: disable=consider-using-with
        self._process = subprocess.Popen(
            kube.command("proxy", "--port=0"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if ":" not in line:
            raise CommandFailed(f"kubectl proxy did not start: {line!r}")
        self._base = "http://127.0.0.1:" + line.strip().rpartition(":")[2]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(
        self, path: str, body: Any = None, timeout: float = 5, headers: dict[str, str] | None = None
    ) -> tuple[int, str, dict[str, str]]:
        """Status, body and headers (names in lower case), whatever the status."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, {"Content-Type": "application/json", **(headers or {})})
        try:
            with _OPENER.open(request, timeout=timeout) as answer:
                seen = {name.lower(): value for name, value in answer.headers.items()}
                return answer.status, answer.read().decode(errors="replace"), seen
        except urllib.error.HTTPError as problem:
            return problem.code, problem.read().decode(errors="replace"), {}
        except (OSError, http.client.HTTPException) as problem:
            raise TooLate(f"{path}: {problem}") from problem

    def get(self, path: str, timeout: float = 5) -> Any:
        """JSON, or None where there is no such thing."""
        status, text, _ = self.request(path, timeout=timeout)
        if status == 404:
            return None
        if status != 200:
            raise CommandFailed(f"{path}: {status} {text[:300]}")
        return json.loads(text)

    def post(self, path: str, body: Any, timeout: float = 5) -> Any:
        status, text, _ = self.request(path, body, timeout)
        if not 200 <= status < 300:
            raise CommandFailed(f"POST {path}: {status} {text[:300]}")
        return json.loads(text) if text.strip() else None

    def ours(self, plural: str, name: str = "") -> str:
        return f"/apis/sluice.dev/v1alpha1/namespaces/{self.kube.namespace}/{plural}/{name}".rstrip("/")

    def core(self, plural: str, selector: str = "") -> str:
        query = f"?labelSelector={urllib.parse.quote(selector)}" if selector else ""
        return f"/api/v1/namespaces/{self.kube.namespace}/{plural}{query}"

    def pod(self, name: str, path: str, port: int = 8080) -> str:
        return f"/api/v1/namespaces/{self.kube.namespace}/pods/{name}:{port}/proxy{path}"

    def service(self, name: str, path: str, port: int = 80) -> str:
        return f"/api/v1/namespaces/{self.kube.namespace}/services/{name}:{port}/proxy{path}"

    def watch(self, path: str, on_object: Callable[[Any], None], stop: threading.Event) -> None:
        """Calls `on_object` with each state of what the path lists, until told to stop. Runs in the
        caller's thread. A connection that ends is opened again where it ended."""
        version = ""
        while not stop.is_set():
            joint = "&" if "?" in path else "?"
            asked = f"{self._base}{path}{joint}watch=1&timeoutSeconds=30&resourceVersion={version}"
            try:
                with _OPENER.open(asked, timeout=40) as stream:
                    for line in stream:
                        event = json.loads(line)
                        if event["type"] == "ERROR":
                            version = ""
                            break
                        version = event["object"]["metadata"]["resourceVersion"]
                        if event["type"] != "DELETED":
                            on_object(event["object"])
                        if stop.is_set():
                            return
            except (OSError, ValueError, http.client.HTTPException):
                stop.wait(0.5)
