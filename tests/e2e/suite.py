"""What the end-to-end tests share: a namespace for each class, gone afterwards, and a last line that
counts."""

from __future__ import annotations

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


def main(modules: list[str]) -> int:
    """Runs the modules' tests. The last line is `N passed, N failed, N skipped`."""
    loader = unittest.TestLoader()
    tests = loader.loadTestsFromNames(modules)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(tests)
    failed = len(result.failures) + len(result.errors)
    for test, reason in result.skipped:
        print(f"SKIPPED {test}: {reason}")
    # A subtest that fails is counted for itself; its test is not counted as passed.
    bad_tests = {str(test).split(" (")[0] for test, _ in result.failures + result.errors}
    passed = max(0, result.testsRun - len(bad_tests) - len(result.skipped))
    print(f"{passed} passed, {failed} failed, {len(result.skipped)} skipped")
    return 0 if failed == 0 and result.testsRun > 0 else 1


if __name__ == "__main__":
    with our_turn():
        sys.exit(main(sys.argv[1:]))
