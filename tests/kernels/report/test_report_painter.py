"""The report of a competition of pairs, whole: from what its kernels leave, in a real browser."""

import dataclasses
import functools
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markupsafe import escape

from common.errors import UserError
from common.files.classes import PictureClass, save_classes
from common.files.projection import Projection, load_projection, project, save_projection
from common.files.thumbnails import save_thumbnails
from common.files.vectors import Vectors, load_vectors, save_vectors
from common.kernel import KernelRun
from common.manifest import write_json
from common.metrics.verification import roc_auc
from common.pairs.ensemble import PairBlendRecipe, run_pair_ensemble
from common.pairs.scored import load_scored_pairs, save_scored_pairs
from common.pairs.validation import ValidationPairs
from common.parameters import Parameters
from common.tasks.pairs import Pairs
from competitions.painter_by_numbers import COMPETITION
from kernels.bundle.build import Bundle
from kernels.kaggle.states import KernelState
from kernels.report import write_report
from kernels.report.facts import gather
from kernels.report.gallery import Gallery
from kernels.report.graph import kernels_section
from kernels.report.pair_facts import channel_scores, gather_pairs, ranked
from kernels.report.settings import settings_section
from kernels.run.state import KernelRecord, Run, Submission
from support import browser
from support.report_pairs import coloured, drawn, made_gallery, made_vectors, surest
from support.report_run import a_run, bundles, console, texts

needs_browser = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())
MEMBERS = {"triplets": 0.5, "classes": 1.3}  # and how sure they are
PARTS = tuple(f"submodel-part{part}" for part in range(4))
SECTIONS = ["kernels", "blend", "learning", "pairs", "embedding", "neighbours", "mistakes"]
TEST = np.array(["hidden1.jpg", "hidden2.jpg"])
EPOCHS = np.array([1, 3, 9])
HISTORY = """stage,epoch,learning_rate,loss,accuracy,val_auc,val_auc_seen,val_auc_unseen
training,1,0.001,0.9,0.3,0.55,0.6,0.5
training,2,0.001,0.7,0.5,0.65,0.7,0.6
training,3,0.0005,0.6,0.6,0.7,0.8,
"""


@functools.cache
def painter_bundles(parts: tuple[str, ...] = ()) -> tuple[Bundle, ...]:
    """The kernels of a run, and ``parts`` that ``classes`` alone reads."""
    found = {bundle.kernel.name: bundle for bundle in bundles("painter", *MEMBERS)}
    like = found["triplets"]
    for name in parts:
        found[name] = dataclasses.replace(
            like, kernel=dataclasses.replace(like.kernel, name=name, sources=("shared",))
        )
    reader = found["classes"]
    read = dataclasses.replace(reader.kernel, sources=(*reader.kernel.sources, *parts))
    found["classes"] = dataclasses.replace(reader, kernel=read)
    order = ("shared", "prepare", *parts, *MEMBERS, "ensemble")
    return tuple(found[name] for name in order)


def vectors_of(gallery: Gallery, sure: float, channel: str) -> Vectors:
    rows = made_vectors(gallery, sure)
    labels = gallery.labels.astype(np.int64)
    shown = {channel: rows}
    return Vectors(gallery.ids, labels, gallery.seen, shown, TEST, {channel: rows[:2]})


def leave_member(
    folder: Path, gallery: Gallery, name: str, sure: float, backwards: bool
) -> Vectors:
    """What the kernel of a member leaves in ``folder``; its projection's rows may be backwards."""
    folder.mkdir(parents=True)
    found = vectors_of(gallery, sure, "embedding" if name == "triplets" else "classes")
    [(channel, last)] = found.validation.items()
    steps = np.stack([made_vectors(gallery, sure * share) for share in (0.1, 0.4)] + [last])
    order = slice(None, None, -1 if backwards else 1)
    facts = (gallery.ids[order], gallery.labels[order], gallery.seen[order])
    save_projection(folder, Projection(*facts, EPOCHS, project(steps)[:, order]))
    save_vectors(folder, found, name)
    save_thumbnails(folder, list(gallery.thumbnails), list(gallery.thumbnails.values()))
    (folder / "history.csv").write_text(HISTORY)
    pairs = ValidationPairs(found.validation_ids, found.validation_labels, found.validation_seen)
    auc = pairs.auc(pairs.scores(last))
    parts = {f"validation_{part}": auc[part] for part in ("seen", "unseen")}
    told = {
        "metric": "roc_auc",
        "validation_score": auc["all"],
        **parts,
        "channels": {channel: auc},
    }
    write_json(folder / "metrics.json", told)
    write_json(folder / "manifest.json", {"recipe": {"epochs": 3}, "seconds": {"training": 30.0}})
    return found


