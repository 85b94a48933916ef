"""A sample of the mutated runs; more of them: ``python tests/support/mutated_runs.py``."""

from collections import Counter
from pathlib import Path

import pytest

from support import mutated_runs

pytestmark = pytest.mark.slow


def test_whatever_answers_a_run_ends_in_a_score_or_one_line(begun: Path) -> None:
    ends, count = Counter[bool](), Counter[str]()
    for seed in range(12):
        one = mutated_runs.run_once(seed, begun)
        assert one.wrong == "", (seed, one.wrong)
        ends.update(end == "score" for end in one.ends)
        count += one.count
    assert ends[True]
    assert ends[False]
    assert count.total() > 200
