"""What a run came to, in the terminal and in ``--history``, read from its folder alone."""

import contextlib
import io
import json
import re
import tempfile
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.manifest import file_sha256
from common.text import say
from kernels.kaggle.states import KernelState
from kernels.results.blends import keep_blend
from kernels.results.output import read_output
from kernels.results.result import Result, best_first, read_history, read_result
from kernels.results.scores import Validated, gap_words
from kernels.results.terminal import show_history, show_result
from kernels.run.state import Run, Submission, open_run
from support import tiny


def write(run: Run, kernel: str, name: str, facts: object) -> None:
    run.output(kernel).mkdir(exist_ok=True)
    (run.output(kernel) / name).write_text(facts if isinstance(facts, str) else json.dumps(facts))


def blend(run: Run, version: int, method: str, score: float, **weights: float) -> None:
    """Let the ensemble of a run blend, and the run keep it; without ``weights`` one member."""
    own = {"method": method, "metric": "roc_auc", "validation_score": score}
    own |= {
        "interval": [score - 0.02, score + 0.02],
        "n": 312,
        "weights": weights or {"classes": 1.0},
    }
    write(run, "ensemble", "metrics.json", own)
    write(run, "ensemble", "submission.csv", f"id,label\n{score},1\n")
    run.set_kernel("ensemble", version=version)
    keep_blend(run)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of a model, of what that model reads, and of a blend that was sent."""
    run = open_run(tmp_path / "runs" / "run", "painter", False)
    run.request = {"members": ["classes"], "settings": {"epochs": "3"}, "seed": 7}
    for name, seconds, seen, reused in (
        ("prepare", 1800.0, "gpu", ""),
        ("classes", 7200.0, "gpu", "earlier"),
        ("ensemble", 3600.0, "cpu", ""),
    ):
        run.set_kernel(name, version=1, state=KernelState.COMPLETE, seconds=seconds, reused=reused)
        write(run, name, "manifest.json", {"accelerator": {"seen": seen}})
    blend(run, 1, "mean", 0.8512)
    sha256 = file_sha256(run.output("ensemble") / "submission.csv")
    run.update(submissions=[Submission(sha256, ref=3, public_score=0.84567)])
    return run


@pytest.mark.parametrize(
    ("name", "blended"),
    [("classes", True), ("classes-network1", True), ("classes-part0", True), ("prepare", False)],
)
def test_a_kernel_is_blended_whose_model_was_asked_for(run: Run, name: str, blended: bool) -> None:
    assert read_output(run, name).blended is blended


def test_history_has_a_line_of_numbers_a_run_and_its_words_below(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run.folder.parent
    history = partial(tiny.submit_here, capsys, "--history", "--run-dir", folder)
    failed = open_run(folder / "failed", "tiny", False)
    failed.set_kernel("left", version=1, state=KernelState.ERROR)
    failed.update(state="failed", started=run.started.replace("20", "19", 1))
    other, found = tiny.last_json(history("--json", "--sort", "best"))["runs"][::-1]
    assert (other["competition"], other["state"], other["gap"]) == ("tiny", "failed", None)
    assert (other["members"][0]["validation_score"], other["submission"]) == (None, None)
    assert (found["public_score"], found["gap"]) == (0.84567, -0.00553)
    assert (found["quota_hours"], found["submission_ref"]) == ({"gpu": 0.5}, 3)
    assert [member["name"] for member in found["members"]] == ["classes"]
    assert [member["name"] for member in found["others"]] == ["prepare"]
    head, line, words = history("painter").stdout.splitlines()
    assert re.split(" {2,}", head)[1:] == ["run", "public", "valid.", "gap", "kernel time", "ref"]
    assert re.split(" {2,}", line)[1:] == ["run", "0.846", "0.851", "-0.006", "30 min", "3"]
    validation = "ROC AUC 0.831 to 0.871 (95 %), n 312"
    assert words == f"  (running); {validation}; classes, prepare; epochs=3 seed=7 gpu"
    for more, said in (
        (("petals",), f"error: no runs of petals in {folder}: name their --run-dir\n"),
        (("--sort", "worst"), "error: --sort worst: newest or best\n"),
    ):
        done = history(*more)
        assert (done.returncode, done.stderr) == (1, said)
    assert [result.run_dir for result in read_history(run.folder)[0]] == [str(run.folder)]
    (failed.folder / "state.json").write_text("{")
    done = history("--json")
    assert [found["run_dir"] for found in tiny.last_json(done)["runs"]] == [str(run.folder)]
    state = failed.folder / "state.json"
    assert done.stderr == f"{state} cannot be read (it is cut or damaged): it is left out\n"


def test_a_run_that_was_refused_before_a_push_is_left_out(run: Run) -> None:
    refused = open_run(run.folder.parent / "refused", "painter", False)
    refused.update(state="failed")
    assert [found.run_dir for found in read_history(run.folder.parent)[0]] == [str(run.folder)]
    assert read_history(refused.folder)[0][0].state == "failed"  # it is asked for
    refused.set_kernel("classes", version=1)
    assert len(read_history(run.folder.parent)[0]) == 2


def test_every_blend_that_was_tried_is_kept_with_its_scores(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "tried" not in show_result(read_result(run))  # one alone is the blend itself
    keep_blend(run)  # the same command again: nothing new
    blend(run, 2, "weighted", 0.9012)
    result = read_result(run)
    assert [(one.method, one.public_score) for one in result.blends] == [
        ("mean", 0.84567),
        ("weighted", None),
    ]
    assert result.gap is None  # the score is of the blend before
    lines = show_result(result).splitlines()
    mean = "  tried            mean: validation 0.851 (0.831 to 0.871, n 312), public 0.846"
    weighted = "  tried            weighted: validation 0.901 (0.881 to 0.921, n 312)"
    assert [line for line in lines if "tried" in line] == [mean, weighted]
    show_history([result])
    assert "tried mean: validation 0.851" in " ".join(capsys.readouterr().out.split())


def test_a_gap_to_test_is_a_line_where_it_is_sure(run: Run) -> None:
    path = run.output("ensemble") / "metrics.json"
    for test, ends, said in ((0.83, [0.8, 0.86], False), (0.75, [0.71, 0.79], True)):
        known = {"test_score": test, "test_interval": ends, "test_n": 90}
        path.write_text(json.dumps({**json.loads(path.read_text()), **known}))
        words = " ".join(show_result(read_result(run)).split())
        line = "looked at once test is 0.101 below validation, and their intervals do not overlap"
        assert (line in words) is said
    recipe = {"miniature": True, "image_size": 48, "total_parameters": 2_000}
    known = {"recipe": recipe, "parameters": {"total_parameters": 1_000}}
    write(run, "classes", "manifest.json", known)  # of which no score says how good it is
    assert "do not overlap" not in show_result(read_result(run))


def test_what_is_worse_on_test_has_a_validation_that_is_too_easy() -> None:
    low, high = Validated(0.1, (0.08, 0.12), 90), Validated(0.3, (0.28, 0.32), 90)
    for validation, test, greater, word in (
        (high, low, True, "easy"),
        (low, high, True, "hard"),
        (low, high, False, "easy"),  # such as an equal error rate
        (high, low, False, "hard"),
    ):
        said = gap_words(validation, test, greater)
        assert said.endswith(f"it is of another kind, or validation is too {word}")


def test_a_miniature_is_called_one_and_not_compared_with_what_others_have_reached(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    published = {"scores": {"accuracy": 0.97}, "source": "by somebody"}
    for recipe, said in (
        ({}, False),
        ({"miniature": True, "image_size": 48, "total_parameters": 2_000}, True),
        ({"miniature": True, "image_size": 48, "total_parameters": 1_000}, False),  # as it is
    ):
        known = {"recipe": recipe, "parameters": {"total_parameters": 1_000}}
        write(run, "classes", "manifest.json", known)
        words = " ".join(show_result(replace(read_result(run), published=published)).split())
        line = "miniature classes at 48 pixels: scores say that the path works"
        assert (line in words, "accuracy 0.97" not in words) == (said, said)
        show_history([read_result(run)])
        assert ("(miniatures)" in capsys.readouterr().out) is said


def test_one_member_is_shown_once_however_it_is_blended(run: Run) -> None:
    write(run, "classes", "metrics.json", {"metric": "roc_auc", "validation_score": 0.8512})
    blend(run, 2, "weighted", 0.8512)
    result = read_result(run)
    (line,) = (one for one in show_result(result).splitlines() if "0.85" in one)
    assert line.split()[:3] == ["classes", "validation", "0.8512"]
    assert [one.method for one in result.blends] == ["mean"]
    blend(run, 3, "weighted", 0.8512, classes=0.5, margin=0.5)
    blend(run, 4, "weighted", 0.8512, classes=0.5, margin=0.5)  # run again, and nothing new
    assert [one.method for one in read_result(run).blends] == ["mean", "weighted"]
    assert "weighted: classes 0.500, margin 0.500" in show_result(read_result(run))


def test_a_members_interval_is_the_ensembles_of_the_same_score(run: Run) -> None:
    own = {"validation_score": 0.8512, "interval": [0.8, 0.9], "n": 312}
    write(run, "classes", "metrics.json", own)
    path = run.output("ensemble") / "metrics.json"
    measured = {"members": {"classes": 0.8512}, "intervals": {"classes": [0.81, 0.89]}}
    path.write_text(json.dumps({**json.loads(path.read_text()), **measured}))
    assert read_result(run).members[0].interval == (0.81, 0.89)
    write(run, "classes", "metrics.json", {**own, "validation_score": 0.7})  # another number
    assert read_result(run).members[0].interval == (0.8, 0.9)


def test_a_member_of_two_channels_has_a_row_for_each(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path, parts = run.output("ensemble") / "metrics.json", ("all", "seen", "unseen")
    known = json.loads(path.read_text())
    areas = {"embedding": (0.8, 0.9, 0.7), "all": (0.82, 0.95, 0.6)}
    channels = {f"classes/{n}": dict(zip(parts, auc, strict=True)) for n, auc in areas.items()}
    known["weights"] = dict.fromkeys(channels, 0.5)
    ends = {"classes/all": [0.8, 0.84]}
    path.write_text(json.dumps({**known, "channels": channels, "intervals": ends}))
    result = read_result(run)
    rows = [line.split() for line in show_result(result).splitlines() if "seen" in line]
    assert [row[0] for row in rows] == list(channels)
    assert " ".join(rows[0]) == (
        "classes/embedding validation 0.8000 seen 0.9000 unseen 0.7000 7200 s on gpu"
    )
    assert " ".join(rows[1]) == (
        "classes/all validation 0.820 (0.800 to 0.840) seen 0.950 unseen 0.600"
    )
    show_history([result])
    said = " ".join(capsys.readouterr().out.split())
    assert "classes/embedding 0.8000, classes/all 0.820 (0.800 to 0.840)" in said


def test_blends_that_are_alike_are_named_by_what_was_asked_for(run: Run) -> None:
    run.request = {**run.request, "settings": {"epochs": "5"}}
    blend(run, 2, "mean", 0.86)
    blend(run, 3, "weighted", 0.9)
    blend(run, 4, "mean", 0.87)
    names = [one.name for one in read_result(run).blends]
    first, last = "mean, epochs=3", "mean, epochs=5"  # seed=7 is of all of them
    assert names == [first, f"{last}, version 2", "weighted", f"{last}, version 4"]


def test_blends_that_all_have_the_same_settings_are_named_by_version(run: Run) -> None:
    blend(run, 2, "mean", 0.86)
    assert [one.name for one in read_result(run).blends] == ["mean, version 1", "mean, version 2"]
    run.request = {**run.request, "settings": {"epochs": "3", "head": "dense 64"}}
    blend(run, 3, "mean", 0.87)
    names = [one.name for one in read_result(run).blends]
    assert names == ["mean, version 1", "mean, version 2", "mean, head=dense 64"]


def test_an_audit_has_its_time_and_what_it_warns_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = open_run(tmp_path / "run", "pneumonia", True)
    run.set_kernel("audit", version=1, state=KernelState.COMPLETE, seconds=14.2)
    for warnings, said in (([], "no warnings"), (["a"], "1 warning"), (["a", "b"], "2 warnings")):
        write(run, "audit", "audit.json", {"warnings": warnings})
        result = read_result(run)
        show_history([result])
        _, line, words = capsys.readouterr().out.splitlines()
        assert re.split(" {2,}", line)[1:] == ["run", "14 s"]
        assert words.endswith(f"; audit: {said}")
        assert "published" not in show_result(result)  # there is no score to compare


@pytest.mark.parametrize("name", ["metrics.json", "manifest.json"])
@pytest.mark.parametrize("text", ["{", "[1]", '{"validation_score": "much", "accelerator": 3}'])
def test_a_file_that_is_broken_is_empty(run: Run, name: str, text: str) -> None:
    write(run, "classes", name, text)
    [member] = read_result(run).members
    expected = "gpu" if name == "metrics.json" else ""
    assert (member.validation_score, member.accelerator) == (None, expected)


def test_the_best_of_errors_is_the_lowest_and_competitions_stay_together(run: Run) -> None:
    known = replace(read_result(run), public_score=None)

    def result(score: float | None, **changes: Any) -> Result:
        return replace(known, validation_score=score, **{"greater_is_better": False, **changes})

    worse, better, none = result(99.0), result(17.5), result(None)
    public, lower = result(98.0, public_score=17.0), result(98.0, public_score=16.0)
    other = {"competition": "petals", "greater_is_better": True}
    low, high = result(0.5, **other), result(0.9, **other)
    found = best_first([none, low, worse, public, high, better, lower])
    assert found == [lower, public, better, worse, none, high, low]


def test_no_line_is_wide_and_nothing_is_cut(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    weights = {f"a-model-{n}/embedding": 1 / 9 for n in range(9)}
    known = read_result(run)
    parts = tuple(
        replace(known.members[0], name=f"submodel-part{n}", validation_score=0.5 + n / 100)
        for n in range(10)
    )
    known.blend["weights"] = weights
    warning = f"classes without a picture: {', '.join(f'class {n}' for n in range(40))}"
    result = replace(known, others=parts, submission=None, warnings=(warning,))
    show_history([result])
    said, shown = capsys.readouterr().out, show_result(result)
    assert max(map(len, [*said.splitlines(), *shown.splitlines()])) <= 100
    for part in parts:
        assert f"{part.name} {part.validation_score:.4f}" in " ".join(said.split())
    assert all(f"{name} 0.111" in shown for name in weights)
    assert f"warning: {warning}" in " ".join(shown.split())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("[/x]\x1b[31m"),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.text(), values, max_size=2),
    max_leaves=4,
)
NAMED = st.dictionaries(st.sampled_from(["classes", "classes/all", "temperature"]), JSON)
BLEND = {
    **{"metric": "roc_auc", "method": "mean", "validation_score": 0.8, "interval": [0.7, 0.9]},
    **{"n": 312, "weights": {"classes": 1.0}, "members": {"classes": 0.8}, "same_pairs": {"x": 3}},
    **{"validation_accuracy": 0.9, "validation_balanced_accuracy": 0.8, "chosen_on": "weights"},
    **{"gain": {"over": "classes", "difference": 0.1, "interval": [0, 1], "share_better": 0.5}},
    **{"folds": {"classes": {"classes": 0.7}}, "channels": {"classes/all": {"seen": 0.7}}},
    **{"calibration": {"classes": {"temperature": 1.1}}, "intervals": {"classes": [0.7, 0.9]}},
    **{"accelerator": {"seen": "gpu"}, "recipe": {"epochs": 3}, "greater_is_better": True},
}


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(BLEND)), JSON | NAMED, max_size=3))
@example({"calibration": {"classes": {}}})
@example({"folds": {"temperature": {}}})
@example({"metric": "of_a_later_version"})
def test_whatever_a_kernel_wrote_is_shown_as_text(facts: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = open_run(Path(folder) / "run", "painter", False)
        run.request = {"members": ["classes"]}
        for name in ("classes", "ensemble"):
            run.set_kernel(name, version=1, state=KernelState.COMPLETE)
            for file in ("metrics.json", "manifest.json"):
                write(run, name, file, {**BLEND, **facts})
        keep_blend(run)
        result, said = read_result(run), io.StringIO()
        with contextlib.redirect_stdout(said):
            show_history([result])
            say(show_result(result))
    json.dumps(asdict(result))
    assert not set(said.getvalue()) & set("\x1b\0\x07\x08\r\x9b\u202e")
