"""What a competition is: its task, its metric, the form of its submissions, and plain facts.

A folder may also stand on a data set of Kaggle, or on a competition's data without submitting.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.forms import Form
from common.inputs import competition_folder, dataset_folder
from common.metrics.metric import Metric, find_metric
from common.protocol import Protocol
from common.tasks.task import Task


@dataclass(frozen=True)
class Published:
    """What others have reached, to be shown next to ours."""

    scores: Mapping[str, float] = field(hash=False)  # by metric, e.g. ``{"accuracy": 0.7656}``
    source: str  # of which pictures, by whom, where


@dataclass(frozen=True)
class Competition:
    """One competition; its folder's ``__init__`` has one as ``COMPETITION``."""

    name: str  # what is typed on the command line, e.g. ``petals``
    slug: str  # Kaggle's name of it, e.g. ``tpu-getting-started``; of a data set ``owner/slug``
    title: str  # for people
    task: Task  # what is predicted (``common.tasks``)
    metric: str  # how it is scored, a name of ``common.metrics.metric``
    submission: Form | None  # what is submitted (``common.forms``); None: nothing is sent
    ensemble: tuple[str, ...]  # the kernels that ``--ensemble`` trains and blends
    files: str  # a line on what a data folder must have, for error messages
    folder: str = ""  # the package below ``competitions``; filled in when it is found
    # How many pictures Kaggle's own data have, by part (``train``, ``val``, ``test``).
    pictures: Mapping[str, int] = field(default_factory=dict, hash=False)
    # How its ``data.py`` makes validation, for people, where Kaggle's data have no good one.
    validation: str = ""
    sample: str = "sample_submission.csv"  # its first column has the ids of a submission
    published: Published | None = None
    protocol: Protocol | None = None  # of a benchmark whose results are of several settings

    @property
    def is_dataset(self) -> bool:
        """Whether its data are a data set of Kaggle, not a competition's."""
        return "/" in self.slug

    @property
    def kind(self) -> str:
        """``competition`` or ``data set``, for people."""
        return "data set" if self.is_dataset else "competition"

    @property
    def url(self) -> str:
        """Return its page."""
        return f"https://www.kaggle.com/{self.kind.replace(' ', '')}s/{self.slug}"

    @property
    def mount(self) -> str:
        """Return where its data are mounted, below the folder of a kernel's inputs."""
        return f"{self.kind.replace(' ', '')}s/{self.slug}"

    @property
    def form(self) -> Form:
        """Return the form of its submissions. Raises UserError where nothing is sent."""
        if self.submission is None:
            raise UserError(f"competition {self.name} submits nothing: it has no submission")
        return self.submission

    @property
    def scoring(self) -> Metric:
        """Return the metric. Raises UserError for an unknown one."""
        return find_metric(self.metric)

    def data_folder(self, internet: bool = False) -> Path:
        """Return the folder that has its data. Raises UserError when it is nowhere."""
        if self.is_dataset:
            return dataset_folder(self.slug, internet, self.files)
        return competition_folder(self.slug, self.files, internet)

    def of_kind(
        self, kind: str, predictions: np.ndarray, thresholds: np.ndarray | None = None
    ) -> np.ndarray:
        """Return ``predictions`` as a metric or a form of this ``kind`` has them."""
        if kind == "labels":
            return self.task.decide(predictions, thresholds)
        return self.task.values(predictions)

    def score(
        self, labels: np.ndarray, predictions: np.ndarray, thresholds: np.ndarray | None = None
    ) -> float:
        """Return the metric of ``predictions`` ``(rows, units)``. Raises UserError as it does."""
        predicted = self.of_kind(self.scoring.kind, predictions, thresholds)
        return self.scoring.score(labels, predicted, self.task.classes)

    def check_measurable(self, labels: np.ndarray) -> None:
        """Raise UserError where no predictions of pictures with ``labels`` could be scored.

        No pictures at all are no fault: then nothing is measured.
        """
        if len(labels):
            even = np.full((len(labels), self.task.units), 1 / self.task.units, np.float32)
            self.score(labels, self.task.predictions(even))

    def find_thresholds(self, labels: np.ndarray, predictions: np.ndarray) -> np.ndarray | None:
        """Return the thresholds of the best labels on these rows; None where there are none."""
        if not len(labels):
            return None
        return self.task.find_thresholds(self.scoring, labels, predictions)

    def check(self) -> None:
        """Raise UserError when task, metric and submission form do not fit each other."""
        fault = self._field_fault() or self._fault()
        if fault:
            raise UserError(f"competition {self.name}: {fault}")

    def _fault(self) -> str:
        """What does not fit, in words; empty if nothing."""
        task, metric, form = self.task, self.scoring, self.submission
        name = type(form).__name__
        if task.name not in metric.tasks:
            return (
                f"its metric {metric.name} does not measure the task {task.name}, but "
                f"{' and '.join(metric.tasks)}: name another metric or task"
            )
        if metric.of_two and task.units != 2:
            return (
                f"its metric {metric.name} is of the second of two classes, and there are "
                f"{task.units}: name another, such as balanced_accuracy or macro_f1"
            )
        for published in self.published.scores if self.published else ():
            find_metric(published)
        if form is None:
            pairs = "its task pairs needs a submission, which the ensemble writes: name a form"
            return pairs if task.name == "pairs" else ""
        if task.name not in form.tasks:
            return (
                f"its submission {name} is not of the task {task.name}, but of "
                f"{' and '.join(form.tasks)}: name another form or task"
            )
        if metric.kind != form.kind:
            return (
                f"its metric {metric.name} is of {metric.kind}, and the submission {name} of "
                f"{form.kind}: name another form or metric"
            )
        fault = form.fault(task, metric)
        return f"its {fault}" if fault else ""

    def _field_fault(self) -> str:
        """The first field that is not of its type, or that no name can be, in words."""
        for name, kind, also in (
            ("task", Task, Task),
            ("submission", Form, type(None)),
            ("ensemble", tuple, tuple),
            ("published", Published, type(None)),
            ("protocol", Protocol, type(None)),
        ):
            if not isinstance(getattr(self, name), kind | also):
                return (
                    f"its {name} is a {type(getattr(self, name)).__name__}, expected a "
                    f"{kind.__name__}, as in competitions/petals_to_metal/__init__.py"
                )
        classes = self.task.classes
        twice = [one for number, one in enumerate(classes) if one in classes[:number]]
        if not re.fullmatch("[a-z0-9]+", self.name):
            return "name it with small letters and digits"
        if not re.fullmatch(r"([A-Za-z0-9][\w-]*/)?[a-z0-9-]+", self.slug, re.ASCII):
            return (
                f"its slug {self.slug!r} is none of Kaggle's: copy it from its address, SLUG of a "
                f"competition, OWNER/SLUG of a data set"
            )
        if self.is_dataset and self.submission:
            return f"its data set {self.slug} takes no submissions: write submission=None"
        if isinstance(classes, str) or not all(isinstance(one, str) for one in classes):
            return "its classes must be a tuple of names"
        if twice:
            return f"the class {twice[0]!r} is named twice"
        if len(classes) == 1 and self.task.name != "multilabel":
            return f"one class, {classes[0]}: name two or more"
        return ""
