"""Vectors of pictures from a network that is not trained at all.

Features are the means of what several layers give over a picture, or over each of its parts, from
edges and textures to things: their signed square roots, as a few large ones would outweigh the
rest, centred and scaled on train; and of these the principal components. Two channels come of
them: ``embedding``, unit vectors after a linear discriminant analysis, or of the components
themselves, and ``classes``, the probabilities of a logistic regression. Validation's pairs choose
the first one's form, and C.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from common.data.balance import Balance
from common.declaration import Kernel
from common.errors import UserError
from common.files.predictions import Vectors, save_vectors
from common.files.projection import Projection, project, save_projection
from common.files.thumbnails import write_thumbnails
from common.kernel import KernelRun
from common.networks.backbones import build_backbone
from common.pairs.ensemble import write_pair_metrics
from common.pairs.validation import ValidationPairs, validation_pairs
from common.progress import report
from common.tasks.classification import Classification
from common.training.features import Features
from common.training.logistic import fit_head
from common.training.prepare import Parts, PictureKernel, open_pictures, take_accelerator

SHRINKAGES = (0.1, 0.3, 0.6, 0.9)  # of the analysis' covariance, towards its diagonal
CS = (3.0, 10.0, 30.0, 100.0)
_SHOWN = 400  # validation pictures at most in three dimensions


@dataclass(frozen=True, kw_only=True)
class FrozenEmbeddingKernel(PictureKernel):
    """A PictureKernel that trains nothing; its recipe is a FrozenRecipe.

    ``load`` gives labels as an EmbeddingKernel's.

    Attributes:
        layers: of the backbone, whose outputs are averaged over a picture.
    """

    layers: tuple[str, ...]

    leaves_weights: ClassVar[bool] = False
    arguments: ClassVar[str] = Kernel.arguments

    def network(self, recipe: Any, weights: str | None = None) -> Any:
        """From pictures to the layers' means side by side, ``(batch, d)``: a ``keras.Model``.

        Raises UserError where a layer's outputs cannot be divided into the recipe's ``grid``.
        """
        import keras

        body = build_backbone(recipe.backbone, weights, recipe.image_size, recipe.preprocessing)
        body.trainable = False
        outputs = [body.get_layer(name).output for name in self.layers]
        means = [part_means(output, recipe.grid, recipe.image_size) for output in outputs]
        return keras.Model(body.input, keras.layers.Concatenate(dtype="float32")(means))

    def describe(self, parameters: Mapping[str, Any], arguments: Sequence[str]) -> None:
        """As Kernel's: there is no training to describe."""
        Kernel.describe(self, parameters, arguments)

    def features(self, run: KernelRun) -> tuple[Parts, list[np.ndarray]]:
        """Return the pictures of each part, and their features ``(pictures, d)``."""
        accelerator, recipe = take_accelerator(self, run), run.recipe
        weights = self.backbone_weights(run)
        with run.stage("data"):
            parts = open_pictures(self.records(run), recipe, accelerator.replicas)
        with run.stage("features"):
            network = Features(self.network(recipe, weights), run, accelerator)
            rows = [network.rows(part, recipe.tta).views.mean(axis=0) for part in parts]
        return parts, rows

    def carry_out(self, run: KernelRun) -> None:
        """Compute features, fit on train, measure on validation, and write a kernel's files."""
        parts, (own, held_out, asked) = self.features(run)
        (train, validation, test), recipe = parts, run.recipe
        known, ids = validation.labels <= train.labels.max(), validation.records.ids
        with run.stage("fitting"):
            pairs = validation_pairs(ids, validation.labels, known)
            reduce = reduction(own, recipe.components)
            rows, seen = reduce(own), reduce(held_out)
            shrinkage, c = choose(rows, train.labels, seen, pairs)
            found = channels(rows, train.labels, shrinkage, c, seen)
        labels = train.labels
        if recipe.refit:
            with run.stage("refit"):
                own = np.concatenate([own, held_out])
                labels = np.concatenate([labels, validation.labels])
                reduce = reduction(own, recipe.components)
                rows = reduce(own)
        of_test = channels(rows, labels, shrinkage, c, reduce(asked))
        found, of_test = alike(found, of_test)
        if run.primary:
            with run.stage("figures"):
                vectors = Vectors(ids, validation.labels, known, found, test.records.ids, of_test)
                save_vectors(run.folder, vectors, run.parameters.kernel or "this kernel")
                write_pair_metrics(run.folder, vectors, {"shrinkage": shrinkage, "c": c})
                few = np.arange(len(ids))[:: -(-len(ids) // _SHOWN)]
                points = project(found["embedding"][few][None])
                shown = (ids[few], validation.labels[few], known[few])
                save_projection(run.folder, Projection(*shown, np.array([1]), points))
                write_thumbnails(run.folder, validation, few.tolist())


def part_means(output: Any, grid: int, image_size: int) -> Any:
    """Return a layer's means over ``grid`` x ``grid`` parts of a picture, ``(batch, d)``.

    Where pictures are aligned, as faces are, a part shows the same in all. Raises UserError for an
    output that cannot be divided so.
    """
    from keras import layers

    if grid == 1:
        return layers.GlobalAveragePooling2D(dtype="float32")(output)
    side = output.shape[1]
    if side % grid:
        raise UserError(
            f"settings grid={grid} image_size={image_size}: a layer has {side} x {side} outputs, "
            f"which {grid} does not divide: take image_size={grid * 32}, for example"
        )
    pooled = layers.AveragePooling2D(side // grid, dtype="float32")(output)
    return layers.Flatten(dtype="float32")(pooled)


def choose(
    rows: np.ndarray, labels: np.ndarray, seen: np.ndarray, pairs: ValidationPairs
) -> tuple[float | None, float]:
    """Return the shrinkage (None: no analysis) and the C with the best AUC of validation's pairs.

    ``rows`` are the components of train, ``seen`` those of validation.
    """

    def auc(found: np.ndarray) -> float:
        return float(pairs.auc(pairs.scores(found))["all"] or 0)

    shrinkages = {one: auc(embedded(rows, labels, one, seen)) for one in (None, *SHRINKAGES)}
    cs = {c: auc(classified(rows, labels, c, seen)) for c in CS}
    for name, found in (("shrinkage", shrinkages), ("c", cs)):
        for value, score in found.items():
            report("fitting", **{name: value}, val_auc=score)
    return max(shrinkages, key=lambda one: shrinkages[one]), max(cs, key=lambda c: cs[c])


def channels(
    rows: np.ndarray, labels: np.ndarray, shrinkage: float | None, c: float, others: np.ndarray
) -> dict[str, np.ndarray]:
    """Return both channels of ``others``, fitted on ``rows``; all are components."""
    embedding = embedded(rows, labels, shrinkage, others)
    return {"embedding": embedding, "classes": classified(rows, labels, c, others)}


def reduction(features: np.ndarray, components: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return what makes components ``(n, components)`` of features, fitted on ``features``."""
    from sklearn.decomposition import PCA

    def rooted(rows: np.ndarray) -> np.ndarray:
        return np.asarray(np.sign(rows) * np.sqrt(np.abs(rows)), np.float32)

    own = rooted(features)
    mean, spread = own.mean(axis=0), own.std(axis=0) + 1e-6
    number = min(components, len(own) - 1, own.shape[1])
    found = PCA(number, random_state=0).fit((own - mean) / spread)
    return lambda rows: np.asarray(found.transform((rooted(rows) - mean) / spread), np.float32)


def alike(
    first: dict[str, np.ndarray], second: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return two parts' channels with zeros at the ends of the shorter rows.

    They change no dot product. A refit knows classes that train alone has not.
    """

    def filled(rows: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.pad(rows, ((0, 0), (0, max(0, other.shape[1] - rows.shape[1]))))

    return (
        {name: filled(rows, second[name]) for name, rows in first.items()},
        {name: filled(rows, first[name]) for name, rows in second.items()},
    )


def embedded(
    rows: np.ndarray, labels: np.ndarray, shrinkage: float | None, others: np.ndarray
) -> np.ndarray:
    """Return unit vectors of ``others``, in the directions that tell the classes of ``rows`` apart.

    Without a shrinkage in all directions.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    if shrinkage is not None:
        analysis = LinearDiscriminantAnalysis(solver="eigen", shrinkage=shrinkage)
        others = analysis.fit(rows, labels).transform(others)
    lengths = np.linalg.norm(others, axis=1, keepdims=True)
    return np.asarray(others / np.maximum(lengths, 1e-12), np.float32)


def classified(rows: np.ndarray, labels: np.ndarray, c: float, others: np.ndarray) -> np.ndarray:
    """Return probabilities of ``others``, a column for each class that ``rows`` have."""
    known, numbers = np.unique(labels, return_inverse=True)
    task = Classification(tuple(map(str, known.tolist())))
    head = fit_head(rows, numbers, task, c, Balance())
    return head.outputs(others[None], "softmax")
