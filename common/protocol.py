"""The settings of a benchmark that has several: what a result may have learnt from."""

from collections.abc import Iterable
from dataclasses import dataclass

from common.recipe import by_name


@dataclass(frozen=True)
class Protocol:
    """The names of a benchmark's settings, in two parts, such as ``unrestricted, no outside data``.

    Attributes:
        supervision: what of the benchmark's own labels is used, the strictest first.
        outside: which other data: none, such that say nothing of what is asked, as those of a
            pretrained network, and such that may.
    """

    supervision: tuple[str, ...]
    outside: tuple[str, str, str]

    def setting(self, supervision: str, weights: object, source: str) -> str:
        """Return the setting of a kernel by its ``supervision`` and what it begins with.

        What weights from a ``source`` have seen is not known here: it counts as data that may say
        what is asked. Raises UserError for another supervision.
        """
        by_name("supervision", supervision, dict.fromkeys(self.supervision))
        outside = self.outside[2 if source else 1 if weights else 0]
        return f"{supervision}, {outside}"

    def widest(self, settings: Iterable[str]) -> str:
        """Return the setting of what uses all that these do; empty where one is not known."""
        parts = [tuple(one.split(", ", 1)) for one in settings]
        known = [len(one) == 2 and one[0] in self.supervision and one[1] in self.outside
                 for one in parts]  # fmt: skip
        if not parts or not all(known):
            return ""
        supervision, outside = zip(*parts, strict=True)
        return ", ".join(
            (
                max(supervision, key=self.supervision.index),
                max(outside, key=self.outside.index),
            )
        )
