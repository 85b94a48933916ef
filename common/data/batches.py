"""Pictures to batches: uint8, in any number of threads, always the same for the same seed.

Grain makes them: it is on Kaggle's images, reads any picture at any time (so that an epoch's order
is over all of it), and with OpenCV in its threads it is faster here than ``tf.data`` (figures in
docs/log.md). A batch is a function of the seed and its own number.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from common.accelerator import WHOLE, Share
from common.data.augment import augment, cutmix, mixup, view
from common.data.balance import Balance
from common.data.pictures import Pictures
from common.data.samplers import ClassBatches
from common.progress import report

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]
Encode = Callable[[np.ndarray], np.ndarray]  # labels to targets, ``(rows, units)`` float32
_THREADS = 16  # at most: each makes whole batches
_FIRST, _LAST = 3, 53  # batches that are timed: after the compilation, within an epoch or two


class Training:
    """Shuffled, augmented batches of ``parts``: ``steps`` of them are an epoch.

    A batch is (pictures ``(batch, s, s, 3)`` uint8, or pairs ``(batch, 2, s, s, 3)``, targets
    ``(batch, units)`` float32, weights ``(batch,)`` float32). ``encode`` turns labels into targets.
    Each picture comes once an epoch, unless the recipe's ``balance`` says otherwise
    (``common.data.balance``); pictures that fill up the last batch have the weight 0. Order and
    augmentations depend on the seed and the epoch's number alone: a training that continues with
    epoch 7 sees what one from the start sees. Where several processes train, each mixes its own
    pictures with one another (MixUp, CutMix). A ``sampler`` draws the rows of an epoch itself,
    ``(steps, batch)`` integers, and all of them count. Without one an epoch has at most
    ``pictures``, drawn anew each time, or all where that is None.
    """

    def __init__(
        self,
        parts: Sequence[Pictures],
        recipe: Any,
        encode: Encode,
        batch: int,
        seed: int,
        share: Share = WHOLE,
        sampler: ClassBatches | None = None,
        pictures: int | None = None,
    ):
        self._parts, self._recipe, self._batch, self._seed = parts, recipe, batch, seed
        self._share, self._sampler = share, sampler
        self.labels = np.concatenate([part.labels for part in parts])
        self._encode = encode
        self._balance = Balance(getattr(recipe, "balance", "none"), seed)
        self.weights = self._balance.weights(self.labels)
        every = len(self._balance.rows(self.labels))
        self._known = min(pictures or every, every)
        if self._balance.resamples:
            report("balance", how=self._balance.how, pictures=every, of=len(self.labels))
        self.steps = sampler.steps if sampler else -(-self._known // batch)
        self._known = self.steps * batch if sampler else self._known
        self._starts = np.cumsum([0, *(len(part) for part in parts)])
        self._order = lru_cache(4)(self._order_of)

    def batches(self, epochs: range) -> Any:
        """Return the batches of ``epochs``, one after the other: a ``grain.IterDataset``."""
        return batches_by_number(
            self._make, range(epochs.start * self.steps, epochs.stop * self.steps)
        )

    @property
    def counted(self) -> float:
        """The pictures of an epoch, each with its weight (of a part of them the mean weight)."""
        return float(self._known if self._sampler else self._known * self.weights.mean())

    def _order_of(self, epoch: int) -> np.ndarray:
        """The rows of an epoch in their order, those of copies as ``Balance.rows`` has them."""
        generator = np.random.default_rng((0, self._seed, epoch))
        if self._sampler:
            return self._sampler.epoch(generator).reshape(-1)
        rows = self._balance.rows(self.labels, epoch)
        order = rows[generator.permutation(len(rows))[: self._known]]
        return np.resize(order, self.steps * self._batch)  # filled up from its own beginning

    def _make(self, number: int) -> Batch:
        epoch, step = divmod(number, self.steps)
        generator = np.random.default_rng((1, self._seed, epoch, step))
        seeds = self._share.of(generator.integers(2**63, size=self._batch))
        places = np.arange(step * self._batch, (step + 1) * self._batch)
        order = self._share.of(self._order(epoch)[places])
        rows, copied = order % len(self.labels), order >= len(self.labels)
        as_it_is = self._balance.augments_copies_alone & ~copied
        size, rows_of = self._recipe.image_size, self._parts[0].rows_of
        pictures = np.empty((len(rows), *rows_of, size, size, 3), np.uint8)
        parts = np.searchsorted(self._starts, rows, side="right") - 1
        within = rows - self._starts[parts]
        numbers = (parts.tolist(), within.tolist(), seeds.tolist(), as_it_is.tolist())
        for part, row, seed, same, out in zip(*numbers, pictures, strict=True):
            picture = self._parts[part][row]
            if same:
                out[:] = view(picture, 0, size)
            else:
                augment(picture, np.random.default_rng(seed), self._recipe, out)
        weights = self.weights[rows] * (self._share.of(places) < self._known)
        targets = self._encode(self.labels[rows])
        return self._mix(pictures, targets, weights.astype(np.float32), generator)

    def _mix(
        self,
        pictures: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray,
        generator: np.random.Generator,
    ) -> Batch:
        """MixUp or CutMix of the rows that this process makes, with their weights."""
        ways = [
            (way, alpha)
            for way, name in ((mixup, "mixup"), (cutmix, "cutmix"))
            if (alpha := getattr(self._recipe, name, 0))
        ]
        if not ways:
            return pictures, targets, weights
        way, alpha = ways[generator.integers(len(ways))]
        # Each picture brings its own weight into a mixed target, whose sum is the row's weight.
        pictures, mixed = way(pictures, targets * weights[:, None], generator, alpha)
        total = mixed.sum(axis=1)
        counts = total > 0
        targets[counts] = mixed[counts] / total[counts, None]
        return pictures, targets, total


def evaluation_batches(
    part: Pictures, recipe: Any, encode: Encode, batch: int, share: Share = WHOLE, seen: int = 0
) -> Any:
    """Return batches in the records' order, one ``view`` of each picture: a ``grain.IterDataset``.

    A batch has the form of those of ``Training``; ``seen`` is the number of the view. Where the
    recipe evaluates whole pictures, the first eight views show these and the others show corners.
    The last batch is filled up with the last picture, whose weight is 0. Without labels the targets
    are a column of zeros.
    """
    number = len(part)

    def make(step: int) -> Batch:
        places = share.of(np.arange(step * batch, (step + 1) * batch))
        rows = places.clip(max=number - 1)
        pictures = np.stack([evaluated(part, recipe, row, seen) for row in rows.tolist()])
        known = part.records.labels is not None
        targets = encode(part.labels[rows]) if known else np.zeros((len(rows), 1), np.float32)
        return pictures, targets, (places < number).astype(np.float32)

    return batches_by_number(make, range(-(-number // batch)))


def augmented_batches(
    part: Pictures, recipe: Any, encode: Encode, batch: int, share: Share, seed: int, number: int
) -> Any:
    """Return batches in the records' order, each picture augmented: a ``grain.IterDataset``.

    As ``evaluation_batches``; another ``number`` augments them in another way.
    """

    def make(step: int) -> Batch:
        places = share.of(np.arange(step * batch, (step + 1) * batch))
        rows = places.clip(max=len(part) - 1)
        size = recipe.image_size
        pictures = np.empty((len(rows), *part.rows_of, size, size, 3), np.uint8)
        for row, out in zip(rows.tolist(), pictures, strict=True):
            augment(part[row], np.random.default_rng((3, seed, number, row)), recipe, out)
        return pictures, encode(part.labels[rows]), (places < len(part)).astype(np.float32)

    return batches_by_number(make, range(-(-len(part) // batch)))


def evaluated(part: Pictures, recipe: Any, row: int, seen: int = 0) -> np.ndarray:
    """Return one ``view`` of a picture, or of both of a pair, as it is predicted, uint8."""
    whole = recipe.evaluates_whole and seen < 8
    picture = part.whole(row, recipe.image_size) if whole else part[row]
    return view(picture, seen, recipe.image_size)


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return ``(rows, classes)`` float32 of ``(rows,)`` integers; other labels give zeros."""
    return (labels[:, None] == np.arange(classes)).astype(np.float32)


