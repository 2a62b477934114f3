"""`categorical_column_with_vocabulary_list` and `_file`: categories that are listed."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any, final

import keras
import numpy as np
import tensorflow as tf

from feature_columns import checks, fingerprints
from feature_columns.aliases import Tensor
from feature_columns.cache import FeatureCache
from feature_columns.keyed import KeyedCategoricalColumn

_NOT_FOUND = -1
_BLOCK_BYTES = 2**24


class VocabularyColumn(KeyedCategoricalColumn):
    """A categorical column whose ids are places in a list."""

    default_value: int
    num_oov_buckets: int

    @property
    @abc.abstractmethod
    def listed(self) -> int:
        """The number of categories in the vocabulary."""

    @abc.abstractmethod
    def make_table(self, default_value: int) -> Any:
        """Returns a `tf.lookup.StaticHashTable` with this answer to unknown values."""

    @abc.abstractmethod
    def listed_names(self) -> Sequence[str | int]:
        """Returns the vocabulary in the order of its ids."""

    @final
    def category_names(self) -> Sequence[str | int]:
        """Returns the vocabulary, then `(other 0)`, `(other 1)` for the buckets of the others."""
        return [*self.listed_names(), *(f"(other {i})" for i in range(self.num_oov_buckets))]

    @property
    @final
    def num_buckets(self) -> int:
        """Listed categories and buckets for the others."""
        return self.listed + self.num_oov_buckets

    @property
    @final
    def ids_are_bounded(self) -> bool:
        """Unless the default value is too large."""
        return self.default_value < self.num_buckets

    @property
    @final
    def ids_may_be_negative(self) -> bool:
        """Where a value outside of the vocabulary has no id of its own."""
        return self.default_value < 0 and not self.num_oov_buckets

    @final
    def assign(self, values: Tensor, cache: FeatureCache) -> Tensor:
        """Returns the place of each value in the vocabulary, or what stands for the others."""
        default = _NOT_FOUND if self.num_oov_buckets else self.default_value
        table = cache.tables.get(self.transformed_key, lambda: self.make_table(default))
        keys = values if values.dtype == table.key_dtype else tf.cast(values, table.key_dtype)
        ids = table.lookup(keys)
        if not self.num_oov_buckets:
            return ids
        others = fingerprints.buckets(values, self.num_oov_buckets) + self.listed
        return tf.where(ids == _NOT_FOUND, others, ids)


@final
@keras.saving.register_keras_serializable("feature_columns")
@dataclasses.dataclass(frozen=True)
class VocabularyListCategoricalColumn(VocabularyColumn):
    """Categories in a list; made by `categorical_column_with_vocabulary_list`."""

    key: str
    vocabulary_list: tuple[Any, ...]
    dtype: Any
    default_value: int
    num_oov_buckets: int

    @property
    def listed(self) -> int:
        """The length of the list."""
        return len(self.vocabulary_list)

    def listed_names(self) -> Sequence[str | int]:
        """Returns the list."""
        return [_name(entry, self.dtype) for entry in self.vocabulary_list]

    def make_table(self, default_value: int) -> Any:
        """Returns a table of the list."""
        keys = tf.constant(self.vocabulary_list, _table_dtype(self.dtype))
        ids = tf.range(self.listed, dtype=tf.int64)
        initializer = tf.lookup.KeyValueTensorInitializer(keys, ids)
        return tf.lookup.StaticHashTable(initializer, default_value)


@final
@keras.saving.register_keras_serializable("feature_columns")
@dataclasses.dataclass(frozen=True)
class VocabularyFileCategoricalColumn(VocabularyColumn):
    """Categories in a file; made by `categorical_column_with_vocabulary_file`."""

    key: str
    vocabulary_file: str
    vocabulary_size: int
    dtype: Any
    default_value: int
    num_oov_buckets: int
    file_format: str | None

    @property
    def listed(self) -> int:
        """`vocabulary_size`."""
        return self.vocabulary_size

    def listed_names(self) -> Sequence[str | int]:
        """Returns the first `vocabulary_size` entries of the file."""
        _check_exists(self.vocabulary_file, self.key)
        with tf.init_scope():
            entries = self._entries().as_numpy_iterator()
            return [_name(entry, self.dtype) for entry in entries]

    def _entries(self) -> Any:
        is_text = self.file_format != "tfrecord_gzip"
        path = self.vocabulary_file
        data = tf.data.TextLineDataset(path) if is_text else tf.data.TFRecordDataset(path, "GZIP")
        return data.take(self.vocabulary_size)

    def make_table(self, default_value: int) -> Any:
        """Returns a table of the first `vocabulary_size` entries of the file."""
        _check_exists(self.vocabulary_file, self.key)
        make = self._records if self.file_format == "tfrecord_gzip" else self._lines
        return tf.lookup.StaticHashTable(make(), default_value)

    def _lines(self) -> Any:
        return tf.lookup.TextFileInitializer(
            self.vocabulary_file,
            key_dtype=_table_dtype(self.dtype),
            key_index=tf.lookup.TextFileIndex.WHOLE_LINE,
            value_dtype=tf.int64,
            value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
            vocab_size=self.vocabulary_size,
        )

    def _records(self) -> Any:
        keys = tf.constant(list(self._entries().as_numpy_iterator()), tf.string)
        if self.dtype != tf.string:
            keys = tf.strings.to_number(keys, _table_dtype(self.dtype))
        ids = tf.range(tf.size(keys, tf.int64), dtype=tf.int64)
        return tf.lookup.KeyValueTensorInitializer(keys, ids)


def categorical_column_with_vocabulary_list(
    key: str,
    vocabulary_list: Sequence[Any],
    dtype: Any = None,
    default_value: int = -1,
    num_oov_buckets: int = 0,
) -> VocabularyListCategoricalColumn:
    """Reads categories that are listed; an id is a place in the list.

    Args:
        key: the feature key, and the name of the column.
        vocabulary_list: different strings or integers.
        dtype: string or integer; None takes that of the list. In a dense feature '' and -1 stand
            for a missing value.
        default_value: the id of every value that is not listed. -1 leaves these values out.
        num_oov_buckets: ids for values that are not listed, given by their hash.

    Returns:
        A column of `len(vocabulary_list) + num_oov_buckets` categories.

    Raises:
        ValueError: the list is empty, repeats an entry or is of another type than `dtype`;
            `num_oov_buckets` is negative or given together with a `default_value`.

    >>> column = categorical_column_with_vocabulary_list("color", ["R", "G"], num_oov_buckets=3)
    >>> column.num_buckets
    5
    """
    if vocabulary_list is None or isinstance(vocabulary_list, str) or len(vocabulary_list) < 1:
        raise ValueError(
            f"vocabulary_list {vocabulary_list!r} must be non-empty, column_name: {key}. Give a "
            "list of categories."
        )
    entries = tuple(vocabulary_list)
    repeated = (
        sorted({repr(entry) for entry in entries if entries.count(entry) > 1})
        if len(set(entries)) != len(entries)
        else []
    )
    if repeated:
        raise ValueError(
            f"Duplicate keys in vocabulary_list, column_name: {key}. Each must occur once. "
            f"Repeated: {', '.join(repeated[:5])}."
        )
    listed_dtype = tf.as_dtype(np.array(entries).dtype)
    _check_oov(key, num_oov_buckets, default_value, is_default=default_value == -1)
    checks.check_string_or_integer(listed_dtype, f"column_name: {key} vocabulary")
    dtype = listed_dtype if dtype is None else tf.as_dtype(dtype)
    if dtype.is_integer != listed_dtype.is_integer:
        raise ValueError(
            f"dtype {dtype.name} and vocabulary dtype {listed_dtype.name} do not match, "
            f"column_name: {key}. Leave dtype out, or convert the list."
        )
    checks.check_string_or_integer(dtype, f"column_name: {key}")
    checks.check_key(key)
    entries = tuple(np.array(entries).tolist())
    return VocabularyListCategoricalColumn(key, entries, dtype, default_value, num_oov_buckets)


def categorical_column_with_vocabulary_file(
    key: str,
    vocabulary_file: str,
    vocabulary_size: int | None = None,
    dtype: Any = tf.string,
    default_value: int | None = None,
    num_oov_buckets: int = 0,
    file_format: str | None = None,
) -> VocabularyFileCategoricalColumn:
    """Reads categories that are listed in a file; an id is a line number, from 0.

    Args:
        key: the feature key, and the name of the column.
        vocabulary_file: one category per line. It becomes an asset of an exported model.
        vocabulary_size: how many lines to use; None counts them now.
        dtype: string or integer. In a dense feature '' and -1 stand for a missing value.
        default_value: the id of every value that is not listed; None, or -1, leaves these out.
        num_oov_buckets: ids for values that are not listed, given by their hash.
        file_format: None for text, or 'tfrecord_gzip' for one category per record; a file named
            `*tfrecord.gz` is taken for the latter.

    Returns:
        A column of `vocabulary_size + num_oov_buckets` categories.

    Raises:
        ValueError: the file is missing, empty or of unknown format; `num_oov_buckets` is
            negative or given together with a `default_value`.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "colors.txt")
    >>> with open(path, "w") as file:
    ...     print("R", "G", "B", sep=os.linesep, file=file)
    >>> categorical_column_with_vocabulary_file("color", path).num_buckets
    3
    """
    if not vocabulary_file:
        raise ValueError(f"Missing vocabulary_file in {key}. Give a path.")
    vocabulary_file = str(vocabulary_file)
    if file_format is None and vocabulary_file.endswith("tfrecord.gz"):
        file_format = "tfrecord_gzip"
    if file_format not in (None, "tfrecord_gzip"):
        raise ValueError(
            f"file_format must be None (text) or 'tfrecord_gzip'. Given: {file_format!r} in {key}."
        )
    if vocabulary_size is None:
        vocabulary_size = _count(vocabulary_file, file_format, key)
    checks.check_count(vocabulary_size, "vocabulary_size", key)
    if vocabulary_size < 1:
        raise ValueError(
            f"Invalid vocabulary_size in {key}. Expected at least 1, got {vocabulary_size} "
            f"(file {vocabulary_file!r}). Write a category into each line."
        )
    _check_oov(key, num_oov_buckets, default_value, is_default=default_value is None)
    dtype = tf.as_dtype(dtype)
    checks.check_string_or_integer(dtype, f"column_name: {key}")
    checks.check_key(key)
    return VocabularyFileCategoricalColumn(
        key=key,
        vocabulary_file=vocabulary_file,
        vocabulary_size=vocabulary_size,
        dtype=dtype,
        default_value=-1 if default_value is None else default_value,
        num_oov_buckets=num_oov_buckets or 0,
        file_format=file_format,
    )


def _check_oov(key: str, num_oov_buckets: int, default_value: Any, *, is_default: bool) -> None:
    if num_oov_buckets and not is_default:
        raise ValueError(
            f"Can't specify both num_oov_buckets and default_value in {key}. Given: "
            f"num_oov_buckets={num_oov_buckets}, default_value={default_value}. Leave one out."
        )
    if num_oov_buckets and num_oov_buckets < 0:
        raise ValueError(f"Invalid num_oov_buckets {num_oov_buckets} in {key}. Give 0 or more.")


def _name(entry: Any, dtype: Any) -> str | int:
    return tf.compat.as_text(entry) if dtype == tf.string else int(entry)


def _table_dtype(dtype: Any) -> Any:
    return tf.string if dtype == tf.string else tf.int64


def _check_exists(path: str, key: str) -> None:
    if not tf.io.gfile.exists(path):
        raise ValueError(
            f"vocabulary_file in {key} does not exist: {path!r}. Write the file first, or mend "
            "the path; it is relative to the working directory."
        )


def _count(path: str, file_format: str | None, key: str) -> int:
    _check_exists(path, key)
    if file_format == "tfrecord_gzip":
        with tf.init_scope():
            records = tf.data.TFRecordDataset(path, "GZIP")
            return int(records.reduce(np.int64(0), lambda count, _: count + 1))
    return _count_lines(path)


def _count_lines(path: str) -> int:
    """Counts by blocks: iterating over a `GFile` takes a microsecond for each line."""
    count, end = 0, b"\n"
    with tf.io.gfile.GFile(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            count += block.count(b"\n")
            end = block[-1:]
    return count + (end != b"\n")  # The last line may lack its end.
