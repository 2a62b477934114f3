"""The best split of each node of a level, out of its histogram."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, final

import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

from premade.boosted_trees.partition import MISSING_BIN
from premade.boosted_trees.sums import Scale

Tensor = Any

NODES_AT_ONCE = 8
"""A level that has fewer nodes than there is room for costs no more than these."""

_PLACES = 2**9 - 1
"""The last place: two of each bin."""

_KINDS = (tf.bool, tf.float32, tf.int32, tf.int32, tf.bool)


@final
@dataclasses.dataclass(frozen=True)
class Regularization:
    """What keeps trees small.

    Attributes:
        l1: of leaves, times their absolute values.
        l2: of leaves, times half their squares.
        tree_complexity: for each split; what it gains must be more.
        min_node_weight: least sum of second derivatives in a child.
    """

    l1: float = 0.0
    l2: float = 0.0
    tree_complexity: float = 0.0
    min_node_weight: float = 0.0

    def weight(self, g: Tensor, h: Tensor) -> Tensor:
        """Returns the value that a leaf would best have: -shrink(g) / (h + l2).

        Friedman, "Greedy Function Approximation" (2001), with the penalties of Chen and Guestrin,
        "XGBoost" (2016), equation 5, and the absolute one of tf.estimator.

        >>> Regularization(l2=1.0).weight(tf.constant(-3.0), tf.constant(2.0)).numpy().item()
        1.0
        """
        return tf.math.divide_no_nan(-self._shrunk(g), h + self.l2)

    def gain(self, g: Tensor, h: Tensor) -> Tensor:
        """Returns by how much (twice) a leaf of the best value lowers the loss.

        >>> Regularization(l1=1.0).gain(tf.constant(-3.0), tf.constant(2.0)).numpy().item()
        2.0
        """
        return tf.math.divide_no_nan(tf.square(self._shrunk(g)), h + self.l2)

    def _shrunk(self, g: Tensor) -> Tensor:
        return g if not self.l1 else tf.sign(g) * tf.maximum(tf.abs(g) - self.l1, 0.0)


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Splits:
    """The best split of each node; where there is none, all rows go to the left child.

    Attributes:
        is_split: bool `[nodes]`.
        gain: float32 `[nodes]`, 0 without a split.
        feature: int32 `[nodes]`.
        threshold: int32 `[nodes]`.
        missing_left: bool `[nodes]`.
        left_sums: int64 `[nodes]`, packed derivatives of the rows that go left.
        left_bins: int32 `[nodes, words]`, bits of the bins that go left, that of missing values
            among them; no words where no feature is categorical. Splits of categories have the
            threshold -1.
    """

    is_split: Tensor
    gain: Tensor
    feature: Tensor
    threshold: Tensor
    missing_left: Tensor
    left_sums: Tensor
    left_bins: Tensor

    def parts(self) -> tuple[Tensor, ...]:
        """Returns all arrays in the order of the arguments, for what compiled functions take."""
        return tuple(getattr(self, field.name) for field in dataclasses.fields(self))


@final
class Search:
    """Looks for splits.

    Args:
        regularization: says what a split is worth.
        more_l2: float64 `[features, 1, 1]` or a number, added to its l2 when a split is valued.
        limited_gain: values splits where nodes have limits; see `Monotone.gain`.
    """

    words = 0
    """Of the sets of bins that it finds: there are none."""

    def __init__(
        self,
        regularization: Regularization,
        more_l2: Any = 0.0,
        limited_gain: Callable[..., Tensor] | None = None,
    ) -> None:
        self._regularization = regularization
        self._more_l2 = more_l2
        self._limited_gain = limited_gain
        self._best = tf.function(self._best_of_all, jit_compile=True, autograph=False)

    def best(
        self,
        histogram: Tensor,
        sums: Tensor,
        allowed: Tensor,
        scale: Scale,
        nodes: int,
        limits: Tensor | None = None,
    ) -> Splits:
        """Returns the best split of each node.

        Of equal ones it is the first: features in order, then thresholds, then missing values to
        the right. Where the node has no missing value, they would go where more weight goes.

        Args:
            histogram: int64 `[features, BINS, nodes]`, packed.
            sums: int64 `[nodes]`, of the whole node.
            allowed: bool `[features]`, which features may split.
            scale: unit of the packed derivatives.
            nodes: how many there are; those behind have no split.
            limits: of the nodes' weights, float64 `[2, nodes]`, where they have limits.
        """
        if limits is None:
            limits = tf.zeros([0, sums.shape[0]], tf.float64)
        found = self._best(
            histogram, sums, allowed, scale.first, scale.second, tf.constant(nodes), limits
        )
        return Splits(*(*found, tf.zeros([sums.shape[0], self.words], tf.int32)))

    def _best_of_all(
        self,
        histogram: Tensor,
        sums: Tensor,
        allowed: Tensor,
        first: Tensor,
        second: Tensor,
        nodes: Tensor,
        limits: Tensor,
    ) -> tuple[Tensor, ...]:
        features, bins, room = histogram.shape
        size = min(NODES_AT_ONCE, room)

        def look(i: Tensor, found: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
            part = tf.slice(histogram, [0, 0, i * size], [features, bins, size])
            of_part = self._best_of_some(
                part,
                tf.slice(sums, [i * size], [size]),
                allowed,
                Scale(first, second),
                tf.slice(limits, [0, i * size], [limits.shape[0], size]),
            )
            return i + 1, tuple(
                xla.dynamic_update_slice(whole, new, [i * size])
                for whole, new in zip(found, of_part, strict=True)
            )

        none = [tf.zeros([room], kind) for kind in _KINDS]
        _, found = tf.while_loop(lambda i, _: i * size < nodes, look, (0, (*none, sums)))
        return found

    def _best_of_some(
        self, histogram: Tensor, sums: Tensor, allowed: Tensor, scale: Scale, limits: Tensor
    ) -> tuple[Tensor, ...]:
        values, missing = histogram[:, :MISSING_BIN], histogram[:, MISSING_BIN]
        evaluated = functools.partial(self._evaluated, sums, scale, limits)
        gains, places = _best_of_bins(values, missing, evaluated)
        gains = tf.where(allowed[:, tf.newaxis], gains, tf.zeros_like(gains))
        gain = tf.reduce_max(gains, axis=0)
        is_split, number = gain > 0.0, tf.range(histogram.shape[0])[:, tf.newaxis]
        is_best = tf.equal(gains, gain) & is_split
        feature = tf.reduce_min(tf.where(is_best, number, histogram.shape[0]), axis=0)
        is_it = tf.equal(number, feature)
        place, missing = (tf.reduce_sum(tf.where(is_it, x, 0), axis=0) for x in (places, missing))
        threshold, is_left = place // 2, tf.equal(place % 2, 1)
        goes_left = is_it[:, tf.newaxis] & (tf.range(MISSING_BIN)[:, tf.newaxis] <= threshold)
        left = tf.reduce_sum(tf.where(goes_left, values, 0), axis=[0, 1])
        left = tf.where(is_left, left + missing, left)
        (_, left_weight), (_, weight) = scale.unpack(left), scale.unpack(sums)
        missing_left = tf.where(tf.equal(missing, 0), 2.0 * left_weight >= weight, is_left)
        left, feature = tf.where(is_split, left, sums), tf.where(is_split, feature, 0)
        return is_split, tf.cast(gain, tf.float32), feature, threshold, missing_left, left

    def _evaluated(self, sums: Tensor, scale: Scale, limits: Tensor, left: Tensor) -> Tensor:
        """Returns the gain of sending `left` to the left; 0 where that is no split."""
        (gl, hl), whole = scale.unpack(left), scale.unpack(sums)
        # Exact: they are whole numbers of units.
        gr, hr = whole[0] - gl, whole[1] - hl
        worth, more = self._regularization, self._more_l2
        if self._limited_gain is not None:
            gain = self._limited_gain((gl, hl + more), (gr, hr + more), whole, limits)
        else:
            gain = worth.gain(gl, hl + more) + worth.gain(gr, hr + more) - worth.gain(*whole)
        gain -= worth.tree_complexity
        least = worth.min_node_weight
        is_split = (hl > 0.0) & (hr > 0.0) & (hl >= least) & (hr >= least)
        return tf.where(is_split, gain, tf.zeros_like(gain))


def _best_of_bins(
    values: Tensor, missing: Tensor, evaluated: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Returns the best gain of each feature and node, and its place.

    One bin after the other, as the sums up to it grow: to have all sums first, and then all gains,
    takes as long, and is twice as much to compile. A gain and its place are one number, so that
    there is one thing to keep: of two XLA makes two loops, and evaluates all splits in both.

    Args:
        values: int64 `[features, bins, nodes]`, packed, without the bin of missing values.
        missing: int64 `[features, nodes]`, that bin.
        evaluated: takes what goes left, int64 `[features, 1, nodes]`; returns float64 gains.

    Returns:
        Gains, not negative, float64 with the first 43 bits of 52, and int32 places, `[features,
        nodes]` each. A place is twice the threshold, and one more if missing values go left; of
        gains that are equal in those bits the first.
    """
    features, bins, nodes = values.shape
    missing = missing[:, tf.newaxis]

    def of_side(is_left: Tensor, best: Tensor) -> tuple[Tensor, Tensor]:
        def look(i: Tensor, left: Tensor, best: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            left += tf.slice(values, [0, i, 0], [features, 1, nodes])
            return i + 1, left, tf.maximum(best, _with_place(evaluated(left), 2 * i + is_left))

        start = tf.where(is_left > 0, missing, tf.zeros_like(missing))
        _, _, best = tf.while_loop(lambda i, *_: i < bins, look, (0, start, best))
        return is_left + 1, best

    # Without missing values both sides are one.
    sides = 1 + tf.cast(tf.reduce_any(tf.not_equal(missing, 0)), tf.int32)
    none = _with_place(tf.zeros(missing.shape, tf.float64), tf.constant(0))
    _, best = tf.while_loop(lambda is_left, _: is_left < sides, of_side, (0, none))
    return _gain_and_place(best[:, 0])


def _with_place(gain: Tensor, place: Tensor) -> Tensor:
    """Returns one number for a gain and a place: greater for a greater gain or an earlier place.

    The bits of a float that is not negative are a whole number that grows with it. The last ones
    make room for the place; what differs in them alone differs by rounding.
    """
    bits = tf.bitcast(gain, tf.int64)
    upper = tf.bitwise.bitwise_and(bits, tf.constant(~_PLACES, tf.int64))
    return upper + (_PLACES - tf.cast(place, tf.int64))


def _gain_and_place(number: Tensor) -> tuple[Tensor, Tensor]:
    """Returns what `_with_place` made one number of."""
    lower = tf.bitwise.bitwise_and(number, tf.constant(_PLACES, tf.int64))
    return tf.bitcast(number - lower, tf.float64), tf.cast(_PLACES - lower, tf.int32)
