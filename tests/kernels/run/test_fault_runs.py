"""A sample of the fault runs; all of them: ``python tests/support/fault_runs.py --runs 200``."""

import json
import signal
from pathlib import Path

import pytest

from support import fault_runs, tiny, warm

pytestmark = pytest.mark.slow
SEEDS = (9, 44, 52, 61, 101, 111)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_disturbed_run_ends_as_an_undisturbed_one(
    seed: int, begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm.fork_kernels(monkeypatch, "quick_kernel")
    outcome = fault_runs.run_once(seed, tmp_path, begun)
    assert outcome.wrong == "", outcome


def test_a_dry_run_goes_on_after_kills_with_one_submission(dry: list, tmp_path: Path) -> None:
    # The local Kaggle dies with the command, and so do its kernels: one that ran is run again.
    for at in ("10:before", "14:after", "99:after"):
        done = tiny.submit(*dry, "--ensemble", "--json", env={"TINY_KILL": at})
        assert (done.returncode == -signal.SIGKILL) == (at != "99:after"), done.stderr
    result = tiny.last_json(done)
    assert (result["public_score"], result["submissions"]) == (1.0, 1)
    records = list((tmp_path / "run").glob("kaggle/submissions/*.json"))
    assert [json.loads(path.read_text())["ref"] for path in records] == [result["submission_ref"]]
