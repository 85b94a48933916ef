"""The report of a competition of pairs: from what its kernels write."""

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.files.predictions import load_vectors, save_vectors
from common.files.projection import Projection, load_projection, save_projection
from common.manifest import write_json
from common.pairs.validation import load_scored_pairs
from common.tasks.pairs import Pairs
from competitions.painter_by_numbers import COMPETITION
from kernels.kaggle.states import KernelState
from kernels.report import write_report
from kernels.report.charts import Chart
from kernels.report.facts import gather
from kernels.report.learning import _draw
from kernels.report.pair_facts import ranked
from kernels.report.pairs import pair_curves
from kernels.report.vectors import nearest, scaled, varied
from kernels.run.state import KernelRecord
from support.report_pairs import (
    EPOCHS,
    MEMBERS,
    PARTS,
    SENT,
    made_gallery,
    made_vectors,
    painter_bundles,
    painter_run,
)
from support.report_run import anchors, notes, plain, section

SECTIONS = ["kernels", "blend", "learning", "pairs", "embedding", "neighbours", "mistakes"]


def written(folder: Path, parts: tuple[str, ...] = PARTS) -> str:
    run = painter_run(folder, *parts)
    return write_report(run, painter_bundles(parts), SENT).read_text("utf-8")


@pytest.fixture(scope="module")
def page(painter: Path) -> str:
    return painter.read_text("utf-8")


@pytest.fixture
def spoilt(painter: Path, tmp_path: Path) -> Path:
    """A copy of the run's folder, to be spoilt."""
    return Path(shutil.copytree(painter.parent, tmp_path / "run"))


def metrics(folder: Path, kernel: str = "ensemble") -> dict[str, Any]:
    return dict(json.loads((folder / "outputs" / kernel / "metrics.json").read_text()))


def test_it_has_every_section_and_is_always_the_same(page: str, spoilt: Path) -> None:
    assert anchors(page) == [*SECTIONS, "settings"]
    assert notes(page) == []
    assert "hidden1" not in page
    assert written(spoilt) == page


def test_the_head_and_the_blend_show_seen_and_unseen(page: str, painter: Path) -> None:
    found, blend = metrics(painter.parent), section(page, "blend")
    for name, key in (
        ("Validation", "score"),
        ("Seen artists", "seen"),
        ("Unseen artists", "unseen"),
    ):
        [value] = re.findall(rf'<dt>{name}</dt><dd class="value">([\d.]+)</dd>', page)
        assert float(value) == pytest.approx(found[f"validation_{key}"], abs=6e-4)
    for name, weight in found["weights"].items():
        model, channel = name.split("/")
        [cells] = re.findall(rf'"row">{model}</th><td>{channel}</td>(.*?)</tr>', blend)
        values = [float(value) for value in re.findall(r'data-value="([\d.e-]+)"', cells)[:4]]
        auc = found["channels"][name]
        assert values == pytest.approx([auc["all"], auc["seen"], auc["unseen"], weight])
    assert f"{found['validation_accuracy']:.2%} of the pairs are right" in plain(blend)
    assert "prepare" not in blend
    assert "submodel" not in blend
    assert '<th scope="col">prepare</th>' in section(page, "settings")


def test_curves_of_one_epoch_are_dots() -> None:
    for several in (True, False):
        chart = Chart("loss", (0.5, 1.5), (0.0, 1.0))
        _draw(chart, "one", "left, training", [(1.0, 0.5)], several)
        assert "<circle" in "".join(chart.marks)


def test_curves_of_all_kernels_and_of_parts_together(page: str) -> None:
    learning = section(page, "learning")
    heads = re.findall("<h3>(.*?)</h3>", learning)
    assert heads == ["triplets", "classes", "submodel, 4 parts", *PARTS]
    labels = dict(re.findall(r'aria-label="([^"]*) by epoch\. ([^"]*)"', learning))
    assert len(labels) == 4 * 7
    words = labels["Validation ROC AUC of triplets"]
    for part in (" AUC: from 0.55 to 0.7.", "AUC seen: from 0.6 to", "unseen: from 0.5 to 0.6."):
        assert part in words
    together = [words for title, words in labels.items() if title.endswith("4 kernels of submodel")]
    assert len(together) == 4
    assert all(f"{part}, training" in words for part in PARTS for words in together)
    assert learning.count('<path class="line thin') == 4 * len(PARTS)


