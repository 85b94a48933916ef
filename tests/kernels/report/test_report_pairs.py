"""The report's sections on pairs and embeddings, as a person sees them: in a real browser."""

import colorsys
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from common.errors import UserError
from kernels.report.embedding import Embedding, embedding_section, scaled
from kernels.report.gallery import Gallery, hue
from kernels.report.markup import tag
from kernels.report.page import page
from kernels.report.pairs import mistakes_section, nearest, neighbours_section, pairs_section
from support import browser
from support.report_pairs import (
    EPOCHS,
    coloured,
    drawn,
    made_gallery,
    made_vectors,
    surest,
)

needs_browser = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())
HOSTILE = "<script>document.title='owned'</script>\"><img src=x onerror=document.title='owned'>&"


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    return made_gallery()


@pytest.fixture(scope="module")
def vectors(gallery: Gallery) -> np.ndarray:
    return made_vectors(gallery, 1.1)


@pytest.fixture(scope="module")
def points(gallery: Gallery) -> np.ndarray:
    made = np.stack([made_vectors(gallery, sure) for sure in (0.0, 0.6, 1.5, 4.0)])
    _, _, directions = np.linalg.svd(made[-1] - made[-1].mean(axis=0), full_matrices=False)
    return (made @ directions[:3].T).astype(np.float32)


def pairs_of(gallery: Gallery, vectors: np.ndarray) -> tuple[np.ndarray, ...]:
    first, second = np.triu_indices(len(gallery.ids), 1)
    return first, second, (vectors[first] * vectors[second]).sum(axis=1)


def sections(gallery: Gallery, vectors: np.ndarray, points: np.ndarray) -> list[Any]:
    first, second, scores = pairs_of(gallery, vectors)
    seen = gallery.seen
    parts = {"seen": seen[first] & seen[second], "unseen": ~seen[first] & ~seen[second]}
    same = gallery.labels[first] == gallery.labels[second]
    return [
        embedding_section(Embedding(gallery, np.array(EPOCHS), points)),
        pairs_section(same, scores, parts),
        neighbours_section(gallery, vectors, np.array([3, 27, 55, 118])),
        mistakes_section(gallery, first, second, scores),
    ]


def written(path: Path, made: list[Any]) -> Path:
    path.write_text(str(page("Pairs", tag("header", tag("h1", "Pairs")), made, ())), "utf-8")
    return path


@pytest.fixture(scope="module")
def report(
    gallery: Gallery, vectors: np.ndarray, points: np.ndarray, tmp_path_factory: Any
) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    return written(folder / "report.html", sections(gallery, vectors, points))


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser.chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def shown(driver: Any, report: Path) -> Any:
    """The page in the browser, freshly loaded on a wide screen."""
    browser.resize(driver, 1280)
    browser.prefer(driver, "light")
    driver.get(report.as_uri())
    return driver


def canvas(driver: Any) -> Any:
    return driver.find_element("css selector", ".stage canvas")


def card(driver: Any) -> str:
    """What the card beside the point says; nothing while it is not shown."""
    script = "const c = document.querySelector('.card'); return c.hidden ? '' : c.innerText"
    return str(driver.execute_script(script))


