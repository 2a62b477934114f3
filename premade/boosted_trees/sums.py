"""Derivatives as integers, two in one number, whose sums do not depend on the order of the rows.

Sums of floats do: rows that are split over threads, or over two workers, or that come in another
order, would then give other trees. Integers add up to the same whatever the order. A first
derivative is in the upper 32 bits, a second one in the lower, so that one addition adds both.

Each is multiplied by the largest power of two for which the sum over all rows is at most 2^30.
Rounding moves a sum by about 2^-31 times the square root of the number of rows, times the whole:
less than sums of floats, up to some millions of rows. (Shi et al., "Quantized Training of Gradient
Boosting Decision Trees", NeurIPS 2022, find 3 to 5 bits for a derivative enough.)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Protocol, final

import tensorflow as tf

from premade import replicas

Tensor = Any

_BITS = 30
_LOWER = 2**32 - 1
_AT_ONCE = 8192


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Scale:
    """What one unit of the packed derivatives is.

    Attributes:
        first: float64 scalar: units in 1 of a first derivative; a power of two.
        second: the same for second derivatives.
    """

    first: Tensor
    second: Tensor

    def pack(self, g: Tensor, h: Tensor) -> Tensor:
        """Returns derivatives, float32 `[rows]` each, as int64 `[rows]`."""
        g, h = (_units(x, s) for x, s in ((g, self.first), (h, self.second)))
        return tf.bitwise.left_shift(g, tf.constant(32, tf.int64)) + h

    def unpack(self, packed: Tensor) -> tuple[Tensor, Tensor]:
        """Returns sums of both derivatives, float64 of the shape of their packed sum."""
        g = tf.cast(tf.bitwise.right_shift(packed, tf.constant(32, tf.int64)), tf.int32)
        h = tf.cast(second_units(packed), tf.int32)
        # XLA makes one loop of products, and several of quotients; powers of two have inverses.
        first, second = 1.0 / self.first, 1.0 / self.second
        return tf.cast(g, tf.float64) * first, tf.cast(h, tf.float64) * second


class Others(Protocol):
    """Those who have the other rows: the replicas in a step, or the workers outside of one."""

    def total(self, values: Any) -> Any:
        """Returns the sum of everyone's numbers, of the shape of `values`."""

    def gathered(self, values: Any) -> Any:
        """Returns everyone's rows, `[n, ...]`."""


def packed(
    shards: Sequence[tuple[Tensor, Tensor]], others: Others = replicas
) -> tuple[list[Tensor], Scale]:
    """Returns the derivatives of all rows as integers, and what their unit is.

    Args:
        shards: first and second derivatives, float32 `[rows]`, the second ones not negative.
        others: those who have the other rows, which are counted too.

    Returns:
        int64 `[rows]` of each shard, and the unit that all agree on.

    >>> (units,), scale = packed([(tf.constant([-0.5, 0.5]), tf.constant([0.25, 0.25]))])
    >>> [each.numpy().tolist() for each in scale.unpack(tf.reduce_sum(units))]
    [0.0, 0.5]
    """
    of_shards = tf.stack([_peaks(*shard) for shard in shards])
    peaks = tf.reduce_max(others.gathered(of_shards), axis=0)
    coarse = _powers(_BITS - _exponents(peaks))
    totals = others.total(tf.add_n([_totals(*shard, coarse) for shard in shards]))
    exact = _powers(_BITS - _exponents(tf.cast(totals, tf.float64)))
    scale = Scale(*tf.unstack(coarse * exact))
    return [_pack(*shard, scale.first, scale.second) for shard in shards], scale


def second_units(packed: Tensor) -> Tensor:
    """Returns the second derivatives of packed ones as integers, of the same shape."""
    return tf.bitwise.bitwise_and(packed, tf.constant(_LOWER, tf.int64))


@tf.function(jit_compile=True, autograph=False)
def _peaks(g: Tensor, h: Tensor) -> Tensor:
    return tf.cast(tf.stack([tf.reduce_max(tf.abs(g)), tf.reduce_max(h)]), tf.float64)


@tf.function(jit_compile=True, autograph=False)
def _totals(g: Tensor, h: Tensor, coarse: Tensor) -> Tensor:
    """Returns sums of absolute values in units of `coarse`, float64 `[2]`: int64 `[2]`.

    So many rows at a time: what XLA makes of a sum of all takes three times as long.
    """
    size = math.gcd(g.shape[0], _AT_ONCE)

    def add(i: Tensor, *totals: Tensor) -> tuple[Tensor, ...]:
        some = [tf.slice(x, [i * size], [size]) for x in (g, h)]
        units = [_units(x, coarse[k]) for k, x in enumerate(some)]
        return i + 1, *(total + tf.abs(x) for total, x in zip(totals, units, strict=True))

    none = tf.zeros([size], tf.int64)
    _, *totals = tf.while_loop(lambda i, *_: i * size < g.shape[0], add, (0, none, none))
    return tf.reduce_sum(tf.stack(totals), axis=1)


@tf.function(jit_compile=True, autograph=False)
def _pack(g: Tensor, h: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return Scale(first, second).pack(g, h)


def _units(x: Tensor, scale: Tensor) -> Tensor:
    # By way of 32 bits, which hold them, and which the processor makes of floats many at once.
    units = tf.cast(tf.round(tf.cast(x, tf.float64) * scale), tf.int32)
    return tf.cast(units, tf.int64)


def _exponents(x: Tensor) -> Tensor:
    """Returns e with x <= 2^e, as small as can be up to rounding; 0 for x = 0."""
    safe = tf.where(x > 0.0, x, tf.ones_like(x))
    return tf.math.ceil(tf.math.log(safe) / tf.math.log(tf.constant(2.0, x.dtype)))


def _powers(exponents: Tensor) -> Tensor:
    return tf.pow(tf.constant(2.0, tf.float64), exponents)
