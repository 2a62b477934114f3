"""`categorical_column_with_hash_bucket`: categories without a vocabulary."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import keras
import tensorflow as tf

from feature_columns import checks, fingerprints
from feature_columns.aliases import Tensor
from feature_columns.cache import FeatureCache
from feature_columns.keyed import KeyedCategoricalColumn


@final
@keras.saving.register_keras_serializable("feature_columns")
@dataclasses.dataclass(frozen=True)
class HashedCategoricalColumn(KeyedCategoricalColumn):
    """Hashed categories; made by `categorical_column_with_hash_bucket`."""

    key: str
    hash_bucket_size: int
    dtype: Any

    @property
    def num_buckets(self) -> int:
        """`hash_bucket_size`."""
        return self.hash_bucket_size

    @property
    def ids_are_bounded(self) -> bool:
        """Always."""
        return True

    @property
    def ids_may_be_negative(self) -> bool:
        """Never."""
        return False

    def assign(self, values: Tensor, cache: FeatureCache) -> Tensor:
        """Returns the hash of each value."""
        del cache
        return fingerprints.buckets(values, self.hash_bucket_size)


def categorical_column_with_hash_bucket(
    key: str, hash_bucket_size: int, dtype: Any = tf.string
) -> HashedCategoricalColumn:
    """Reads categories by the hash of their names.

    The id is `Fingerprint64(name) % hash_bucket_size` (FarmHash, over UTF-8 bytes, integers as
    decimal text), so it is the same in every program and on every machine.

    Args:
        key: the feature key, and the name of the column.
        hash_bucket_size: the number of ids. Names that fall into one bucket are not told apart.
        dtype: string or integer. In a dense feature '' and -1 stand for a missing value.

    Returns:
        A column of `hash_bucket_size` categories.

    Raises:
        ValueError: `hash_bucket_size` is None or below 1, or `dtype` is neither.

    >>> categorical_column_with_hash_bucket("city", 1000).num_buckets
    1000
    """
    if hash_bucket_size is None:
        raise ValueError(
            f"hash_bucket_size must be set. key: {key}. Give about twice the number of names."
        )
    checks.check_count(hash_bucket_size, "hash_bucket_size", key)
    if hash_bucket_size < 1:
        raise ValueError(
            f"hash_bucket_size must be at least 1. hash_bucket_size: {hash_bucket_size}, "
            f"key: {key}."
        )
    checks.check_key(key)
    dtype = tf.as_dtype(dtype)
    checks.check_string_or_integer(dtype, f"column_name: {key}")
    return HashedCategoricalColumn(key, hash_bucket_size, dtype)
