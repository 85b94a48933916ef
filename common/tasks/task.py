"""What every task has: the one place that says what a label, a target and a prediction are."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from common.errors import UserError
from common.metrics.metric import Metric
from common.recipe import nearest


class Task:
    """What is predicted of a picture; subclasses are frozen dataclasses.

    What is here is that of class numbers, ``(rows,)`` integers, and of probabilities.

    Attributes:
        name: as metrics and submission forms name it.
        classes: the names of the classes or labels; empty for numbers and pairs.
        activation: of the head, its Keras name.
        label_type: of a label, NumPy's.
        sections: of the report, in their order.
        has_class_numbers: whether a picture is of one class: there are F1 and confusions.
        has_values: whether predictions are numbers: there are errors.
        ignored_settings: fields of a recipe that would change nothing here.
        lowest, highest: the bounds of a number that is predicted.
        class_word, classes_word: what a class is called, and several.
        row_word: what a row of predictions is of.
        loss_in_words: for people.
    """

    name: ClassVar[str]
    sections: ClassVar[tuple[str, ...]]
    activation: ClassVar[str] = "sigmoid"
    label_type: ClassVar[type] = np.integer
    has_class_numbers: ClassVar[bool] = False
    has_values: ClassVar[bool] = False
    ignored_settings: ClassVar[tuple[str, ...]] = ()
    classes: tuple[str, ...] = ()
    lowest: float = 0.0
    highest: float = 1.0
    loss_in_words: ClassVar[str] = "binary cross-entropy"
    class_word: str = "class"
    classes_word: str = "classes"
    row_word: ClassVar[str] = "picture"

    @property
    def units(self) -> int:
        """Of the head: one for each class or label."""
        return len(self.classes)

    @property
    def rows_word(self) -> str:
        """What several are called."""
        return f"{self.row_word}s"

    @property
    def shown_metrics(self) -> tuple[str, ...]:
        """What is shown where nothing is submitted, by name, besides the competition's metric."""
        return ()

    def check_labels(self, labels: np.ndarray, source: str) -> None:
        """Raise UserError naming ``source`` when ``labels`` are not of this task."""
        labels = np.asarray(labels)
        low, high = 0.0, len(self.classes) - 1.0 if self.classes else np.inf
        if self.has_values:
            low, high = self.lowest, self.highest
        if labels.ndim != 1 or not np.issubdtype(labels.dtype, self.label_type):
            kind = "class number" if self.label_type is np.integer else "number"
            raise UserError(
                f"{source}: labels of shape {labels.shape} and type {labels.dtype}, expected a "
                f"{kind} for each picture"
            )
        wrong = ~((labels >= low) & (labels <= high))
        if wrong.any():
            row = wrong.argmax()
            raise UserError(
                f"{source}: row {row} has label {labels[row]}, expected {low:g} to {high:g}"
            )

    def check_predictions(self, predictions: np.ndarray, source: str) -> None:
        """Raise UserError naming ``source`` when ``predictions`` are not ``(rows, units)``.

        Neither when they are no probabilities; those of half precision are near enough.
        """
        if predictions.ndim != 2 or predictions.shape[1] != self.units:
            raise UserError(
                f"{source}: predictions of shape {predictions.shape}, and the task {self.name} has "
                f"{self.units} columns"
            )
        if self.has_values:
            return
        expected = "probabilities from 0 to 1"
        wrong = np.any((predictions < -1e-6) | (predictions > 1 + 1e-6), axis=1)
        if self.activation == "softmax":
            expected += " whose sum is 1"
            wrong |= np.abs(predictions.sum(axis=1) - 1) > 0.01
        if wrong.any():
            row = predictions[wrong.argmax()]
            values = ", ".join(f"{value:.4g}" for value in row[:4]) + ", …" * (len(row) > 4)
            raise UserError(
                f"{source}: row {wrong.argmax()} predicts {values}, and the task {self.name} has "
                f"{expected}"
            )

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """Return what the network learns of ``labels`` ``(rows, …)``, ``(rows, units)`` float32."""
        raise UserError(f"the task {self.name} has no targets: a kernel embeds pictures instead")

    def strata(self, labels: np.ndarray) -> np.ndarray:
        """Return ``(rows,)`` int64: rows of one number are spread evenly over the folds."""
        return np.asarray(labels, np.int64)

    def resampling_strata(self, labels: np.ndarray) -> np.ndarray:
        """Return the strata within which a bootstrap draws; numbers have none."""
        return self.strata(labels) if self.classes else np.zeros(len(labels), np.int64)

    def loss(self, recipe: Any, labels: np.ndarray) -> Any:
        """Return the Keras loss of ``targets``; ``labels`` are those of the training pictures."""
        raise UserError(f"the task {self.name} has no loss: a kernel embeds pictures instead")

    def metrics(self) -> list[Any]:
        """Return what Keras reports besides the loss; its name is a column of ``history.csv``."""
        return ["accuracy"]

    def output_layer(self, **options: Any) -> Any:
        """Return the head's last layer, in float32 whatever the precision of the rest."""
        import keras

        fixed = {"activation": self.activation, "dtype": "float32", **options}
        return keras.layers.Dense(self.units, **fixed)

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Return what the network's ``outputs`` ``(rows, units)`` predict, as files have it."""
        return outputs

    def decide(self, predictions: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
        """Return labels of ``predictions`` ``(rows, units)``, as ``labels`` have them.

        ``thresholds`` are those of ``find_thresholds``; None takes the task's own.
        """
        raise UserError(f"predictions of the task {self.name} have no labels")

    def find_thresholds(
        self, metric: Metric, labels: np.ndarray, predictions: np.ndarray
    ) -> np.ndarray | None:
        """Return the thresholds with the best ``metric`` on these rows; None without any."""
        return None

    def values(self, predictions: np.ndarray) -> np.ndarray:
        """Return what metrics of ``values`` and ``probabilities`` take of ``predictions``."""
        return predictions

    def summary(
        self, labels: np.ndarray, predictions: np.ndarray, thresholds: np.ndarray | None = None
    ) -> Mapping[str, float]:
        """Return further scores for ``metrics.json``, besides the competition's own."""
        return {}

    def describe(self, label: Any) -> str:
        """Return one picture's label in words."""
        return self.classes[int(label)] if self.classes else f"{float(label):.4g}"

    def class_hint(self, name: str) -> str:
        """Return what to do about a ``name`` that is none of the classes."""
        known, where = nearest(name, self.classes), "the competition's __init__.py"
        return f"{known}; a class that is missing belongs in {type(self).__name__}(...) in {where}"

    def _class_numbers(self, rows: Iterable[Iterable[str]], column: Any) -> list[list[int]]:
        """The numbers of the classes of each row. Raises UserError for an unknown name.

        ``column`` is where the rows come from; one of ``read_table`` knows its file and lines.
        """
        known = {name: number for number, name in enumerate(self.classes)}
        numbers = []
        for row, names in enumerate(rows):
            unknown = [str(name) for name in names if name not in known]
            if unknown:
                hint = self.class_hint(unknown[0])
                file = getattr(column, "attrs", {}).get("path")
                place = f"{file}: line {column.index[row]}" if file else f"row {row}"
                raise UserError(f"{place}: {unknown[0]!r} is none of the classes: {hint}")
            numbers.append([known[name] for name in names])
        return numbers
