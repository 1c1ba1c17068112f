"""What the end-to-end tests share: a namespace for each class, gone afterwards, and a last line that
counts."""

from __future__ import annotations

import concurrent.futures
import importlib
import io
import os
import shlex
import sys
import unittest

from kube import Kube
from turns import our_turn


def kube_from_environment(namespace: str) -> Kube:
    """The cluster that hack/test or the person at the keyboard names: KUBECTL, KUBECONFIG, KUBECTL_FLAGS."""
    return Kube(namespace, shlex.split(os.environ.get("KUBECTL_FLAGS", "")))


class ClusterTest(unittest.TestCase):
    """A test class with a namespace of its own."""

    kube: Kube

    @classmethod
    def setUpClass(cls) -> None:
        cls.kube = kube_from_environment(f"sluice-test-{cls.__name__.lower()}")
        cls.kube.delete_namespace()
        cls.kube.make_namespace()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.kube.delete_namespace()


class LineByLine(io.TextIOBase):
    """Standard output shared by modules that run side by side: whole lines, each with its module's name."""

    def __init__(self, name: str) -> None:
        self.name, self.rest = name, ""

    def write(self, text: str) -> int:
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            sys.stdout.write(f"[{self.name}] {line}\n")
        return len(text)

    def flush(self) -> None:
        sys.stdout.flush()


def run_module(name: str) -> unittest.TestResult:
    tests = unittest.TestLoader().loadTestsFromName(name)
    return unittest.TextTestRunner(stream=LineByLine(name), verbosity=2).run(tests)


def run_all(modules: list[str]) -> list[unittest.TestResult]:
    """Side by side, each in its own namespace; afterwards, one by one, those that say ALONE: they stop the
    operator or change what all share."""
    alone = [name for name in modules if getattr(importlib.import_module(name), "ALONE", False)]
    together = [name for name in modules if name not in alone]
    with concurrent.futures.ThreadPoolExecutor(max(1, len(together))) as pool:
        results = list(pool.map(run_module, together))
    return results + [run_module(name) for name in alone]


def main(modules: list[str]) -> int:
    """Runs the modules' tests. The last line is `N passed, N failed, N skipped`."""
    passed = failed = skipped = 0
    for result in run_all(modules):
        # A subtest that fails is counted for itself; its test is not counted as passed.
        bad = [str(test) for test, _ in result.failures + result.errors]
        bad_tests = {name.split(" (")[0] for name in bad}
        passed += max(0, result.testsRun - len(bad_tests) - len(result.skipped))
        failed += len(bad)
        skipped += len(result.skipped)
        for name in bad:
            print(f"FAIL: {name}")
        for test, reason in result.skipped:
            print(f"SKIPPED {test}: {reason}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    with our_turn():
        sys.exit(main(sys.argv[1:]))
