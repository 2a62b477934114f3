"""All rows of a pass of `input_fn`, binned: what trees are grown on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

from estimators.loops import op_errors_named
from premade.boosted_trees import binning, categories
from premade.boosted_trees.column_readers import TreeFeature
from premade.boosted_trees.partition import BLOCK, MISSING_BIN
from premade.boosted_trees.tree_features import TreeFeatures

Tensor = Any
Array = np.ndarray[Any, Any]

BINS, LABELS, WEIGHTS, BOUNDARIES = "bins", "labels", "weights", "boundaries"

_SAMPLE = 200_000
_MOST_NUMBERS = 2**31 - 1


@final
@dataclasses.dataclass(frozen=True)
class TableMaker:
    """Reads a dataset to its end, and returns one whose only element is all of it, for ever.

    Attributes:
        features: the numbers of each row.
        targets: takes features and labels of a batch; returns labels, in any structure, and
            weights; all of them `[batch, ...]`, the weights float32.
        known_boundaries: returns the boundaries of the bins of an earlier training, or None.
        shards: parts of the rows, one for each thread; there are more if the numbers of a part
            could not be counted in 32 bits.
        seed: of the sample in which bins are found.
        max_bins: bins of a feature at the most, without that of missing values.
    """

    features: TreeFeatures
    targets: Callable[[Any, Any], tuple[Any, Tensor]]
    known_boundaries: Callable[[], Array | None]
    shards: int
    seed: int
    max_bins: int = binning.MOST_BINS

    def __call__(self, dataset: Any) -> Any:
        """Returns the table as an endless dataset.

        Elements are tuples of one dict: `bins`, for each shard uint8 `[features, rows]`; `labels`
        and `weights`, for each shard what `targets` gives, of `[rows, ...]`, with the weight 0 and
        the labels of the last row where rows only fill the last block; and `boundaries`, float32
        `[features, boundaries]`.

        Raises:
            ValueError: the dataset has no end, no rows or no labels.
        """
        batches = self._read(dataset)
        numbers, labels_of, weights_of = ([batch[i] for batch in batches] for i in range(3))
        boundaries = self.known_boundaries()
        if boundaries is None:
            boundaries = self._boundaries(numbers)
        table = tf.constant(boundaries)
        bins = np.concatenate([self._bins(x, table) for x in numbers], axis=1)
        rows = bins.shape[1]
        blocks = -(-rows // BLOCK)
        most = max(1, _MOST_NUMBERS // (len(bins) * BLOCK))
        shards = max(self.shards, -(-blocks // most))
        size = -(-blocks // shards) * BLOCK
        labels = tf.nest.map_structure(lambda *parts: np.concatenate(parts), *labels_of)
        weights = np.concatenate(weights_of)
        starts = range(0, shards * size, size)
        element = {
            BINS: tuple(tf.constant(_part(bins, start, size)) for start in starts),
            LABELS: tuple(_repeating_part(labels, start, size) for start in starts),
            WEIGHTS: tuple(tf.constant(_part(weights.T, start, size).T.copy()) for start in starts),
        }
        return tf.data.Dataset.from_tensors(({**element, BOUNDARIES: table},)).repeat()

    def _read(self, dataset: Any) -> list[tuple[Array, Any, Array]]:
        if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise ValueError(
                "input_fn gives data without an end, and trees are grown on all rows of one pass. "
                "Remove .repeat(), or give num_epochs=1."
            )
        if len(dataset.element_spec) != 2:
            raise ValueError("input_fn gives no labels. Return a dataset of (features, labels).")

        # There is no Python to convert to a graph, and looking for it takes two seconds.
        @tf.autograph.experimental.do_not_convert
        def read(features: Any, labels: Any) -> Any:
            return self.features.numbers(features), *self.targets(features, labels)

        read_batches = dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE)
        with op_errors_named():
            batches = [tf.nest.map_structure(_as_array, batch) for batch in read_batches]
        if not sum(len(weights) for _, _, weights in batches):
            raise ValueError("input_fn gave no rows. Check its file pattern and its filters.")
        for _, _, weights in batches:
            if not (np.isfinite(weights).all() and (weights >= 0).all()):
                raise ValueError(
                    "The weights of examples must be finite and not negative. Look at the rows of "
                    "the weight_column."
                )
        return batches

    def _boundaries(self, numbers: Sequence[Array]) -> Array:
        ends = np.cumsum([len(part) for part in numbers])
        is_chosen = np.ones(ends[-1], bool)
        if len(is_chosen) > _SAMPLE:
            rng = np.random.default_rng(self.seed)
            is_chosen[:] = False
            is_chosen[rng.choice(len(is_chosen), _SAMPLE, replace=False)] = True
        chosen = zip(numbers, np.split(is_chosen, ends[:-1]), strict=True)
        by_feature = np.concatenate([part[mask] for part, mask in chosen]).T.copy()
        found = [
            self._boundaries_of(feature, values)
            if feature.categories is None
            else self._listed(numbers, i, feature.categories)
            for i, (feature, values) in enumerate(zip(self.features.all, by_feature, strict=True))
        ]
        return binning.table_of(found)

    def _boundaries_of(self, feature: TreeFeature, values: Array) -> Array:
        if feature.boundaries is not None:
            return np.asarray(feature.boundaries, np.float32)
        return binning.boundaries_of(values, self.max_bins)

    def _listed(self, numbers: Sequence[Array], index: int, count: int) -> Array:
        counts = sum(categories.counts_of(part[:, index], count) for part in numbers)
        return categories.listed(np.asarray(counts), self.max_bins)

    def _bins(self, numbers: Array, boundaries: Tensor) -> Array:
        bins = binning.table_bins(numbers, boundaries)
        found: Array = self.features.by_category(bins, numbers, boundaries, MISSING_BIN).numpy()
        return found


def _as_array(x: Tensor) -> Array:
    values: Array = x.numpy()
    return values


def _repeating_part(columns: Any, start: int, size: int) -> Any:
    """Returns `size` rows, the first dimension, the last one being repeated behind itself."""

    def part(column: Array) -> Tensor:
        return tf.constant(column[np.minimum(np.arange(start, start + size), len(column) - 1)])

    return tf.nest.map_structure(part, columns)


def _part(column: Array, start: int, size: int) -> Array:
    """Returns `size` rows, the last dimension, filled with zeros behind the last."""
    part = column[..., start : start + size]
    return np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, size - part.shape[-1])])
