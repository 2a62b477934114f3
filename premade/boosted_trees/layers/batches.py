"""The batches that layers grow from: numbers, labels and weights, and where bins end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

from estimators.loops import op_errors_named
from premade.boosted_trees import categories
from premade.boosted_trees.binning import table_of
from premade.boosted_trees.column_readers import TreeFeature
from premade.boosted_trees.reading import NO_ROWS, with_numbers
from premade.boosted_trees.table import BOUNDARIES, LABELS
from premade.boosted_trees.tree_features import TreeFeatures

Tensor = Any
Array = np.ndarray[Any, Any]

NUMBERS, FEATURES = "numbers", "features"

_IS_THERE = 0.5


@final
@dataclasses.dataclass(frozen=True)
class BatchMaker:
    """Makes of the batches of an `input_fn` those that layers grow from.

    Where bins have to be found, the first batches are read for that and then passed over: layers
    grow from those behind them, as in tf.estimator.

    Attributes:
        features: the numbers of each row.
        needed: takes the features of a batch; returns those that the loss looks at.
        known_boundaries: returns the boundaries of the bins of an earlier training, or None.
        quantiles: bins of a number, about.
        batches: in how many of them bins are found.
        in_memory: whether the first batch has all rows, and is the only one.
    """

    features: TreeFeatures
    needed: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    known_boundaries: Callable[[], Array | None]
    quantiles: int
    batches: int
    in_memory: bool

    def __call__(self, dataset: Any) -> Any:
        """Returns a dataset of tuples of one dict.

        It has `numbers`, float32 `[batch, features]`; `features` and `labels`, as they came; and
        `boundaries`, float32 `[features, boundaries]`.

        Raises:
            ValueError: the dataset has no labels, or no rows; or an earlier training had other
                columns.
        """
        # Labels and weights are checked in the step: a pipeline that does it cannot be saved.
        read = with_numbers(dataset, self.features, lambda given, y: (self.needed(given), y))
        known = self.known_boundaries()
        is_searched = known is None and self._has_numbers
        passed = self.batches if is_searched and not self.in_memory else 0
        first = self._first(read, passed) if known is None or self.in_memory else []
        boundaries = self._boundaries(first) if known is None else known
        self.features.check_boundaries(boundaries)
        if self.in_memory:
            read = tf.data.Dataset.from_tensors(first[0]).repeat()
        else:
            read = read.skip(passed)
        table = tf.constant(boundaries)

        def named(numbers: Tensor, given: Any, labels: Any) -> tuple[dict[str, Any]]:
            return ({NUMBERS: numbers, FEATURES: given, LABELS: labels, BOUNDARIES: table},)

        options = tf.data.Options()
        # A prefetched element would be in every checkpoint; and the position of a run that passed
        # batches over could not be read back without the operation that does it.
        options.experimental_optimization.inject_prefetch = False
        options.experimental_optimization.noop_elimination = False
        return read.map(named).with_options(options)

    def _first(self, read: Any, passed: int) -> list[Any]:
        """Returns the batches in which bins are found."""
        with op_errors_named():
            found = list(read.take(self.batches + bool(passed)))
        if not found:
            raise ValueError(NO_ROWS)
        if len(found) <= passed:
            raise ValueError(
                f"input_fn gave {len(found)} batches, and in the first {passed} "
                "(n_batches_per_layer) the bins of numbers are found: no layer would grow. Call "
                ".repeat(), give train_in_memory=True, or leave n_batches_per_layer out."
            )
        return found[: self.batches]

    @property
    def _has_numbers(self) -> bool:
        return any(_is_number(feature) for feature in self.features.all)

    def _boundaries(self, batches: Sequence[Any]) -> Array:
        numbers = np.concatenate([of_batch.numpy() for of_batch, *_ in batches])
        found = [
            self._of_feature(feature, values)
            for feature, values in zip(self.features.all, numbers.T, strict=True)
        ]
        return table_of([np.asarray(boundaries, np.float32) for boundaries in found])

    def _of_feature(self, feature: TreeFeature, values: Array) -> Any:
        if feature.boundaries is not None:
            return feature.boundaries
        if feature.is_count:
            return [_IS_THERE]
        if feature.categories is None:
            return quantile_boundaries(values, self.quantiles)
        if feature.categories <= categories.MOST_LISTED:
            return np.arange(feature.categories)
        return categories.listed(categories.counts_of(values, feature.categories))


def quantile_boundaries(values: Array, quantiles: int) -> Array:
    """Returns where the bins of a number end, so that a value at an end is in the bin before it.

    The ends are values at evenly spaced ranks, from the least to the greatest. What is greater
    than the last one is in the last bin, so that no bin ends there.

    Args:
        values: float32 `[rows]`; NaN is left out.
        quantiles: ends at the most.

    Returns:
        float32 `[bins - 1]`: the next number above each end.

    >>> quantile_boundaries(np.array([5.0, 1.0, 2.0, 3.0, 4.0], np.float32), 3)
    array([1.0000001, 3.0000002], dtype=float32)
    """
    values = np.sort(values[~np.isnan(values)])
    if not len(values):
        return values
    ranks = np.linspace(0, len(values) - 1, quantiles).round().astype(int)
    distinct = np.unique(values)
    ends = distinct if len(distinct) <= quantiles else np.unique(values[ranks])
    above: Array = np.nextafter(ends[:-1], np.float32(np.inf))
    return above


def most_bins(features: Sequence[TreeFeature], quantiles: int) -> int:
    """Returns how many bins a feature has at the most, without that of missing values."""

    def of(feature: TreeFeature) -> int:
        if feature.categories is not None:
            return min(feature.categories, categories.MOST_LISTED)
        if feature.boundaries is not None:
            return len(feature.boundaries) + 1
        return 2 if feature.is_count else quantiles

    return max(map(of, features))


def _is_number(feature: TreeFeature) -> bool:
    return feature.boundaries is None and feature.categories is None and not feature.is_count
