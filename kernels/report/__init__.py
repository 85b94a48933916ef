"""The report of a run: one HTML file that opens from disk, made of what the kernels left."""

from pathlib import Path

from common.manifest import write_text
from kernels.bundle import Bundle
from kernels.report.classes import classes_section, confusions_section, hardest_section
from kernels.report.facts import gather
from kernels.report.graph import kernels_section
from kernels.report.learning import learning_section
from kernels.report.members import calibration_section, members_section
from kernels.report.overview import blend_section, headline
from kernels.report.page import page
from kernels.report.pair_channels import channels_section
from kernels.report.pair_sections import (
    confident_section,
    curves_section,
    nearest_section,
    space_section,
)
from kernels.report.settings import settings_section
from kernels.run import Run, Sent

NAME = "report.html"

SECTIONS = (
    kernels_section,
    blend_section,
    learning_section,
    members_section,
    classes_section,
    confusions_section,
    hardest_section,
    calibration_section,
    settings_section,
)

PAIR_SECTIONS = (
    kernels_section,
    channels_section,
    learning_section,
    curves_section,
    space_section,
    nearest_section,
    confident_section,
    settings_section,
)


def write_report(run: Run, bundles: tuple[Bundle, ...], sent: Sent | None) -> Path:
    """Write ``report.html`` into the run's folder, whole or not at all; returns its path.

    It needs no network and no other file, and shows validation alone. What a kernel did not
    leave is left out, or its section says so.
    """
    facts = gather(run, bundles, sent)
    chosen = SECTIONS if facts.competition.classes else PAIR_SECTIONS
    sections = [made for make in chosen if (made := make(facts)) is not None]
    title = f"{facts.competition.title}, {run.folder.name}"
    document = page(title, headline(facts), sections, facts.notes)
    return write_text(run.folder / NAME, str(document))
