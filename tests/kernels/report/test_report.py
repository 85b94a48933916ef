"""The report of a run, as a person sees it: in a real browser, from disk."""

import csv
import dataclasses
import itertools
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.files.predictions import Predictions, save_predictions
from common.manifest import write_json
from common.tasks.classification import Classification
from kernels.report import write_report
from kernels.run.state import Submission
from support import browser, tiny
from support.report_run import (
    a_run,
    bundles,
    console,
    leave,
    needs_browser,
    texts,
)

HOSTILE = "<script>document.title='owned'</script>\"><img src=x onerror=document.title='owned'>&"


@pytest.fixture(scope="module")
def finished(tiny_data: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The JSON of a dry run of the tiny competition, which several tests look at."""
    data, solution = tiny_data
    options = ["--dry-run", "--data", data, "--solution", solution, "--json"]
    folder = tmp_path_factory.mktemp("tiny-run") / "run"
    done = tiny.submit("tiny", "--ensemble", *options, "--run-dir", folder)
    return tiny.last_json(done)


@pytest.fixture(scope="module")
def rich(finished: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run that has everything: curves, mistakes, pictures."""
    folder = tmp_path_factory.mktemp("rich") / "run"
    shutil.copytree(finished["run_dir"], folder)
    leave(folder, ("left", "right"), np.arange(60) % 3, 3)
    run = a_run(folder, "tiny", "left", "right")
    return write_report(
        run, bundles("tiny", "left", "right"), Submission("0" * 64, ref=7, public_score=0.75)
    )


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser.chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def page(driver: Any, rich: Path) -> Any:
    """The rich report in the browser, freshly loaded on a wide screen."""
    browser.resize(driver, 1280)
    browser.prefer(driver, "light")
    driver.get(rich.as_uri())
    return driver


def test_a_run_writes_its_report_and_says_where(dry: list, tmp_path: Path) -> None:
    done = tiny.submit(*dry, "--model", "left", "--no-submit")
    assert done.returncode == 0, done.stderr
    path = tmp_path / "run" / "report.html"
    assert f"  report      {path}" in done.stdout.splitlines()
    assert f"  figures     {tmp_path / 'run' / 'figures'}" in done.stdout.splitlines()
    told = path.read_text("utf-8")
    assert "<h1>Tiny Digits</h1>" in told
    assert "One member: the blend is that member itself." in told
    assert "nothing was sent" in told
    assert not list(path.parent.glob(".report*"))


def test_a_run_without_curves_and_pictures_says_so(finished: dict) -> None:
    told = Path(finished["report"]).read_text("utf-8")
    assert told.count("The kernels left no history.") == 1
    assert "pictures are told by their ids" in told
    assert "<img" not in told
    assert f"{finished['public_score']:.5f}" in told
    assert f"{finished['blend']['validation_score']:.4f}" in told


def test_nothing_of_test_and_nothing_secret_is_in_it(rich: Path, finished: dict) -> None:
    assert "hidden1" not in rich.read_text("utf-8")
    told = Path(finished["report"]).read_text("utf-8")
    with open(Path(finished["run_dir"]) / "sample_submission.csv", newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    assert ids
    assert not [name for name in ids if re.search(rf"\b{name}\b", told)]
    assert finished["run_dir"] not in told


def test_the_file_asks_for_nothing_outside_itself(rich: Path) -> None:
    told = rich.read_text("utf-8")
    assert re.findall(r'href="([^#"][^"]*)"', told) == [
        "https://www.kaggle.com/competitions/tiny-digits"
    ]
    sources = re.findall(r'(?:src|srcset|data|action|xlink:href)="([^"]*)"', told)
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert set(re.findall(r"url\((.*?)\)", told)) == {"#arrow"}
    assert "@import" not in told


@needs_browser
def test_it_renders_from_disk_with_all_its_figures(page: Any) -> None:
    assert console(page) == []
    assert texts(page, "h1") == ["Tiny Digits"]
    assert page.title == "Tiny Digits, run"
    assert texts(page, ".value")[:3] == ["0.75000", "0.5000", "+0.2500"]
    targets = [href[1:] for href in hrefs(page, "nav a")]
    assert targets == [s.get_attribute("id") for s in page.find_elements("css selector", "section")]
    drawings = page.execute_script(
        "return [...document.querySelectorAll('svg')].map((s) => [s.getAttribute('role'),"
        " s.getAttribute('aria-label'), s.getBoundingClientRect().height, s.closest('section').id])"
    )
    assert [where for *_, where in drawings] == [
        *["kernels", "blend", *["learning"] * 6, "classes", *["calibration"] * 3]
    ]
    assert all(role == "img" and label and height > 80 for role, label, height, _ in drawings)
    assert len({label for _, label, *_ in drawings}) == len(drawings)
    images = page.execute_script(
        "return [...document.images].map((i) => [i.naturalWidth, i.alt, i.closest('section').id])"
    )
    assert {where for *_, where in images} == {"members", "confusions", "hardest"}
    assert all(width == 16 and alt for width, alt, _ in images)
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0


def hrefs(driver: Any, selector: str) -> list[str]:
    script = (
        "return [...document.querySelectorAll(arguments[0])].map((a) => a.getAttribute('href'))"
    )
    return list(driver.execute_script(script, selector))


@needs_browser
def test_the_graph_shows_every_kernel_and_every_edge(page: Any) -> None:
    label = page.find_element("css selector", "#kernels svg").get_attribute("aria-label")
    assert "left: complete, 11 min 00 s, reads shared." in label
    assert "ensemble: complete, 31 min 00 s, reads shared, left, right" in label
    assert len(page.find_elements("css selector", "#kernels .edge")) == 5


@needs_browser
def test_headings_are_in_order_and_landmarks_are_there(page: Any) -> None:
    levels = page.execute_script(
        "return [...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    steps = itertools.pairwise(levels)
    assert all(after <= before + 1 for before, after in steps)
    for landmark in ("header", "nav[aria-label]", "main", "footer", "html[lang]"):
        assert len(page.find_elements("css selector", landmark)) == 1


def column(driver: Any, table: str, place: int) -> list[str]:
    return texts(driver, f"{table} tbody tr > :nth-child({place})")


def check_sorted(driver: Any, place: int, direction: str, order: Callable[[Any], Any]) -> None:
    heads = driver.find_elements("css selector", "#classes th[scope=col]")
    states = [head.get_attribute("aria-sort") for head in heads]
    assert states == [direction if n == place else None for n in range(1, len(heads) + 1)]
    values = column(driver, "#classes", place)
    assert values == sorted(values, key=order, reverse=direction == "descending")
    assert len(set(values)) > 1


@needs_browser
def test_tables_sort_by_click(page: Any) -> None:
    buttons = page.find_elements("css selector", "#classes th[scope=col] button")
    assert [button.text.split()[0] for button in buttons[:3]] == ["class", "number", "F1"]
    rows = sorted(texts(page, "#classes tbody tr"))
    buttons[0].click()
    check_sorted(page, 1, "ascending", str)
    buttons[0].click()
    check_sorted(page, 1, "descending", str)
    buttons[2].click()
    check_sorted(page, 3, "ascending", float)
    assert sorted(texts(page, "#classes tbody tr")) == rows


@needs_browser
def test_tables_sort_by_keyboard(page: Any) -> None:
    from selenium.webdriver import ActionChains, Keys

    buttons = page.find_elements("css selector", "#classes th[scope=col] button")
    page.execute_script("arguments[0].focus()", buttons[0])
    for key, direction in ((Keys.ENTER, "ascending"), (Keys.SPACE, "descending")):
        ActionChains(page).send_keys(Keys.TAB, key).perform()
        assert page.switch_to.active_element == buttons[1]
        check_sorted(page, 2, direction, float)
        ActionChains(page).key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT).perform()


@needs_browser
def test_what_is_unknown_sorts_last_both_ways(page: Any) -> None:
    [button] = page.find_elements("xpath", "//section[@id='blend']//button[text()='weight']")
    page.execute_script(
        "document.querySelector('#blend tbody td:nth-child(2)').dataset.value = 'nan'"
    )
    unknown = column(page, "#blend table", 1)[0]
    for _ in range(2):
        button.click()
        assert texts(page, "#blend .scroll:first-of-type tbody th")[:3][-1] == unknown


@needs_browser
def test_the_first_tab_skips_to_the_report_and_focus_is_seen(page: Any) -> None:
    from selenium.webdriver import ActionChains, Keys

    seen = (
        "const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();"
    )
    seen += "return [e.textContent, s.outlineStyle, parseFloat(s.outlineWidth), b.top]"
    ActionChains(page).send_keys(Keys.TAB).perform()
    text, style, width, top = page.execute_script(seen)
    assert text == "Skip to the report"
    assert top >= 0
    for _ in range(40):
        assert style != "none"
        assert width >= 2
        ActionChains(page).send_keys(Keys.TAB).perform()
        text, style, width, top = page.execute_script(seen)
        assert -1 <= top <= 800
    page.execute_script("document.querySelector('.skip').focus()")
    ActionChains(page).send_keys(Keys.ENTER).perform()
    assert page.switch_to.active_element.get_attribute("id") == "report"


@needs_browser
@pytest.mark.parametrize("width", [375, 320, 768])
def test_a_narrow_page_does_not_scroll_sideways(page: Any, width: int) -> None:
    browser.resize(page, width)
    page.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    outside = page.execute_script(
        """return [...document.querySelectorAll("main *, header *, nav ul")].filter((element) => {
          if (element.closest(".scroll") && !element.matches(".scroll")) return false;
          const box = element.getBoundingClientRect();
          return box.width > 1 && (box.left < 0 || box.right > innerWidth + 0.5);
        }).map((element) => element.outerHTML.slice(0, 90))"""
    )
    assert outside == []


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(page: Any, scheme: str) -> None:
    browser.prefer(page, scheme)
    page.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    found = page.execute_script(CONTRASTS)
    assert len(found) > 100
    grounds = {tuple(ground) for *_, ground in found}
    assert all((sum(ground) > 600) == (scheme == "light") for ground in grounds)
    assert [entry for entry in found if entry[0] < 4.5] == []


# Contrast ratio as WCAG 2 defines it, of every element that holds text, against the nearest
# opaque ground below it.
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


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A report whose every name tries to be markup."""
    import competitions.tiny_digits as module

    names = (HOSTILE, f"{HOSTILE} two", "three")
    changed = dataclasses.replace(module.COMPETITION, task=Classification(names), title=HOSTILE)
    monkeypatch.setattr(module, "COMPETITION", changed)
    folder = tmp_path / HOSTILE.replace("/", "")
    kept = list(bundles("tiny", "left", "right"))
    renamed = dataclasses.replace(kept[1].kernel, name=HOSTILE.replace("/", ""))
    kept[1] = dataclasses.replace(kept[1], kernel=renamed)
    leave(folder, (renamed.name, "right"), np.arange(60) % 3, 3)
    spoiled = {"recipe": {HOSTILE: HOSTILE}, "versions": {HOSTILE: HOSTILE}, "written": HOSTILE}
    more = {"accelerator": {"seen": HOSTILE}, "seconds": {HOSTILE: 3.0}}
    write_json(folder / "outputs" / renamed.name / "manifest.json", {**spoiled, **more})
    run = a_run(folder, "tiny", renamed.name, "right")
    run.set_kernel(renamed.name, state=HOSTILE)
    return write_report(run, tuple(kept), None)


def test_every_name_is_escaped(hostile: Path) -> None:
    told = hostile.read_text("utf-8")
    assert told.count("<script") == 1
    assert "<img src=x" not in told
    assert "&lt;img src=x onerror=" in told


@needs_browser
def test_a_hostile_name_is_shown_and_does_nothing(driver: Any, hostile: Path) -> None:
    driver.get(hostile.as_uri())
    assert driver.title != "owned"
    assert texts(driver, "h1") == [HOSTILE]
    assert HOSTILE in texts(driver, "#classes tbody th")
    assert console(driver) == []
    assert driver.execute_script("return document.scripts.length") == 1


def test_a_broken_thumbnail_file_costs_the_pictures_alone(rich: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    leave(folder, ("left", "right"), np.arange(60) % 3, 3)
    (folder / "outputs" / "left" / "thumbnails.npz").write_bytes(b"PK cut off")
    run = a_run(folder, "tiny", "left", "right")
    told = write_report(run, bundles("tiny", "left", "right"), None).read_text("utf-8")
    assert "thumbnails.npz cannot be read" in told
    assert told.count("<img") == rich.read_text("utf-8").count("<img") > 10


def test_a_member_of_other_pictures_and_a_lost_blend_are_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    leave(folder, ("left", "right"), np.arange(60) % 3, 3)
    labels = np.arange(30) % 3
    values = np.full((30, 3), 1 / 3, np.float32)
    ids = np.array([f"other{number}" for number in range(30)])
    save_predictions(folder / "outputs" / "left", Predictions(ids, labels, values, ids, values), "")
    run = a_run(folder, "tiny", "left", "right")
    told = write_report(run, bundles("tiny", "left", "right"), None).read_text("utf-8")
    assert "left was validated on other pictures than the blend." in told
    assert 'id="members"' not in told
    assert 'id="classes"' in told
    shutil.rmtree(folder / "outputs" / "ensemble")
    told = write_report(run, bundles("tiny", "left", "right"), None).read_text("utf-8")
    assert 'id="classes"' not in told
    assert 'id="learning"' in told


def test_a_run_of_full_size_stays_small(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    names = ("densenet201", "efficientnetb7", "xception")
    leave(folder, names, np.arange(3712) % 104, 104, side=64)
    path = write_report(a_run(folder, "petals", *names), bundles("petals", *names), None)
    told = path.read_text("utf-8")
    assert 60 < told.count("<img") < 200
    assert path.stat().st_size < 3_000_000
