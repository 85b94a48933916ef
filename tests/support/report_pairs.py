"""A run of painter for the report: what its kernels would write, and what its canvas shows."""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from common.files.classes import PictureClass, save_classes
from common.files.predictions import Vectors, save_vectors
from common.files.projection import Projection, project, save_projection
from common.files.thumbnails import save_thumbnails
from common.kernel import KernelRun
from common.manifest import write_json
from common.pairs.ensemble import PairBlendRecipe, run_pair_ensemble
from common.pairs.validation import validation_pairs
from common.parameters import Parameters
from competitions.painter_by_numbers import COMPETITION
from competitions.painter_by_numbers.generated import paint
from kernels.bundle.build import Bundle
from kernels.kaggle.states import KernelState
from kernels.run.state import KernelRecord, Run, Submission
from support.report_run import a_run, bundles

ARTISTS, EACH = 12, 10
EPOCHS = np.array([1, 3, 9])
MEMBERS = {"triplets": 0.5, "classes": 1.3}  # and how sure they are
PARTS = tuple(f"submodel-part{part}" for part in range(4))
SENT = Submission("0" * 64, ref=3, public_score=0.75)
TEST = np.array(["hidden1.jpg", "hidden2.jpg"])
HISTORY = """stage,epoch,learning_rate,loss,accuracy,val_auc,val_auc_seen,val_auc_unseen
training,1,0.001,0.9,0.3,0.55,0.6,0.5
training,2,0.001,0.7,0.5,0.65,0.7,0.6
training,3,0.0005,0.6,0.6,0.7,0.8,
"""


class Gallery(NamedTuple):
    """Pictures, a row each: id, class, whether train has it, and JPEG files by id."""

    ids: np.ndarray
    labels: np.ndarray
    seen: np.ndarray
    thumbnails: dict[str, bytes]


@functools.cache
def made_gallery() -> Gallery:
    """Paintings of twelve artists, the last three unseen; the first has no thumbnail."""
    rng = np.random.default_rng(0)
    artists = np.arange(ARTISTS).repeat(EACH)
    ids = np.array([f"{number + 1}.jpg" for number in range(len(artists))])
    jpegs = {}
    for name, artist in zip(ids[1:].tolist(), artists[1:].tolist(), strict=True):
        picture = cv2.resize(paint(artist, rng), (64, 64))
        jpegs[name] = cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()
    return Gallery(ids, artists, artists < ARTISTS - 3, jpegs)


def made_vectors(gallery: Gallery, sure: float) -> np.ndarray:
    """Unit rows, those of one artist the nearer to each other the larger ``sure`` is."""
    rng = np.random.default_rng(1)
    middles = rng.normal(0, 1, (ARTISTS, 16))[gallery.labels]
    strength = np.where(gallery.seen, sure, 0.6 * sure)[:, None]
    rows = rng.normal(0, 1, (len(gallery.ids), 16)) + strength * middles
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def write_member(folder: Path, name: str, sure: float) -> Vectors:
    """What the kernel of a member writes; the rows of triplets' projection are backwards."""
    folder.mkdir(parents=True)
    gallery, channel = made_gallery(), "embedding" if name == "triplets" else "classes"
    rows, labels = made_vectors(gallery, sure), gallery.labels.astype(np.int64)
    found = Vectors(gallery.ids, labels, gallery.seen, {channel: rows}, TEST, {channel: rows[:2]})
    steps = np.stack([made_vectors(gallery, sure * share) for share in (0.1, 0.4)] + [rows])
    order = slice(None, None, -1 if name == "triplets" else 1)
    facts = (gallery.ids[order], gallery.labels[order], gallery.seen[order])
    save_projection(folder, Projection(*facts, EPOCHS, project(steps)[:, order]))
    save_vectors(folder, found, name)
    save_thumbnails(folder, list(gallery.thumbnails), list(gallery.thumbnails.values()))
    (folder / "history.csv").write_text(HISTORY)
    pairs = validation_pairs(found.validation_ids, labels, gallery.seen)
    auc: Mapping[str, Any] = pairs.auc(pairs.scores(rows))
    metrics = {f"validation_{part}": auc[part] for part in ("seen", "unseen")}
    metrics |= {"validation_score": auc["all"], "channels": {channel: auc}}
    write_json(folder / "metrics.json", metrics)
    write_json(folder / "manifest.json", {"recipe": {"epochs": 3}, "seconds": {"training": 30.0}})
    return found


