"""A sample of the fault runs; all of them: ``python tests/support/fault_runs.py --runs 200``."""

import json
import random
import signal
from pathlib import Path

import pytest

from kernels.local.faults import Rule
from support import fault_runs, tiny


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The submission of a run that nothing disturbed."""
    return fault_runs.undisturbed(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("seed", [7, 103, 1009, 5178])
def test_a_disturbed_run_ends_as_an_undisturbed_one(
    seed: int, expected: str, tmp_path: Path
) -> None:
    outcome = fault_runs.run_once(seed, expected, tmp_path)
    assert outcome.wrong == "", outcome


def test_a_seed_repeats_its_faults() -> None:
    drawn = [[fault_runs.draw_rules(random.Random(seed)) for seed in range(50)] for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert {rule["fault"] for rules in drawn[0] for rule in rules} == set(fault_runs.POOL)
    for rules in drawn[0]:
        for rule in rules:
            Rule(**rule)


def test_a_dry_run_goes_on_after_kills_with_one_submission(dry: list, tmp_path: Path) -> None:
    # The local Kaggle dies with the command, and so do its kernels: one that ran is run again.
    # Every start comes further before it is killed.
    for at in range(5, 60):
        when = f"{at}:{('before', 'after')[at % 2]}"
        done = tiny.submit(*dry, "--ensemble", "--json", env={"TINY_KILL": when})
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert at > 10
    told = tiny.last_json(done)
    assert (told["public_score"], told["submissions"]) == (1.0, 1)
    records = list((tmp_path / "run").glob("kaggle/submissions/*.json"))
    assert [json.loads(path.read_text())["ref"] for path in records] == [told["submission_ref"]]
