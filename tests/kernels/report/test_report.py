"""The report of a run, as a person sees it: in a real browser, from disk."""

import csv
import dataclasses
import itertools
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.files.predictions import Predictions, save_predictions
from common.manifest import write_json
from common.tasks.classification import Classification
from kernels.plan.find import find_competition
from kernels.report import write_report
from kernels.report.kernels import STAGES, stage_key
from kernels.report.render import UNKNOWN
from kernels.results.output import read_json
from kernels.run.state import Run, Submission
from support import browser, tiny
from support.report_run import (
    a_run,
    anchors,
    bundles,
    check_fits,
    console,
    noisy,
    notes,
    plain,
    scrolled,
    section,
    texts,
    write_kernels,
    written,
)

HOSTILE = "<script>document.title='owned'</script>\"><img src=x onerror=document.title='owned'>&"
MEMBERS = ("left", "right")
LABELS = np.arange(60) % 3


def write_tiny(folder: Path, names: tuple[str, ...] = MEMBERS) -> Run:
    """A run of the tiny competition that has everything."""
    rng = np.random.default_rng(3)
    guesses = {name: noisy(rng, LABELS, 3, 1.2) for name in names}
    write_kernels(folder, find_competition("tiny"), LABELS, guesses, "weighted")
    return a_run(folder, "tiny", *names)


