"""From feature columns to the numbers and categories that trees split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

import feature_columns as fc
from feature_columns import column_lists
from premade.boosted_trees.categories import bins_of_ids
from premade.boosted_trees.column_readers import TreeFeature as TreeFeature
from premade.boosted_trees.column_readers import reader_of
from premade.columns import check_named, checked_columns

Tensor = Any


@final
class TreeFeatures:
    """The numbers and the categories of some columns, in the order of the columns' names.

    Args:
        columns: numeric columns, whose bins are found in the data, and bucketized ones; categorical
            columns, of which a row has one category; and indicator columns, a number for each
            category.

    Raises:
        ValueError: a column is of another kind, or two have one name.

    Example:
        >>> features = TreeFeatures([fc.numeric_column("x", shape=2)])
        >>> [(each.column, each.index) for each in features.all]
        [('x', 0), ('x', 1)]
        >>> features.numbers({"x": tf.constant([[1.0, 2.0]])}).numpy().tolist()
        [[1.0, 2.0]]
    """

    def __init__(self, columns: Iterable[Any]) -> None:
        named = column_lists.normalise(checked_columns(columns, "feature_columns"))
        self._readers = [reader_of(column) for column in named]
        self._transform = fc.Transform([reader.source for reader in self._readers])
        of_readers = [(reader, each) for reader in self._readers for each in reader.features()]
        self.all = tuple(each for _, each in of_readers)
        self._reader_of = [reader for reader, _ in of_readers]
        self.categorical = [i for i, each in enumerate(self.all) if each.categories is not None]

    def numbers(self, features: Mapping[str, Tensor]) -> Tensor:
        """Returns float32 `[batch, features]`; NaN is a missing value.

        The number of a category is its id. One without an id, which is '' or -1 or not in the
        vocabulary, is missing.

        Args:
            features: raw features by key.
        """
        check_named(features)
        transformed = self._transform(features)
        numbers = tf.concat([reader.read(transformed) for reader in self._readers], axis=1)
        numbers.set_shape([None, len(self.all)])
        return numbers

    def names(self, feature: int) -> Sequence[str | int] | None:
        """Returns the categories of a feature's column by id; None if it has numbers.

        >>> job = fc.categorical_column_with_vocabulary_list("job", ["cook", "nurse"])
        >>> list(TreeFeatures([job]).names(0))
        ['cook', 'nurse']
        """
        return self._reader_of[feature].names()

    def check_boundaries(self, boundaries: np.ndarray[Any, Any]) -> None:
        """Refuses the boundaries of other columns.

        Args:
            boundaries: float32 `[features, boundaries]`.

        Raises:
            ValueError: there are fewer or more numbers.
        """
        if len(boundaries) != len(self.all):
            raise ValueError(
                f"The checkpoint has trees of {len(boundaries)} numbers for each row, and "
                f"feature_columns give {len(self.all)}. Give the columns that the trees were grown "
                "with, or another model_dir."
            )

    def by_category(
        self, bins: Tensor, numbers: Tensor, boundaries: Tensor, missing: int
    ) -> Tensor:
        """Returns bins in which those of categorical features are the places of their ids.

        Args:
            bins: `[features, batch]`, of numbers, as `binning.bins_of` gives them.
            numbers: float32 `[batch, features]`.
            boundaries: float32 `[features, boundaries]`; of categorical features, their lists.
            missing: the bin of NaN.

        Returns:
            The shape and type of `bins`.
        """
        if not self.categorical:
            return bins
        counts = [float(self.all[i].categories or 0) for i in self.categorical]
        ids, lists = (
            tf.gather(array, self.categorical, axis=axis)
            for array, axis in ((numbers, 1), (boundaries, 0))
        )
        found = tf.cast(bins_of_ids(ids, lists, tf.constant(counts), missing), bins.dtype)
        where = tf.constant(self.categorical)[:, tf.newaxis]
        return tf.tensor_scatter_nd_update(bins, where, found)
