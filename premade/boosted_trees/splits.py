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
        size, scale = min(NODES_AT_ONCE, room), Scale(first, second)

        def look(i: Tensor, best: Tensor) -> tuple[Tensor, Tensor]:
            part = tf.slice(histogram, [0, 0, i * size], [features, bins, size])
            of_nodes = tf.slice(sums, [i * size], [size])
            of_limits = tf.slice(limits, [0, i * size], [limits.shape[0], size])
            evaluated = functools.partial(self._evaluated, of_nodes, scale, of_limits)
            new = _best_of_bins(part[:, :MISSING_BIN], part[:, MISSING_BIN:], evaluated)
            return i + 1, xla.dynamic_update_slice(best, new, [0, i * size])

        # What is a few numbers for each node is made of all nodes at once: less to compile.
        _, best = tf.while_loop(lambda i, _: i * size < nodes, look, (0, _none([features, room])))
        return _best_of_features(histogram, sums, allowed, scale, best)

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


def _best_of_features(
    histogram: Tensor, sums: Tensor, allowed: Tensor, scale: Scale, best: Tensor
) -> tuple[Tensor, ...]:
    """Returns the parts of `Splits` but the last.

    Args:
        histogram: see `Search.best`.
        sums: see there.
        allowed: see there.
        scale: see there.
        best: int64 `[features, nodes]`, see `_with_place`.
    """
    features, bins, nodes = histogram.shape
    gains, places = _gain_and_place(best)
    gains = tf.where(allowed[:, tf.newaxis], gains, tf.zeros_like(gains))
    gain = tf.reduce_max(gains, axis=0)
    is_split, number = gain > 0.0, tf.range(features)[:, tf.newaxis]
    feature = tf.reduce_min(tf.where(tf.equal(gains, gain), number, features), axis=0)
    node = tf.range(nodes)
    place = tf.gather(tf.reshape(places, [-1]), feature * nodes + node)
    at = (feature * bins + tf.range(bins)[:, tf.newaxis]) * nodes + node
    of_bins = tf.gather(tf.reshape(histogram, [-1]), at)
    values, missing = of_bins[:MISSING_BIN], of_bins[MISSING_BIN]
    threshold = tf.bitwise.right_shift(place, 1)
    is_left = tf.equal(tf.bitwise.bitwise_and(place, 1), 1)
    goes_left = tf.range(MISSING_BIN)[:, tf.newaxis] <= threshold
    left = tf.reduce_sum(tf.where(goes_left, values, 0), axis=0)
    left = tf.where(is_split, left + tf.where(is_left, missing, 0), sums)
    (_, left_weight), (_, weight) = scale.unpack(left), scale.unpack(sums)
    missing_left = tf.where(tf.equal(missing, 0), 2.0 * left_weight >= weight, is_left)
    return is_split, tf.cast(gain, tf.float32), feature, threshold, missing_left, left


def _best_of_bins(values: Tensor, missing: Tensor, evaluated: Callable[[Tensor], Tensor]) -> Tensor:
    """Returns the best gain of each feature and node, and its place; see `_with_place`.

    One bin after the other, as the sums up to it grow: to have all sums first, and then all gains,
    takes as long, and is twice as much to compile. A gain and its place are one number, so that
    there is one thing to keep: of two XLA makes two loops, and evaluates all splits in both.

    Args:
        values: int64 `[features, bins, nodes]`, packed, without the bin of missing values.
        missing: int64 `[features, 1, nodes]`, that bin.
        evaluated: takes what goes left, int64 `[features, 1, nodes]`; returns float64 gains.

    Returns:
        int64 `[features, nodes]`. A place is twice the threshold, and one more if missing values
        go left.
    """
    features, bins, nodes = values.shape

    def of_side(is_left: Tensor, best: Tensor) -> tuple[Tensor, Tensor]:
        def look(i: Tensor, left: Tensor, best: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            left += tf.slice(values, [0, i, 0], [features, 1, nodes])
            return i + 1, left, tf.maximum(best, _with_place(evaluated(left), 2 * i + is_left))

        start = tf.where(is_left > 0, missing, tf.zeros_like(missing))
        _, _, best = tf.while_loop(lambda i, *_: i < bins, look, (0, start, best))
        return is_left + 1, best

    # Without missing values both sides are one.
    sides = 1 + tf.cast(tf.reduce_any(tf.not_equal(missing, 0)), tf.int32)
    _, best = tf.while_loop(lambda i, _: i < sides, of_side, (0, _none([features, 1, nodes])))
    return best[:, 0]


def _none(shape: list[int]) -> Tensor:
    """Returns gains of 0, which are no splits; see `_with_place`."""
    return tf.fill(shape, tf.constant(_PLACES, tf.int64))


def _with_place(gain: Tensor, place: Tensor) -> Tensor:
    """Returns one number for a gain and a place: greater for a greater gain or an earlier place.

    The bits of a float that is not negative are a whole number that grows with it. The last 9 of
    52 make room for the place; gains that differ in them alone differ by rounding, and of these the
    first is the best.
    """
    bits = tf.bitcast(gain, tf.int64)
    upper = tf.bitwise.bitwise_and(bits, tf.constant(~_PLACES, tf.int64))
    return upper + (_PLACES - tf.cast(place, tf.int64))


def _gain_and_place(number: Tensor) -> tuple[Tensor, Tensor]:
    """Returns what `_with_place` made one number of."""
    lower = tf.bitwise.bitwise_and(number, tf.constant(_PLACES, tf.int64))
    return tf.bitcast(number - lower, tf.float64), tf.cast(_PLACES - lower, tf.int32)
