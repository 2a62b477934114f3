"""Columns made by `tf.feature_column`, taken wherever ours are."""

from __future__ import annotations

import math
import weakref
from typing import Any

_PACKAGE = "tensorflow.python.feature_column."
_MAKERS = {
    "BucketizedColumn": "bucketized_column",
    "CrossedColumn": "crossed_column",
    "EmbeddingColumn": "embedding_column",
    "HashedCategoricalColumn": "categorical_column_with_hash_bucket",
    "IdentityCategoricalColumn": "categorical_column_with_identity",
    "IndicatorColumn": "indicator_column",
    "NumericColumn": "numeric_column",
    "SequenceNumericColumn": "sequence_numeric_column",
    "VocabularyFileCategoricalColumn": "categorical_column_with_vocabulary_file",
    "VocabularyListCategoricalColumn": "categorical_column_with_vocabulary_list",
    "WeightedCategoricalColumn": "weighted_categorical_column",
}
_SEQUENCE = "SequenceCategoricalColumn"
_SHARED = "SharedEmbeddingColumn"
_TABLES: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_RENAMED = {"number_buckets": "num_buckets"}


def converted(column: Any) -> Any:
    """Returns our column for one of `tf.feature_column`; anything else as it is.

    Its columns are named tuples whose fields are the arguments that they were made with.

    Raises:
        ValueError: there is no such column here.

    >>> import tensorflow as tf
    >>> converted(tf.feature_column.numeric_column("age")).name
    'age'
    """
    if not type(column).__module__.startswith(_PACKAGE):
        return column
    prefix = ""
    if type(column).__name__ == _SEQUENCE:
        prefix, column = "sequence_", column.categorical_column
    kind = type(column).__name__
    if kind == _SHARED:
        return _sharing(column)
    if kind not in _MAKERS:
        taken = sorted([*_MAKERS, _SEQUENCE, _SHARED])
        raise ValueError(
            f"Columns of tf.feature_column that can be taken are {taken}; {kind} is not one of "
            f"them. Given: {column!r}."
        )
    # Here, because each of them lets this module convert the columns that it is given.
    import feature_columns

    make = getattr(feature_columns, prefix + _MAKERS[kind])
    given = {name: value for name, value in column._asdict().items() if value is not None}
    arguments = {_RENAMED.get(name, name): value for name, value in given.items()}
    if "initializer" in arguments:
        arguments["initializer"] = _initializer(arguments["initializer"], column.dimension)
    return make(**arguments)


def _sharing(column: Any) -> Any:
    """Returns our column over the table that we have for the creator of theirs."""
    # Here, as above.
    from feature_columns import embedding_tables, shared_embedding

    old = column.shared_embedding_column_creator
    if old not in _TABLES:
        initializer = _initializer(old._initializer, old.dimension)
        _TABLES[old] = shared_embedding.SharedTable(
            name=old._name,
            num_buckets=old._num_buckets,
            dimension=old.dimension,
            initializer=embedding_tables.checked_initializer(
                initializer, old._ckpt_to_load_from, old._tensor_name_in_ckpt, old._name
            ),
            trainable=old._trainable,
        )
    categorical = converted(column.categorical_column)
    return shared_embedding.sharing(categorical, _TABLES[old], column.combiner, column.max_norm)


def _initializer(initializer: Any, dimension: int) -> Any:
    """Returns None for the default, which `tf.feature_column` writes out."""
    config = initializer.get_config() if hasattr(initializer, "get_config") else {}
    default = {"mean": 0.0, "stddev": 1 / math.sqrt(dimension), "seed": None}
    is_normal = type(initializer).__name__ == "TruncatedNormal"
    return None if is_normal and default.items() <= config.items() else initializer
