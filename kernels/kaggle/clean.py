"""Old kernels of this tool at Kaggle: listed, and deleted when they are chosen."""

from collections.abc import Sequence

from common.competition import Competition
from common.errors import UserError
from common.recipe import nearest
from kernels.kaggle.client import Kaggle

_MARK = "PARAMETERS: dict = "  # stands in every text that this tool pushes


def tools_kernels(kaggle: Kaggle, competitions: Sequence[Competition]) -> dict[str, str]:
    """Slug → last run (UTC) of the user's kernels that this tool pushed.

    By name, and by the line that stands in each of its texts: a kernel of the user's own that is
    called alike is left out.
    """
    own = kaggle.own_kernels()
    named = {slug for slug in own if any(_is_named(slug, c.name) for c in competitions)}
    latest = {slug: kaggle.latest_version(slug) for slug in named}
    return {
        slug: own[slug]
        for slug in sorted(named)
        if latest[slug] and _MARK in kaggle.pushed_text(slug, latest[slug])
    }


def delete_kernels(kaggle: Kaggle, known: dict[str, str], chosen: Sequence[str]) -> None:
    """Delete those that were chosen. Raises UserError, before any is deleted, for another's."""
    for slug in chosen:
        if slug not in known:
            raise UserError(
                f"--delete {slug}: this tool has no such kernel: {nearest(slug, known)}"
            )
    for slug in chosen:
        kaggle.delete(slug)


def _is_named(slug: str, competition: str) -> bool:
    commons = (f"{competition}common", f"{competition}rehearsalcommon")
    return slug in commons or slug.startswith(f"{competition}-")
