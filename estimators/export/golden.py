"""The golden batch: a small request made up from what the receiver says of itself.

Raw tensors are filled by their dtypes and shapes. A string tensor that the graph parses becomes
serialized `tf.Example`s with every feature that is parsed; other strings are words that the
model's own lookup tables know, and one that they do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
import tensorflow as tf

from estimators.aliases import Tensor

Array: TypeAlias = np.ndarray[Any, Any]

_MOST_ROWS = 6
_MOST_ENTRIES = 100_000
_UNKNOWN_WORD = "a word that no table knows"
_PARSERS = ("ParseExampleV2",)


def words_of(tables: Iterable[Any]) -> tuple[str, ...]:
    """Returns a word of each lookup table of strings, the smaller ones at least."""
    words: dict[bytes, None] = {}
    for table in tables:
        if getattr(table, "key_dtype", None) != tf.string or not hasattr(table, "export"):
            continue
        if 0 < int(table.size()) <= _MOST_ENTRIES:
            keys, _ = table.export()
            words[min(keys.numpy().tolist())] = None
    return tuple(word.decode("utf-8", "replace") for word in words)


@final
@dataclass(frozen=True)
class Filler:
    """Makes up values, in a style that a model may refuse or not.

    Attributes:
        words: what strings are made of; empty strings when there are none.
        factor: what numbers are multiplied by; 0 makes all of them 0.

    >>> import tensorflow as tf
    >>> Filler(("a", "b"), factor=1).values(tf.float32, [3]).tolist()
    [0.5, 1.0, 1.5]
    """

    words: Sequence[str]
    factor: int

    @property
    def rows(self) -> int:
        """Number of rows where it may be chosen."""
        return min(_MOST_ROWS, max(2, len(self.words)))

    def values(self, dtype: Any, shape: Sequence[int], start: int = 0) -> Array:
        """Returns an array of numbers, words or booleans.

        Args:
            dtype: a `tf.DType`.
            shape: all of its dimensions.
            start: rows before it.
        """
        places = np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)
        rows = start + (places // max(1, int(np.prod(shape[1:], dtype=np.int64))))
        if dtype == tf.string:
            words = np.array(self.words or [""], object)
            return words[rows % len(words)]
        numbers = (places + start + 1) % 8 * self.factor
        if dtype == tf.bool:
            return numbers % 2 == 1
        if dtype.is_integer:
            # Larger ids may be none: nobody says here how many buckets a column has.
            return (numbers % 2).astype(dtype.as_numpy_dtype)
        return (numbers / 2).astype(dtype.as_numpy_dtype)

    def feed(self, tensor: Tensor) -> Array:
        """Returns what may be fed to a placeholder."""
        shape = [self.rows] if tensor.shape.rank is None else tensor.shape.as_list()
        shape = [
            size if size is not None else (self.rows if axis == 0 else 1)
            for axis, size in enumerate(shape)
        ]
        parsers = [op for op in tensor.consumers() if op.type in _PARSERS]
        if parsers and len(shape) == 1:
            parsed = [feature for op in parsers for feature in _parsed_features(op)]
            return np.array([self._example(parsed, row) for row in range(shape[0])], object)
        return self.values(tensor.dtype, shape)

    def _example(self, parsed: Iterable[tuple[str, Any, list[int]]], row: int) -> bytes:
        features = {}
        for key, dtype, shape in parsed:
            values = self.values(dtype, [1, *shape], row).reshape(-1).tolist()
            if dtype == tf.string:
                content = [word.encode() for word in values]
                feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=content))
            elif dtype.is_integer:
                feature = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
            else:
                feature = tf.train.Feature(float_list=tf.train.FloatList(value=values))
            features[key] = feature
        return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def fillers(words: Sequence[str]) -> Iterator[Filler]:
    """Yields fillers, the most telling first; a model may refuse ids, words or numbers."""
    yield Filler((*words, _UNKNOWN_WORD), factor=1)
    yield Filler((), factor=0)


def feeds(filler: Filler, receivers: Iterable[Mapping[str, Tensor]]) -> dict[Any, Array]:
    """Returns what is fed, by the `ref()` of the placeholder."""
    tensors = {tensor.ref(): tensor for inputs in receivers for tensor in inputs.values()}
    return {ref: filler.feed(tensor) for ref, tensor in tensors.items()}


def _parsed_features(parser: Any) -> list[tuple[str, Any, list[int]]]:
    """Returns key, dtype and shape of the features that a ParseExampleV2 operation reads."""
    _, _, sparse_keys, dense_keys, ragged_keys = (
        tf.get_static_value(tensor) for tensor in parser.inputs[:5]
    )
    shapes = [
        [size or 1 for size in tf.TensorShape(shape).as_list()]
        for shape in parser.get_attr("dense_shapes")
    ]
    dense = zip(dense_keys, parser.get_attr("Tdense"), shapes, strict=True)
    sparse = zip(sparse_keys, parser.get_attr("sparse_types"), strict=True)
    ragged = zip(ragged_keys, parser.get_attr("ragged_value_types"), strict=True)
    one_value = [(key, dtype, [1]) for key, dtype in (*sparse, *ragged)]
    return [(_text(key), tf.as_dtype(dtype), shape) for key, dtype, shape in (*dense, *one_value)]


def _text(key: bytes | str) -> str:
    return key.decode() if isinstance(key, bytes) else key
