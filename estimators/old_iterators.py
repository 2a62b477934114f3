"""Input functions of TensorFlow 1 that return the next element of an iterator they made.

In a graph `make_one_shot_iterator(dataset).get_next()` stood for a new batch at every step. Run
eagerly it is the first batch, and training on that batch for ever would go unnoticed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from estimators.aliases import Dataset

_MAKERS = ("make_one_shot_iterator", "make_initializable_iterator")


class OldIterators:
    """Remembers which tensors came out of which iterators while an `input_fn` runs."""

    def __init__(self) -> None:
        self._taken: list[tuple[Dataset, Any]] = []

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Watches the iterators made inside."""
        module = tf.compat.v1.data
        originals = {name: getattr(module, name) for name in _MAKERS}
        for name in _MAKERS:
            setattr(module, name, self._make)
        try:
            yield
        finally:
            for name, original in originals.items():
                setattr(module, name, original)

    def _make(self, dataset: Dataset, *_: Any, **__: Any) -> Any:
        return _WatchedIterator(dataset, self._taken.append)

    def dataset_of(self, data: Any) -> Any:
        """Returns the dataset that `data` was the first element of; `data`, if it is none.

        Raises:
            ValueError: `data` was computed from an element.
        """
        if not self._taken or isinstance(data, tf.data.Dataset):
            return data
        dataset, element = self._taken[-1]
        places = {id(leaf): i for i, leaf in enumerate(tf.nest.flatten(element))}
        leaves = tf.nest.flatten(data)
        if not all(id(leaf) in places for leaf in leaves):
            raise ValueError(
                "`input_fn` computed something from `iterator.get_next()`, which is one batch and "
                "not a batch for each step. Return the dataset itself, with the computation in "
                "dataset.map(...)."
            )
        order = [places[id(leaf)] for leaf in leaves]

        def rearranged(*parts: Any) -> Any:
            flat = tf.nest.flatten(parts[0] if len(parts) == 1 else parts)
            return tf.nest.pack_sequence_as(data, [flat[i] for i in order])

        return dataset.map(rearranged)


class _WatchedIterator:
    """Gives the first element, and tells whose it is."""

    initializer: None = None

    def __init__(self, dataset: Dataset, tell: Callable[[tuple[Dataset, Any]], Any]) -> None:
        self._dataset = dataset
        self._tell = tell

    def get_next(self, name: str | None = None) -> Any:
        """Returns the first element."""
        element = next(iter(self._dataset))
        self._tell((self._dataset, element))
        return element
