"""How far points are from cluster centres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

Tensor = Any

SQUARED_EUCLIDEAN = "squared_euclidean"
COSINE = "cosine"

Distance: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Takes points `[n, width]` and centres `[clusters, width]`, returns `[n, clusters]`."""


def squared_euclidean(points: Tensor, centres: Tensor) -> Tensor:
    """Returns the squared distance of each point from each centre, float32 `[n, clusters]`.

    >>> squared_euclidean(tf.constant([[0.0, 1.0]]), tf.constant([[0.0, 0.0], [3.0, 1.0]])).numpy()
    array([[1., 9.]], dtype=float32)
    """
    # |p|^2 - 2pc + |c|^2 needs no tensor [n, clusters, width]. Its three terms nearly cancel where
    # the data are far from the origin, so they are measured from the middle of the centres.
    middle = tf.reduce_mean(centres, axis=0)
    points, centres = points - middle, centres - middle
    lengths = tf.reduce_sum(tf.square(points), axis=1, keepdims=True)
    products = tf.matmul(points, centres, transpose_b=True)
    return tf.maximum(lengths - 2.0 * products + tf.reduce_sum(tf.square(centres), axis=1), 0.0)


def cosine(points: Tensor, centres: Tensor) -> Tensor:
    """Returns one minus the cosine of the angle, float32 `[n, clusters]`; 1 for a zero vector.

    >>> cosine(tf.constant([[0.0, 2.0]]), tf.constant([[0.0, 5.0], [3.0, 0.0]])).numpy()
    array([[0., 1.]], dtype=float32)
    """
    return 1.0 - tf.matmul(unit(points), unit(centres), transpose_b=True)


def unit(vectors: Tensor) -> Tensor:
    """Returns vectors `[n, width]` scaled to length 1; a zero vector stays.

    >>> unit(tf.constant([[3.0, 4.0], [0.0, 0.0]])).numpy().round(3).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    return tf.math.l2_normalize(vectors, axis=1)


DISTANCES: dict[str, Distance] = {SQUARED_EUCLIDEAN: squared_euclidean, COSINE: cosine}
