"""The kernels of a run: their graph, and where their time went."""

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kernels.report.facts import Facts
from kernels.report.render import Key, Section, duration, hue
from kernels.results.output import KernelOutput

WIDE, HIGH, ACROSS, DOWN, EDGE = 172, 62, 46, 26, 12  # of the graph's boxes and gaps
WAITING = "waiting and starting"
STAGES = {  # the colour of each, a number of ``hue``: the same in every report
    **{"accelerator": 12, "data": 4, "training": 8, "validation": 11, "refit": 10},
    **{"prediction": 5, "figures": 9, "reading": 20, "scoring": 13, "blending": 2, "pairs": 3},
    **{"submission": 6, "comparing": 14, "listing": 7, "shards of train": 16},
    **{"shards of val": 0, "shards of test": 15},
}


@dataclass(frozen=True)
class Node:
    """One box of the graph: a kernel, or several of one script that read the same."""

    name: str
    kernels: tuple[KernelOutput, ...]

    @property
    def seconds(self) -> float:
        """Of all of them."""
        return sum(kernel.state.seconds for kernel in self.kernels)

    @property
    def states(self) -> Counter[str]:
        """How many are in each state."""
        return Counter(kernel.state.state.lower() for kernel in self.kernels)


def kernels_section(facts: Facts) -> Section:
    """The graph with states and times, and the stages of each kernel."""
    nodes = _nodes(facts.kernels)
    spent = {kernel.name: _stages(kernel) for kernel in facts.kernels}
    names = list(dict.fromkeys(stage for stages in spent.values() for stage in stages))
    longest = max(sum(stages.values()) for stages in spent.values()) or 1.0
    rows = [
        {
            "name": name,
            "amount": duration(sum(stages.values())),
            "pieces": [
                (stage_key(stage), seconds / longest, f"{stage}: {duration(seconds)}")
                for stage, seconds in stages.items()
                if seconds / longest > 0.001
            ],
        }
        for name, stages in spent.items()
    ]
    data = {
        "number": len(facts.kernels),
        "seconds": sum(kernel.state.seconds for kernel in facts.kernels),
        "together": len(nodes) < len(facts.kernels),
        "graph": _graph(nodes),
        "stages": rows if any(kernel.facts("seconds") for kernel in facts.kernels) else [],
        "legend": [stage_key(name) for name in names],
        "names": names,
        "spent": spent,
    }
    return Section("kernels", "kernels", "The kernels", data)


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


def _nodes(kernels: Sequence[KernelOutput]) -> list[Node]:
    """Each kernel, or those of one script that read the same in one."""
    alike: dict[tuple[str, tuple[str, ...]], list[KernelOutput]] = {}
    for kernel in kernels:
        alike.setdefault((kernel.script, kernel.sources), []).append(kernel)
    times = "\N{MULTIPLICATION SIGN}"
    return [
        Node(f"{script} {times} {len(own)}" if len(own) > 1 else own[0].name, tuple(own))
        for (script, _), own in alike.items()
    ]


def _graph(nodes: Sequence[Node]) -> dict[str, Any]:
    """Where boxes and arrows lie: each node is in the column after its last source."""
    node_of = {kernel.name: node.name for node in nodes for kernel in node.kernels}
    sources = {
        node.name: list(dict.fromkeys(node_of[s] for s in node.kernels[0].sources if s in node_of))
        for node in nodes
    }
    depth: dict[str, int] = {}
    for name, own in sources.items():  # sources come first
        depth[name] = max((depth[source] + 1 for source in own if source in depth), default=0)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for name, column in depth.items():
        columns[column].append(name)
    height = max(map(len, columns)) * (HIGH + DOWN) + 2 * EDGE
    places = {
        name: (
            EDGE + column * (WIDE + ACROSS),
            (height - len(names) * (HIGH + DOWN) + DOWN) / 2 + row * (HIGH + DOWN),
        )
        for column, names in enumerate(columns)
        for row, name in enumerate(names)
    }
    longest = max((node.seconds for node in nodes), default=0.0) or 1.0
    return {
        "label": "Graph of the kernels. " + ". ".join(_words(k) for n in nodes for k in n.kernels),
        "width": len(columns) * (WIDE + ACROSS) - ACROSS + 2 * EDGE,
        "height": height,
        "wide": WIDE,
        "high": HIGH,
        "edges": [
            _edge(places[source], places[name], height)
            for name, own in sources.items()
            for source in own
        ],
        "boxes": [_box(node, places[node.name], node.seconds / longest) for node in nodes],
    }


def _box(node: Node, place: tuple[float, float], share: float) -> dict[str, Any]:
    states = node.states
    bad = states["error"] or states["invalid"]
    counts = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    state = counts if len(node.kernels) > 1 else next(iter(states))
    return {
        "x": place[0],
        "y": place[1],
        "several": len(node.kernels) > 1,
        "look": "bad" if bad else "good" if set(states) == {"complete"} else "open",
        "name": node.name if len(node.name) <= 18 else f"{node.name[:17]}…",
        "state": state if len(states) > 1 else f"{state}, {duration(node.seconds)}",
        "share": share,
        "title": ". ".join(map(_words, node.kernels)),
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
