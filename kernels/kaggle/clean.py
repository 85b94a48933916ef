"""Old kernels of this tool at Kaggle: listed, and deleted when they are chosen."""

from collections.abc import Sequence

from common.competition import Competition
from common.errors import UserError
from common.recipe import nearest
from kernels.kaggle.client import Kaggle

_MARK = "PARAMETERS: dict = "  # in every text that this tool pushes


def tools_kernels(kaggle: Kaggle, competitions: Sequence[Competition]) -> dict[str, str]:
    """Return slug → last run (UTC) of the user's kernels that this tool pushed.

    By name, and by the line in each of its texts: a kernel of the user's own with such a name is
    left out.
    """
    found, own = {}, kaggle.own_kernels()
    for slug in sorted(own):
        if any(_is_named(slug, competition.name) for competition in competitions):
            latest = kaggle.latest_version(slug)
            if latest and _MARK in kaggle.pushed_text(slug, latest):
                found[slug] = own[slug]
    return found


def _is_named(slug: str, competition: str) -> bool:
    shared = (f"{competition}common", f"{competition}rehearsalcommon")
    return slug in shared or slug.startswith(f"{competition}-")


def delete_kernels(kaggle: Kaggle, known: dict[str, str], chosen: Sequence[str]) -> None:
    """Delete those that were chosen. Raises UserError, before any is deleted, for another's."""
    for slug in chosen:
        if slug not in known:
            raise UserError(
                f"--delete {slug}: this tool has no such kernel: {nearest(slug, known)}"
            )
    for slug in chosen:
        kaggle.delete(slug)
