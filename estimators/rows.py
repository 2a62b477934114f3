"""All rows of an evaluation at once, for what is asked of a model by changing its features."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, final

import numpy as np
import tensorflow as tf

from estimators.aliases import Dataset, InputFn, Tensor
from estimators.estimator import Estimator
from estimators.pipeline import Pipeline, is_infinite
from estimators.spec import ModeKeys

Array: TypeAlias = np.ndarray[Any, Any]


@final
@dataclasses.dataclass(frozen=True)
class Rows:
    """The batches of an evaluation, in memory, before any preprocessing.

    Attributes:
        asked_by: name of the function that wants them, for messages.
        batches: features and, if there are any, labels of each.
        spec: of a batch, as `input_fn` made it: the same one means no new trace of the model.
        sizes: rows of each batch.
    """

    asked_by: str
    batches: Sequence[tuple[Any, ...]]
    spec: Any
    sizes: Sequence[int]

    @classmethod
    def read(
        cls, asked_by: str, estimator: Estimator, input_fn: InputFn, steps: int | None
    ) -> Rows:
        """Reads what the estimator would evaluate on.

        Raises:
            ValueError: the data is empty, has no end, or its features are no dictionary.
        """
        source = Pipeline(estimator.params, estimator.config)
        dataset = source.dataset(input_fn, ModeKeys.EVAL)
        if steps is None and is_infinite(dataset):
            raise ValueError(
                f"`{asked_by}` would never end: its dataset is infinite and `steps` "
                "is None. Give `steps`, or remove repeat() from the input_fn."
            )
        if not isinstance(dataset.element_spec[0], Mapping):
            raise ValueError(
                "Only features that have names can be changed one by one, got "
                f"{type(dataset.element_spec[0]).__name__}. Return ({{'x': x}}, labels) from "
                "input_fn."
            )
        batches = list(dataset if steps is None else dataset.take(steps))
        if not batches:
            raise ValueError(f"`{asked_by}` got no batch: the dataset is empty.")
        sizes = [_size_of(batch[0]) for batch in batches]
        return cls(asked_by, batches, dataset.element_spec, sizes)

    @property
    def count(self) -> int:
        """The number of rows."""
        return sum(self.sizes)

    def checked_keys(self, asked: Sequence[str] | None) -> list[str]:
        """Returns the features to shuffle, by name."""
        known = sorted(self.batches[0][0])
        unknown = sorted(set(asked or ()) - set(known))
        if unknown:
            raise KeyError(f"`features` names {unknown}, which are not among {known}.")
        return known if asked is None else list(asked)

    def shuffled(self, key: str, order: Array) -> Rows:
        """Returns these rows with, in row i, the feature `key` of row `order[i]`."""
        column = self.column(key)
        starts = itertools.accumulate(self.sizes, initial=0)
        parts = [
            _gather(column, order[start : start + size])
            for start, size in zip(starts, self.sizes, strict=False)
        ]
        return self.with_parts(key, parts)

    def column(self, key: str) -> Tensor:
        """Returns a feature of all rows, `[rows, ...]`."""
        return _joined(key, [batch[0][key] for batch in self.batches])

    def with_parts(self, key: str, parts: Sequence[Tensor]) -> Rows:
        """Returns these rows with another feature `key`, given batch by batch."""
        batches = [
            ({**features, key: part}, *labels)
            for (features, *labels), part in zip(self.batches, parts, strict=True)
        ]
        return dataclasses.replace(self, batches=batches)

    def dataset(self) -> Dataset:
        """Returns the batches as a dataset."""
        return tf.data.Dataset.from_generator(
            lambda: iter(self.batches), output_signature=self.spec
        )


def _size_of(features: Mapping[str, Tensor]) -> int:
    """Returns the number of rows of a batch."""
    found = {key: _rows(each) for key, each in features.items() if each.shape.rank != 0}
    if len(set(found.values())) != 1:
        raise ValueError(f"Features need one number of rows, the same for all. Given: {found}.")
    return next(iter(found.values()))


def _rows(feature: Tensor) -> int:
    if isinstance(feature, tf.SparseTensor):
        return int(feature.dense_shape[0])
    return int(feature.nrows() if isinstance(feature, tf.RaggedTensor) else feature.shape[0])


def _joined(key: str, parts: Sequence[Tensor]) -> Tensor:
    """Returns a feature of all batches, `[rows, ...]`."""
    if isinstance(parts[0], tf.SparseTensor):
        return tf.sparse.reorder(tf.sparse.concat(0, parts, expand_nonconcat_dims=True))
    shapes = {tuple(part.shape) for part in parts}
    is_ragged = isinstance(parts[0], tf.RaggedTensor)
    if not is_ragged and (parts[0].shape.rank == 0 or len({each[1:] for each in shapes}) > 1):
        raise ValueError(
            f"The rows of feature {key!r} cannot change places: its batches have the shapes "
            f"{sorted(shapes)}. Pad all rows alike in input_fn, make them ragged, or leave this "
            "one out of `features`."
        )
    return tf.concat(parts, axis=0)


def _gather(column: Tensor, order: Array) -> Tensor:
    """Returns rows of a feature."""
    if not isinstance(column, tf.SparseTensor):
        return tf.gather(column, order)
    indices, values = column.indices.numpy(), column.values.numpy()
    starts = np.searchsorted(indices[:, 0], order, side="left")
    lengths = np.searchsorted(indices[:, 0], order, side="right") - starts
    rows = np.repeat(np.arange(len(order)), lengths)
    shifts = starts - (np.cumsum(lengths) - lengths)  # from a place in the result to its source
    taken = np.arange(len(rows)) + shifts[rows]
    indices = np.column_stack([rows, indices[taken, 1:]])
    return tf.SparseTensor(indices, values[taken], [len(order), *column.dense_shape.numpy()[1:]])
