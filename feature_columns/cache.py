"""Raw features of one batch, and what has been computed from them so far."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, final

import tensorflow as tf

from feature_columns import checks, signature
from feature_columns.aliases import Features, Tensor
from feature_columns.tables import LookupTables

if TYPE_CHECKING:
    from feature_columns.base import SourceColumn

T = TypeVar("T")


@final
class FeatureCache:
    """Shares work between the columns of one call.

    A feature used by a column, two crosses and an embedding is looked up, fingerprinted and
    tested for missing values once.

    Args:
        features: raw features by key, transformed ones by `SourceColumn.transformed_key`.
        tables: the lookup tables, which live longer than a call.
    """

    def __init__(self, features: Features, tables: LookupTables) -> None:
        if not isinstance(features, Mapping):
            raise ValueError(
                f"features should be a dictionary of tensors. Given type: "
                f"{type(features).__name__}. Return {{'my_key': tensor}} from the input_fn, with "
                "the key of the column."
            )
        self.tables = tables
        self._features = features
        self._made: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Returns `make()`, called on the first use of `key` only."""
        if key not in self._made:
            self._made[key] = make()
        made: T = self._made[key]
        return made

    def has(self, key: str) -> bool:
        """Returns whether a feature of this key was given."""
        return key in self._features

    def transformed(self, column: SourceColumn) -> Tensor:
        """Returns the transformed tensor of a column: the given one, or else a computed one."""
        key = column.transformed_key
        if self.has(key):
            return self._features[key]
        return self.once(("transformed", key), lambda: column.transform(self))

    def raw(self, key: str, column_name: str) -> Tensor:
        """Returns a feature as a tensor of rank 2 or more; `[batch]` becomes `[batch, 1]`.

        Raises:
            ValueError: the feature is not there, or has no batch dimension.
        """
        return self.once(("raw", key), lambda: self._read(key, column_name))

    def categories(self, key: str, column_name: str) -> Tensor:
        """Returns a feature of strings or integers, dense `[batch, k]` or ragged."""
        return self.once(("categories", key), lambda: self._read_categories(key, column_name))

    def missing(self, key: str, column_name: str) -> Tensor | None:
        """Returns where a dense feature is '' or -1, the marks of a missing value.

        Returns:
            bool `[batch, k]`, or None for ragged features: there, every value counts.
        """
        values = self.categories(key, column_name)
        if isinstance(values, tf.RaggedTensor):
            return None
        mark = "" if values.dtype == tf.string else -1
        return self.once(("missing", key), lambda: tf.equal(values, tf.cast(mark, values.dtype)))

    def _read(self, key: str, column_name: str) -> Tensor:
        if not self.has(key):
            raw_keys = [name for name in self._features if not signature.is_transformed_key(name)]
            raise ValueError(
                f"Feature {key!r} of column {column_name!r} is not in features dictionary. "
                f"{checks.near_names(key, raw_keys)}"
            )
        value = self._features[key]
        if not isinstance(value, tf.SparseTensor | tf.RaggedTensor):
            value = tf.convert_to_tensor(value)
        rank = value.shape.rank
        if rank is None and isinstance(value, tf.Tensor):
            return tf.reshape(value, [tf.shape(value)[0], -1])
        if rank == 0:
            raise ValueError(
                f"Feature (key: {key}) cannot have rank 0. Column {column_name!r} expects "
                f"[batch, ...], given: {value}. Batch the dataset, or add a dimension of 1."
            )
        if rank == 1:
            is_sparse = isinstance(value, tf.SparseTensor)
            return tf.sparse.expand_dims(value, -1) if is_sparse else value[:, tf.newaxis]
        return value

    def _read_categories(self, key: str, column_name: str) -> Tensor:
        value = self.raw(key, column_name)
        checks.check_string_or_integer(value.dtype, f"column_name: {column_name} feature")
        if value.shape.rank not in (2, None):
            raise ValueError(
                f"Feature {key!r} of column {column_name!r} must be [batch] or [batch, k], got "
                f"shape {value.shape}. Flatten all but the first dimension."
            )
        return as_ragged(value) if isinstance(value, tf.SparseTensor) else value


def as_ragged(sparse: Tensor) -> Tensor:
    """Returns the rows of a SparseTensor `[batch, k]` without the gaps between their values.

    `tf.RaggedTensor.from_sparse` refuses rows with gaps.

    >>> as_ragged(tf.SparseTensor([[0, 2], [2, 0], [2, 1]], ["a", "b", "c"], [3, 4])).to_list()
    [[b'a'], [], [b'b', b'c']]
    """
    rows = sparse.indices[:, 0]
    return tf.RaggedTensor.from_value_rowids(sparse.values, rows, nrows=sparse.dense_shape[0])