def write_run(root: Path) -> Path:
    """The outputs of a whole run, the ensemble's made by its own code."""
    outputs, gallery = root / "outputs", made_gallery()
    members = {name: write_member(outputs / name, name, sure) for name, sure in MEMBERS.items()}
    (outputs / "prepare").mkdir()
    artists, rows = np.unique(gallery.labels, return_index=True)
    names = ["Ada & Co" if artist == 2 else f"{artist:040x}" for artist in artists.tolist()]
    columns = (artists.tolist(), names, gallery.seen[rows].tolist())
    classes = [PictureClass(n, name, 10, seen) for n, name, seen in zip(*columns, strict=True)]
    save_classes(outputs / "prepare", classes)
    stays = {
        "recipe": {"size": 64},
        "seconds": {"train": 5.0, "listing": 2.0},
        "stays": ["train/*"],
    }
    write_json(outputs / "prepare" / "manifest.json", stays)
    for name in PARTS:
        (outputs / name).mkdir()
        (outputs / name / "history.csv").write_text(HISTORY)
    pairs = root / "pairs.csv"
    pairs.write_text("index,image1,image2\n0,hidden1.jpg,hidden2.jpg\n")
    (outputs / "ensemble").mkdir()
    with KernelRun(Parameters("ensemble"), PairBlendRecipe(), outputs / "ensemble") as run:
        run_pair_ensemble(COMPETITION, run, members, pairs, ())
    return root


def painter_run(folder: Path, *more: str) -> Run:
    """The run, with kernels besides prepare, members and ensemble."""
    run = a_run(folder, "painter", "prepare", *MEMBERS)
    run.request = {"members": list(MEMBERS)}
    record = KernelRecord(1, KernelState.COMPLETE, seconds=90.0)
    run.kernels.update(dict.fromkeys(more, record))
    return run


@functools.cache
def painter_bundles(more: tuple[str, ...] = PARTS, reader: str = "classes") -> tuple[Bundle, ...]:
    """The kernels of the run, and ``more`` that ``reader`` alone reads."""
    found = {bundle.kernel.name: bundle for bundle in bundles("painter", *MEMBERS)}

    def changed(like: str, **changes: Any) -> Bundle:
        bundle = found[like]
        return dataclasses.replace(bundle, kernel=dataclasses.replace(bundle.kernel, **changes))

    for name in more:
        found[name] = changed("triplets", name=name, sources=("shared",))
    found[reader] = changed(reader, sources=(*found[reader].kernel.sources, *more))
    order = ("shared", "prepare", *more, *MEMBERS, "ensemble")
    return tuple(found[name] for name in order)


def canvas_shows(driver: Any) -> str:
    """What the canvas shows, once it has been drawn after the last event."""
    script = """const done = arguments[0];
    requestAnimationFrame(() => requestAnimationFrame(() =>
      done(document.querySelector(".stage canvas").toDataURL())));"""
    return str(driver.execute_async_script(script))


def coloured(driver: Any) -> int:
    """How many of the canvas's pixels have a colour, not a grey."""
    canvas_shows(driver)
    script = """const c = document.querySelector(".stage canvas");
    const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
    let n = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b] = data.subarray(i, i + 3);
      n += data[i + 3] > 100 && Math.max(r, g, b) - Math.min(r, g, b) > 40;
    }
    return n;"""
    return int(driver.execute_script(script))
