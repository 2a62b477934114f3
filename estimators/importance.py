"""`permutation_importance`: how much a model leans on each feature.

Shuffle one feature over the rows: whatever it told of the label is gone, and its values stay
plausible. How much worse an evaluation becomes is what the model, as it was trained, owes to the
feature. Breiman, "Random Forests", Machine Learning 45, 2001; for any model and metric Fisher,
Rudin and Dominici, "All Models are Wrong, but Many are Useful", JMLR 20, 2019.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from estimators.aliases import Dataset, InputFn, Tensor
from estimators.estimator import Estimator
from estimators.pipeline import Pipeline, is_infinite
from estimators.spec import ModeKeys

Array: TypeAlias = np.ndarray[Any, Any]

_EVENTS = "permutation_importance"


@dataclasses.dataclass(frozen=True)
class FeatureImportance:
    """How much a metric worsens when one feature is shuffled over the rows.

    Attributes:
        feature: key of the feature.
        mean: of `drops`; near zero, or below, for a feature that does not matter.
        std: standard deviation of `drops` (divided by their number, as scikit-learn's).
        drops: by how much the metric worsened, for each repeat.

    Example:
        >>> FeatureImportance("age", mean=0.5, std=0.1, drops=(0.4, 0.6)).feature
        'age'
    """

    feature: str
    mean: float
    std: float
    drops: tuple[float, ...]


def permutation_importance(
    estimator: Estimator,
    input_fn: InputFn,
    metric: str = "loss",
    *,
    higher_is_better: bool = False,
    features: Sequence[str] | None = None,
    repeats: int = 5,
    seed: int = 0,
    steps: int | None = None,
    checkpoint_path: str | None = None,
) -> list[FeatureImportance]:
    """Returns how much a metric worsens when each feature is shuffled over the rows.

    All rows are read once and held in memory. A feature is shuffled over all of them, not within
    its batch, and whole: the numbers of a vector, the words of a sentence stay together. What two
    features know alike, shuffling one of them does not take away: both look unimportant.

    Evaluates `1 + repeats * features` times; the events are in `eval_permutation_importance`.

    Args:
        estimator: a trained model.
        input_fn: as for `Estimator.evaluate`; its features are a dictionary. Rows that the model
            was not trained on tell more than those that it was.
        metric: key of a number that `Estimator.evaluate` returns. With batches of different
            sizes `average_loss`, the mean over rows, is better than `loss`, that over batches.
        higher_is_better: whether the metric falls when it worsens, as `accuracy` does.
        features: keys to shuffle; None means all.
        repeats: shuffles for each feature.
        seed: of the shuffles. All features are shuffled alike, so that the result for one does
            not depend on which others are asked for.
        steps: number of batches; None means one whole pass over the data.
        checkpoint_path: see `Estimator.evaluate`.

    Returns:
        One for each feature, the most important one first.

    Raises:
        ValueError: `repeats` is below 1; the data is empty, has no end, or its features are no
            dictionary; a feature has no rows, or of different shapes in different batches.
        KeyError: the metric or a feature is unknown.

    Example:
        >>> from estimators import EstimatorSpec
        >>> def model_fn(features, labels, mode):
        ...     return EstimatorSpec(mode, loss=tf.reduce_mean((features["x"] - labels) ** 2))
        >>> def input_fn():
        ...     x = tf.constant([[0.0], [1.0], [2.0], [3.0]])
        ...     return tf.data.Dataset.from_tensor_slices(({"x": x, "noise": -x}, x)).batch(2)
        >>> for each in permutation_importance(Estimator(model_fn), input_fn):
        ...     print(each.feature, each.mean > 0)
        x True
        noise False
    """
    if repeats < 1:
        raise ValueError(f"`repeats` ({repeats}) must be at least 1.")
    rows = _Rows.read(estimator, input_fn, steps)
    keys = rows.checked_keys(features)
    permutations = [
        np.random.default_rng([seed, repeat]).permutation(rows.count) for repeat in range(repeats)
    ]

    def score(given: _Rows) -> float:
        found = estimator.evaluate(given.dataset, checkpoint_path=checkpoint_path, name=_EVENTS)
        if metric not in found:
            raise KeyError(f"`metric` ({metric!r}) is not among {sorted(found)}.")
        return float(found[metric]) * (-1.0 if higher_is_better else 1.0)

    before = score(rows)
    made = []
    for key in keys:
        drops = [score(rows.shuffled(key, order)) - before for order in permutations]
        mean, std = float(np.mean(drops)), float(np.std(drops))
        made.append(FeatureImportance(key, mean, std, tuple(drops)))
    return sorted(made, key=lambda each: -each.mean)


@dataclasses.dataclass(frozen=True)
class _Rows:
    """The batches of an evaluation, in memory.

    Attributes:
        batches: features and, if there are any, labels of each.
        spec: of a batch, as `input_fn` made it: the same one means no new trace of the model.
        sizes: rows of each batch.
    """

    batches: Sequence[tuple[Any, ...]]
    spec: Any
    sizes: Sequence[int]

    @classmethod
    def read(cls, estimator: Estimator, input_fn: InputFn, steps: int | None) -> _Rows:
        """Reads what the estimator would evaluate on, before any preprocessing."""
        source = Pipeline(estimator.params, estimator.config)
        dataset = source.dataset(input_fn, ModeKeys.EVAL)
        if steps is None and is_infinite(dataset):
            raise ValueError(
                "`permutation_importance` would never end: its dataset is infinite and `steps` "
                "is None. Give `steps`, or remove repeat() from the input_fn."
            )
        if not isinstance(dataset.element_spec[0], Mapping):
            raise ValueError(
                "Only features that have names can be shuffled one by one, got "
                f"{type(dataset.element_spec[0]).__name__}. Return ({{'x': x}}, labels) from "
                "input_fn."
            )
        batches = list(dataset if steps is None else dataset.take(steps))
        if not batches:
            raise ValueError("`permutation_importance` got no batch: the dataset is empty.")
        sizes = [_size_of(batch[0]) for batch in batches]
        return cls(batches, dataset.element_spec, sizes)

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

    def shuffled(self, key: str, order: Array) -> _Rows:
        """Returns these rows with, in row i, the feature `key` of row `order[i]`."""
        column = _joined(key, [batch[0][key] for batch in self.batches])
        starts = itertools.accumulate(self.sizes, initial=0)
        batches = []
        for (features, *labels), start, size in zip(self.batches, starts, self.sizes, strict=False):
            taken = _gather(column, order[start : start + size])
            batches.append(({**features, key: taken}, *labels))
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
