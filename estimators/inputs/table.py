"""Rows held in memory as columns, from which a batch is a handful of gathers."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from estimators.aliases import Tensor

# So many bytes are gathered at once: they stay in a core's cache, and in the saved position.
_BYTES_AT_ONCE = 2**19
_MOST_ROWS_AT_ONCE = 4096


_WIDEST_STACKED = 16


@dataclasses.dataclass(frozen=True)
class _Stacked:
    """Narrow dense columns of one dtype side by side: one gather for all of them.

    `widths` has None for a vector, `[rows]`; the others are matrices, `[rows, width]`.
    """

    matrix: Tensor
    widths: tuple[int | None, ...]
    places: tuple[int, ...]

    @classmethod
    def of(cls, columns: Sequence[Tensor], places: Sequence[int]) -> _Stacked:
        widths = tuple(None if c.shape.rank == 1 else int(c.shape[1]) for c in columns)
        matrices = [c[:, tf.newaxis] if c.shape.rank == 1 else c for c in columns]
        return cls(tf.concat(matrices, axis=1), widths, tuple(places))

    def gather(self, indices: Tensor) -> Sequence[Tensor]:
        sizes = [1 if width is None else width for width in self.widths]
        parts = tf.split(tf.gather(self.matrix, indices), sizes, axis=1)
        return [
            tf.squeeze(part, axis=1) if width is None else part
            for part, width in zip(parts, self.widths, strict=True)
        ]


@dataclasses.dataclass(frozen=True)
class _Single:
    """One dense or ragged column."""

    values: Tensor
    places: tuple[int, ...]

    def gather(self, indices: Tensor) -> Sequence[Tensor]:
        return [tf.gather(self.values, indices)]


@dataclasses.dataclass(frozen=True)
class _Sparse:
    """One sparse matrix; `entries[i]` are the places of row i among the values."""

    matrix: tf.SparseTensor
    entries: tf.RaggedTensor
    places: tuple[int, ...]

    def gather(self, indices: Tensor) -> Sequence[Tensor]:
        entries = tf.gather(self.entries, indices)
        columns = tf.gather(self.matrix.indices[:, 1], entries.flat_values)
        return [
            tf.SparseTensor(
                tf.stack([entries.value_rowids(), columns], axis=1),
                tf.gather(self.matrix.values, entries.flat_values),
                tf.stack([tf.size(indices, tf.int64), self.matrix.dense_shape[1]]),
            )
        ]


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of any nested structure, such as `(features, labels)`.

    Attributes:
        rows: number of rows.

    >>> table = Table.pack({"a": tf.constant([1., 2., 3.]), "b": tf.constant([4., 5., 6.])})
    >>> {key: value.numpy().tolist() for key, value in table.gather(tf.constant([2, 0])).items()}
    {'a': [3.0, 1.0], 'b': [6.0, 4.0]}
    """

    rows: int
    _structure: Any
    _groups: tuple[_Stacked | _Single | _Sparse, ...]

    @classmethod
    def pack(cls, structure: Any) -> Table:
        """Returns the table of a nest of tensors, each `[rows, ...]`: dense, ragged or sparse.

        Raises:
            ValueError: a sparse tensor is not a matrix.
        """
        leaves = tf.nest.flatten(structure)
        groups: list[_Stacked | _Single | _Sparse] = []
        narrow: dict[tf.DType, list[int]] = collections.defaultdict(list)
        for place, leaf in enumerate(leaves):
            if isinstance(leaf, tf.SparseTensor):
                groups.append(_pack_sparse(leaf, place))
            elif isinstance(leaf, tf.RaggedTensor) or not _is_narrow(leaf):
                groups.append(_Single(leaf, (place,)))
            else:
                narrow[leaf.dtype].append(place)
        for places in narrow.values():
            groups.append(_Stacked.of([leaves[place] for place in places], places))
        return cls(row_count(leaves[0]), structure_of(structure), tuple(groups))

    def rows_at_once(self) -> int:
        """Returns how many rows are worth a gather; 0 if its results cannot be cut into batches.

        `Dataset.rebatch` cuts dense tensors only.
        """
        row_bytes = 0
        for group in self._groups:
            held = group.values if isinstance(group, _Single) else group.matrix
            if not isinstance(held, tf.Tensor):
                return 0
            row_bytes += _bytes_of_value(held) * int(np.prod(held.shape[1:]))
        return min(_MOST_ROWS_AT_ONCE, _BYTES_AT_ONCE // max(row_bytes, 1))

    def gather(self, indices: Tensor) -> Any:
        """Returns the rows at `indices` `[batch]`, in the structure that was packed."""
        leaves: dict[int, Tensor] = {}
        for group in self._groups:
            leaves.update(zip(group.places, group.gather(indices), strict=True))
        ordered = [leaves[place] for place in range(len(leaves))]
        return tf.nest.pack_sequence_as(self._structure, ordered)


def _bytes_of_value(column: Tensor) -> int:
    if column.dtype != tf.string:
        return int(column.dtype.size)
    return int(tf.reduce_sum(tf.strings.length(column))) // max(int(tf.size(column)), 1) + 1


def _is_narrow(column: Tensor) -> bool:
    """Says whether a column is cheaper to gather with others than alone."""
    return column.shape.rank == 1 or (column.shape.rank == 2 and column.shape[1] <= _WIDEST_STACKED)


def _pack_sparse(matrix: tf.SparseTensor, place: int) -> _Sparse:
    if matrix.shape.rank != 2:
        raise ValueError(
            f"A sparse column must be a matrix [rows, values], got shape {matrix.shape}. "
            "Use a tf.RaggedTensor for more dimensions."
        )
    matrix = tf.sparse.reorder(matrix)
    entries = tf.RaggedTensor.from_value_rowids(
        tf.range(tf.size(matrix.values, tf.int64)),
        matrix.indices[:, 0],
        nrows=matrix.dense_shape[0],
    )
    return _Sparse(matrix, entries, (place,))


def structure_of(structure: Any) -> Any:
    """Returns the nest with a placeholder for each tensor, so that it holds no memory."""
    return tf.nest.map_structure(lambda _: 0, structure)


def row_count(column: Tensor) -> int:
    """Returns the number of rows of an eager tensor of any kind."""
    if isinstance(column, tf.SparseTensor):
        return int(column.dense_shape[0])
    if isinstance(column, tf.RaggedTensor):
        return int(column.nrows())
    return int(column.shape[0])


def concatenate(parts: Sequence[Any]) -> Any:
    """Returns the rows of all parts, which have one structure, below one another.

    >>> concatenate([{"a": tf.constant([1, 2])}, {"a": tf.constant([3])}])["a"].numpy().tolist()
    [1, 2, 3]
    """

    def join(*leaves: Tensor) -> Tensor:
        if isinstance(leaves[0], tf.SparseTensor):
            return tf.sparse.concat(0, list(leaves), expand_nonconcat_dims=True)
        return tf.concat(leaves, axis=0)

    return tf.nest.map_structure(join, *parts)
