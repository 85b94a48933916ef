"""The report of a run: one HTML file that opens from disk, made of what the kernels wrote.

A section is a function of ``Facts`` that returns a ``Section`` (or None, without anything to show),
and a template of the same name in ``templates``. A task says which sections its report has.
"""

from collections.abc import Callable
from pathlib import Path

from common.manifest import write_text
from kernels.bundle.build import Bundle
from kernels.report.blend import blend_section, channels_section
from kernels.report.calibration import calibration_section
from kernels.report.classes import classes_section, confusions_section, labels_section
from kernels.report.embedding import embedding_section
from kernels.report.errors import errors_section
from kernels.report.facts import Facts, gather
from kernels.report.kernels import kernels_section
from kernels.report.learning import learning_section
from kernels.report.neighbours import mistakes_section, neighbours_section
from kernels.report.overview import headline
from kernels.report.pairs import pairs_section
from kernels.report.pictures import hardest_section, members_section
from kernels.report.render import Section, render
from kernels.report.settings import settings_section
from kernels.results.result import REPORT
from kernels.run.state import Run, Submission

SECTIONS: dict[str, Callable[[Facts], Section | None]] = {
    "kernels": kernels_section,
    "blend": blend_section,
    "channels": channels_section,
    "learning": learning_section,
    "members": members_section,
    "classes": classes_section,
    "labels": labels_section,
    "confusions": confusions_section,
    "errors": errors_section,
    "hardest": hardest_section,
    "calibration": calibration_section,
    "curves": pairs_section,
    "space": embedding_section,
    "nearest": neighbours_section,
    "confident": mistakes_section,
    "settings": settings_section,
}


def write_report(run: Run, bundles: tuple[Bundle, ...], sent: Submission | None) -> Path:
    """Write ``report.html`` into the run's folder, whole or not at all; return its path.

    It needs no network and no other file, and shows validation alone. What a kernel did not write
    is left out, or its section says so.
    """
    facts = gather(run, bundles, sent)
    made = (SECTIONS[name](facts) for name in facts.task.sections)
    sections = [section for section in made if section]
    return write_text(run.folder / REPORT, render(facts, headline(facts), sections))
