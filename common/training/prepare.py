"""Before the first epoch: the accelerator, the records and pictures, pretrained weights."""

import dataclasses
import os
import sys
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from common.accelerator import Accelerator, choose, clear_session
from common.data.batches import Encode, Training, evaluation_batches
from common.data.pair_pictures import distinct, open_records
from common.data.pictures import Pictures, choose_cache
from common.data.records import Records
from common.data.samplers import ClassBatches
from common.data.squares import Square
from common.declaration import Kernel
from common.errors import UserError
from common.kernel import KernelRun
from common.networks.backbones import check_weights, find_backbone
from common.networks.classifier import build_body
from common.networks.weights import resolve_weights, weights_explained
from common.progress import report
from common.recipe import override
from common.recipes.training import check_batch
from common.training.describe import Described, TrainingKernel
from common.training.loading import Load, load_parts
from common.training.model import check_full_size
from common.training.network import Published, find_published
from common.training.trainer import Setup

_HEADERS = 20.0  # seconds at most for the headers of all pictures
_ORDER = ("test", "validation", "train")  # what nobody would look at otherwise first


@dataclass(frozen=True, kw_only=True)
class PictureKernel(TrainingKernel):
    """A TrainingKernel of a network that sees pictures.

    Attributes:
        load: ``(image_size, parameters) -> (train, validation, test)`` records. Where nothing is
            submitted test may be None, or have labels, with which the ensemble measures.
    """

    load: Load

    @abstractmethod
    def network(self, recipe: Any) -> Any:
        """The network with random weights, a ``keras.Model``."""

    def described(self, best: bool, small: bool, settings: Mapping[str, Any]) -> Described:
        """As TrainingKernel's."""
        recipe = self.resolve(best, small, settings)
        size, backbone = recipe.image_size, getattr(recipe, "backbone", "")
        if backbone and not recipe.miniature:
            check_weights(backbone, recipe.weights)
        if small and getattr(recipe, "unfreeze", False):  # of the network that is no miniature
            check_unfreeze(self.resolve(best, settings=settings))
        print(f"building the network at {size} x {size} ...", file=sys.stderr, flush=True)
        try:
            model = self.network(recipe)
        except ValueError as error:  # Keras's word for a picture that is too small, for example
            reason = str(error).strip().splitlines() or ["no message"]
            raise UserError(f"the network cannot be built with this recipe: {reason[0]}") from error
        frozen = ", backbone frozen" if getattr(recipe, "freeze_backbone", False) else ""
        frozen += f" but {recipe.unfreeze}" if getattr(recipe, "unfreeze", "") else ""
        divided = getattr(recipe, "preprocessing", "") == "1/255" and not recipe.miniature
        pairs = "pairs of " if len(model.input_shape) == 5 else ""
        pixels = "divided by 255" if divided else "preprocessed"
        return recipe, model, {
            "weights": f"{getattr(recipe, 'weights', None) or 'random'}{frozen}",
            "input": f"{pairs}{size} x {size} x 3, 0 to 255; {pixels} inside the network",
        }  # fmt: skip

    def pretrained(self, run: KernelRun) -> str | Published | None:
        """What the network begins with: an earlier run's weights, whatever the recipe says.

        Else a recipe without a backbone begins at random.
        """
        return find_published(run, self.competition) or self.backbone_weights(run)

    def backbone_weights(self, run: KernelRun) -> str | None:
        """What the recipe's backbone begins with; a recipe without one begins at random."""
        recipe = run.recipe
        if not hasattr(recipe, "backbone"):
            return None
        if not recipe.backbone:
            return resolve_weights(recipe.weights, {}, run.parameters)
        known = find_backbone(recipe.backbone)
        return resolve_weights(recipe.weights, known.files, run.parameters, known.package)

    def records(self, run: KernelRun) -> tuple[Records, Records, Records]:
        """What ``load`` reads. Raises UserError as ``load_parts``."""
        return load_parts(self.competition, self.load, run.recipe.image_size, run.parameters)

    def setup(
        self,
        run: KernelRun,
        accelerator: Accelerator,
        parts: "Parts",
        weights: str | Published | None,
        build: Callable[[str | None], Any],
        learns: Callable[[np.ndarray], tuple[Any, list[Any]]],
        encode: Encode,
        pictures: int | None,
        sampler: ClassBatches | None = None,
    ) -> Setup:
        """The Setup of a training on ``parts``; ``build`` takes the ``weights``.

        An epoch has ``pictures`` at most, or what the ``sampler`` draws.
        """
        recipe, share, seed = run.recipe, accelerator.share, run.parameters.seed
        batch = recipe.batch_size * accelerator.replicas
        published = weights if isinstance(weights, Published) else None
        named = None if isinstance(weights, Published) else weights

        def built() -> Any:
            with weights_explained(named):
                return build(named)

        counts = {f"{part.records.name}_pictures": len(part) for part in parts}
        drawn = (recipe, encode, batch, seed, share, sampler, pictures)
        return Setup(
            built,
            learns,
            batches=lambda parts: Training(parts, *drawn),
            evaluation=lambda p, view: evaluation_batches(p, recipe, encode, batch, share, view),
            training={"competition": self.competition.slug, **counts},
            published=published,
        )


