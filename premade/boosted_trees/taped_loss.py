"""The loss of any head, with the derivatives that TensorFlow finds of it."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import tensorflow as tf

from estimators import Head
from estimators.heads.losses import SUM
from premade.boosted_trees.derivatives import Loss
from premade.boosted_trees.partition import BLOCK

Tensor = Any

LABELS, FEATURES = "labels", "features"


@final
@dataclasses.dataclass(frozen=True)
class TapedLoss(Loss):
    """Differentiates the loss of a head twice, by each logit alone.

    The loss of a row is what the head says of a batch of this row only. Where a second derivative
    is not above 0, because the loss is not convex there, or a line, the first one, without its
    sign, stands for it: a row alone would move its logit by 1.

    Attributes:
        head: its loss must be the sum, or the mean, of losses of rows.

    Example:
        >>> from estimators import RegressionHead
        >>> rows = {"labels": tf.ones([BLOCK, 1]), "features": {}}
        >>> loss, logits = TapedLoss(RegressionHead()), (tf.zeros([BLOCK]),)
        >>> (g,), (h,), *_ = loss.look(rows, logits, tf.ones([BLOCK]))
        >>> g[0].numpy().item(), h[0].numpy().item()
        (-2.0, 2.0)
    """

    head: Head
    is_compiled = False  # Labels may be strings, and the head may look them up.

    def look(self, labels: Any, logits: tuple[Tensor, ...], weights: Tensor) -> tuple[Any, ...]:
        """See `Loss`.

        Args:
            labels: dict of `labels` and `features`, as a batch of all rows has them.
            logits: see there.
            weights: 1, and 0 for the rows that fill the last block.
        """
        of_rows = tf.stack(logits, axis=-1)
        # By blocks of one size, which is a power of two: the mean over a block times its size is
        # exact, and what a row is told does not depend on how many others there are.
        blocks = tf.nest.map_structure(_in_blocks, (labels, of_rows))
        both = (tf.TensorSpec([BLOCK, of_rows.shape[1]]),) * 2
        g, h = tf.map_fn(lambda block: self._derivatives(*block), blocks, fn_output_signature=both)
        g, h = (tf.reshape(x, [-1, of_rows.shape[1]]) * weights[:, tf.newaxis] for x in (g, h))
        count = tf.reduce_sum(weights)
        real = tf.nest.map_structure(lambda x: x[: tf.cast(count, tf.int32)], (labels, of_rows))
        total = tf.cond(count > 0.0, lambda: self._total(*real), lambda: tf.zeros([]))
        by_output = (tuple(tf.unstack(x, axis=-1)) for x in (g, h))
        return *by_output, tf.cast(total, tf.float64), tf.cast(count, tf.float64)

    def _derivatives(self, labels: Any, logits: Tensor) -> tuple[Tensor, Tensor]:
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(logits)
            with tf.GradientTape() as inner:
                inner.watch(logits)
                total = self._total(labels, logits)
            g = inner.gradient(total, logits, unconnected_gradients="zero")
            by_output = tf.unstack(g, axis=-1)
        h = [
            outer.gradient(each, logits, unconnected_gradients="zero")[:, i]
            for i, each in enumerate(by_output)
        ]
        curved = tf.stack(h, axis=-1)
        return g, tf.where(curved > 0.0, curved, tf.abs(g))

    def _total(self, labels: Any, logits: Tensor) -> Tensor:
        loss = self.head.loss(labels[LABELS], logits, labels[FEATURES])
        if self.head.loss_reduction == SUM:
            return loss
        return loss * tf.cast(tf.shape(logits)[0], tf.float32)


def _in_blocks(x: Tensor) -> Tensor:
    return tf.reshape(x, [-1, BLOCK, *x.shape[1:]])