def test_each_model_has_its_own_epochs(spoilt: Path) -> None:
    path = spoilt / "outputs" / "classes" / "history.csv"
    longer = [f"training,{epoch},0.1,0.5,0.5,0.5,0.5,0.5\n" for epoch in range(4, 31)]
    path.write_text(path.read_text() + "".join(longer))
    page = written(spoilt)
    for model in MEMBERS:
        [chart] = re.findall(rf'<svg[^>]*aria-label="Loss of {model} by epoch.*?</svg>', page, re.S)
        right = max(float(x) for x in re.findall(r'<circle[^>]*cx="([\d.]+)"', chart))
        assert 190 < right < 250  # of 260, also where there are 3 epochs


def test_the_graph_draws_many_alike_as_one_and_shows_a_failure(page: str, spoilt: Path) -> None:
    names = ["shared", "prepare", "submodel × 4", "triplets", "classes", "ensemble"]  # noqa: RUF001
    kernels = section(page, "kernels")
    assert sorted(re.findall(r'class="label">(.*?)<', kernels)) == sorted(names)
    assert "4 complete, 6 min 00 s" in kernels
    assert all(f"{part}: complete, 1 min 30 s" in kernels for part in PARTS)
    assert {"shards of train", "listing"} <= {*re.findall(r"</span>([^<]*)</li>", kernels)}
    assert ">train<" not in kernels  # shards of train are not called as training is
    run = painter_run(spoilt, *PARTS)
    run.kernels[PARTS[1]] = KernelRecord(1, KernelState.ERROR, seconds=3.0)
    kernels = write_report(run, painter_bundles(), None).read_text("utf-8")
    assert "3 complete, 1 error" in kernels
    assert '"state bad"' in kernels


def test_classes_are_called_by_number_unless_they_have_a_name(page: str) -> None:
    assert "artist 1" in page
    assert "Ada &amp; Co" in page
    assert not re.search(r"\b0{20,}", plain(page))
    assert "artist 2 " not in plain(page)


