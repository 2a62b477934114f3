"""A batch as the solvers of `LinearSDCA` see it."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import tensorflow as tf

from feature_columns.linear_model import Design
from premade import replicas
from premade.sdca.examples import fingerprints

Tensor = Any


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """A batch in terms of the weights that it touches; all float64 but `positions`.

    Attributes:
        dense: `[batch, dense]`; they touch the last weights, all of them.
        positions: int32 `[batch, k]`: of the weights that the other features touch.
        values: `[batch, k]`.
        labels: `[batch]`.
        weights: `[batch]`, not negative.

    Example:
        >>> wide = tf.constant([[0.5]], tf.float64)
        >>> one = tf.constant([1.0], tf.float64)
        >>> Examples(wide, tf.constant([[0]]), wide, one, one).rows(0, 1).labels.shape
        TensorShape([1])
    """

    dense: Tensor
    positions: Tensor
    values: Tensor
    labels: Tensor
    weights: Tensor

    def rows(self, start: Tensor, end: Tensor) -> Examples:
        """Returns some of the examples."""
        fields = dataclasses.fields(self)
        return Examples(*(getattr(self, field.name)[start:end] for field in fields))

    def whole_matrix(self, size: Tensor) -> Tensor:
        """Returns the design matrix, `[batch, weights]`.

        Args:
            size: number of weights.
        """
        batch, k = tf.unstack(tf.shape(self.positions))
        place = tf.stack([tf.repeat(tf.range(batch), k), tf.reshape(self.positions, [-1])], axis=1)
        sparse = size - tf.shape(self.dense)[1]
        shape = tf.stack([batch, sparse])
        entries = tf.scatter_nd(place, tf.reshape(self.values, [-1]), shape)
        return tf.concat([entries, self.dense], axis=1)

    def matrix(self, size: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the columns of the design matrix that are not all zeros.

        Args:
            size: number of weights.

        Returns:
            Which weights they are for, int32 `[columns]`, and `[batch, columns]`.
        """
        touched, place = tf.unique(tf.reshape(self.positions, [-1]))
        batch, k = tf.unstack(tf.shape(self.positions))
        owner = tf.repeat(tf.range(batch), k)
        shape = tf.stack([batch, tf.size(touched)])
        entries = tf.scatter_nd(
            tf.stack([owner, place], axis=1), tf.reshape(self.values, [-1]), shape
        )
        last = tf.range(size - tf.shape(self.dense)[1], size)
        return tf.concat([touched, last], axis=0), tf.concat([entries, self.dense], axis=1)


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """The examples of a batch.

    Attributes:
        keys: int64 `[n, 2]`, fingerprints of their names.
        dense: float32 `[n, width]`, see `feature_columns.linear_model.Design`.
        rows: int64 `[n, k]`, as `dense`.
        values: float32 `[n, k]`, as `dense`.
        labels: float32 `[n]`, as the loss takes them.
        weights: float32 `[n]`.

    Example:
        >>> design = Design(tf.zeros([1, 2]), tf.zeros([1, 0], tf.int64), tf.zeros([1, 0]))
        >>> Batch.of(tf.constant(["a"]), design, (tf.ones([1]), tf.ones([1]))).keys.shape
        TensorShape([1, 2])
    """

    keys: Tensor
    dense: Tensor
    rows: Tensor
    values: Tensor
    labels: Tensor
    weights: Tensor

    @classmethod
    def of(cls, names: Tensor, design: Design, targets: tuple[Tensor, Tensor]) -> Self:
        """Checks what a batch is made of.

        Args:
            names: string `[n]` or `[n, 1]`.
            design: what the weights are multiplied by.
            targets: labels and weights, see `SingleHead.targets`.
        """
        labels, weights = (tf.reshape(each, [-1]) for each in targets)
        message = "LinearSDCA needs weights of examples that are not negative, and a finite design."
        ok = tf.reduce_all(weights >= 0.0) & tf.reduce_all(tf.math.is_finite(design.dense))
        check = tf.cond(ok, tf.no_op, lambda: tf.raw_ops.Assert(condition=False, data=[message]))
        with tf.control_dependencies([] if tf.executing_eagerly() else [check]):
            keys = fingerprints(tf.reshape(names, tf.shape(labels)))
        return cls(keys, design.dense, design.rows, design.values, labels, weights)

    def of_all_replicas(self) -> Batch:
        """Returns the batches of all replicas as one, the same on each."""
        if tf.distribute.get_strategy().num_replicas_in_sync == 1:
            return self
        # Batches may have different largest numbers of ids; what is added has the value 0.
        widest = tf.reduce_max(replicas.gathered(tf.shape(self.rows)[1:]))
        pad = [[0, 0], [0, widest - tf.shape(self.rows)[1]]]
        padded = dataclasses.replace(
            self, rows=tf.pad(self.rows, pad), values=tf.pad(self.values, pad)
        )
        fields = [getattr(padded, field.name) for field in dataclasses.fields(self)]
        return Batch(*replicas.gathered(fields))

    def examples(self, positions: Tensor, counts: Tensor) -> Examples:
        """Returns the examples in double precision, with the bias as the last dense feature.

        Args:
            positions: int32 `[n, k]`, which weights `rows` stand for.
            counts: float64 `[n]`, 0 for an example that is to be left out.
        """
        ones = tf.ones([tf.size(counts), 1], tf.float64)
        return Examples(
            dense=tf.concat([tf.cast(self.dense, tf.float64), ones], axis=1),
            positions=positions,
            values=tf.cast(self.values, tf.float64),
            labels=tf.cast(self.labels, tf.float64),
            weights=tf.cast(self.weights, tf.float64) * counts,
        )
