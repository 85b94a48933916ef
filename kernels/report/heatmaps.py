"""What a network looks at: Grad-CAM of hits and mistakes, and feature maps of one picture."""

from common.files.grad_cam import FEATURE_MAPS, Explained
from kernels.report.facts import Facts, Words
from kernels.report.render import Section, number
from kernels.results.output import KernelOutput, read_or_note


def heatmaps(facts: Facts) -> Section | None:
    """Of each model the pictures of its first kernel that has explained some; None without any."""
    models = []
    for model, kernels in facts.models.items():
        for kernel in kernels:
            if rows := _known(facts, kernel):
                parts = {
                    "The surest hits": [row for row in rows if row.label == row.predicted],
                    "The surest mistakes": [row for row in rows if row.label != row.predicted],
                }
                shown = {title: [_shown(facts, row) for row in own] for title, own in parts.items()}
                feature_maps = kernel.figure(FEATURE_MAPS)
                name = kernel.name if len(kernels) > 1 else model
                models.append({"name": name, "parts": shown, "feature_maps": feature_maps})
                break
    return {"title": "What the network looks at", "models": models} if models else None


def _known(facts: Facts, kernel: KernelOutput) -> list[Explained]:
    """What a kernel has explained, of the task's classes."""
    nothing: list[Explained] = []
    rows = read_or_note(kernel.explained, nothing, facts.notes)
    known = range(len(facts.task.classes))
    return [row for row in rows if row.label in known and row.predicted in known]


def _shown(facts: Facts, row: Explained) -> Section:
    names = facts.task.classes
    true, taken, sure = names[row.label], names[row.predicted], number(row.probability, 2)
    line = Words(f"right, {sure}", "right")
    pictures = [("the picture", row.picture), (f"for {taken}", row.map)]
    if row.true_map:
        line = Words(f"taken for {taken}, {sure}", "wrong")
        pictures.append((f"for {true}", row.true_map))
    return {"id": row.id, "name": true, "line": line, "pictures": pictures}
