"""The blends of a run: the ensemble's output is replaced when it blends again, these are kept."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from common.manifest import file_sha256, write_json
from common.submission import NAME as SUBMISSION
from kernels.plan.request import ENSEMBLE
from kernels.results.output import METRICS, read_facts
from kernels.results.scores import Validated, as_mapping, read_score, read_test
from kernels.run.state import Run

_SETTING = re.compile(r" (?=\w+=)")  # between two settings


@dataclass(frozen=True, kw_only=True)
class TriedBlend(Validated):
    """One blend of a run."""

    version: int  # of the ensemble's kernel on Kaggle
    method: str  # ``mean``, ``weighted`` or ``greedy``
    calibrated: bool  # whether the members were tempered before
    public_score: float | None  # of its file, if it was sent and Kaggle shows one
    test_score: float | None  # where test is labelled
    settings: str  # what was asked for besides the defaults: ``epochs=3 seed=7``
    name: str = ""  # ``weighted, calibrated``, and what else it takes to be unlike the others


def keep_blend(run: Run) -> None:
    """Keep the metrics of the blend that the run now has, if any, in ``blends/VERSION.json``."""
    folder, known = run.output(ENSEMBLE), run.kernel(ENSEMBLE)
    metrics, file = read_facts(folder / METRICS), folder / SUBMISSION
    if metrics:
        sha256 = file_sha256(file) if file.is_file() else ""
        (run.folder / "blends").mkdir(exist_ok=True)
        kept = {**metrics, "file": sha256, "settings": asked_for(run.request)}
        write_json(run.folder / "blends" / f"{known.version}.json", kept)


def tried_blends(run: Run) -> tuple[TriedBlend, ...]:
    """Read the blends that were tried, the first one first.

    Those with the same scores count once, as one member alone does in each way to blend.
    """
    public = {sent.sha256: sent.public_score for sent in run.submissions}
    paths = (run.folder / "blends").glob("*.json")
    found = {int(path.stem): read_facts(path) for path in paths if path.stem.isdecimal()}
    tried = [
        TriedBlend(
            version=version,
            method=str(metrics.get("method", "")),
            calibrated=bool(metrics.get("calibration")),
            public_score=public.get(str(metrics.get("file"))),
            test_score=read_test(metrics).value,
            settings=str(metrics.get("settings") or ""),
            **vars(read_score(metrics)),
        )
        for version, metrics in sorted(found.items())
    ]
    kept: dict[TriedBlend, TriedBlend] = {}
    for one in tried:
        alone = is_alone(found[one.version])
        kept.setdefault(replace(one, version=0, method="" if alone else one.method), one)
    return tuple(_named([*kept.values()]))


def is_alone(metrics: Mapping[str, Any]) -> bool:
    """Whether a blend is one member alone: all of its weight is on the only one."""
    return len(as_mapping(metrics.get("weights"))) == 1


def asked_for(request: Mapping[str, Any]) -> str:
    """Return in words what was asked for besides the defaults: ``epochs=3 seed=7``."""
    words = [f"{key}={value}" for key, value in as_mapping(request.get("settings")).items()]
    words += [f"seed={request['seed']}"] if request.get("seed") else []
    return " ".join([*words, *["recipe=best"] * (request.get("recipe") == "best")])


def _named(tried: Sequence[TriedBlend]) -> Iterator[TriedBlend]:
    """Name blends by their method; those alike by what was asked for, and then by their version.

    What was asked for in all of them is not said.
    """
    ways: tuple[Callable[[TriedBlend], str], ...] = (
        lambda one: f"{one.method}{', calibrated' if one.calibrated else ''}",
        lambda one: f"{ways[0](one)}, {own[one.version] or none}",
        lambda one: f"{ways[own[one.version] != ''](one)}, version {one.version}",
    )
    asked = {one.version: _SETTING.split(one.settings) for one in tried}
    shared = set.intersection(*map(set, asked.values())) if asked else set()
    own = {
        at: " ".join(word for word in words if word not in shared) for at, words in asked.items()
    }
    none = "nothing more" if shared - {""} else "no settings"
    counted = [Counter(map(way, tried)) for way in ways]
    for one in tried:
        names = (
            way(one) for way, number in zip(ways, counted, strict=True) if number[way(one)] == 1
        )
        yield replace(one, name=next(names))
