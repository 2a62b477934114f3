"""One table for the weights of many categorical columns.

Many small columns cost many small ops. Here the columns of a linear model share one variable:
one gather, one reduction, one sparse gradient and one sparse update, whatever their number.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import tensorflow as tf

from feature_columns import combiners, keyed, signature
from feature_columns.aliases import Tensor
from feature_columns.base import CategoricalColumn


@dataclasses.dataclass(frozen=True)
class FusedPart:
    """The rows of one column in a fused table.

    Attributes:
        name: what the rows are called on disk, below the layer: `<column name>/weights`.
        start: the first row.
        rows: how many rows.

    >>> FusedPart("job/weights", start=100, rows=8).rows
    8
    """

    name: str
    start: int
    rows: int


@dataclasses.dataclass(frozen=True)
class FusedLayout:
    """Where the columns lie in a fused table.

    The last row of the table belongs to no column. A missing id reads it, so that an optimizer
    that acts on a zero gradient (momentum, FTRL) never touches a row of a category that is not
    in the batch.

    Attributes:
        parts: the columns' rows, in their order.
        key: of the transformed tensor that `place` makes, among the features.
    """

    parts: tuple[FusedPart, ...]
    key: str = ""

    @classmethod
    def of(cls, columns: Sequence[CategoricalColumn]) -> Self:
        """Lays the columns out one after the other."""
        sizes = [column.num_buckets for column in columns]
        starts = np.cumsum([0, *sizes]).tolist()
        parts = tuple(
            FusedPart(f"{column.name}/weights", start, size)
            for column, start, size in zip(columns, starts, sizes, strict=False)
        )
        return cls(parts, signature.transformed_key("linear_model", "rows", tuple(columns)))

    @property
    def sink(self) -> int:
        """The row of missing ids."""
        return sum(part.rows for part in self.parts)

    @property
    def rows(self) -> int:
        """The number of rows of the table."""
        return self.sink + 1

    def place(self, ids: Sequence[Tensor]) -> Tensor | None:
        """Returns the table's rows of columns with one id each, `sink` for a missing one.

        Needs no weights, so that it can run in the input pipeline.

        Args:
            ids: for each part, int64 `[batch, k]`, dense or ragged.

        Returns:
            int32 `[batch, parts]`, which repeated rows are found in faster than in int64; None
            when an example may have several ids of one column, or for a table of 2^31 rows.

        >>> layout = FusedLayout((FusedPart("a/weights", 0, 2), FusedPart("b/weights", 2, 1)))
        >>> layout.place([tf.constant([[0], [1]], tf.int64), tf.constant([[-1], [0]], tf.int64)])
        <tf.Tensor: shape=(2, 2), dtype=int32, numpy=
        array([[0, 3],
               [1, 2]], dtype=int32)>
        """
        several = any(isinstance(each, tf.RaggedTensor) or each.shape[1] != 1 for each in ids)
        if several or not ids or self.rows > tf.int32.max:
            return None
        rows, _ = self._place(tf.concat(ids, axis=1), [part.start for part in self.parts])
        return tf.cast(rows, tf.int32)

    def padded(self, ids: Sequence[Tensor]) -> Tensor:
        """Returns the table's rows of columns with any number of ids, `sink` for none.

        Args:
            ids: for each part, int64 `[batch, k]`, dense or ragged.

        Returns:
            int64 `[batch, sum of the largest numbers of ids]`.

        >>> layout = FusedLayout((FusedPart("a/weights", 0, 2), FusedPart("b/weights", 2, 1)))
        >>> a = tf.ragged.constant([[0, 1], []], dtype=tf.int64)
        >>> layout.padded([a, tf.constant([[0], [-1]], tf.int64)]).numpy().tolist()
        [[0, 1, 2], [3, 3, 3]]
        """
        dense = [each.to_tensor(-1) if isinstance(each, tf.RaggedTensor) else each for each in ids]
        placed = [
            self._place(each, part.start) for each, part in zip(dense, self.parts, strict=True)
        ]
        return tf.concat([rows for rows, _ in placed], axis=1)

    def logits_of_rows(self, table: Any, rows: Tensor) -> Tensor:
        """Looks up what `place` returned: `logits` of columns with one id each.

        >>> layout = FusedLayout((FusedPart("a/weights", 0, 2), FusedPart("b/weights", 2, 1)))
        >>> table = tf.Variable([[1.0], [10.0], [100.0], [0.0]])
        >>> layout.logits_of_rows(table, tf.constant([[0, 3], [1, 2]])).numpy().tolist()
        [[1.0], [110.0]]
        """
        return _weighted_sum(table, rows, tf.cast(tf.not_equal(rows, self.sink), tf.float32))

    def logits(
        self,
        table: Any,
        ids: Sequence[Tensor],
        combiner: str,
        weights: Sequence[Tensor | None] | None = None,
    ) -> Tensor:
        """Looks the ids of all columns up and adds what each column combines.

        Args:
            table: `tf.Variable` `[rows, units]`.
            ids: for each part, int64 `[batch, k]`, dense or ragged.
            combiner: one of `combiners.COMBINERS`, for several ids of one column in one row.
            weights: for each part None, or the weights of its ids, in their form.

        Returns:
            float32 `[batch, units]`.

        >>> layout = FusedLayout((FusedPart("a/weights", 0, 2), FusedPart("b/weights", 2, 1)))
        >>> table = tf.Variable([[1.0], [10.0], [100.0], [0.0]])
        >>> a, b = tf.constant([[0, 1], [1, -1]], tf.int64), tf.constant([[-1], [0]], tf.int64)
        >>> layout.logits(table, [a, b], "mean").numpy().tolist()
        [[5.5], [110.0]]
        """
        is_dense = all(isinstance(each, tf.Tensor) and each.shape[1] is not None for each in ids)
        if weights is None or all(each is None for each in weights):
            given = None
        else:
            given = [_ones(i) if w is None else w for i, w in zip(ids, weights, strict=True)]
        return (self._dense if is_dense else self._mixed)(table, ids, combiner, given)

    def _dense(
        self, table: Any, ids: Sequence[Tensor], combiner: str, given: Sequence[Tensor] | None
    ) -> Tensor:
        widths = [each.shape[1] for each in ids]
        starts = np.repeat([part.start for part in self.parts], widths)
        rows, weights = self._place(tf.concat(ids, axis=1), starts)
        if given is not None:
            weights *= combiners.effective(tf.concat(given, axis=1), combiner)
        if combiner != "sum" and (given is not None or max(widths) > 1):
            owner = np.repeat(np.arange(len(widths)), widths)
            same_column = (owner[:, np.newaxis] == owner).astype(np.float32)
            masses = tf.matmul(combiners.mass(weights, combiner), same_column)
            weights *= combiners.normaliser(masses, combiner)
        return _weighted_sum(table, rows, weights)

    def _mixed(
        self, table: Any, ids: Sequence[Tensor], combiner: str, given: Sequence[Tensor] | None
    ) -> Tensor:
        batch = _batch_size(ids[0])
        examples = tf.concat([_example_indices(each) for each in ids], axis=0)
        flat = [_flat(each) for each in ids]
        sizes = [tf.size(each) for each in flat]
        starts = tf.repeat([part.start for part in self.parts], sizes)
        rows, weights = self._place(tf.concat(flat, axis=0), tf.cast(starts, tf.int64))
        if given is not None:
            flat_weights = tf.concat([_flat(each) for each in given], axis=0)
            weights *= combiners.effective(flat_weights, combiner)
        if combiner != "sum":
            owner = tf.cast(tf.repeat(tf.range(len(ids)), sizes), tf.int64)
            cell = examples * len(ids) + owner
            masses = combiners.mass(weights, combiner)
            masses = tf.math.unsorted_segment_sum(masses, cell, batch * len(ids))
            weights *= tf.gather(combiners.normaliser(masses, combiner), cell)
        looked_up = tf.nn.embedding_lookup(table, rows) * weights[:, tf.newaxis]
        return tf.math.unsorted_segment_sum(looked_up, examples, batch)

    def _place(self, ids: Tensor, starts: Any) -> tuple[Tensor, Tensor]:
        valid = ids >= 0
        return tf.where(valid, ids + starts, self.sink), tf.cast(valid, tf.float32)


def _weighted_sum(table: Any, rows: Tensor, weights: Tensor) -> Tensor:
    """Returns the sum over k of rows of a table, `[batch, units]`; both are `[batch, k]`."""
    looked_up = tf.nn.embedding_lookup(table, rows)
    return tf.reduce_sum(looked_up * tf.expand_dims(weights, axis=2), axis=1)


def _ones(ids: Tensor) -> Tensor:
    return keyed.map_values(lambda flat: tf.ones_like(flat, tf.float32), ids)


def _batch_size(ids: Tensor) -> Tensor:
    return ids.nrows() if isinstance(ids, tf.RaggedTensor) else tf.shape(ids, tf.int64)[0]


def _flat(ids: Tensor) -> Tensor:
    return ids.values if isinstance(ids, tf.RaggedTensor) else tf.reshape(ids, [-1])


def _example_indices(ids: Tensor) -> Tensor:
    if isinstance(ids, tf.RaggedTensor):
        return ids.value_rowids()
    batch, width = tf.unstack(tf.shape(ids, tf.int64))
    return tf.repeat(tf.range(batch), width)