def send(driver: Any, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    driver.execute_script("arguments[0].focus({ preventScroll: true })", canvas(driver))
    ActionChains(driver).send_keys(*keys).perform()


@needs_browser
def test_the_embedding_is_drawn_in_place_of_the_flat_one(shown: Any) -> None:
    assert shown.get_log("browser") == []
    assert not shown.find_elements("css selector", ".embedding svg")
    assert coloured(shown) > 2000
    assert shown.execute_script("return performance.getEntriesByType('resource').length") == 0


@needs_browser
def test_it_turns_by_dragging_and_by_keys_and_zooms(shown: Any) -> None:
    from selenium.webdriver import ActionChains, Keys

    views = [drawn(shown)]
    ActionChains(shown).click_and_hold(canvas(shown)).move_by_offset(90, 40).release().perform()
    views.append(drawn(shown))
    for key in (Keys.ARROW_LEFT, Keys.ARROW_UP, "+", "-", "-"):
        send(shown, key)
        views.append(drawn(shown))
    assert len(set(views)) == len(views) - 1  # what "+" did, "-" undoes
    assert views[3] == views[5]
    send(shown, "0")
    assert drawn(shown) == views[0]


@needs_browser
def test_a_finger_turns_it(shown: Any) -> None:
    before = drawn(shown)
    shown.execute_script("arguments[0].scrollIntoView({ block: 'center' })", canvas(shown))
    box = shown.execute_script(
        "const b = arguments[0].getBoundingClientRect(); return [b.x, b.y]", canvas(shown)
    )
    for kind, shift in (("touchStart", 0), ("touchMove", 20), ("touchMove", 120), ("touchEnd", 0)):
        at = [] if kind == "touchEnd" else [{"x": box[0] + 200 + shift, "y": box[1] + 200}]
        shown.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    assert drawn(shown) != before


@needs_browser
def test_keys_go_through_the_paintings_and_show_each(shown: Any, gallery: Gallery) -> None:
    assert card(shown) == ""
    send(shown, "n")
    assert card(shown).split("\n") == [gallery.names[0], "1.jpg"]
    image = shown.find_element("css selector", ".card img")
    assert not image.is_displayed()  # it has no thumbnail
    send(shown, "p")
    assert card(shown).split("\n") == [gallery.names[-1], f"{len(gallery.ids)}.jpg, unseen artist"]
    assert image.is_displayed()
    assert image.get_property("naturalWidth") == 64
    from selenium.webdriver import Keys

    send(shown, Keys.ESCAPE)
    assert card(shown) == ""


@needs_browser
def test_the_painting_under_the_pointer_is_shown(shown: Any, gallery: Gallery) -> None:
    from selenium.webdriver import ActionChains

    found = set()
    for x in range(-160, 170, 20):
        ActionChains(shown).move_to_element_with_offset(canvas(shown), x, 0).perform()
        drawn(shown)
        found.add(card(shown))
    named = [text.split("\n") for text in found if text]
    assert len(named) >= 3
    rows = dict(zip(gallery.ids.tolist(), gallery.names.tolist(), strict=True))
    assert all(rows[told.split(",")[0]] == name for name, told in named)


@needs_browser
def test_the_slider_goes_through_the_epochs(shown: Any) -> None:
    from selenium.webdriver import Keys

    slider = shown.find_element("css selector", ".epochs input")
    told = shown.find_element("css selector", ".epochs output")
    seen = {told.text: drawn(shown)}
    for _ in range(3):
        slider.send_keys(Keys.ARROW_LEFT)
        seen[told.text] = drawn(shown)
    assert list(seen) == [f"epoch {epoch}" for epoch in reversed(EPOCHS)]
    assert len(set(seen.values())) == 4


@needs_browser
def test_one_artist_can_be_picked_out(shown: Any) -> None:
    everything = coloured(shown)
    button = shown.find_element("css selector", ".labels button")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert 0 < coloured(shown) < everything / 4
    button.click()
    assert coloured(shown) == everything


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_it_fits_the_screen_and_stands_out(
    shown: Any, report: Path, scheme: str, width: int
) -> None:
    browser.resize(shown, width)
    browser.prefer(shown, scheme)
    drawn(shown)
    assert shown.execute_script("return document.documentElement.scrollWidth") <= width
    outside = shown.execute_script(
        """return [...document.querySelectorAll("main *")].filter((element) => {
          if (element.closest(".scroll") && !element.matches(".scroll")) return false;
          const box = element.getBoundingClientRect();
          return box.width > 1 && (box.left < 0 || box.right > innerWidth + 0.5);
        }).map((element) => element.outerHTML.slice(0, 90))"""
    )
    assert outside == []
    assert coloured(shown) > 500
    height = shown.execute_script("return document.documentElement.scrollHeight")
    browser.resize(shown, width, height)
    shown.save_screenshot(str(report.with_name(f"{scheme}-{width}.png")))


def test_without_scripts_there_is_a_flat_drawing(report: Path, gallery: Gallery) -> None:
    told = report.read_text("utf-8")
    assert told.count('<circle class="dot hued"') == gallery.seen.sum()
    assert told.count('<path class="dot hued"') == (~gallery.seen).sum()
    assert told.count("<script") == 1


def test_every_name_is_escaped(gallery: Gallery, vectors: np.ndarray, points: np.ndarray) -> None:
    names = np.array([HOSTILE] * len(gallery.ids))
    spoiled = Gallery(np.char.add(HOSTILE, gallery.ids), gallery.labels, names, gallery.seen, {})
    for made in sections(spoiled, vectors, points):
        assert "<script" not in made
        assert "<img" not in made


def test_each_epoch_is_centred_and_scaled(points: np.ndarray) -> None:
    wild = points * np.array([1e-9, 1, 100, 1])[:, None, None] + 5
    wild[0, 0] = np.nan
    done = scaled(wild)
    far = np.linalg.norm(done, axis=2)
    assert np.isfinite(done).all()
    assert far.max() <= 1 + 1e-6
    assert (np.quantile(far, 0.95, axis=1) > 0.5).all()
    assert (
        embedding_section(
            Embedding(Gallery(*(np.array([]) for _ in range(4)), {}), np.array([]), points[:, :0])
        )
        is None
    )


def test_points_at_one_place_are_drawn(gallery: Gallery, points: np.ndarray) -> None:
    made = embedding_section(Embedding(gallery, np.array([1]), np.ones_like(points[:1])))
    facts = re.search(r'data-facts="([^"]*)"', str(made))
    assert facts is not None
    told = json.loads(facts[1].replace("&#34;", '"'))
    assert told["views"] == [{"name": "", "epochs": [1]}]


def test_the_curves_say_what_the_scores_are_worth() -> None:
    same = np.array([True, True, False, False, False, True])
    scores = np.array([0.9, 0.8, 0.7, 0.2, 0.1, 0.3])
    parts = {"seen": np.array([True] * 4 + [False] * 2), "unseen": ~np.ones(6, bool)}
    told = str(pairs_section(same, scores, parts))
    assert "all: AUC 0.8889" in told
    assert "seen: AUC 1.0000" in told
    assert "unseen" not in told  # no pair, no curve
    assert told.count("33.33% of same pairs have a score") == 3  # of all
    assert told.count("50.00% of same pairs have a score") == 2  # of seen
    with pytest.raises(UserError):
        pairs_section(np.ones(6, bool), scores, {})


def test_accuracies_are_about_all_pairs_where_some_were_not_drawn() -> None:
    same, scores = np.array([True, True, False, False]), np.full(4, 0.5)
    assert "0.5000" in str(pairs_section(same, scores, {})).split("best accuracy")[1]
    told = str(pairs_section(same, scores, {"seen": same}, share=0.1))
    assert "0.9000" in told.split("best accuracy")[1]


def test_nearest_leaves_out_the_picture_itself() -> None:
    vectors = np.array([[1, 0], [0, 1], [0.8, 0.6], [1, 0]], np.float32)
    rows, scores = nearest(vectors, 0, 2)
    assert rows.tolist() == [3, 2]
    assert scores.tolist() == pytest.approx([1.0, 0.8])


def test_one_picture_is_not_every_mistake(gallery: Gallery) -> None:
    """Picture 0 is surest wrong with every other; then come pairs that are less so."""
    others = np.arange(1, len(gallery.ids))
    first = np.concatenate([np.zeros(len(others), int), others[:-1]])
    second = np.concatenate([others, others[1:]])
    scores = np.concatenate([np.full(len(others), 0.9), np.full(len(others) - 1, 0.1)])
    told = str(mistakes_section(gallery, first, second, scores)).split("One artist, taken")[0]
    ids = re.findall(r"line-of\">(\d+\.jpg), (\d+\.jpg)<", told)
    assert len(ids) == 8
    assert sum("1.jpg" in pair for pair in ids) == 2


def lab(shade: str) -> np.ndarray:
    """A CSS colour ``hsl(…)`` in CIE L*a*b*."""
    h, s, light = (float(part) for part in re.findall(r"[\d.]+", shade))
    rgb = colorsys.hls_to_rgb(h / 360, light / 100, s / 100)
    return cv2.cvtColor(np.array([[rgb]], np.float32), cv2.COLOR_RGB2Lab)[0, 0]


@needs_browser
@pytest.mark.parametrize("light", [46, 66])
def test_colours_are_far_apart_and_the_same_in_the_legend_and_on_the_canvas(
    shown: Any, light: int
) -> None:
    shades = shown.execute_script(
        "return [...Array(60).keys()].map((label) => colour(label, arguments[0]))", light
    )
    for label, shade in enumerate(shades):
        turn, tone, pure = re.findall(r":(-?[\d.]+)", hue(label))
        assert shade == f"hsl({turn} {pure}% {light + int(tone)}%)"
    places = np.array([lab(shade) for shade in shades])
    apart = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e3 * np.eye(len(places))
    assert apart.min() > 5  # of CIE 1976, where 2.3 can just be told
    assert apart[22, 1] > 15


def test_mistakes_are_the_surest_of_each_kind(gallery: Gallery, vectors: np.ndarray) -> None:
    first, second, scores = pairs_of(gallery, vectors)
    told = str(mistakes_section(gallery, first, second, scores))
    same = gallery.labels[first] == gallery.labels[second]
    different, alike = told.split("One artist, taken for two")
    found = [float(score) for score in re.findall(r"score (-?[\d.]+)", different)]
    assert found == pytest.approx(surest(first, second, -scores, ~same, -1), abs=6e-4)
    found = [float(score) for score in re.findall(r"score (-?[\d.]+)", alike)]
    assert found == pytest.approx(surest(first, second, scores, same), abs=6e-4)
    none = mistakes_section(gallery, first[:0], second[:0], scores[:0])
    assert str(none).count("There is no such pair.") == 2