def batches_by_number(make: Callable[[int], Batch], numbers: range) -> Any:
    """Return a ``grain.IterDataset`` of what ``make`` returns of each number, called in threads."""
    import cv2

    # Grain warns of profiling with the JAX that Kaggle has: users can do nothing about it.
    logging.getLogger("absl").addFilter(lambda line: "worker profiling" not in line.getMessage())
    import grain

    cv2.setNumThreads(1)  # the batches are made side by side already
    threads = min(_THREADS, os.cpu_count() or 1)
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=threads + 1)
    return grain.MapDataset.range(numbers.start, numbers.stop).map(make).to_iter_dataset(options)


class Feed:
    """Passes batches on, and times some of them.

    Before such a batch it waits until the devices have finished the last step, and then measures
    how long they wait for the batch: the share of a step that is spent waiting for input.
    """

    def __init__(self, batches: Iterable[Batch], steps: int, on_jax: bool):
        self._batches, self._steps, self._on_jax = batches, steps, on_jax
        self._waited = self._spent = 0.0

    @property
    def waiting(self) -> float | None:
        """Share of a step, 0 to 1; None where it was not measured."""
        return self._waited / self._spent if self._spent else None

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches: Keras knows a generator by its type."""
        source, number, last = iter(self._batches), 0, 0.0
        while True:
            timed = self._on_jax and _FIRST <= number < _LAST
            if timed:
                _finish()
            asked = time.perf_counter()
            batch = next(source, None)
            if batch is None:
                return
            there = time.perf_counter()
            between = number % self._steps  # not where an epoch begins, after validation
            if last and between and number < _LAST:
                self._waited += there - asked
                self._spent += there - last
            last = there if self._on_jax and number >= _FIRST else 0.0
            yield batch
            number += 1


def _finish() -> None:
    """Wait until the devices have done all that was sent: each works in the order of sending."""
    import jax

    waiting: list[Any] = [jax.device_put(0.0, device) + 1 for device in jax.local_devices()]
    jax.block_until_ready(waiting)
