"""What a sequence column is: one that describes the steps of a sequence, one after the other.

The transformed tensor of a sequence column is dense, `[batch, time, ...]`, and tells where a step
is from where the batch is only filled up, so that `lengths` needs nothing else.

FeatureColumn
├── SourceColumn
│   ├── SequenceNumericColumn        floats [batch, time, width + 1]; also a SequenceDenseColumn
│   └── SequenceCategoricalColumn    ids [batch, time, k]
└── FloatColumn
    └── SequenceDenseColumn          floats [batch, time, width] for a recurrent network
        └── EachStepColumn           an indicator or embedding, shared or not, of each step's ids
"""

from __future__ import annotations

import abc

import tensorflow as tf

from feature_columns.aliases import Tensor
from feature_columns.base import FloatColumn


class SequenceDenseColumn(FloatColumn):
    """A column of floats for each step of a sequence, `[batch, time, width]`."""

    @abc.abstractmethod
    def lengths(self, transformed: Tensor) -> Tensor:
        """Returns the number of steps of each sequence, int64 `[batch]`."""


def last_steps(present: Tensor) -> Tensor:
    """Returns the number of steps up to the last one that is present, int64 `[batch]`.

    A gap within a sequence is a step; what follows the last value is not.

    Args:
        present: bool `[batch, time]`.

    >>> last_steps(tf.constant([[True, False, True, False], [False] * 4])).numpy().tolist()
    [3, 0]
    """
    numbers = tf.range(1, tf.shape(present, tf.int64)[1] + 1, dtype=tf.int64)
    reached = tf.where(present, numbers, tf.zeros([], tf.int64))
    return tf.maximum(tf.reduce_max(reached, axis=1), 0)  # At time 0 the maximum is of nothing.
