"""`categorical_column_with_identity`: integers that are ids already."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import keras
import tensorflow as tf

from feature_columns import checks
from feature_columns.aliases import Tensor
from feature_columns.cache import FeatureCache
from feature_columns.keyed import KeyedCategoricalColumn


@final
@keras.saving.register_keras_serializable("feature_columns")
@dataclasses.dataclass(frozen=True)
class IdentityCategoricalColumn(KeyedCategoricalColumn):
    """Integers as ids; made by `categorical_column_with_identity`."""

    key: str
    number_buckets: int
    default_value: int | None

    @property
    def dtype(self) -> Any:
        """Integers; parsed as int64."""
        return tf.int64

    @property
    def num_buckets(self) -> int:
        """`number_buckets`."""
        return self.number_buckets

    @property
    def ids_are_bounded(self) -> bool:
        """Only with a default value; else a larger id passes through."""
        return self.default_value is not None

    @property
    def ids_may_be_negative(self) -> bool:
        """Only without a default value."""
        return self.default_value is None

    def assign(self, values: Tensor, cache: FeatureCache) -> Tensor:
        """Returns the values, those out of range replaced by the default value if there is one."""
        del cache
        ids = tf.cast(values, tf.int64)
        if self.default_value is None:
            return ids
        in_range = tf.logical_and(ids >= 0, ids < self.number_buckets)
        return tf.where(in_range, ids, tf.constant(self.default_value, tf.int64))


def categorical_column_with_identity(
    key: str, num_buckets: int, default_value: int | None = None
) -> IdentityCategoricalColumn:
    """Reads integers that are category ids already.

    Args:
        key: the feature key, and the name of the column.
        num_buckets: the number of ids; they run from 0 to `num_buckets - 1`.
        default_value: what an id out of range becomes. With None a negative id is missing, and
            a larger one is an error in a linear model or an embedding. In a dense feature -1
            stands for a missing value either way.

    Returns:
        A column of `num_buckets` categories.

    Raises:
        ValueError: `num_buckets` is below 1, or `default_value` is out of range.

    >>> categorical_column_with_identity("weekday", 7, default_value=0).num_buckets
    7
    """
    checks.check_count(num_buckets, "num_buckets", key)
    if num_buckets < 1:
        raise ValueError(f"num_buckets {num_buckets} < 1, column_name {key}. Give at least 1.")
    if default_value is not None and not 0 <= default_value < num_buckets:
        raise ValueError(
            f"default_value {default_value} not in range [0, {num_buckets}), column_name {key}. "
            "Give one of these ids, or None to leave other ids out."
        )
    checks.check_key(key)
    return IdentityCategoricalColumn(key, num_buckets, default_value)
