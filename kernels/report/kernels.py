"""The kernels of a run: their graph, and where their time went."""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from kernels.report.facts import Facts
from kernels.report.render import Key, Section, Table, duration, hue
from kernels.results.output import KernelOutput

WIDE, HIGH, ACROSS, DOWN, EDGE = 172, 62, 46, 26, 12  # of the graph's boxes and gaps
WAITING = "waiting and starting"
STAGES = {  # the colour of each, a number of ``hue``: the same in every report
    **{"accelerator": 12, "data": 4, "training": 8, "validation": 11, "refit": 10},
    **{"prediction": 5, "figures": 9, "reading": 20, "scoring": 13, "blending": 2, "pairs": 3},
    **{"submission": 6, "comparing": 14, "listing": 7, "shards of train": 16},
    **{"shards of val": 0, "shards of test": 15},
}


def kernels(facts: Facts) -> Section:
    """The graph with states and times, and the stages of each kernel."""
    nodes = _nodes(facts.kernels)
    spent = {kernel.name: _stages(kernel) for kernel in facts.kernels}
    names = list(dict.fromkeys(stage for stages in spent.values() for stage in stages))
    longest = max(sum(stages.values()) for stages in spent.values()) or 1.0
    stacks = []
    for name, stages in spent.items():
        pieces = [
            (stage_key(stage), seconds / longest, f"{stage}: {duration(seconds)}")
            for stage, seconds in stages.items()
        ]
        stacks.append((name, pieces, duration(sum(stages.values()))))
    rows = [(name, *(stages.get(n, 0.0) for n in names)) for name, stages in spent.items()]
    columns = [("kernel", None), *((name, 1) for name in names)]
    return {
        "title": "The kernels",
        "together": len(nodes) < len(facts.kernels),
        "graph": _graph(nodes),
        "stages": stacks if any(kernel.facts("seconds") for kernel in facts.kernels) else [],
        "legend": [stage_key(name) for name in names],
        "seconds": Table("Seconds of each stage", columns, rows),
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


def _nodes(kernels: Sequence[KernelOutput]) -> dict[str, list[KernelOutput]]:
    """The boxes of the graph by name: each kernel, or those of one script that read the same."""
    alike: dict[tuple[str, tuple[str, ...]], list[KernelOutput]] = {}
    for kernel in kernels:
        alike.setdefault((kernel.script, kernel.sources), []).append(kernel)
    times = "\N{MULTIPLICATION SIGN}"
    return {
        f"{script} {times} {len(own)}" if len(own) > 1 else own[0].name: own
        for (script, _), own in alike.items()
    }


def _graph(nodes: Mapping[str, Sequence[KernelOutput]]) -> dict[str, Any]:
    """Where boxes and arrows lie: each node is in the column after its last source."""
    node_of = {kernel.name: name for name, own in nodes.items() for kernel in own}
    sources = {
        name: list(dict.fromkeys(node_of[s] for s in own[0].sources if s in node_of))
        for name, own in nodes.items()
    }
    depth: dict[str, int] = {}
    for name, read in sources.items():  # sources come first
        depth[name] = max((depth[source] + 1 for source in read if source in depth), default=0)
    columns = [
        [name for name, own in depth.items() if own == column]
        for column in range(max(depth.values(), default=0) + 1)
    ]
    height = max(map(len, columns)) * (HIGH + DOWN) + 2 * EDGE
    places = {}
    for column, names in enumerate(columns):
        top = (height - len(names) * (HIGH + DOWN) + DOWN) / 2
        for row, name in enumerate(names):
            places[name] = (EDGE + column * (WIDE + ACROSS), top + row * (HIGH + DOWN))
    longest = max(_seconds(own) for own in nodes.values()) or 1.0
    edges = [(places[source], places[name]) for name, read in sources.items() for source in read]
    words = ". ".join(_words(kernel) for own in nodes.values() for kernel in own)
    return {
        "label": f"Graph of the kernels. {words}",
        "width": len(columns) * (WIDE + ACROSS) - ACROSS + 2 * EDGE,
        "height": height,
        "wide": WIDE,
        "high": HIGH,
        "edges": [_edge(*ends, height) for ends in edges],
        "boxes": [_box(name, own, places[name], longest) for name, own in nodes.items()],
    }


def _seconds(kernels: Sequence[KernelOutput]) -> float:
    return sum(kernel.state.seconds for kernel in kernels)


def _box(
    name: str, kernels: Sequence[KernelOutput], place: tuple[float, float], longest: float
) -> dict[str, Any]:
    states = Counter(kernel.state.state.lower() for kernel in kernels)
    bad = states["error"] or states["invalid"]
    counts = ", ".join(f"{number} {state}" for state, number in sorted(states.items()) if number)
    state = counts if len(kernels) > 1 else kernels[0].state.state.lower()
    return {
        "place": place,
        "several": len(kernels) > 1,
        "look": "bad" if bad else "good" if states["complete"] == len(kernels) else "open",
        "name": name if len(name) <= 18 else f"{name[:17]}…",
        "state": counts if "," in counts else f"{state}, {duration(_seconds(kernels))}",
        "share": _seconds(kernels) / longest,
        "title": ". ".join(map(_words, kernels)),
    }


def _words(kernel: KernelOutput) -> str:
    reads = f", reads {', '.join(kernel.sources)}" if kernel.sources else ""
    state = kernel.state.state.lower()
    return f"{kernel.name}: {state}, {duration(kernel.state.seconds)}{reads}"


def _edge(start: tuple[float, float], end: tuple[float, float], height: float) -> str:
    """A curve from box to box; one that passes a column goes below its boxes."""
    x1, y1 = start[0] + WIDE, start[1] + HIGH / 2
    x2, y2 = end[0] - 3, end[1] + HIGH / 2
    bend = ACROSS / 2
    if end[0] - start[0] <= WIDE + ACROSS:
        return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    low = height - EDGE / 2
    return (
        f"M{x1} {y1}C{x1 + bend} {y1} {x1 + bend / 2} {low} {x1 + ACROSS} {low}"
        f"L{x2 - ACROSS} {low}C{x2 - bend / 2} {low} {x2 - bend} {y2} {x2} {y2}"
    )
