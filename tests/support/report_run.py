"""A run for the report: what its kernels would write, and what a browser shows of it."""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.blending.ensemble import BlendRecipe, Joined, blend_members, write_metrics
from common.competition import Competition
from common.files.predictions import Predictions, save_predictions
from common.files.thumbnails import save_thumbnails
from common.manifest import write_json
from common.outputs import write_outputs
from kernels.bundle.build import Bundle, build_bundles
from kernels.kaggle.states import KernelState
from kernels.plan.find import find_competition
from kernels.plan.plan import plan_kernels
from kernels.plan.request import Request
from kernels.report import write_report
from kernels.run.state import KernelRecord, Run, Submission
from support import browser


def bundles(competition: str, *names: str) -> tuple[Bundle, ...]:
    found = find_competition(competition)
    kernels = plan_kernels(Request(found, names, accelerator="cpu"))
    return build_bundles(found, kernels, "alice")


def a_run(folder: Path, competition: str, *names: str) -> Run:
    """A complete run of these models, in a folder where its kernels have written."""
    known = {
        name: KernelRecord(1, KernelState.COMPLETE, seconds=60.0 + 600 * place)
        for place, name in enumerate(("shared", *names, "ensemble"))
    }
    request = {"members": list(names)}
    return Run(folder, competition, False, "n1", "complete", kernels=known, request=request)


def written(run: Run, *names: str, sent: Submission | None = None) -> str:
    """Its report."""
    return write_report(run, bundles(run.competition, *names), sent).read_text("utf-8")


def small_jpeg(seed: int, side: int = 16) -> bytes:
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    jpeg = io.BytesIO()
    Image.fromarray(pixels).save(jpeg, "JPEG", quality=80)
    return jpeg.getvalue()


def noisy(rng: np.random.Generator, labels: np.ndarray, classes: int, sure: float) -> np.ndarray:
    """Probabilities that are right more often the larger ``sure`` is."""
    powers = np.exp(rng.normal(size=(len(labels), classes)) + sure * np.eye(classes)[labels])
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def write_kernels(
    folder: Path,
    competition: Competition,
    labels: np.ndarray,
    guesses: Mapping[str, np.ndarray],
    method: str = "mean",
    side: int = 16,
    resamples: int = 60,
    ids: np.ndarray | None = None,
) -> None:
    """Write what members and ensemble would, by their own code; ``guesses`` by member."""
    ids = np.array([f"picture{row}" for row in range(len(labels))]) if ids is None else ids
    members = {}
    for name, values in guesses.items():
        out = folder / "outputs" / name
        out.mkdir(parents=True, exist_ok=True)
        values = values.astype(np.float32)
        members[name] = Predictions(ids, labels, values, np.array(["hidden1"]), values[:1])
        write_outputs(out, competition, members[name], name, resamples=resamples)
        stages = {"training": 40.0, "figures": 3.0}
        facts = {"seconds": stages, "recipe": {"epochs": 3}, "versions": {"numpy": "2"}}
        write_json(out / "manifest.json", facts)
        write_history(out / "history.csv")
        save_thumbnails(out, ids.tolist(), [small_jpeg(row, side) for row in range(len(labels))])
    weights, mixed = blend_members(competition, method, members)
    out = folder / "outputs" / "ensemble"
    out.mkdir(exist_ok=True)
    save_predictions(out, mixed, "blend")
    recipe = BlendRecipe(method, resamples=resamples)
    write_metrics(out, competition, recipe, Joined(members, {}, {}), weights, mixed)
    write_json(out / "manifest.json", {"recipe": {}, "seconds": {"blending": 5.0}})


def write_history(path: Path) -> None:
    heads = "stage,epoch,learning_rate,loss,accuracy,val_loss,val_accuracy"
    rows = [
        f"training,{e},{1e-5 * e},{2 / e},{1 - 0.5 / e},{2.2 / e},{1 - 0.6 / e}" for e in (1, 2)
    ]
    path.write_text("\n".join([heads, *rows, "refit,1,0.00001,1.5,0.8,,", ""]))


def plain(page: str) -> str:
    """The words of a page without its style and script."""
    body = re.sub(r"<(style|script)>.*?</\1>", " ", page, flags=re.S)
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def section(page: str, name: str) -> str:
    """One section of a page."""
    return page.split(f'<section id="{name}"')[1].split("</section>")[0]


def anchors(page: str) -> list[str]:
    return re.findall(r'<section id="(\w+)"', page)


def notes(page: str) -> list[str]:
    return re.findall(r'<p class="note">(.*?)</p>', page)


def texts(driver: Any, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent.trim())"
    return list(driver.execute_script(script, selector))


def outside(driver: Any) -> list[str]:
    """What reaches beyond the screen's sides, but for what is in a box that scrolls."""
    return list(
        driver.execute_script(
            """return [...document.querySelectorAll("main *, header *, nav ul")].filter((e) => {
              if (e.closest(".scroll") && !e.matches(".scroll")) return false;
              const box = e.getBoundingClientRect();
              return box.width > 1 && (box.left < 0 || box.right > innerWidth + 0.5);
            }).map((e) => e.outerHTML.slice(0, 90))"""
        )
    )


def check_fits(driver: Any, path: Path, width: int) -> None:
    """Check that the page at ``path`` needs no scrolling to the sides on a screen of ``width``."""
    browser.resize(driver, width)
    driver.get(path.as_uri())
    driver.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert outside(driver) == []
    wrapped = "return [...document.querySelectorAll('.value')].filter((v) => v.clientHeight > 60)"
    assert driver.execute_script(wrapped) == []


def scrolled(driver: Any, selector: str) -> list[str]:
    """The captions of the tables below ``selector`` that are wider than the screen."""
    script = """return [...document.querySelectorAll(arguments[0] + ' .scroll:has(table)')]
      .filter((box) => box.scrollWidth > box.clientWidth + 2)
      .map((box) => box.getAttribute('aria-label'))"""
    return list(driver.execute_script(script, selector))


def console(driver: Any) -> list[str]:
    """What the browser complains of, but for the tests' own reading of the canvas."""
    found = [entry["message"] for entry in driver.get_log("browser")]
    return [message for message in found if "willReadFrequently" not in message]