@pytest.fixture(scope="module")
def finished(tiny_data: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The JSON of a dry run of the tiny competition, blended twice, without curves or pictures."""
    data, solution = tiny_data
    folder = tmp_path_factory.mktemp("tiny-run") / "run"
    options = ["--dry-run", "--data", data, "--solution", solution, "--json", "--run-dir", folder]
    tiny.submit("tiny", "--ensemble", *options)
    done = tiny.submit("tiny", "--ensemble", *options, "--blend", "weighted", "--no-submit")
    assert f"  report      {folder / 'report.html'}" in done.stderr.splitlines()
    assert f"  figures     {folder / 'figures'}" in done.stderr.splitlines()
    assert not list(folder.glob(".report*"))
    return tiny.last_json(done)


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run that has everything: curves, mistakes, pictures, figures."""
    from PIL import Image

    run = write_tiny(tmp_path_factory.mktemp("rich") / "run")
    for name, width in (("weights.png", 600), ("confusion.png", 700)):
        Image.new("RGB", (width, 350), "white").save(run.output("ensemble") / name)
    sent = Submission("0" * 64, ref=7, public_score=0.75, private_score=0.7)
    return write_report(run, bundles("tiny", *MEMBERS), sent)


@pytest.fixture
def page(driver: Any, rich: Path) -> Any:
    """The rich report in the browser, freshly loaded on a wide screen."""
    browser.resize(driver, 1280)
    browser.prefer(driver, "light")
    driver.get(rich.as_uri())
    return driver


def test_a_run_without_curves_and_pictures_shows_each_blend(finished: dict) -> None:
    page = Path(finished["report"]).read_text("utf-8")
    assert "<h1>Tiny Digits</h1>" in page
    assert "learning" not in anchors(page)
    assert "pictures are named by their ids" in page
    assert 'src="data:image/jpeg' not in page
    assert "nothing was sent" in page  # by the second command
    tried = section(page, "blend").split("The blends that were tried")[1]
    assert re.findall(r'<tr><th scope="row">(\w+)</th>', tried)[:2] == ["mean", "weighted"]
    assert [one["method"] for one in finished["blends"]] == ["mean", "weighted"]
    assert finished["blends"][0]["public_score"] is not None


def test_nothing_of_test_and_nothing_secret_is_in_it(rich: Path, finished: dict) -> None:
    assert "hidden1" not in rich.read_text("utf-8")
    page = re.sub('base64,[^"]*', "", Path(finished["report"]).read_text("utf-8"))
    with open(Path(finished["run_dir"]) / "sample_submission.csv", newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    assert ids
    assert not [name for name in ids if re.search(rf"\b{name}\b", page)]
    assert finished["run_dir"] not in page


def test_the_file_asks_for_nothing_outside_itself(rich: Path) -> None:
    page = rich.read_text("utf-8")
    links = re.findall(r'href="([^#"][^"]*)"', page)
    assert links == ["https://www.kaggle.com/competitions/tiny-digits"]
    sources = re.findall(r'(?:src|srcset|data|action|xlink:href)="([^"]*)"', page)
    assert sources
    assert all(re.match("data:image/(jpeg|png);base64,", source) for source in sources)
    assert all(link.startswith("#") for link in re.findall(r"url\((.*?)\)", page))
    assert "@import" not in page


def test_it_renders_from_disk_with_all_its_figures(page: Any, rich: Path) -> None:
    assert console(page) == []
    assert page.title == "Tiny Digits, run"
    score = re.search(r"Validation</dt><dd class=\"value\">([\d.]+)", rich.read_text("utf-8"))
    assert score
    assert texts(page, ".value")[:2] == ["0.75", score[1]]
    hrefs = page.execute_script(
        "return [...document.querySelectorAll('nav a')].map((a) => a.getAttribute('href'))"
    )
    assert hrefs == [f"#{name}" for name in anchors(rich.read_text("utf-8"))]
    drawings = page.execute_script(
        "return [...document.querySelectorAll('svg')].map((s) => [s.getAttribute('role'),"
        " s.getAttribute('aria-label'), s.getBoundingClientRect().height, s.closest('section').id])"
    )
    expected = ["kernels", *["learning"] * 6, "classes", *["calibration"] * 3]
    assert [where for *_, where in drawings] == expected
    assert all(role == "img" and label and height > 80 for role, label, height, _ in drawings)
    assert len({label for _, label, *_ in drawings}) == len(drawings)
    images = page.execute_script(
        "return [...document.images].map((i) => [i.closest('section').id, i.naturalWidth, i.alt])"
    )
    known = {("blend", 600), ("confusions", 700)}  # as the ensemble has drawn them
    known |= {(name, 16) for name in ("members", "confusions", "hardest")}
    assert {(where, width) for where, width, _ in images} == known
    assert all(alt for *_, alt in images)
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_the_graph_shows_every_kernel_and_every_edge(page: Any) -> None:
    label = page.find_element("css selector", "#kernels svg").get_attribute("aria-label")
    assert "left: complete, 11 min 00 s, reads shared." in label
    assert "ensemble: complete, 31 min 00 s, reads shared, left, right" in label
    assert len(page.find_elements("css selector", "#kernels .edge")) == 5


def test_stages_come_after_waiting_and_have_the_same_colours_everywhere(page: Any) -> None:
    names = texts(page, "#kernels .legend li")
    assert names[0] == "waiting and starting"
    script = """return [...document.querySelectorAll('#kernels .stack')].map((stack) =>
      [...stack.children].map((p) => [p.title.split(':')[0], p.style.getPropertyValue('--hue')]))"""
    stacks = page.execute_script(script)
    assert [name for name, _ in stacks[1]] == ["waiting and starting", "training", "figures"]
    for name, hue in itertools.chain(*stacks):
        assert f"--hue:{hue};" in stage_key(name).style or name == "waiting and starting"
    assert len({stage_key(name).style for name in (*STAGES, "a new one")}) == len(STAGES) + 1


def test_headings_are_in_order_and_landmarks_are_there(page: Any) -> None:
    levels = page.execute_script(
        "return [...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1]))"
    )
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for landmark in ("header", "nav[aria-label]", "main", "footer", "html[lang]"):
        assert len(page.find_elements("css selector", landmark)) == 1


def classes_by(driver: Any, place: int, direction: str) -> list[str]:
    """The values of a column of the table of classes, which alone is sorted in a direction."""
    heads = driver.find_elements("css selector", "#classes th[scope=col]")
    states = [head.get_attribute("aria-sort") for head in heads]
    assert states == [direction if n == place else None for n in range(1, len(heads) + 1)]
    return texts(driver, f"#classes tbody tr > :nth-child({place})")


def test_tables_sort_by_click_and_by_keyboard(page: Any) -> None:
    from selenium.webdriver import ActionChains, Keys

    first, second, *_ = page.find_elements("css selector", "#classes th[scope=col] button")
    assert [first.text.split()[0], second.text.split()[0]] == ["class", "no."]
    for direction in ("ascending", "descending"):
        first.click()
        values = classes_by(page, 1, direction)
        assert values == sorted(["zero", "one", "two"], reverse=direction == "descending")
    for key, direction in ((Keys.ENTER, "ascending"), (Keys.SPACE, "descending")):
        page.execute_script("arguments[0].focus()", first)
        ActionChains(page).send_keys(Keys.TAB, key).perform()
        assert page.switch_to.active_element == second
        values = classes_by(page, 2, direction)
        assert values == sorted(["0", "1", "2"], reverse=direction == "descending")


def test_what_is_unknown_sorts_last_both_ways(page: Any) -> None:
    [button] = page.find_elements("xpath", "//section[@id='blend']//button[text()='weight']")
    script = "document.querySelector('#blend tbody tr').cells[1].dataset.value = 'nan'"
    page.execute_script(script)
    unknown = texts(page, "#blend table:first-of-type tbody th")[0]
    for _ in range(2):
        button.click()
        assert texts(page, "#blend tbody th")[2] == unknown


def test_the_first_tab_skips_to_the_report_and_focus_is_seen(page: Any) -> None:
    from selenium.webdriver import ActionChains, Keys

    seen = """const e = document.activeElement, s = getComputedStyle(e);
      return [e.textContent, s.outlineStyle, parseFloat(s.outlineWidth),
        e.getBoundingClientRect().top]"""
    ActionChains(page).send_keys(Keys.TAB).perform()
    text, style, width, top = page.execute_script(seen)
    assert (text, top >= 0) == ("Skip to the report", True)
    for _ in range(25):
        assert style != "none"
        assert width >= 2
        ActionChains(page).send_keys(Keys.TAB).perform()
        text, style, width, top = page.execute_script(seen)
        assert -1 <= top <= 800
    page.execute_script("document.querySelector('.skip').focus()")
    ActionChains(page).send_keys(Keys.ENTER).perform()
    assert page.switch_to.active_element.get_attribute("id") == "report"


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
@pytest.mark.parametrize("name", ["rich", "painter"])
def test_the_page_fits_the_screen(
    driver: Any, request: pytest.FixtureRequest, name: str, width: int
) -> None:
    check_fits(driver, request.getfixturevalue(name), width)


def test_a_drawn_curve_is_scaled_to_a_phones_screen(page: Any) -> None:
    browser.resize(page, 390)
    script = """return [...document.querySelectorAll('.drawn img')].map((image) =>
      [image.closest('section').id, image.getBoundingClientRect().right <= innerWidth])"""
    assert dict(page.execute_script(script)) == {"blend": True, "confusions": False}


def test_confused_pictures_lie_below_their_words(page: Any) -> None:
    browser.resize(page, 1000)
    script = """return [...document.querySelectorAll('.strip')].map((strip) =>
      [strip.children[0].getBoundingClientRect().bottom, strip.children[1].offsetTop
        - strip.children[0].offsetTop + strip.children[0].getBoundingClientRect().top])"""
    places = page.execute_script(script)
    assert places
    assert all(below >= words for words, below in places)


def test_on_a_phone_graph_and_tables_say_that_they_scroll(page: Any) -> None:
    browser.resize(page, 375)
    for box in ("#kernels .scrolls", "#classes .scrolls:has(table)"):
        hints = """const [box, left, done] = arguments, e = document.querySelector(box);
          e.firstElementChild.scrollLeft = left;
          setTimeout(() => { const s = getComputedStyle(e, "::after");
            done([s.content, s.visibility]) }, 200)"""
        content, visibility = page.execute_async_script(hints, box, 0)
        assert "scroll for more" in content
        assert visibility == "visible"
        assert page.execute_async_script(hints, box, 10_000)[1] == "hidden"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(page: Any, scheme: str) -> None:
    browser.prefer(page, scheme)
    page.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    found = page.execute_script(CONTRASTS)
    assert len(found) > 100
    grounds = {tuple(ground) for *_, ground in found}
    assert all((sum(ground) > 600) == (scheme == "light") for ground in grounds)
    assert [entry for entry in found if entry[0] < 4.5] == []


# Contrast ratio as WCAG 2 defines it, of every element with text, against the nearest opaque
# ground below it.
CONTRASTS = """
const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = (colour) => {
  const [r, g, b] = colour.map((v) => {
    const share = v / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const colour = parts(getComputedStyle(e).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
  }
};
return [...document.querySelectorAll("body *")]
  .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
  .filter((e) => !["SCRIPT", "title"].includes(e.tagName))
  .map((e) => {
    const style = getComputedStyle(e);
    const colour = parts(e instanceof SVGElement ? style.fill : style.color).slice(0, 3);
    const below = ground(e);
    const [low, high] = [light(colour), light(below)].sort((a, b) => a - b);
    return [(high + 0.05) / (low + 0.05), e.textContent.trim().slice(0, 40), below];
  });
"""


def test_a_hostile_name_is_escaped_shown_and_does_nothing(
    driver: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import competitions.tiny_digits as module

    name, names = HOSTILE.replace("/", ""), (HOSTILE, f"{HOSTILE} two", "three")
    changed = dataclasses.replace(module.COMPETITION, task=Classification(names), title=HOSTILE)
    monkeypatch.setattr(module, "COMPETITION", changed)
    run = write_tiny(tmp_path / name, (name, "right"))
    kept = list(bundles("tiny", *MEMBERS))
    kept[1] = dataclasses.replace(kept[1], kernel=dataclasses.replace(kept[1].kernel, name=name))
    spoiled = {"recipe": {HOSTILE: HOSTILE}, "versions": {HOSTILE: HOSTILE}, "written": HOSTILE}
    more = {"accelerator": {"seen": HOSTILE}, "seconds": {HOSTILE: 3.0}}
    write_json(run.output(name) / "manifest.json", {**spoiled, **more})
    path = write_report(run, tuple(kept), None)
    assert "<img src=x" not in path.read_text("utf-8")
    driver.get(path.as_uri())
    assert driver.title != "owned"
    assert texts(driver, "h1") == [HOSTILE]
    assert HOSTILE in texts(driver, "#classes tbody th")
    assert console(driver) == []
    assert driver.execute_script("return document.scripts.length") == 1


def test_what_is_broken_or_lost_costs_what_it_holds_alone(tmp_path: Path) -> None:
    run = write_tiny(tmp_path / "run")
    whole = written(run, *MEMBERS)
    assert notes(whole) == []
    (run.output("left") / "thumbnails.npz").write_bytes(b"PK cut off")
    page = written(run, *MEMBERS)
    assert "outputs/left/thumbnails.npz cannot be read" in notes(page)[0]
    assert str(tmp_path) not in page
    assert page.count("<img") == whole.count("<img") > 10
    ids, values = np.array([f"other{n}" for n in range(30)]), np.full((30, 3), 1 / 3, np.float32)
    other = Predictions(ids, np.arange(30) % 3, values, ids, values)
    save_predictions(run.output("left"), other, "")
    page = written(run, *MEMBERS)
    assert "validation ids of the blend (60) and left (30) differ" in notes(page)[1]
    assert {"members", "classes"} - {*anchors(page)} == {"members"}
    shutil.rmtree(run.output("ensemble"))
    assert {"classes", "learning"} - {*anchors(written(run, *MEMBERS))} == {"classes"}


def test_what_was_chosen_for_a_head_is_in_the_place_of_its_curves(tmp_path: Path) -> None:
    from PIL import Image

    run = write_tiny(tmp_path / "run")
    path = run.output("left") / "metrics.json"
    write_json(path, {**read_json(path), "c": 30_000.0, "val_loss": 0.07631})
    Image.new("RGB", (60, 35), "white").save(run.output("left") / "penalty.png")
    (run.output("left") / "history.csv").unlink()
    shown = section(written(run, *MEMBERS), "learning")
    assert re.findall("<h3>(.*?)</h3>", shown) == ["right", "left, fitted on features"]
    assert "C of the logistic regression cross-entropy of validation left 30,000 0.0763" in plain(
        shown
    )
    assert shown.count("data:image/png") == 1
    (run.output("right") / "history.csv").unlink()
    page = written(run, *MEMBERS)
    assert '<h2 id="learning-title">Heads that were fitted</h2>' in page
    assert "Learning curves" not in page


def test_long_words_of_a_setting_are_wrapped(driver: Any, tmp_path: Path) -> None:
    run, words = write_tiny(tmp_path / "run"), "448 of 896 pictures, stratified, " * 6
    write_json(run.output("right") / "manifest.json", {"recipe": {}, "validation": words})
    page = write_report(run, bundles("tiny", *MEMBERS), None)
    assert f'<th scope="row">validation</th><td>{UNKNOWN}</td>' in page.read_text("utf-8")
    browser.resize(driver, 1000)
    driver.get(page.as_uri())
    assert scrolled(driver, "#settings") == []


def test_settings_have_no_empty_rows_and_compare_several_models_alone(tmp_path: Path) -> None:
    run = write_tiny(tmp_path / "run")
    write_json(run.output("right") / "manifest.json", {"recipe": {"epochs": 4}, "validation": ""})
    shown = plain(section(written(run, *MEMBERS), "settings"))
    assert "Bold: models differ in it." in shown
    assert " validation " not in shown
    write_tiny(tmp_path / "one", ("left",))
    one = plain(section(written(a_run(tmp_path / "one", "tiny", "left"), "left"), "settings"))
    assert "epochs 3" in one
    assert "Bold" not in one


def test_what_a_training_warns_of_and_how_it_was_validated_is_said_once(tmp_path: Path) -> None:
    run = write_tiny(tmp_path / "run")
    for kernel in MEMBERS:
        path = run.output(kernel) / "manifest.json"
        facts = {"warnings": ["classes without A: 1"], "validation": "9 of 45 pictures, seed 0"}
        write_json(path, {**read_json(path), **facts})
    page = written(run, *MEMBERS)
    assert notes(page).count("Classes without A: 1.") == 1
    assert "validation 9 of 45 pictures, seed 0" in plain(section(page, "settings"))


def test_facts_of_any_kind_are_left_out_or_shown_as_text(tmp_path: Path) -> None:
    run = write_tiny(tmp_path / "run")
    wrong = (None, 3.5, ["\x1b[2J[/x]\u202e\ud800"], {"training": {}, "\0": "\r\b"})
    for kernel, file in itertools.product(("left", "ensemble"), ("manifest.json", "metrics.json")):
        path = run.output(kernel) / file
        whole = read_json(path)
        names = sorted(
            {
                *whole,
                "stays",
                "warnings",
                "validation",
                "thresholds",
                "calibration",
                "folds",
                "versions",
            }
        )
        for first in (0, 1):
            facts = {name: wrong[(first + n) % len(wrong)] for n, name in enumerate(names)}
            write_json(path, facts)
            assert not set(written(run, *MEMBERS)) & set("\x1b\0\r\b\u202e\ud800")
        write_json(path, whole)


def test_folds_are_named_with_their_split_and_have_the_decimals_of_the_score(
    tmp_path: Path,
) -> None:
    run = write_tiny(tmp_path / "run")
    path = run.output("ensemble") / "metrics.json"
    folds = {f"left-fold{n}": 0.71234 + n / 100 for n in range(4)}
    repeats = {"split 1": 0.7187, "split 2": 0.7387}
    write_json(path, {**read_json(path), "folds": {"left": folds}, "repeats": {"left": repeats}})
    blend = plain(section(written(run, *MEMBERS), "blend"))
    found = re.findall(r"(fold \d of split \d|split \d) (0\.\d+)", blend)
    assert [name for name, _ in found] == [
        *("split 1", "split 2", "fold 0 of split 1", "fold 1 of split 1"),
        *("fold 0 of split 2", "fold 1 of split 2"),
    ]
    score = re.search(r"left, out of fold (0\.\d+)", blend)
    assert score
    assert {len(value) for _, value in found} == {len(score[1])}
    assert len(score[1]) < 6
    write_json(path, {**read_json(path), "repeats": {}})
    assert "fold 3 0.7" in plain(section(written(run, *MEMBERS), "blend"))


def test_one_model_is_no_blend_and_settings_of_folds_are_left_out_without_folds(
    tmp_path: Path,
) -> None:
    run = write_tiny(tmp_path / "run")
    path = run.output("left") / "manifest.json"
    recipe = {"epochs": 3, "folds": 0, "fold": 0, "repeats": 1}
    write_json(path, {**read_json(path), "recipe": recipe})
    metrics = run.output("ensemble") / "metrics.json"
    alone = {"weights": {"left": 1.0}, "members": {"left": 0.9}, "gain": {}}
    write_json(metrics, {**read_json(metrics), **alone})
    page = written(run, "left")
    assert "<h2>The model</h2>" in page or ">The model<" in page
    assert "The blend" not in plain(section(page, "blend"))
    assert "fold" not in plain(section(page, "settings"))
    write_json(path, {**read_json(path), "recipe": {**recipe, "folds": 3, "repeats": 2}})
    assert "repeats 2" in plain(section(written(run, "left"), "settings"))


def test_a_run_of_full_size_stays_small(tmp_path: Path) -> None:
    names = ("densenet201", "efficientnetb7", "xception")
    rng, labels = np.random.default_rng(3), np.arange(3712) % 104
    guesses = {name: noisy(rng, labels, 104, 1.2) for name in names}
    folder, petals = tmp_path / "run", find_competition("petals")
    write_kernels(folder, petals, labels, guesses, side=64, resamples=0)
    page = written(a_run(folder, "petals", *names), *names)
    assert 60 < page.count("<img") < 200
    assert len(page) < 3_000_000
