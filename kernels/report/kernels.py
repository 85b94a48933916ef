"""The kernels of a run: their graph, where their time went, and what they were run with."""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from common.recipes.unused import unused_settings
from common.recipes.words import value_in_words
from kernels.report.facts import Facts
from kernels.report.render import UNKNOWN, Key, Section, Table, duration, hue, known
from kernels.results.output import KernelOutput

WIDE, HIGH, ACROSS, DOWN, EDGE = 172, 62, 46, 26, 12  # of the graph's boxes and gaps
Box = dict[str, Any]
WAITING = "waiting and starting"
_OF_FOLDS = ("folds", "fold", "repeats", "near_duplicates")  # without folds they do nothing
STAGES = {  # the colour of each, a number of ``hue``: the same in every report
    **{"accelerator": 12, "data": 4, "training": 8, "validation": 11, "refit": 10},
    **{"prediction": 5, "figures": 9, "reading": 20, "scoring": 13, "blending": 2, "pairs": 3},
    **{"submission": 6, "comparing": 14, "listing": 7, "shards of train": 16},
    **{"shards of val": 0, "shards of test": 15},
}


def kernels(facts: Facts) -> Section:
    """The graph with states and times, and the stages of each kernel."""
    spent = {kernel.name: _stages(kernel) for kernel in facts.kernels}
    names = dict.fromkeys(stage for stages in spent.values() for stage in stages)
    longest = max(sum(stages.values()) for stages in spent.values()) or 1.0
    stacks = []
    for name, stages in spent.items():
        pieces = [
            (stage_key(stage), seconds / longest, f"{stage}: {duration(seconds)}")
            for stage, seconds in stages.items()
        ]
        stacks.append((name, pieces, duration(sum(stages.values()))))
    rows = [
        {"kernel": name, **{stage: known(seconds, 1) for stage, seconds in stages.items()}}
        for name, stages in spent.items()
    ]
    return {
        "title": "The kernels",
        "graph": None if facts.sweep else _graph(facts.kernels),
        "stages": stacks if any(kernel.facts("seconds") for kernel in facts.kernels) else [],
        "legend": [stage_key(name) for name in names],
        "seconds": Table("Seconds of each stage", rows),
    }


def stage_key(stage: str) -> Key:
    """Return the colour of a stage: always the same for the same name."""
    if stage == WAITING:
        return Key("rest", stage)
    return Key("muted", stage, hue(STAGES.get(stage, 21 + zlib.crc32(stage.encode()) % 40)))


def _stages(kernel: KernelOutput) -> dict[str, float]:
    """Seconds from push to the kernel's first stage, and of each stage."""
    made = {str(path).split("/")[0] for path in kernel.manifest.get("stays") or ()}
    stages = {  # folders that stay at Kaggle are written in a stage each
        f"shards of {stage}" if stage in made else str(stage): float(seconds)
        for stage, seconds in kernel.facts("seconds").items()
    }
    return {WAITING: max(0.0, kernel.state.seconds - sum(stages.values())), **stages}


def _graph(kernels: Sequence[KernelOutput]) -> dict[str, Any]:
    """Where boxes and arrows lie: each box is in the column after its last source."""
    alike: dict[tuple[str, tuple[str, ...]], list[KernelOutput]] = {}
    for kernel in kernels:
        alike.setdefault((kernel.script, kernel.sources), []).append(kernel)
    boxes: list[Box] = []
    for own in alike.values():  # sources come first
        boxes.append(_box(own, boxes))
    columns = [[b for b in boxes if b["column"] == n] for n in sorted({b["column"] for b in boxes})]
    height = max(map(len, columns)) * (HIGH + DOWN) + 2 * EDGE
    for column, below in enumerate(columns):
        top = (height - len(below) * (HIGH + DOWN) + DOWN) / 2
        for row, box in enumerate(below):
            box |= {"x": EDGE + column * (WIDE + ACROSS), "y": top + row * (HIGH + DOWN)}
    return {
        "label": f"Graph of the kernels. {'. '.join(box['title'] for box in boxes)}",
        "width": len(columns) * (WIDE + ACROSS) - ACROSS + 2 * EDGE,
        "height": height,
        "edges": [_edge(source, box, height) for box in boxes for source in box["reads"]],
        "boxes": boxes,
        "longest": max(box["seconds"] for box in boxes) or 1.0,
    }