class Parts(NamedTuple):
    """The pictures of a training, or its pairs."""

    train: Pictures
    validation: Pictures
    test: Pictures


def take_accelerator(kernel: Kernel, run: KernelRun) -> Accelerator:
    """Choose the accelerator, and build the network at full size if that is asked for.

    Raises UserError as ``choose``, for parameter counts other than the recipe's, and for layers to
    unfreeze that its backbone has not: before any data are read.
    """
    asked = run.parameters.accelerator
    if getattr(run.recipe, "miniature", False):
        # Its steps are too small to be divided: threads would wait for one another, on every core.
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    with run.stage("accelerator", asked=asked or "any"):
        accelerator = choose(asked, kernel.accelerators)
        run.facts["accelerator"] = dataclasses.asdict(accelerator)
        run.primary = accelerator.process == 0
    if run.parameters.full_size:
        with run.stage("full_size"):
            whole = override(run.recipe, run.parameters.full_size)
            run.facts["full_size"] = check_full_size(dataclasses.replace(kernel, recipe=whole))
    check_unfreeze(run.recipe)
    return accelerator


def check_unfreeze(recipe: Any) -> None:
    """Raise UserError for layers to unfreeze that the recipe's backbone has not."""
    if getattr(recipe, "unfreeze", "") and not recipe.miniature:
        build_body(None, recipe)
        clear_session()


def open_pictures(records: Sequence[Records], recipe: Any, replicas: int) -> Parts:
    """Pictures of train, validation and test at the recipe's size, cached where they fit.

    Headers are looked at for a limited time; then every picture of test is decoded once, for what
    would otherwise be found after hours of training. Raises UserError for a broken one, and for a
    batch larger than train.
    """
    size = recipe.image_size + recipe.crop_margin
    # Test is seen once a view, so that one view caches nothing of it. Whole pictures come from
    # their records, at their own size.
    again = recipe.tta > (8 if recipe.evaluates_whole else 1)
    counts = [len(part if part.seconds is None else distinct(part)[0]) for part in records]
    cache = choose_cache(recipe.cache, sum(counts if again else counts[:2]), size)
    caches = (cache, cache, cache if again else "none")
    square = Square.of(recipe)
    parts = Parts(
        *(open_records(part, size, how, square) for part, how in zip(records, caches, strict=True))
    )
    check_batch(recipe, replicas, len(parts.train))
    check_pictures(parts)
    return parts


def check_pictures(parts: Parts) -> None:
    """Look for what cannot be decoded, and report how many were looked at. Raises UserError."""
    check_headers(parts)
    parts.test.decode_all()
    report("decoded", test=len(parts.test))


def check_headers(parts: Parts) -> None:
    """Look at headers for a limited time, and report how many there were. Raises UserError."""
    end = time.monotonic() + _HEADERS
    seen = {part: getattr(parts, part).check_headers(end - time.monotonic()) for part in _ORDER}
    report("headers", **{part: f"{seen[part]}/{len(getattr(parts, part))}" for part in seen})
