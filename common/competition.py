"""What a competition is, as plain facts."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Competition:
    """The facts of one competition; its folder's ``__init__`` holds one as ``COMPETITION``.

    Attributes:
        name: what is typed on the command line, e.g. ``petals``.
        slug: Kaggle's name of it, e.g. ``tpu-getting-started``.
        title: for people.
        folder: the package below ``competitions``.
        metric: a function of ``common.metrics.classification`` of (labels, predictions), higher is
            better.
        classes: the class names, by index; none where a submission's values are scores.
        id_column, target_column: the submission's header.
        ensemble: the kernels that ``--ensemble`` trains and blends.
        layout: a line on the files that a data folder must have, for error messages.
        pictures: how many Kaggle's own data hold, by part (``train``, ``val``, ``test``).
        sample: Kaggle's file that holds the ids of a submission in its first column.
        called: what one class of its pictures is called, and several, e.g. ``person``, ``people``.
    """

    name: str
    slug: str
    title: str
    folder: str
    metric: str
    classes: tuple[str, ...]
    id_column: str
    target_column: str
    ensemble: tuple[str, ...]
    layout: str
    pictures: Mapping[str, int] = field(default_factory=dict, hash=False)
    sample: str = "sample_submission.csv"
    called: tuple[str, str] = ("class", "classes")

    @property
    def url(self) -> str:
        """The competition's page."""
        return f"https://www.kaggle.com/competitions/{self.slug}"