def leave_prepare(folder: Path, gallery: Gallery) -> None:
    """``classes.csv``: digests, and one artist whose name is told."""
    folder.mkdir(parents=True)
    artists, rows = np.unique(gallery.labels, return_index=True)
    names = ("Ada & Co" if artist == 2 else f"{artist:040x}" for artist in artists.tolist())
    seen = gallery.seen[rows].tolist()
    save_classes(
        folder,
        [PictureClass(*c, 10, s) for *c, s in zip(artists.tolist(), names, seen, strict=True)],
    )
    write_json(folder / "manifest.json", {"recipe": {"size": 64}, "seconds": {"train": 5.0}})


def leave(root: Path, gallery: Gallery) -> Path:
    """The outputs of a whole run, the ensemble's made by its own code."""
    outputs = root / "outputs"
    members = {
        name: leave_member(outputs / name, gallery, name, sure, name == "triplets")
        for name, sure in MEMBERS.items()
    }
    leave_prepare(outputs / "prepare", gallery)
    for name in PARTS:
        (outputs / name).mkdir()
        (outputs / name / "history.csv").write_text(HISTORY)
    pairs = root / "pairs.csv"
    pairs.write_text("index,image1,image2\n0,hidden1.jpg,hidden2.jpg\n")
    (outputs / "ensemble").mkdir()
    with KernelRun(Parameters("ensemble"), PairBlendRecipe(), outputs / "ensemble") as run:
        run_pair_ensemble(COMPETITION, PairBlendRecipe(), run, members, pairs, ())
    return root


def a_painter_run(folder: Path) -> Run:
    run = a_run(folder, "painter", "prepare", *MEMBERS)
    run.kernels.update(
        {name: KernelRecord(1, KernelState.COMPLETE, seconds=90.0) for name in PARTS}
    )
    return run


