"""What the acts conclude from records, and which acts say that they were not run: no cluster needed."""

from __future__ import annotations

import json
import unittest
from types import SimpleNamespace

import story
from change_acts import in_order, is_off_first
from recorder import Recorder, Served
from stage import Act

FIRST = Served(1, "first", "10%", True, "first")
ASKED_OFF = Served(2, "", "0%", False, "")
OFF = Served(2, "", "0%", True, "")
SECOND = Served(3, "second", "10%", False, "second")
TABLES = [(2, "", "0%"), (3, "second", "10%"), (4, "second", "50%")]


class Records(unittest.TestCase):
    def test_the_second_may_begin_once_the_first_is_confirmed_off(self) -> None:
        fine = [True, True, True, True]
        for what, served, tables, expected in (
            ("as it should be", [FIRST, ASKED_OFF, OFF, SECOND], TABLES, fine),
            ("nothing confirmed", [FIRST, ASKED_OFF, SECOND], TABLES, [False, True, False, True]),
            ("confirmed too late", [FIRST, ASKED_OFF, SECOND, OFF], TABLES, [False, True, False, True]),
            ("at once", [FIRST, SECOND], TABLES[1:], [False, True, False, True]),
            ("the first again", [FIRST, OFF, SECOND, FIRST], TABLES, [True, False, True, True]),
            ("tables the other way round", [FIRST, OFF, SECOND], [(3, "second", "10%"), (4, "", "0%")], [True, True, False, True]),
            ("too much at once", [FIRST, OFF, SECOND], [TABLES[0], TABLES[2]], [True, True, True, False]),
            ("no second", [FIRST, OFF], TABLES[:1], [False, True, False, False]),
        ):
            with self.subTest(what):
                self.assertEqual([good for good, _ in in_order(served, tables, "first", "second")], expected)

    def test_a_rejected_candidate_leaves_only_after_its_traffic(self) -> None:
        still_routed = Served(1, "first", "10%", True, "")
        for what, served, expected in (
            ("as it should be", [FIRST, Served(2, "", "0%", True, "first"), OFF], True),
            ("unconfirmed", [FIRST, ASKED_OFF, OFF], False),
            ("with its weight", [FIRST, still_routed, OFF], False),
            ("never", [FIRST], False),
        ):
            with self.subTest(what):
                self.assertEqual(is_off_first(served), expected)

    def test_answers_of_a_candidate_count_until_it_is_stable(self) -> None:
        answered = {"old": 0, "new": 0}

        def counters(*_: object, **__: object) -> tuple[int, str, dict[str, str]]:
            rows = [{"revision": name, "mode": "live", "answered": count} for name, count in answered.items()]
            return 200, json.dumps({"processStartId": "p", "revisions": rows, "candidateWeight": "10%"}), {}

        recorder = Recorder(SimpleNamespace(pod=lambda *_: "", request=counters), "packages")  # type: ignore[arg-type]
        for candidate, grown, expected in (("", {"old": 5}, 0), ("new", {"old": 9, "new": 1}, 1), ("new", {"new": 4}, 4),
                                           ("", {"old": 10, "new": 90}, 4)):
            answered.update(grown)
            recorder.record.rag = {"status": {"candidate": {"revision": candidate}}}
            recorder._read_router("router")  # pylint: disable=protected-access
            self.assertEqual(recorder.candidate_answers, expected)
        self.assertEqual((recorder.count("old", "answered"), recorder.count("new", "answered")), (10, 90))

    def test_acts_on_the_node_are_not_run_where_it_is_out_of_reach(self) -> None:
        acts = [Act(number, "", "Promoted") for number in story.ON_THE_NODE]
        stage = SimpleNamespace(containerd_socket="", narrator=SimpleNamespace(heading=lambda text: None))
        story.play_all(stage, acts, set(story.ON_THE_NODE))  # type: ignore[arg-type]
        self.assertEqual([(act.outcome, act.good) for act in acts], [("not run", False)] * len(acts))
        self.assertTrue(all("out of reach" in act.reason for act in acts))


if __name__ == "__main__":
    unittest.main()
