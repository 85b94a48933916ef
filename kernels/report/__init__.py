"""The report of a run: one HTML file that opens from disk, made of what the kernels left."""

from collections.abc import Callable
from pathlib import Path

from markupsafe import Markup

from common.manifest import write_text
from kernels.bundle.build import Bundle
from kernels.report.blend import blend_section
from kernels.report.classes import classes_section, confusions_section, hardest_section
from kernels.report.errors import errors_section
from kernels.report.facts import Facts, gather
from kernels.report.graph import kernels_section
from kernels.report.labels import labels_section
from kernels.report.learning import learning_section
from kernels.report.members import calibration_section, members_section
from kernels.report.overview import headline
from kernels.report.page import page
from kernels.report.pair_channels import channels_section
from kernels.report.pair_sections import (
    confident_section,
    curves_section,
    nearest_section,
    space_section,
)
from kernels.report.settings import settings_section
from kernels.run.state import Run, Submission

NAME = "report.html"

SECTIONS: dict[str, Callable[[Facts], Markup | None]] = {
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
    "curves": curves_section,
    "space": space_section,
    "nearest": nearest_section,
    "confident": confident_section,
    "settings": settings_section,
}


def write_report(run: Run, bundles: tuple[Bundle, ...], sent: Submission | None) -> Path:
    """Write ``report.html`` into the run's folder, whole or not at all; returns its path.

    It needs no network and no other file, and shows validation alone. What a kernel did not
    leave is left out, or its section says so.
    """
    facts = gather(run, bundles, sent)
    makers = (SECTIONS[name] for name in facts.task.sections)
    sections = [made for make in makers if (made := make(facts)) is not None]
    title = f"{facts.competition.title}, {run.folder.name}"
    document = page(title, headline(facts), sections, facts.notes)
    return write_text(run.folder / NAME, str(document))
