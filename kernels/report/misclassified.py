"""Every picture that is labelled wrong, by its name, of validation and of labelled test."""

from typing import Any

import numpy as np
from markupsafe import Markup

from common.files.predictions import PARTS
from kernels.report.facts import Facts
from kernels.report.render import Section, Table, number

_SURE = Markup('{} <span class="soft">{}</span>')
MOST = 300  # pictures of a part that are listed


def misclassified(facts: Facts) -> Section | None:
    """A table of the wrong pictures of each part, the surest first; None without any labels.

    All is decided as the blend decides, at validation's threshold where it has one.
    """
    parts, names, several = [], facts.task.classes, facts.task.rows_word.capitalize()
    for part in PARTS:
        labels, values = getattr(facts.blend, f"{part}_labels"), getattr(facts.blend, part)
        if labels is None or not len(labels):
            continue
        decided = facts.task.decide(values, facts.thresholds)
        sure, ids = values[np.arange(len(labels)), decided], getattr(facts.blend, f"{part}_ids")
        wrong = np.flatnonzero(decided != labels)
        rows: list[dict[str, Any]] = [
            {
                facts.task.row_word: Markup('<span class="id">{}</span>').format(ids[row]),
                "true class": names[labels[row]],
                "taken for": _SURE.format(names[decided[row]], number(float(sure[row]), 3)),
            }
            for row in wrong[np.argsort(-sure[wrong], kind="stable")][:MOST].tolist()
        ]
        table = Table(f"{several} of {part} that are labelled wrong", rows) if rows else None
        parts.append({"name": part, "wrong": len(wrong), "of": len(labels), "table": table})
    named = facts.competition.submission is None  # there is a table of all predictions
    found = {"title": "Every error by name", "parts": parts, "most": MOST, "named": named}
    return found if parts else None
