"""The page around the sections: one file with its style and its script inside."""

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from kernels.report.markup import join, tag

HERE = Path(__file__).parent


def page(title: str, head: Markup, sections: Sequence[Markup], notes: Sequence[str]) -> Markup:
    """The whole document.

    Its policy allows no request at all, and no script but the page's own, told by its hash.
    """
    script = (HERE / "page.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    style = Markup((HERE / "page.css").read_text("utf-8"))
    headed = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", style),
    )
    body = tag(
        "body",
        tag("a", "Skip to the report", href="#report", class_="skip"),
        head,
        tag("nav", _contents(sections), aria_label="Sections"),
        tag("main", *_notes(notes), *sections, id="report", tabindex=-1),
        tag("footer", tag("p", "Validation pictures alone are shown; test labels are not here.")),
        tag("script", Markup(script)),
    )
    return join((Markup("<!doctype html>\n"), tag("html", headed, body, lang="en"), "\n"))


def _contents(sections: Sequence[Markup]) -> Markup:
    """Links to the sections, called as their anchors are."""
    found = (re.match(r'<section id="(\w+)"', piece) for piece in sections)
    names = [match[1] for match in found if match]
    links = [tag("li", tag("a", name.capitalize(), href=f"#{name}")) for name in names]
    return tag("ul", *links)


def _notes(notes: Sequence[str]) -> list[Markup]:
    return [tag("p", note, class_="note") for note in notes]
