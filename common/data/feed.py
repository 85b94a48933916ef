"""Batches on their way into ``fit``, and how long an accelerator waits for them."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

from common.data.batches import Batch

_FIRST, _LAST = 3, 53  # batches that are timed: after the compilation, within an epoch or two


class Feed:
    """Passes batches on, and times some of them.

    For these it lets the devices finish the step before, then measures how long they wait for the
    next batch: the share of a step that is spent waiting for input.
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
