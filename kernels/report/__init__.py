"""The report of a run: one HTML file that opens from disk, made of what the kernels wrote.

A section has one name: that of its function of ``Facts``, of its template, and in the page. The
function returns what the template shows, or None without anything to show. A task says which
sections its report has.
"""

from collections.abc import Callable
from pathlib import Path

from common.manifest import write_text
from kernels.bundle.build import Bundle
from kernels.report.blend import blend
from kernels.report.classes import classes, confusions, labels
from kernels.report.errors import errors
from kernels.report.exports import exports
from kernels.report.facts import Facts, gather
from kernels.report.heatmaps import heatmaps
from kernels.report.kernels import kernels, settings
from kernels.report.learning import learning
from kernels.report.metrics import metrics
from kernels.report.misclassified import misclassified
from kernels.report.one_shot import one_shot
from kernels.report.overview import overview
from kernels.report.pairs import pairs
from kernels.report.pictures import calibration, hardest, members
from kernels.report.render import Section, render
from kernels.report.sweep import sweep
from kernels.report.threshold import threshold
from kernels.report.vectors import embedding, mistakes, neighbours
from kernels.report.verification import galleries, verification
from kernels.results.result import REPORT
from kernels.run.state import Run, Submission

OF_BLEND = (
    *(members, threshold, classes, labels, confusions, errors, misclassified, hardest),
    *(calibration, verification, galleries),
)
OF_SWEEP = ("sweep", "exports", "kernels", "learning", "settings")
SECTIONS: dict[str, Callable[[Facts], Section | None]] = {
    section.__name__: section
    for section in (
        *(sweep, metrics, one_shot, kernels, blend, learning, exports, *OF_BLEND),
        *(heatmaps, pairs, embedding, neighbours, mistakes, settings),
    )
}


def write_report(run: Run, bundles: tuple[Bundle, ...], sent: Submission | None) -> Path:
    """Write ``report.html`` into the run's folder, whole or not at all; return its path.

    It needs no network and no other file, and shows pictures of validation alone. What a kernel did
    not write is left out, or its section says so.
    """
    facts = gather(run, bundles, sent)
    names = OF_SWEEP if run.request.get("sweep") else facts.task.sections
    found = [SECTIONS[name] for name in names]
    if not len(facts.blend.validation_ids):
        found = [section for section in found if section not in OF_BLEND]
    made = {section.__name__: section(facts) for section in found}
    sections = {name: section for name, section in made.items() if section}
    return write_text(run.folder / REPORT, render(facts, overview(facts), sections))
