"""Whether two pictures match: are they of one class?"""

from dataclasses import dataclass
from typing import ClassVar

from common.tasks.task import Task


@dataclass(frozen=True)
class Pairs(Task):
    """Pairs of pictures are scored, not pictures. Labels are those of pictures: their classes.

    Kernels write vectors whose dot products score pairs (``common.files.predictions``), and the
    ensemble scores the competition's table of pairs (``common.pairs``). Targets and losses are each
    kernel's own.

    Attributes:
        class_word, classes_word: what one class of the pictures is called, and several.
    """

    class_word: str = "class"
    classes_word: str = "classes"

    name: ClassVar[str] = "pairs"
    sections: ClassVar[tuple[str, ...]] = (
        *("kernels", "blend", "learning", "pairs", "embedding", "neighbours", "mistakes"),
        "settings",
    )