def _box(own: Sequence[KernelOutput], boxes: Sequence[Box]) -> Box:
    """A kernel in the graph, or those of one script that read the same of ``boxes``."""
    states = Counter(kernel.state.state.lower() for kernel in own)
    seconds, several = sum(kernel.state.seconds for kernel in own), len(own) > 1
    counts = [f"{n} {state}" for state, n in sorted(states.items())] if several else [*states]
    name = f"{own[0].script} \N{MULTIPLICATION SIGN} {len(own)}" if several else own[0].name
    bad, good = states["error"] or states["invalid"], states["complete"] == len(own)
    reads = [box for box in boxes if {*own[0].sources} & {*box["kernels"]}]
    return {
        "kernels": [kernel.name for kernel in own],
        "reads": reads,
        "column": max((box["column"] + 1 for box in reads), default=0),
        "seconds": seconds,
        "name": _cut(name, 18),
        "look": "bad" if bad else "good" if good else "open",
        "state": _cut(", ".join(counts if len(counts) > 1 else [*counts, duration(seconds)]), 27),
        "title": ". ".join(map(_words, own)),
    }


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _words(kernel: KernelOutput) -> str:
    reads = f", reads {', '.join(kernel.sources)}" if kernel.sources else ""
    return f"{kernel.name}: {kernel.state.state.lower()}, {duration(kernel.state.seconds)}{reads}"


def _edge(source: Box, box: Box, height: float) -> str:
    """A curve from box to box; one that passes a column goes below its boxes."""
    x1, y1, x2, y2 = source["x"] + WIDE, source["y"] + HIGH / 2, box["x"] - 3, box["y"] + HIGH / 2
    bend, low = ACROSS / 2, height - EDGE / 2
    if box["column"] == source["column"] + 1:
        return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    return (
        f"M{x1} {y1}C{x1 + bend} {y1} {x1 + bend / 2} {low} {x1 + ACROSS} {low}"
        f"L{x2 - ACROSS} {low}C{x2 - bend / 2} {low} {x2 - bend} {y2} {x2} {y2}"
    )


def settings(facts: Facts) -> Section:
    """Three tables, a column a kernel; values that differ between kernels are bold."""
    known = [kernel for kernel in facts.kernels if kernel.manifest]
    best = facts.run.request.get("recipe") == "best"
    small = "rehearsal" if facts.run.request.get("rehearse") else "dry run"
    words = ["best recipe"] if best else []
    if small == "rehearsal" or facts.run.dry_run:
        words.append(f"a {small}'s settings")
    chosen = f" ({', '.join(words)})" if words else ""
    tables = [
        _table("Where they ran", {kernel.name: _where(kernel) for kernel in known}),
        _table(f"Settings{chosen}", _recipes(facts)),
        _table("Versions", {kernel.name: kernel.facts("versions") for kernel in known}),
    ]
    return {"title": "Settings and versions", "tables": tables}


def _where(kernel: KernelOutput) -> dict[str, Any]:
    seen = kernel.facts("accelerator")
    return {
        "accelerator asked for": seen.get("asked", ""),
        "accelerator seen": seen.get("seen", ""),
        "replicas": seen.get("replicas", ""),
        "version on Kaggle": kernel.state.version,
        "seed": kernel.manifest.get("seed", ""),
        "validation": kernel.manifest.get("validation", ""),
        **_beginning(kernel),
        "shared code": str(kernel.facts("shared_hash").get("found", ""))[:12],
        "written": kernel.manifest.get("written", ""),
    }


def _beginning(kernel: KernelOutput) -> dict[str, str]:
    """The weights of an earlier run that it began with, if any."""
    found, random = kernel.facts("begins_with"), kernel.facts("begins_with").get("random")
    if not found:
        return {}
    words = f"{found.get('kernel')} of {found.get('source')}: {found.get('layers')} layers"
    others = f", not {', '.join(map(str, random))}" if isinstance(random, list) and random else ""
    return {"begins with": words + others}


def _recipes(facts: Facts) -> dict[str, Mapping[str, Any]]:
    """The recipes, those of several alike in one column: they differ in their number alone."""
    columns: dict[str, Mapping[str, Any]] = {}
    for model, kernels in facts.groups.items():
        recipes = [kernel.facts("recipe") for kernel in kernels if kernel.manifest]
        if recipes:
            unused = unused_settings(recipes[0])
            columns[model] = {k: value for k, value in recipes[0].items() if k not in unused}
            if not recipes[0].get("folds"):
                columns[model] = {k: v for k, v in columns[model].items() if k not in _OF_FOLDS}
        if len(recipes) > 1:
            columns[model] = {**columns[model], kernels[0].kind: f"0 to {len(recipes) - 1}"}
    return columns


def _table(title: str, columns: Mapping[str, Mapping[str, Any]]) -> Table:
    """A row for each key of which something is known, a column for each name."""
    rows = []
    for key in dict.fromkeys(key for column in columns.values() for key in column):
        words = {name: value_in_words(c[key]) for name, c in columns.items() if key in c}
        cells: dict[str, str] = {name: known for name, known in words.items() if known}
        if not cells:
            continue
        if len({*cells.values()}) > 1:
            cells = {name: Markup("<b>{}</b>").format(words) for name, words in cells.items()}
        rows.append({"name": key, **dict.fromkeys(columns, UNKNOWN), **cells})
    return Table(title, rows)
