"""`sequence_categorical_column_with_*`: categories, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from feature_columns.hashed import categorical_column_with_hash_bucket
from feature_columns.identity import categorical_column_with_identity
from feature_columns.sequence_ids import SequenceCategoricalColumn
from feature_columns.vocabulary import (
    categorical_column_with_vocabulary_file,
    categorical_column_with_vocabulary_list,
)


def sequence_categorical_column_with_hash_bucket(
    key: str, hash_bucket_size: int, dtype: Any = tf.string
) -> SequenceCategoricalColumn:
    """Reads sequences of categories by the hash of their names.

    Wrap it in `embedding_column` or `indicator_column` for `SequenceFeatures`. The feature is
    `[batch, time]`, or `[batch, time, k]` for several categories per step, dense, sparse or
    ragged. In a dense one '' and -1 stand for no value, which also fills up short sequences.

    Args:
        key: the feature key, and the name of the column.
        hash_bucket_size: see `categorical_column_with_hash_bucket`.
        dtype: string or integer.

    Returns:
        A sequence column of `hash_bucket_size` categories.

    Raises:
        ValueError: as `categorical_column_with_hash_bucket`.

    >>> import feature_columns as fc
    >>> words = sequence_categorical_column_with_hash_bucket("words", 1000)
    >>> layer = fc.SequenceFeatures([fc.embedding_column(words, dimension=8)])
    >>> steps, lengths = layer({"words": tf.constant([["good", "day"], ["hello", ""]])})
    >>> steps.shape, lengths.numpy().tolist()
    (TensorShape([2, 2, 8]), [2, 1])
    """
    return SequenceCategoricalColumn(
        categorical_column_with_hash_bucket(key, hash_bucket_size, dtype)
    )


def sequence_categorical_column_with_identity(
    key: str, num_buckets: int, default_value: int | None = None
) -> SequenceCategoricalColumn:
    """Reads sequences of integers that are category ids already.

    For the shapes see `sequence_categorical_column_with_hash_bucket`.

    Args:
        key: the feature key, and the name of the column.
        num_buckets: the number of ids.
        default_value: what an id out of range becomes; see `categorical_column_with_identity`.

    Returns:
        A sequence column of `num_buckets` categories.

    Raises:
        ValueError: as `categorical_column_with_identity`.

    >>> sequence_categorical_column_with_identity("weekdays", 7).num_buckets
    7
    """
    return SequenceCategoricalColumn(
        categorical_column_with_identity(key, num_buckets, default_value)
    )


def sequence_categorical_column_with_vocabulary_list(
    key: str,
    vocabulary_list: Sequence[Any],
    dtype: Any = None,
    default_value: int = -1,
    num_oov_buckets: int = 0,
) -> SequenceCategoricalColumn:
    """Reads sequences of categories that are listed; an id is a place in the list.

    For the shapes see `sequence_categorical_column_with_hash_bucket`. A value that has no id is
    a step of zeros.

    Args:
        key: the feature key, and the name of the column.
        vocabulary_list: different strings or integers.
        dtype: string or integer; None takes that of the list.
        default_value: the id of every value that is not listed; -1 gives these none.
        num_oov_buckets: ids for values that are not listed, given by their hash.

    Returns:
        A sequence column of `len(vocabulary_list) + num_oov_buckets` categories.

    Raises:
        ValueError: as `categorical_column_with_vocabulary_list`.

    >>> sequence_categorical_column_with_vocabulary_list("moves", ["left", "right"]).num_buckets
    2
    """
    return SequenceCategoricalColumn(
        categorical_column_with_vocabulary_list(
            key, vocabulary_list, dtype, default_value, num_oov_buckets
        )
    )


def sequence_categorical_column_with_vocabulary_file(
    key: str,
    vocabulary_file: str,
    vocabulary_size: int | None = None,
    num_oov_buckets: int = 0,
    default_value: int | None = None,
    dtype: Any = tf.string,
) -> SequenceCategoricalColumn:
    """Reads sequences of categories that are listed in a file; an id is a line number, from 0.

    For the shapes see `sequence_categorical_column_with_hash_bucket`. The arguments are in
    another order than those of `categorical_column_with_vocabulary_file`.

    Args:
        key: the feature key, and the name of the column.
        vocabulary_file: one category per line. It becomes an asset of an exported model.
        vocabulary_size: how many lines to use; None counts them now.
        num_oov_buckets: ids for values that are not listed, given by their hash.
        default_value: the id of every value that is not listed; None, or -1, gives these none.
        dtype: string or integer.

    Returns:
        A sequence column of `vocabulary_size + num_oov_buckets` categories.

    Raises:
        ValueError: as `categorical_column_with_vocabulary_file`.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "moves.txt")
    >>> with open(path, "w") as file:
    ...     print("left", "right", sep=os.linesep, file=file)
    >>> sequence_categorical_column_with_vocabulary_file("moves", path).num_buckets
    2
    """
    return SequenceCategoricalColumn(
        categorical_column_with_vocabulary_file(
            key, vocabulary_file, vocabulary_size, dtype, default_value, num_oov_buckets
        )
    )