def written(folder: Path, parts: tuple[str, ...] = PARTS) -> Path:
    sent = Submission("0" * 64, ref=3, public_score=0.75)
    return write_report(a_painter_run(folder), painter_bundles(parts), sent)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has everything, and its report."""
    folder = leave(tmp_path_factory.mktemp("painter") / "run", made_gallery())
    written(folder)
    return folder


@pytest.fixture
def spoilt(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser.chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def page(driver: Any, whole: Path) -> Any:
    browser.resize(driver, 1280)
    browser.prefer(driver, "light")
    driver.get((whole / "report.html").as_uri())
    return driver


def anchors(path: Path) -> list[str]:
    return re.findall(r'<section id="(\w+)"', path.read_text("utf-8"))


def notes(path: Path) -> list[str]:
    return re.findall(r'<p class="note">(.*?)</p>', path.read_text("utf-8"))


def plain(text: str) -> str:
    return re.sub(r"<[^>]*>", " ", text)


@needs_browser
def test_it_shows_every_section_and_asks_for_nothing(page: Any, whole: Path) -> None:
    assert console(page) == []
    assert texts(page, "h1") == ["Painter by Numbers"]
    assert anchors(whole / "report.html") == [*SECTIONS, "settings"]
    assert notes(whole / "report.html") == []
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0
    images = page.execute_script(
        "return [...document.images].filter((i) => i.src).map((i) => [i.naturalWidth, i.alt])"
    )
    assert len(images) > 40
    assert all(width == 64 and alt for width, alt in images)


@needs_browser
def test_the_head_tells_seen_and_unseen_artists(page: Any, whole: Path) -> None:
    tiles = dict(zip(texts(page, ".tiles dt"), texts(page, ".tiles .value"), strict=True))
    told = json.loads((whole / "outputs" / "ensemble" / "metrics.json").read_text())
    assert tiles["Public score"] == "0.75000"
    assert tiles["Validation"] == f"{told['validation_score']:.4f}"
    assert tiles["Seen artists"] == f"{told['validation_seen']:.4f}"
    assert tiles["Unseen artists"] == f"{told['validation_unseen']:.4f}"


@needs_browser
def test_the_blend_tells_each_channel(page: Any, whole: Path) -> None:
    rows = page.execute_script(
        "return [...document.querySelectorAll('#blend tbody tr')]"
        ".map((r) => [...r.cells].map((c) => c.innerText))"
    )
    told = json.loads((whole / "outputs" / "ensemble" / "metrics.json").read_text())
    for row, (name, auc) in zip(rows, channel_scores(told).items(), strict=False):
        assert row[:2] == name.split("/")
        assert row[2:5] == [f"{auc[part]:.4f}" for part in ("all", "seen", "unseen")]
        assert row[5].strip() == f"{told['weights'][name]:.3f}"
    assert [row[0] for row in rows] == ["triplets", "classes", "blend"]
    assert rows[-1][2] == f"{told['validation_score']:.4f}"
    assert f"{told['validation_accuracy']:.2%} of the pairs are right" in " ".join(
        texts(page, "#blend p")
    )


@needs_browser
def test_every_kernel_that_trained_shows_its_curves(page: Any) -> None:
    assert texts(page, "#learning > h3") == ["triplets", "classes", "submodel, 4 parts"]
    assert texts(page, "#learning > details h3") == list(PARTS)
    assert "Each of the 4 parts of submodel by itself" in texts(page, "#learning summary")
    labels = page.execute_script(
        "return [...document.querySelectorAll('#learning svg')].map((s) => s.ariaLabel)"
    )
    assert len(labels) == 4 * 7
    told = next(label for label in labels if "AUC of triplets" in label)
    for part in (
        " AUC: from 0.55 to 0.7.",
        "AUC seen: from 0.6 to",
        "AUC unseen: from 0.5 to 0.6.",
    ):
        assert part in told


@needs_browser
def test_the_curves_of_all_parts_are_seen_at_once(page: Any) -> None:
    seen = page.execute_script(
        """return [...document.querySelectorAll("#learning > .panels svg")]
          .filter((svg) => svg.ariaLabel.includes("4 kernels of submodel"))
          .map((svg) => [svg.checkVisibility(), svg.querySelectorAll("path.thin").length,
            svg.querySelectorAll("circle").length, svg.ariaLabel])"""
    )
    assert [found[:3] for found in seen] == [[True, len(PARTS), 0]] * 4
    for part in PARTS:
        assert all(f"{part}, training" in label for *_, label in seen)


def test_each_model_has_its_own_epochs(spoilt: Path) -> None:
    longer = [f"training,{epoch},0.1,0.5,0.5,0.5,0.5,0.5\n" for epoch in range(4, 31)]
    (spoilt / "outputs" / "classes" / "history.csv").write_text(HISTORY + "".join(longer))
    told = written(spoilt).read_text("utf-8")
    charts = re.findall(r'<svg[^>]*aria-label="Loss of (\w+) by epoch.*?</svg>', told, re.S)
    assert charts[:2] == ["triplets", "classes"]
    for model in charts[:2]:
        [chart] = re.findall(rf'<svg[^>]*aria-label="Loss of {model} by epoch.*?</svg>', told, re.S)
        right = max(float(x) for x in re.findall(r'<circle[^>]*cx="([\d.]+)"', chart))
        assert 190 < right < 250  # of 260, also where there are 3 epochs


@needs_browser
def test_the_graph_fits_and_draws_many_alike_as_one(page: Any, whole: Path) -> None:
    names = ["shared", "prepare", "submodel × 4", "triplets", "classes", "ensemble"]  # noqa: RUF001
    assert sorted(texts(page, "#kernels .label")) == sorted(names)
    box = "document.querySelector('#kernels .scroll')"
    assert page.execute_script(f"return {box}.scrollWidth <= {box}.clientWidth")
    label = page.execute_script("return document.querySelector('#kernels svg').ariaLabel")
    title = page.execute_script("return document.querySelector('#kernels svg').textContent")
    for part in PARTS:
        assert f"{part}: complete, 1 min 30 s" in label
        assert part in title
        assert part in texts(page, ".stacks .name")
    assert "4 complete, 6 min 00 s" in title


@needs_browser
def test_on_a_phone_the_graph_says_that_it_scrolls(page: Any) -> None:
    browser.resize(page, 375)
    fades = """const box = document.querySelector('#kernels .scroll');
      box.scrollLeft = arguments[0]; const done = arguments[1];
      setTimeout(() => done(getComputedStyle(box).maskImage !== "none"), 200)"""
    assert page.execute_async_script(fades, 0) is True
    assert page.execute_async_script(fades, 10_000) is False


def test_a_failure_of_one_of_many_is_seen_in_the_graph(whole: Path) -> None:
    run = a_painter_run(whole)
    run.kernels[PARTS[1]] = KernelRecord(1, KernelState.ERROR, seconds=3.0)
    told = kernels_section(gather(run, painter_bundles(PARTS), None))
    assert "3 complete, 1 error" in told
    assert '"state bad"' in told


def test_shards_of_train_are_not_called_as_training_is(spoilt: Path) -> None:
    manifest = {"recipe": {}, "seconds": {"train": 5.0, "listing": 2.0}, "stays": ["train/*"]}
    write_json(spoilt / "outputs" / "prepare" / "manifest.json", manifest)
    told = written(spoilt).read_text("utf-8").split('id="kernels"')[1].split("</section>")[0]
    assert "shards of train" in told
    assert ">train<" not in told
    assert ">listing<" in told


@needs_browser
def test_another_member_can_be_chosen(page: Any, whole: Path) -> None:
    buttons = page.find_elements("css selector", ".choice button")
    assert [button.text for button in buttons] == ["classes", "triplets"]  # the best first
    best = drawn(page)
    buttons[1].click()
    other = drawn(page)
    assert other != best
    assert [button.get_attribute("aria-pressed") for button in buttons] == ["false", "true"]
    assert texts(page, ".epochs output") == ["epoch 9"]
    assert coloured(page) > 1000
    buttons[0].click()
    assert drawn(page) == best


@needs_browser
def test_playing_ends_when_another_member_is_chosen(page: Any) -> None:
    page.find_element("css selector", ".epochs button").click()
    assert texts(page, ".epochs output") == ["epoch 1"]
    page.find_elements("css selector", ".choice button")[1].click()
    assert texts(page, ".epochs button") == ["Play"]
    before = drawn(page)
    page.execute_async_script("setTimeout(arguments[0], 1100)")
    assert drawn(page) == before
    assert console(page) == []


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_it_fits_the_screen(page: Any, whole: Path, scheme: str, width: int) -> None:
    browser.resize(page, width)
    browser.prefer(page, scheme)
    drawn(page)
    height = page.execute_script("return document.documentElement.scrollHeight")
    browser.resize(page, width, height)
    page.save_screenshot(str(whole / f"{scheme}-{width}.png"))
    browser.resize(page, width)
    page.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    outside = page.execute_script(
        """return [...document.querySelectorAll("main *, header *")].filter((element) => {
          if (element.closest(".scroll") && !element.matches(".scroll")) return false;
          const box = element.getBoundingClientRect();
          return box.width > 1 && (box.left < 0 || box.right > innerWidth + 0.5);
        }).map((element) => element.outerHTML.slice(0, 90))"""
    )
    assert outside == []
    wrapped = page.execute_script(
        "return [...document.querySelectorAll('.value')].filter((v) => v.clientHeight > 60 "
        "|| v.scrollWidth > v.clientWidth).map((v) => v.textContent)"
    )
    assert wrapped == []


def test_artists_are_told_by_number_unless_they_have_a_name(whole: Path) -> None:
    told = (whole / "report.html").read_text("utf-8")
    assert "artist 1" in told
    assert "Ada &amp; Co" in told
    assert not re.search(r"\b0{20,}", plain(told))
    assert "artist 2 " not in plain(told)


def test_a_competition_of_others_speaks_of_them(
    spoilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = dataclasses.replace(COMPETITION, title="Faces", task=Pairs("person", "people"))
    monkeypatch.setattr("competitions.painter_by_numbers.COMPETITION", faces)
    made = written(spoilt).read_text("utf-8")
    told = made.replace(COMPETITION.slug, "")
    for words in (
        "Seen people",
        "validation, unseen people",
        "Seen: both people have pictures in train",
        "Called pictures of one person from a chance of",
        "Pairs: of one person or not",
        "chance that both pictures are of one person",
        "an unseen person counts",
        "validation pictures of 12 people, 3 of them unseen",
        "first two dimensions, by person",
        "Different people, taken for one",
        "One person, taken for two",
        "person 1",
        "&#34;called&#34;: &#34;person&#34;",
    ):
        assert words in told
    assert not re.findall(r".{30}(?:artist|paint(?!-order)).{30}", told, re.I)


def test_the_surest_mistakes_are_told_apart(whole: Path) -> None:
    told = (whole / "report.html").read_text("utf-8").split("One artist, taken for two")[1]
    scores = [float(score) for score in re.findall(r"score ([\d.e+-]+)", told)]
    found = load_scored_pairs(whole / "outputs" / "ensemble")
    assert found is not None
    shown = ~np.isin(found.ids, "1.jpg")  # has no thumbnail
    both = shown[found.first] & shown[found.second]
    same = found.same & both
    kept = surest(found.first, found.second, found.chances, same)
    assert scores == pytest.approx(kept, rel=0.05)
    assert len(set(scores)) > 4


def test_nothing_of_test_is_in_it(whole: Path) -> None:
    assert "hidden1" not in (whole / "report.html").read_text("utf-8")


def test_neighbours_are_of_seen_and_unseen_artists_and_always_the_same(whole: Path) -> None:
    told = (whole / "report.html").read_text("utf-8")
    assert written(whole).read_text("utf-8") == told
    asked = re.findall(r'<li class="asked">(.*?)</li>', told)
    assert sum("(unseen)" in item for item in asked) == 3  # of all that there are
    assert len(asked) == 7
    assert "those of classes/classes, the best channel alone" in told


def test_what_prepares_is_no_model(whole: Path) -> None:
    told = (whole / "report.html").read_text("utf-8")
    blend = told.split('id="blend"')[1].split("</section>")[0]
    assert "prepare" not in blend
    assert "submodel" not in blend
    settings = told.split('id="settings"')[1]
    assert '<th scope="col">prepare</th>' in settings


LOST = {
    "triplets/predictions.npz": ("triplets left no predictions.npz.", set()),
    "ensemble/validation_pairs.npz": ("The ensemble left no scored pairs", {"pairs", "mistakes"}),
    "*/projection.npz": ("left no projection", {"embedding"}),
    "classes/projection.npz": ("classes left no projection", set()),
    "*/predictions.npz": ("classes left no predictions.npz.", {"neighbours"}),
    "*/thumbnails.npz": ("The kernels left no thumbnails", set()),
    "prepare/classes.csv": ("", set()),
    "*/metrics.json": ("", set()),
    "*/history.csv": ("", set()),
    "*/*": ("The ensemble left no scored pairs", {*SECTIONS[3:]}),
}


@pytest.mark.parametrize("lost", LOST)
def test_what_is_missing_is_told_and_the_rest_is_there(spoilt: Path, lost: str) -> None:
    for path in (spoilt / "outputs").glob(lost):
        path.unlink()
    words, gone = LOST[lost]
    path = written(spoilt)
    assert [name for name in SECTIONS if name not in gone] == anchors(path)[:-1]
    assert words in " ".join(notes(path))
    assert bool(words) == bool(notes(path))


@pytest.mark.parametrize(
    "name",
    [
        "classes/predictions.npz",
        "classes/projection.npz",
        "classes/thumbnails.npz",
        "ensemble/validation_pairs.npz",
    ],
)
def test_what_is_broken_is_told_and_the_rest_is_there(spoilt: Path, name: str) -> None:
    path = spoilt / "outputs" / name
    path.write_bytes(path.read_bytes()[:200])
    told = written(spoilt)
    assert f"{path.name} cannot be read" in " ".join(notes(told))
    gone = {"pairs", "mistakes"} if "ensemble" in name else set()
    assert [part for part in SECTIONS if part not in gone] == anchors(told)[:-1]


def test_broken_lists_and_numbers_are_no_crash(spoilt: Path) -> None:
    (spoilt / "outputs" / "prepare" / "classes.csv").write_text("number,who\nx\n")
    (spoilt / "outputs" / "classes" / "history.csv").write_text("stage,epoch\ntraining,one\n")
    odd = {"channels": {"triplets/embedding": 3}, "weights": {}, "validation_score": "much"}
    write_json(spoilt / "outputs" / "ensemble" / "metrics.json", odd)
    write_json(spoilt / "outputs" / "classes" / "metrics.json", {"channels": [1]})
    told = written(spoilt)
    assert anchors(told)[:-1] == SECTIONS
    assert len(notes(told)) == 1
    assert "classes.csv: its columns are" in notes(told)[0]


def test_projections_of_other_pictures_are_left_out(spoilt: Path) -> None:
    folder = spoilt / "outputs" / "triplets"
    gallery = made_gallery()
    few = (gallery.ids[:5], gallery.labels[:5], gallery.seen[:5])
    save_projection(folder, Projection(*few, EPOCHS, np.zeros((3, 5, 3))))
    told = notes(written(spoilt))
    assert told == ["triplets left a projection of other pictures, which is not shown."]


def test_projections_are_brought_to_one_order(whole: Path) -> None:
    folders = {name: whole / "outputs" / name for name in MEMBERS}
    models = {name: ({name: folder}, {}) for name, folder in folders.items()}
    ensemble = (whole / "outputs" / "ensemble", {})
    found = gather_pairs(models, ensemble, (), []).projections
    kept = {name: load_projection(folder) for name, folder in folders.items()}
    assert kept["classes"] is not None
    assert kept["triplets"] is not None
    first = next(iter(found.values()))
    for name, shown in found.items():
        assert shown.ids.tolist() == first.ids.tolist()
        rows = kept[name].ids.tolist().index("7.jpg"), shown.ids.tolist().index("7.jpg")
        assert np.array_equal(kept[name].points[:, rows[0]], shown.points[:, rows[1]])


def test_the_best_channel_of_all_tells_the_neighbours(spoilt: Path) -> None:
    path = spoilt / "outputs" / "ensemble" / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["channels"]["triplets/embedding"]["all"] = 0.999
    write_json(path, metrics)
    told = written(spoilt).read_text("utf-8")
    assert "those of triplets/embedding, the best channel alone" in told
    names = re.findall(r"&#34;name&#34;: &#34;(\w+)&#34;", told)
    assert names == ["triplets", "classes"]
    write_json(path, {})
    own = {"validation_score": 0.1, "channels": {"embedding": {"all": 0.2}}}
    write_json(spoilt / "outputs" / "triplets" / "metrics.json", own)
    assert "those of classes/classes, the best" in written(spoilt).read_text("utf-8")


def test_a_second_channel_can_be_the_best() -> None:
    """Members that each name another channel first, as the ensemble measured them."""
    ensemble = {
        "channels": {
            "margin/embedding": {"all": 0.706},
            "margin/classes": {"all": 0.775},
            "classes/classes": {"all": 0.750},
        }
    }
    models = {
        "classes": {"validation_score": 0.9},
        "margin": {},
        "third": {"validation_score": 0.5},
    }
    found = ranked(models, ensemble)
    named = [("margin", "classes"), ("classes", "classes"), ("margin", "embedding"), ("third", "")]
    assert found == named


def test_distances_are_those_of_the_best_unit_vectors(whole: Path) -> None:
    told = (whole / "report.html").read_text("utf-8")
    part = told.split("Distances of same and of different pairs")[1].split("</section>")[0]
    assert "unit vectors of classes/classes" in part
    scored = load_scored_pairs(whole / "outputs" / "ensemble")
    assert scored is not None
    rows = made_vectors(made_gallery(), MEMBERS["classes"])
    apart = np.linalg.norm(rows[scored.first] - rows[scored.second], axis=1)
    medians = [np.median(apart[kind & scored.parts["all"]]) for kind in (scored.same, ~scored.same)]
    assert f"medians {medians[0]:.3f} of same and {medians[1]:.3f} of different pairs" in part
    assert part.count("<figure>") == 3


def test_without_unit_vectors_there_are_no_distances(spoilt: Path) -> None:
    for name in MEMBERS:
        found = load_vectors(spoilt / "outputs" / name, name)
        half = {channel: rows / 2 for channel, rows in found.validation.items()}
        save_vectors(spoilt / "outputs" / name, dataclasses.replace(found, validation=half), name)
    told = written(spoilt).read_text("utf-8")
    assert "Scores of same and of different pairs" in told
    assert "Distances of same" not in told


def settings_of(folder: Path) -> dict[str, list[str]]:
    """The rows of the table of settings: what each has beside its name."""
    table = written(folder).read_text("utf-8").split("<h3>Settings (")[1].split("</table>")[0]
    rows = re.findall(r'<tr><th scope="row">(\w+)</th>(.*?)</tr>', table)
    return {name: re.findall(r"<td[^>]*>(.*?)</td>", cells) for name, cells in rows}


def test_settings_are_bold_where_models_differ_and_a_dash_where_a_loss_has_no_use(
    spoilt: Path,
) -> None:
    shared = {"distance": "euclidean", "miner": "batch-all", "margin": 0.2, "scale": 30.0}
    for name, loss, epochs in (("triplets", "triplet", 3), ("classes", "softmax", 3)):
        recipe = {"loss": loss, "epochs": epochs, **shared}
        write_json(spoilt / "outputs" / name / "manifest.json", {"recipe": recipe})
    rows = settings_of(spoilt)
    dash = "\N{EN DASH}"
    assert rows["epochs"] == ["3", "3", dash]
    assert rows["size"] == [dash, dash, "64"]
    assert rows["loss"] == ["<b>triplet</b>", "<b>softmax</b>", dash]
    assert rows["miner"] == ["batch-all", dash, dash]
    assert rows["margin"] == ["0.2", dash, dash]
    assert "scale" not in rows
    recipe = {"loss": "arcface", "epochs": 3, **shared, "margin": 0.15}
    write_json(spoilt / "outputs" / "classes" / "manifest.json", {"recipe": recipe})
    rows = settings_of(spoilt)
    assert rows["margin"] == ["<b>0.2</b>", "<b>0.15</b>", dash]
    assert rows["scale"] == [dash, "30", dash]


@pytest.mark.parametrize(
    ("dry_run", "request_", "words"),
    [
        (True, {}, "published recipe, a dry run's small settings"),
        (False, {"recipe": "best", "rehearse": True}, "best recipe, a rehearsal's small settings"),
        (False, {}, "published recipe"),
    ],
)
def test_small_settings_are_called_so(
    whole: Path, dry_run: bool, request_: dict[str, Any], words: str
) -> None:
    run = dataclasses.replace(a_painter_run(whole), dry_run=dry_run, request=request_)
    told = settings_section(gather(run, painter_bundles(PARTS), None))
    assert f"<h3>Settings ({escape(words)})</h3>" in told


NETWORKS = tuple(f"classes-network{number}" for number in range(3))


@pytest.fixture
def networks(spoilt: Path) -> str:
    """The report of a run whose model ``classes`` is three networks."""
    outputs = spoilt / "outputs"
    for number, name in enumerate(NETWORKS):
        shutil.copytree(outputs / "classes", outputs / name)
        recipe = {"epochs": 3, "networks": len(NETWORKS), "network": number}
        write_json(outputs / name / "manifest.json", {"recipe": recipe})
    shutil.rmtree(outputs / "classes")
    run = a_painter_run(spoilt)
    run.kernels.update(
        {name: KernelRecord(1, KernelState.COMPLETE, seconds=100.0) for name in NETWORKS}
    )
    bundles = {bundle.kernel.name: bundle for bundle in painter_bundles()}
    like = bundles.pop("classes")
    alike = [
        dataclasses.replace(like, kernel=dataclasses.replace(like.kernel, name=name))
        for name in NETWORKS
    ]
    last = bundles.pop("ensemble")
    sources = ("shared", "triplets", *NETWORKS)
    last = dataclasses.replace(last, kernel=dataclasses.replace(last.kernel, sources=sources))
    return write_report(run, (*bundles.values(), *alike, last), None).read_text("utf-8")


def test_networks_of_one_model_are_that_model(networks: str) -> None:
    blend = networks.split('id="blend"')[1].split("</section>")[0]
    rows = re.findall(r'<tr><th scope="row">(?:<strong>)?(.*?)<(.*?)</tr>', blend)
    assert [name for name, _ in rows] == ["triplets", "classes", "blend"]
    assert "5 min 00 s" in rows[1][1]  # of all three
    assert ">classes × 3<" in networks  # noqa: RUF001
    learning = networks.split('id="learning"')[1].split("</section>")[0]
    assert "<h3>classes, 3 networks</h3>" in learning
    assert "Each of the 3 networks of classes by itself" in learning
    assert "fold" not in plain(learning)
    assert re.search(r'"row">network</th>(<td>.{,20}?</td>)*<td>0 to 2</td>', networks)
    assert "those of classes/classes, the best channel alone" in networks
    assert "out of fold" not in networks
    assert 'class="note"' not in networks


def test_a_network_without_predictions_is_told(networks: str, spoilt: Path) -> None:
    (spoilt / "outputs" / NETWORKS[1] / "predictions.npz").unlink()
    models = {
        "classes": ({name: spoilt / "outputs" / name for name in NETWORKS}, {}),
        "triplets": ({"triplets": spoilt / "outputs" / "triplets"}, {}),
    }
    notes: list[str] = []
    found = gather_pairs(models, (spoilt / "outputs" / "ensemble", {}), (), notes)
    assert notes == [f"{NETWORKS[1]} left no predictions.npz."]
    assert found.best is not None
    assert found.best.member == "triplets"


def test_ten_thousand_pictures_stay_below_five_megabytes(tmp_path: Path) -> None:
    few = made_gallery()
    number, jpegs = 10_000, list(few.thumbnails.values())
    ids = np.array([f"{row}.jpg" for row in range(number)])
    artists = np.arange(number) % 1500
    thumbnails = {str(name): jpegs[row % len(jpegs)] for row, name in enumerate(ids[::3])}
    large = Gallery(ids, artists, artists.astype(str), artists < 1300, thumbnails)
    vectors = np.random.default_rng(0).normal(size=(number, 8)).astype(np.float32)
    rows, labels = slice(None, None, 25), artists.astype(np.int64)
    pairs = ValidationPairs(ids, labels, large.seen)
    for name in (*MEMBERS, "ensemble"):
        folder = tmp_path / "outputs" / name
        folder.mkdir(parents=True)
        shown = Projection(
            ids[rows], labels[rows], large.seen[rows], EPOCHS, vectors[None, rows, :3]
        )
        save_projection(folder, dataclasses.replace(shown, points=np.tile(shown.points, (3, 1, 1))))
        part = {"embedding": vectors}
        save_vectors(
            folder, Vectors(ids, labels, large.seen, part, TEST, {"embedding": vectors[:2]}), name
        )
        save_thumbnails(folder, list(thumbnails), list(thumbnails.values()))
    chances = np.random.default_rng(0).random(len(pairs.labelled.first))
    save_scored_pairs(tmp_path / "outputs" / "ensemble", pairs, chances)
    path = written(tmp_path, ())
    assert path.stat().st_size < 5_000_000
    assert anchors(path)[:-1] == SECTIONS
    told = path.read_text("utf-8")
    assert "no picture" not in told.split('id="neighbours"')[1].split('id="settings"')[0]
    assert "500,000 pairs of 10,000 validation pictures" in told


def test_pairs_come_back_as_they_were_saved(tmp_path: Path) -> None:
    gallery = made_gallery()
    pairs = ValidationPairs(gallery.ids, gallery.labels, gallery.seen)
    chances = np.random.default_rng(0).random(len(pairs.labelled.first)).astype(np.float32)
    save_scored_pairs(tmp_path, pairs, chances)
    found = load_scored_pairs(tmp_path)
    assert found is not None
    assert found.chances.tolist() == chances.tolist()
    assert found.same.tolist() == pairs.labelled.same.tolist()
    assert found.share == pairs.labelled.share
    assert {name: mask.sum() for name, mask in found.parts.items()} == {
        name: mask.sum() for name, mask in pairs.parts.items()
    }
    assert load_scored_pairs(tmp_path / "nowhere") is None


@pytest.mark.parametrize("most", [2000, 300])
def test_of_too_many_pairs_each_kind_is_drawn_evenly(tmp_path: Path, most: int) -> None:
    gallery = made_gallery()
    pairs = ValidationPairs(gallery.ids, gallery.labels, gallery.seen)
    same = pairs.labelled.same
    chances = pairs.scores(made_vectors(gallery, 1.0))
    save_scored_pairs(tmp_path, pairs, chances, most)
    found = load_scored_pairs(tmp_path)
    assert found is not None
    assert len(found.first) == most
    assert found.same.sum() == min(same.sum(), most // 2)
    assert len(set(zip(found.first.tolist(), found.second.tolist(), strict=True))) == most
    assert roc_auc(found.same, found.chances) == pytest.approx(roc_auc(same, chances), abs=0.05)


@pytest.mark.parametrize(
    "change",
    [{"first": np.array([999])}, {"seen": np.ones(2, bool)}, {"chances": np.array([np.nan])}],
)
def test_pairs_that_do_not_fit_are_refused(tmp_path: Path, change: dict) -> None:
    gallery = made_gallery()
    pairs = ValidationPairs(gallery.ids[:2], gallery.labels[:2], gallery.seen[:2])
    path = save_scored_pairs(tmp_path, pairs, np.array([0.5]))
    with np.load(path) as arrays:
        found = {**{name: arrays[name] for name in arrays.files}}
    changed = {**found, **change, **({"seen": np.ones(3, bool)} if "seen" in change else {})}
    np.savez(path, **changed)
    with pytest.raises(UserError, match=r"validation_pairs\.npz"):
        load_scored_pairs(tmp_path)


def test_the_blend_of_pairs_has_intervals_and_its_gain(spoilt: Path) -> None:
    path = spoilt / "outputs" / "ensemble" / "metrics.json"
    known = json.loads(path.read_text())
    gain = {"over": "classes/classes", "difference": 0.0034, "interval": [-0.002, 0.009]}
    more = {"interval": [0.81, 0.93], "n": 240, "gain": {**gain, "share_better": 0.91}}
    more["intervals"] = {name: [0.5, 0.7] for name in MEMBERS}
    older = {name: value for name, value in known.items() if name not in ("gain", "intervals")}
    write_json(path, older)
    assert "The best channel alone is" in written(spoilt).read_text("utf-8")
    write_json(path, {**known, **more})
    page = " ".join(plain(written(spoilt).read_text("utf-8")).split())
    assert "ROC AUC, 95 %: 0.810 to 0.930, n = 240" in page
    assert page.count("0.500 to 0.700") == len(MEMBERS)
    said = "The blend is better than classes/classes by 0.0034 (95 %: -0.0020 to 0.0090; better in "
    assert f"{said}91 % of resamples): that may be chance." in page
    assert "The best channel alone is" not in page