def test_a_competition_of_others_speaks_of_them(
    spoilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = dataclasses.replace(COMPETITION, title="Faces", task=Pairs("person", "people"))
    monkeypatch.setattr("competitions.painter_by_numbers.COMPETITION", faces)
    page = written(spoilt).replace(COMPETITION.slug, "")
    for words in ("Seen people", "two people", "of one person or not", "One person, taken for two"):
        assert words in " ".join(page.split())
    assert not re.findall(r".{30}(?:artist|paint(?!-order)).{30}", page, re.I)


def test_neighbours_are_of_seen_and_unseen_classes(page: str) -> None:
    asked = re.findall(r'<li class="asked">(.*?)</li>', page)
    assert sum("(unseen)" in item for item in asked) == 3  # of all that there are
    assert len(asked) == 7
    assert "those of classes/classes, the best channel alone" in " ".join(page.split())


LOST = {
    "ensemble/validation_pairs.npz": ("The ensemble wrote no scored pairs", {"pairs", "mistakes"}),
    "*/projection.npz": ("wrote no projection", {"embedding"}),
    "classes/projection.npz": ("classes wrote no projection", set()),
    "*/predictions.npz": ("classes: no predictions.npz", {"neighbours"}),
    "*/thumbnails.npz": ("The kernels wrote no thumbnails", set()),
    "prepare/classes.csv": ("", set()),
    "*/metrics.json": ("", set()),
    "*/*": ("The ensemble wrote no scored pairs", {*SECTIONS[2:]}),
}


@pytest.mark.parametrize("lost", LOST)
def test_what_is_missing_becomes_a_note_and_the_rest_is_there(spoilt: Path, lost: str) -> None:
    for path in (spoilt / "outputs").glob(lost):
        path.unlink()
    words, gone = LOST[lost]
    page = written(spoilt)
    assert [name for name in SECTIONS if name not in gone] == anchors(page)[:-1]
    assert words in " ".join(notes(page))
    assert bool(words) == bool(notes(page))


BROKEN = {
    "classes/predictions.npz": set(),
    "classes/projection.npz": set(),
    "classes/thumbnails.npz": set(),
    "ensemble/validation_pairs.npz": {"pairs", "mistakes"},
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_becomes_a_note_and_the_rest_is_there(spoilt: Path, name: str) -> None:
    path = spoilt / "outputs" / name
    path.write_bytes(path.read_bytes()[:200])
    page = written(spoilt)
    assert f"{path.name} cannot be read" in " ".join(notes(page))
    assert [part for part in SECTIONS if part not in BROKEN[name]] == anchors(page)[:-1]


def test_a_member_of_two_channels_is_shown_by_its_channels(page: str, spoilt: Path) -> None:
    """What is drawn of one channel alone has its name; the score is of both together."""
    path = spoilt / "outputs" / "ensemble" / "metrics.json"
    found = metrics(spoilt)
    first = {"all": 0.71, "seen": 0.72, "unseen": 0.7}
    channels = {"classes/embedding": first, **found["channels"]}
    intervals = {**found["intervals"], "classes/embedding": [0.69, 0.73]}
    write_json(path, {**found, "channels": channels, "intervals": intervals})
    changed = written(spoilt)
    blend, embedding = plain(section(changed, "blend")), section(changed, "embedding")
    assert "classes/embedding 0.710 0.690 to 0.730" in blend
    assert "classes/classes 0." in blend
    assert "triplets 0." in blend
    assert ">classes/embedding</button>" in embedding
    assert ">triplets</button>" in embedding
    said = " ".join(plain(section(changed, "neighbours")).split())
    both = ", ".join(found["weights"])
    best = "The vectors are those of classes/classes, the best channel alone, where the blend adds"
    assert f"{best} up the scores of {both}; neighbours" in said


def test_one_epoch_is_not_drawn_to_its_own_scale(page: str, spoilt: Path) -> None:
    scale = "Each epoch is drawn to its own scale."
    assert scale in section(page, "embedding")
    for name in MEMBERS:
        folder = spoilt / "outputs" / name
        known = load_projection(folder)
        assert known
        last = dataclasses.replace(known, epochs=known.epochs[-1:], points=known.points[-1:])
        save_projection(folder, last)
    assert scale not in section(written(spoilt), "embedding")


def test_broken_lists_and_numbers_are_no_crash(spoilt: Path) -> None:
    outputs = spoilt / "outputs"
    (outputs / "prepare" / "classes.csv").write_text("number,who\nx\n")
    (outputs / "classes" / "history.csv").write_text("stage,epoch\ntraining,one\n")
    odd = {"channels": {"triplets/embedding": 3}, "weights": {}, "validation_score": "much"}
    write_json(outputs / "ensemble" / "metrics.json", odd)
    write_json(outputs / "classes" / "metrics.json", {"channels": [1]})
    page = written(spoilt)
    assert anchors(page)[:-1] == SECTIONS
    [note] = notes(page)
    assert "classes.csv: no column name" in note


def test_projections_are_brought_to_one_order_or_left_out(spoilt: Path) -> None:
    facts = gather(painter_run(spoilt), painter_bundles(()), None)
    assert facts.pairs is not None
    found = facts.pairs.projections
    assert list(found) == ["classes", "triplets"]  # the best first
    for name, shown in found.items():
        kept = load_projection(spoilt / "outputs" / name)
        assert kept is not None
        assert shown.ids.tolist() == found["classes"].ids.tolist()
        rows = kept.ids.tolist().index("7.jpg"), shown.ids.tolist().index("7.jpg")
        assert np.array_equal(kept.points[:, rows[0]], shown.points[:, rows[1]])
    gallery = made_gallery()
    few = (gallery.ids[:5], gallery.labels[:5], gallery.seen[:5])
    save_projection(spoilt / "outputs" / "triplets", Projection(*few, EPOCHS, np.zeros((3, 5, 3))))
    page = written(spoilt)
    assert "projection ids of classes (120) and triplets (5) differ" in notes(page)[0]
    assert page.count("data-points=") == 1


def test_channels_are_ranked_as_the_ensemble_measured_them() -> None:
    channels = {"margin/embedding": 0.706, "margin/classes": 0.775, "classes/classes": 0.75}
    ensemble = {"channels": {name: {"all": auc} for name, auc in channels.items()}}
    assert ranked(["classes", "margin", "third"], ensemble) == [
        *(("margin", "classes"), ("classes", "classes"), ("margin", "embedding"), ("third", "")),
    ]


def test_distances_are_those_of_the_best_unit_vectors(page: str, spoilt: Path) -> None:
    part = page.split("Distances of same and of different pairs")[1].split("</section>")[0]
    assert "unit vectors of classes/classes" in part
    scored = load_scored_pairs(spoilt / "outputs" / "ensemble")
    assert scored is not None
    rows = made_vectors(made_gallery(), MEMBERS["classes"])
    apart = np.linalg.norm(rows[scored.first] - rows[scored.second], axis=1)
    same, other = (np.median(apart[k & scored.parts["all"]]) for k in (scored.same, ~scored.same))
    assert f"medians {same:.3f} of same and {other:.3f} of different pairs" in part
    for name in MEMBERS:
        found = load_vectors(spoilt / "outputs" / name, name)
        half = {channel: rows / 2 for channel, rows in found.validation.items()}
        save_vectors(spoilt / "outputs" / name, dataclasses.replace(found, validation=half), name)
    assert "Distances of same" not in written(spoilt)


def settings_of(page: str) -> dict[str, list[str]]:
    """The rows of the table of settings: the values after each name."""
    table = page.split("<h3>Settings")[1].split("</table>")[0]
    rows = re.findall(r'<tr><th scope="row">(\w+)</th>(.*?)</tr>', table)
    return {name: re.findall(r"<td[^>]*>(.*?)</td>", cells) for name, cells in rows}


def test_settings_are_bold_where_models_differ_and_a_dash_where_a_loss_has_no_use(
    spoilt: Path,
) -> None:
    shared = {"distance": "euclidean", "miner": "batch-all", "margin": 0.2, "scale": 30.0}
    for name, loss in (("triplets", "triplet"), ("classes", "softmax")):
        recipe = {"loss": loss, "epochs": 3, **shared}
        write_json(spoilt / "outputs" / name / "manifest.json", {"recipe": recipe})
    rows, dash = settings_of(written(spoilt)), "\N{EN DASH}"
    assert rows["epochs"] == ["3", "3", dash]
    assert rows["size"] == [dash, dash, "64"]
    assert rows["loss"] == ["<b>triplet</b>", "<b>softmax</b>", dash]
    assert (rows["miner"], rows["margin"]) == (["batch-all", dash, dash], ["0.2", dash, dash])
    assert "scale" not in rows


SMALL_SETTINGS = {
    "": (False, {}),
    " (a dry run&#39;s settings)": (True, {}),
    " (best recipe, a rehearsal&#39;s settings)": (False, {"recipe": "best", "rehearse": True}),
}


@pytest.mark.parametrize("words", SMALL_SETTINGS)
def test_settings_of_dry_runs_are_called_so(spoilt: Path, words: str) -> None:
    dry_run, asked = SMALL_SETTINGS[words]
    run = dataclasses.replace(painter_run(spoilt), dry_run=dry_run)
    run.request.update(asked)
    page = write_report(run, painter_bundles(()), None).read_text("utf-8")
    assert f"<h3>Settings{words}</h3>" in page


def test_networks_of_one_model_are_that_model(spoilt: Path) -> None:
    names, outputs = [f"classes-network{number}" for number in range(3)], spoilt / "outputs"
    for number, name in enumerate(names):
        shutil.copytree(outputs / "classes", outputs / name)
        recipe = {"epochs": 3, "networks": len(names), "network": number}
        write_json(outputs / name / "manifest.json", {"recipe": recipe})
    shutil.rmtree(outputs / "classes")
    run = painter_run(spoilt, *names)
    kept = [b for b in painter_bundles(tuple(names), "ensemble") if b.kernel.name != "classes"]
    page = write_report(run, tuple(kept), None).read_text("utf-8")
    rows = dict(re.findall(r'"row">(?:<strong>)?(\w+)<(.*?)</tr>', section(page, "blend"), re.S))
    assert sorted(rows) == ["blend", "classes", "triplets"]
    assert "4 min 30 s" in rows["classes"]  # of all three
    assert ">classes × 3<" in page  # noqa: RUF001
    assert "<h3>classes, 3 networks</h3>" in section(page, "learning")
    assert "fold" not in plain(section(page, "learning"))
    assert "0 to 2" in settings_of(page)["network"]
    assert "out of fold" not in page
    assert notes(page) == []
    (outputs / names[1] / "predictions.npz").unlink()
    page = write_report(run, tuple(kept), None).read_text("utf-8")
    assert [note.split(" in ")[0] for note in notes(page)] == [f"{names[1]}: no predictions.npz"]
    assert "those of triplets/embedding, the best" in " ".join(page.split())


def test_the_curves_say_what_the_scores_are_worth() -> None:
    same = np.array([True, True, False, False, False, True])
    scores = np.array([0.9, 0.8, 0.7, 0.2, 0.1, 0.3])
    parts = {"seen": np.array([True] * 4 + [False] * 2), "unseen": ~np.ones(6, bool)}
    found = pair_curves(same, scores, parts)
    assert [key.words for key in found["legend"]] == ["all: AUC 0.889", "seen: AUC 1.000"]
    bars = [mark for panel in found["histograms"] for mark in panel["chart"].marks]
    assert sum("<title>33.33% of these pairs" in bar for bar in bars) == 6  # of all
    same, scores = np.array([True, True, False, False]), np.full(4, 0.5)
    assert pair_curves(same, scores, {})["table"].rows[0]["best accuracy"] == pytest.approx(0.5)
    found = pair_curves(same, scores, {"seen": same}, share=0.1)  # accuracies are about all pairs
    assert found["table"].rows[0]["best accuracy"] == pytest.approx(0.9)


def test_each_epoch_is_centred_and_scaled() -> None:
    points = np.random.default_rng(0).normal(size=(4, 120, 3)).astype(np.float32)
    wild = points * np.array([1e-9, 1, 100, 1])[:, None, None] + 5
    wild[0, 0] = np.nan
    done = scaled(wild)
    far = np.linalg.norm(done, axis=2)
    assert np.isfinite(done).all()
    assert far.max() <= 1 + 1e-6
    assert (np.quantile(far, 0.95, axis=1) > 0.5).all()
    assert np.isfinite(scaled(np.ones_like(points))).all()


def test_nearest_leaves_out_the_picture_itself() -> None:
    vectors = np.array([[1, 0], [0, 1], [0.8, 0.6], [1, 0]], np.float32)
    rows, scores = nearest(vectors, 0, 2)
    assert rows.tolist() == [3, 2]
    assert scores.tolist() == pytest.approx([1.0, 0.8])


def test_the_surest_mistakes_come_first_and_no_picture_is_in_all_of_them(page: str) -> None:
    for title, sign in (("Different artists, taken for one", -1), ("One artist, taken for two", 1)):
        part = section(page, "mistakes").split(f"<h3>{title}</h3>")[1].split("</ul>")[0]
        scores = [float(score) for score in re.findall(r">score ([\d.e-]+)<", part)]
        assert len(scores) == 8
        assert scores == sorted(scores, key=lambda score: sign * score)
    assert varied([(0, 1), (0, 2), (0, 3), (4, 5)]) == [0, 1, 3]
