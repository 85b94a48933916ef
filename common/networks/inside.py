"""What layers inside a network give, wherever they are: nested, shared, or in a cloned graph."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def outputs_changed(changes: Mapping[Any, Callable[[Any], Any]]) -> Iterator[None]:
    """Pass what each Keras layer gives through a function, while the network is called."""

    def changed(call: Callable[..., Any], change: Callable[[Any], Any]) -> Callable[..., Any]:
        return lambda *inputs, **options: change(call(*inputs, **options))

    for layer, change in changes.items():
        layer.call = changed(layer.call, change)
    try:
        yield
    finally:
        for layer in changes:
            del layer.call  # that of its class is there again
