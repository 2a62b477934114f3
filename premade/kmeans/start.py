"""The first centres of a k-means clustering: given, or chosen among the points of some batches."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from premade.kmeans.distances import Distance

Tensor = Any

RANDOM = "random"
KMEANS_PLUS_PLUS = "kmeans_plus_plus"

Choice: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Takes the centres chosen so far, `[chosen, width]`, and a batch of points, `[n, width]`.

Returns the centres `[chosen + new, width]`. It is called until there are enough of them.
"""


@dataclasses.dataclass(frozen=True)
class Start:
    """How many centres to choose, and how.

    Attributes:
        num_clusters: how many.
        initial_clusters: `random`, `kmeans_plus_plus`, the centres, or a function that takes points
            `[n, width]` and the number of centres still needed, and returns up to so many.
        distance: what k-means++ spreads the centres by.
        seed: of what is drawn.
        retries: candidates that k-means++ draws for each centre beside the first.

    Raises:
        ValueError: an unknown name, or centres of a wrong shape or not finite.

    Example:
        >>> from premade.kmeans.distances import squared_euclidean
        >>> start = Start(2, "random", squared_euclidean, seed=1, retries=2)
        >>> start.choose(tf.zeros([0, 1]), tf.constant([[3.0]])).numpy()  # one more is needed
        array([[3.]], dtype=float32)
    """

    num_clusters: int
    initial_clusters: Any
    distance: Distance
    seed: int
    retries: int

    def __post_init__(self) -> None:
        initial = self.initial_clusters
        if isinstance(initial, str) and initial not in (RANDOM, KMEANS_PLUS_PLUS):
            raise ValueError(
                f"Unsupported initialization algorithm {initial!r}: initial_clusters must be "
                f"{RANDOM!r}, {KMEANS_PLUS_PLUS!r}, an array or a function."
            )
        if not isinstance(initial, str) and not callable(initial):
            object.__setattr__(self, "initial_clusters", self._checked(initial))

    def _checked(self, initial: Any) -> Any:
        centres = np.asarray(initial, np.float32)
        if centres.ndim != 2 or len(centres) != self.num_clusters:
            raise ValueError(
                f"initial_clusters must have shape [num_clusters, width], and num_clusters is "
                f"{self.num_clusters}. Got an array of shape {list(centres.shape)}."
            )
        if not np.isfinite(centres).all():
            raise ValueError("initial_clusters must be finite numbers, got NaN or infinity.")
        return centres

    def choose(self, chosen: Tensor, points: Tensor) -> Tensor:
        """See `Choice`."""
        initial = self.initial_clusters
        if not isinstance(initial, str) and not callable(initial):
            if initial.shape[1] != points.shape[1]:
                raise ValueError(
                    f"initial_clusters have {initial.shape[1]} coordinates, and the points of "
                    f"input_fn {points.shape[1]}."
                )
            return tf.constant(initial)
        missing = self.num_clusters - tf.shape(chosen)[0]
        if callable(initial):
            return tf.concat([chosen, _called(initial, points, missing)], axis=0)
        # Few points are all needed; k-means++ then has no choice either.
        return tf.cond(
            tf.shape(points)[0] <= missing,
            lambda: tf.concat([chosen, points], axis=0),
            lambda: (
                self._random(chosen, points) if initial == RANDOM else self._far(chosen, points)
            ),
        )

    def _random(self, chosen: Tensor, points: Tensor) -> Tensor:
        """Adds points drawn without replacement."""
        missing = self.num_clusters - tf.shape(chosen)[0]
        keys = tf.random.stateless_uniform(tf.shape(points)[:1], self._seed(tf.shape(chosen)[0]))
        return tf.concat([chosen, tf.gather(points, tf.argsort(keys)[:missing])], axis=0)

    def _far(self, chosen: Tensor, points: Tensor) -> Tensor:
        """Adds points drawn with a probability proportional to their distance from the others.

        Of several candidates the best is taken: Arthur and Vassilvitskii, "k-means++", SODA 2007,
        and the greedy variant of its section 6.
        """
        count, width = tf.shape(chosen)[0], points.shape[1]
        start = tf.pad(chosen, [[0, self.num_clusters - count], [0, 0]])
        # Far from everything while there is no centre, so that all are as likely.
        apart = tf.reduce_min(self.distance(points, chosen), axis=1)
        apart = tf.where(count > 0, apart, tf.ones_like(apart) * points.dtype.max)

        def add(i: Tensor, centres: Tensor, apart: Tensor) -> Any:
            candidates = tf.gather(points, self._drawn(i, apart))
            closer = tf.minimum(self.distance(points, candidates), apart[:, tf.newaxis])
            best = tf.argmin(tf.reduce_sum(closer, axis=0))
            centres = tf.tensor_scatter_nd_update(centres, [[i]], candidates[best][tf.newaxis])
            return i + 1, centres, closer[:, best]

        shapes = (tf.TensorShape([]), tf.TensorShape([None, width]), tf.TensorShape([None]))
        _, centres, _ = tf.while_loop(
            lambda i, *_: i < self.num_clusters,
            add,
            (count, start, apart),
            shape_invariants=shapes,
        )
        return centres

    def _drawn(self, i: Tensor, apart: Tensor) -> Tensor:
        """Returns the rows of the candidates for centre `i`, int32 `[candidates]`."""
        # Scaled first, so that the sum of the largest numbers there are stays finite.
        share = tf.math.divide_no_nan(apart, tf.reduce_max(apart))
        share = tf.where(tf.reduce_max(apart) > 0.0, share, tf.ones_like(share))
        ends = tf.cumsum(share)
        drawn = tf.random.stateless_uniform([1 + self.retries], self._seed(i)) * ends[-1]
        rows = tf.searchsorted(ends, drawn, side="right")
        return tf.minimum(rows, tf.size(apart) - 1)

    def _seed(self, place: Tensor) -> Tensor:
        return tf.stack([tf.constant(self.seed, tf.int64), tf.cast(place, tf.int64)])


def _called(function: Any, points: Tensor, missing: Tensor) -> Tensor:
    """Returns the centres that a user's function makes, their shape checked."""
    made = tf.cast(tf.convert_to_tensor(function(points, missing)), tf.float32)
    if made.shape.rank != 2 or not made.shape[1:].is_compatible_with(points.shape[1:]):
        raise ValueError(
            "The function initial_clusters must return centres of shape [up to the number asked "
            f"for, {points.shape[1]}]. Got shape {made.shape}."
        )
    message = "The function initial_clusters returned more centres than were asked for."
    tf.debugging.Assert(tf.shape(made)[0] <= missing, [message])
    return made
