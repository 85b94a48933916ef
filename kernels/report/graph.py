"""The kernels of a run: their graph, and where their time went."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from kernels.plan.request import VARIANT
from kernels.report.charts import drawing
from kernels.report.facts import Facts, Left
from kernels.report.markup import (
    Cell,
    details,
    duration,
    figure,
    join,
    legend,
    number,
    section,
    table,
    tag,
)

WIDE, HIGH, ACROSS, DOWN, EDGE = 172, 62, 46, 26, 12  # of the graph's boxes and gaps
STAGES = 6  # are told apart by colour, those that take longest
OTHERS = "other stages"
REST = "waiting, starting, fetching"


def kernels_section(facts: Facts) -> Markup:
    """The graph with states and times, and the stages of each kernel."""
    whole = sum(left.known.seconds for left in facts.kernels)
    said = (
        f"{len(facts.kernels)} kernels, {duration(whole)} between them. An arrow leads from a "
        f"kernel to one that reads its output; times are from push to end."
    )
    nodes = _nodes(facts.kernels)
    if len(nodes) < len(facts.kernels):
        said += (
            " Kernels of one script that read the same are drawn as one, with their time in all."
        )
    pieces = [figure(_graph(nodes), said, wide=True)]
    if any(left.manifest.get("seconds") for left in facts.kernels):
        pieces.append(_times(facts.kernels))
    return section("kernels", "The kernels", *pieces)


@dataclass(frozen=True)
class Node:
    """One box of the graph: a kernel, or several alike.

    Attributes:
        name: the kernel's, or that of the script and how many there are.
        kernels: one, or more of one script that read the same.
    """

    name: str
    kernels: tuple[Left, ...]

    @property
    def seconds(self) -> float:
        """Of all of them."""
        return sum(left.known.seconds for left in self.kernels)

    @property
    def states(self) -> Counter[str]:
        """How many are in each state."""
        return Counter(left.known.state.lower() for left in self.kernels)


def _nodes(kernels: Sequence[Left]) -> tuple[Node, ...]:
    """Each kernel, or those of one script that read the same in one."""
    alike: dict[tuple[str, tuple[str, ...]], list[Left]] = {}
    for left in kernels:
        alike.setdefault((VARIANT.sub("", left.name), left.sources), []).append(left)
    return tuple(
        Node(
            f"{script} \N{MULTIPLICATION SIGN} {len(found)}" if len(found) > 1 else found[0].name,
            tuple(found),
        )
        for (script, _), found in alike.items()
    )


def _graph(nodes: Sequence[Node]) -> Markup:
    columns, sources = _columns(nodes), _sources(nodes)
    tallest = max(len(names) for names in columns)
    height = tallest * (HIGH + DOWN) + 2 * EDGE
    width = len(columns) * (WIDE + ACROSS) - ACROSS + 2 * EDGE
    places: dict[str, tuple[float, float]] = {}
    for column, names in enumerate(columns):
        top = (height - len(names) * (HIGH + DOWN) + DOWN) / 2
        for row, name in enumerate(names):
            places[name] = (EDGE + column * (WIDE + ACROSS), top + row * (HIGH + DOWN))
    longest = max((node.seconds for node in nodes), default=0.0) or 1.0
    edges = [
        _edge(places[source], places[node.name], height)
        for node in nodes
        for source in sources[node.name]
    ]
    boxes = [_box(node, places[node.name], node.seconds / longest) for node in nodes]
    told = [_in_words(left) for node in nodes for left in node.kernels]
    label = "Graph of the kernels. " + ". ".join(told)
    return drawing(label, width, height, _arrow(), tag("g", *edges), *boxes)


def _sources(nodes: Sequence[Node]) -> dict[str, tuple[str, ...]]:
    """The nodes that each node reads, by name."""
    node_of = {left.name: node.name for node in nodes for left in node.kernels}
    return {
        node.name: tuple(dict.fromkeys(node_of[s] for s in node.kernels[0].sources if s in node_of))
        for node in nodes
    }


def _columns(nodes: Sequence[Node]) -> list[list[str]]:
    """The nodes' names, each in the column after its last source."""
    depth: dict[str, int] = {}
    for name, sources in _sources(nodes).items():  # sources come first
        depth[name] = max((depth[source] + 1 for source in sources if source in depth), default=0)
    return [
        [name for name, own in depth.items() if own == column]
        for column in range(max(depth.values(), default=0) + 1)
    ]


def _in_words(left: Left) -> str:
    reads = f", reads {', '.join(left.sources)}" if left.sources else ""
    return f"{left.name}: {left.known.state.lower()}, {duration(left.known.seconds)}{reads}"


