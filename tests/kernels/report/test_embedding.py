"""The report of a competition of pairs in a real browser: the embedding, turned by hand."""

import colorsys
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from kernels.report import write_report
from kernels.report.render import colour
from support import browser
from support.report_pairs import (
    EPOCHS,
    canvas_shows,
    coloured,
    made_gallery,
    painter_bundles,
    painter_run,
)
from support.report_run import console, texts

HOSTILE = "<script>document.title='owned'</script>\"><img src=x onerror=document.title='owned'>&"


@pytest.fixture
def shown(driver: Any, painter: Path) -> Any:
    """The page in the browser, freshly loaded on a wide screen."""
    browser.resize(driver, 1280)
    browser.prefer(driver, "light")
    driver.get(painter.as_uri())
    return driver


def canvas(driver: Any) -> Any:
    return driver.find_element("css selector", ".stage canvas")


def card(driver: Any) -> list[str]:
    """What the card next to the point says; nothing while it is not shown."""
    script = "const c = document.querySelector('.card'); return c.hidden ? '' : c.innerText"
    return str(driver.execute_script(script)).split("\n")


def send(driver: Any, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    driver.execute_script("arguments[0].focus({ preventScroll: true })", canvas(driver))
    ActionChains(driver).send_keys(*keys).perform()


def test_it_is_drawn_in_place_of_the_flat_one(shown: Any, painter: Path) -> None:
    page, gallery = painter.read_text("utf-8"), made_gallery()
    assert page.count('<circle class="dot hued"') == 2 * gallery.seen.sum()
    assert page.count('<path class="dot hued"') == 2 * (~gallery.seen).sum()
    assert console(shown) == []
    assert not shown.find_elements("css selector", ".embedding svg")
    assert coloured(shown) > 1000
    assert shown.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_it_turns_by_dragging_and_by_keys_and_zooms(shown: Any) -> None:
    from selenium.webdriver import ActionChains, Keys

    views = [canvas_shows(shown)]
    ActionChains(shown).click_and_hold(canvas(shown)).move_by_offset(90, 40).release().perform()
    views.append(canvas_shows(shown))
    for key in (Keys.ARROW_LEFT, Keys.ARROW_UP, "+", "-", "-"):
        send(shown, key)
        views.append(canvas_shows(shown))
    assert len(set(views)) == len(views) - 1  # what "+" did, "-" undoes
    assert views[3] == views[5]
    send(shown, "0")
    assert canvas_shows(shown) == views[0]


def test_a_finger_turns_it(shown: Any) -> None:
    before = canvas_shows(shown)
    shown.execute_script("arguments[0].scrollIntoView({ block: 'center' })", canvas(shown))
    box = shown.execute_script(
        "const b = arguments[0].getBoundingClientRect(); return [b.x, b.y]", canvas(shown)
    )
    for kind, shift in (("touchStart", 0), ("touchMove", 20), ("touchMove", 120), ("touchEnd", 0)):
        at = [] if kind == "touchEnd" else [{"x": box[0] + 200 + shift, "y": box[1] + 200}]
        shown.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    assert canvas_shows(shown) != before


def test_keys_and_pointer_show_each_painting(shown: Any) -> None:
    from selenium.webdriver import ActionChains, Keys

    assert card(shown) == [""]
    send(shown, "n")
    ids = shown.execute_script(
        "return JSON.parse(document.querySelector('.embedding').dataset.facts).pictures"
        ".map((picture) => picture.id)"
    )
    assert card(shown)[1].split(",")[0] == ids[0]
    image = shown.find_element("css selector", ".card img")
    assert image.is_displayed() == (ids[0] != "1.jpg")  # it has no thumbnail
    send(shown, "p")
    assert card(shown)[1].split(",")[0] == ids[-1]
    assert image.get_property("naturalWidth") == 64
    send(shown, Keys.ESCAPE)
    assert card(shown) == [""]
    found = set()
    for x in range(-160, 170, 40):
        ActionChains(shown).move_to_element_with_offset(canvas(shown), x, 0).perform()
        canvas_shows(shown)
        found.add(tuple(card(shown)))
    assert len(found - {("",)}) >= 2


def test_the_slider_goes_through_the_epochs_and_one_class_can_be_picked_out(shown: Any) -> None:
    from selenium.webdriver import Keys

    slider = shown.find_element("css selector", ".epochs input")
    epoch = shown.find_element("css selector", ".epochs output")
    views = {epoch.text: canvas_shows(shown)}
    for _ in EPOCHS[1:]:
        slider.send_keys(Keys.ARROW_LEFT)
        views[epoch.text] = canvas_shows(shown)
    assert list(views) == [f"epoch {number}" for number in reversed(EPOCHS)]
    assert len(set(views.values())) == len(EPOCHS)
    everything = coloured(shown)
    button = shown.find_element("css selector", ".labels button")
    shown.execute_script("arguments[0].click()", button)
    assert button.get_attribute("aria-pressed") == "true"
    assert 0 < coloured(shown) < everything / 4
    shown.execute_script("arguments[0].click()", button)
    assert coloured(shown) == everything


def test_another_member_can_be_chosen_and_ends_the_playing(shown: Any) -> None:
    buttons = shown.find_elements("css selector", ".models button")
    assert [button.text for button in buttons] == ["classes", "triplets"]  # the best first
    best = canvas_shows(shown)
    buttons[1].click()
    other = canvas_shows(shown)
    assert other != best
    assert [button.get_attribute("aria-pressed") for button in buttons] == ["false", "true"]
    assert texts(shown, ".epochs output") == ["epoch 9"]
    buttons[0].click()
    assert canvas_shows(shown) == best
    shown.find_element("css selector", ".epochs button").click()
    assert texts(shown, ".epochs output") == ["epoch 1"]
    buttons[1].click()
    assert texts(shown, ".epochs button") == ["Play"]
    shown.execute_async_script("setTimeout(arguments[0], 1100)")
    assert canvas_shows(shown) == other


def test_every_name_is_escaped(driver: Any, painter: Path, tmp_path: Path) -> None:
    run = painter_run(Path(shutil.copytree(painter.parent, tmp_path / "run")))
    listed = run.output("prepare") / "classes.csv"
    pd.read_csv(listed).assign(name=HOSTILE).to_csv(listed, index=False)
    page = write_report(run, painter_bundles(()), None)
    assert page.read_text("utf-8").count("&lt;script&gt;") > 10
    driver.get(page.as_uri())
    assert driver.title != "owned"
    assert console(driver) == []
    assert driver.execute_script("return document.scripts.length") == 1


def lab(turn: int, pure: int, light: int) -> np.ndarray:
    """A CSS colour ``hsl(…)`` in CIE L*a*b*."""
    rgb = colorsys.hls_to_rgb(turn / 360, light / 100, pure / 100)
    return cv2.cvtColor(np.array([[rgb]], np.float32), cv2.COLOR_RGB2Lab)[0, 0]


@pytest.mark.parametrize("light", [46, 66])
def test_colours_are_far_apart(light: int) -> None:
    shades = [colour(label) for label in range(60)]
    places = np.array([lab(turn, pure, light + tone) for turn, tone, pure in shades])
    apart = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e3 * np.eye(len(places))
    assert apart.min() > 5  # of CIE 1976, where 2.3 can just be seen
    assert apart[22, 1] > 15
