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
    """A test class with a namespace of its own. One that stops the operator, or changes what all share, says ALONE."""

    ALONE = False
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
    """Standard output shared by classes that run side by side: whole lines, each with its class's name."""

    def __init__(self, name: str) -> None:
        self.name, self.rest = name, ""

    def write(self, text: str) -> int:
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            sys.stdout.write(f"[{self.name}] {line}\n")
        return len(text)

    def flush(self) -> None:
        sys.stdout.flush()


def classes_of(module: str) -> list[type[unittest.TestCase]]:
    """The test classes that a module defines itself."""
    return [thing for thing in vars(importlib.import_module(module)).values()
            if isinstance(thing, type) and issubclass(thing, unittest.TestCase) and thing.__module__ == module]


def run_class(tests: type[unittest.TestCase]) -> unittest.TestResult:
    runner = unittest.TextTestRunner(stream=LineByLine(tests.__name__), verbosity=2)
    return runner.run(unittest.TestLoader().loadTestsFromTestCase(tests))


# More of them would wait for each other's pods to start, and run out of the time that a user would give one.
SIDE_BY_SIDE = 6


def run_all(modules: list[str]) -> list[unittest.TestResult]:
    """Classes side by side; afterwards, one by one, those that say ALONE."""
    classes = [tests for module in modules for tests in classes_of(module)]
    alone = [tests for tests in classes if getattr(tests, "ALONE", False)]
    together = [tests for tests in classes if tests not in alone]
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        results = list(pool.map(run_class, together))
    return results + [run_class(tests) for tests in alone]


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
        # Once more at the end: a log that is cut keeps its end, and what the test printed on its way is long.
        for test, trace in result.failures + result.errors:
            print(f"FAIL: {test}\n{trace[-1500:]}")
        for test, reason in result.skipped:
            print(f"SKIPPED {test}: {reason}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    with our_turn():
        sys.exit(main(sys.argv[1:]))
