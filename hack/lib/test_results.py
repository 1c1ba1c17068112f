"""Counts what tests said: gtest and ctest write XML, our own end with `N passed, N failed, N skipped`."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

LAST_LINE = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.MULTILINE)


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list[str] = field(default_factory=list)  # What failed or was skipped, and why.

    def add(self, other: Counts) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.notes += other.notes


def of_one(good: bool, name: str) -> Counts:
    return Counts(passed=1) if good else Counts(failed=1, notes=[f"FAILED {name}"])


def of_last_line(text: str, name: str) -> Counts:
    """A program that ended without its last line has failed."""
    found = LAST_LINE.findall(text)
    if not found:
        return Counts(failed=1, notes=[f"FAILED {name}: ended without a count"])
    counts = Counts(*(int(number) for number in found[-1]))
    for line in text.splitlines():
        if line.startswith(("SKIPPED ", "FAIL: ", "ERROR: ")):
            counts.notes.append(line)
    return counts


def of_gtest(path: Path) -> Counts:
    counts = Counts()
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None:
            counts.failed += 1
            counts.notes.append(f"FAILED {name}")
        elif skipped is not None or case.get("result") in ("skipped", "suppressed"):
            reason = (skipped.get("message") or "") if skipped is not None else "disabled"
            counts.skipped += 1
            counts.notes.append(f"SKIPPED {name}: {' '.join(reason.split())[:200]}")
        else:
            counts.passed += 1
    return counts


def of_ctest(junit: Path, gtest_folder: Path) -> Counts:
    """ctest's tests; those that are gtest programs count case by case, unless they crashed."""
    counts = Counts()
    for test in ElementTree.parse(junit).getroot().iter("testcase"):
        name, good = test.get("name", ""), test.get("status") == "run"
        cases = gtest_folder / f"{name}.xml"
        if cases.exists():
            own = of_gtest(cases)
            counts.add(own)
            if not good and own.failed == 0:
                counts.add(of_one(False, f"{name} (crashed or was stopped)"))
        else:
            counts.add(of_one(good, name))
    return counts