def _box(node: Node, place: tuple[float, float], share: float) -> Markup:
    x, y = place
    behind = {"x": x + 5, "y": y + 5, "width": WIDE, "height": HIGH, "rx": 8}
    box = {**behind, "x": x, "y": y}
    time = {"x": x + 12, "y": y + HIGH - 12, "height": 4, "rx": 2}
    return tag(
        "g",
        tag("rect", class_="box", **behind) if len(node.kernels) > 1 else "",
        tag("rect", class_="box", **box),
        tag("circle", cx=x + 17, cy=y + 19, r=5, class_=f"state {_colour(node)}"),
        tag("text", _short(node.name), x=x + 29, y=y + 24, class_="label"),
        tag("text", _state(node), x=x + 12, y=y + 42, class_="tick"),
        tag("rect", class_="track", width=WIDE - 24, **time),
        tag("rect", class_="fill one", width=f"{(WIDE - 24) * share:.1f}", **time),
        tag("title", ". ".join(_in_words(left) for left in node.kernels)),
    )


def _colour(node: Node) -> str:
    """Bad where one failed, good where all are complete."""
    if node.states["error"] or node.states["invalid"]:
        return "bad"
    return "good" if set(node.states) == {"complete"} else "open"


def _state(node: Node) -> str:
    """The state and the time; of several alike how many are in each state."""
    if len(node.kernels) == 1:
        return f"{node.kernels[0].known.state.lower()}, {duration(node.seconds)}"
    counts = ", ".join(f"{number} {state}" for state, number in sorted(node.states.items()))
    return counts if len(node.states) > 1 else f"{counts}, {duration(node.seconds)}"


def _edge(start: tuple[float, float], end: tuple[float, float], height: float) -> Markup:
    """A curve from box to box; one that passes a column goes below its boxes."""
    x1, y1 = start[0] + WIDE, start[1] + HIGH / 2
    x2, y2 = end[0] - 3, end[1] + HIGH / 2
    bend = ACROSS / 2
    if end[0] - start[0] <= WIDE + ACROSS:
        path = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    else:
        low = height - EDGE / 2
        path = (
            f"M{x1} {y1}C{x1 + bend} {y1} {x1 + bend / 2} {low} {x1 + ACROSS} {low}"
            f"L{x2 - ACROSS} {low}C{x2 - bend / 2} {low} {x2 - bend} {y2} {x2} {y2}"
        )
    return tag("path", d=path, class_="edge", marker_end="url(#arrow)")


def _arrow() -> Markup:
    point = tag("path", d="M0 0L8 4L0 8z", class_="head")
    size = {"markerWidth": 8, "markerHeight": 8, "refX": 6, "refY": 4}
    return tag("defs", tag("marker", point, id="arrow", orient="auto", **size))


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"


def _times(kernels: Sequence[Left]) -> Markup:
    spent = {left.name: _stages(left) for left in kernels}
    names = list(dict.fromkeys(stage for stages in spent.values() for stage in stages))
    names.sort(key=lambda stage: stage == REST)
    longest = max(sum(stages.values()) for stages in spent.values()) or 1.0
    colours = _colours(names, list(spent.values()))
    rows = [
        tag(
            "li",
            tag("span", name, class_="name"),
            tag("span", *_pieces(stages, colours, longest), class_="stack"),
            tag("span", duration(sum(stages.values())), class_="amount"),
        )
        for name, stages in spent.items()
    ]
    cells = (
        [Cell(name), *(number(stages.get(stage, 0.0), 1) for stage in names)]
        for name, stages in spent.items()
    )
    return join(
        (
            tag("h3", "Where the time went"),
            legend((colour, words) for words, colour in colours.items()),
            tag("ul", *rows, class_="stacks"),
            details("In seconds", table("Seconds of each stage", ["kernel", *names], cells)),
        )
    )


def _colours(names: Sequence[str], spent: Sequence[Mapping[str, float]]) -> dict[str, str]:
    """The colour of each stage that takes long, of the other ones together, and of the rest."""
    whole = {name: sum(stages.get(name, 0.0) for stages in spent) for name in names if name != REST}
    longest = sorted(whole, key=lambda name: -whole[name])[:STAGES]
    shown = [name for name in whole if name in longest]
    colours = {name: f"stage{place}" for place, name in enumerate(shown)}
    others = {OTHERS: "stage6"} if len(whole) > STAGES else {}
    return {**colours, **others, REST: "rest"}


def _stages(left: Left) -> dict[str, float]:
    """Seconds of each stage, and what is left of the time from push to end."""
    told = left.manifest.get("seconds") or {}
    stays = left.manifest.get("stays") or ()
    made = {str(path).split("/")[0] for path in stays}  # folders, each written in a stage
    stages = {
        f"shards of {stage}" if stage in made else str(stage): float(seconds)
        for stage, seconds in told.items()
    }
    return {**stages, REST: max(0.0, left.known.seconds - sum(stages.values()))}


def _pieces(
    stages: Mapping[str, float], colours: Mapping[str, str], longest: float
) -> list[Markup]:
    return [
        tag(
            "span",
            class_=f"piece {colours.get(stage, colours.get(OTHERS))}",
            style=f"--share:{seconds / longest:.4f}",
            title=f"{stage}: {duration(seconds)}",
        )
        for stage, seconds in stages.items()
        if seconds / longest > 0.001
    ]
