"""The `model_fn` of k-means: points out of features, centres out of points."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

import feature_columns as fc
from estimators import EstimatorSpec, Hook, ModeKeys
from estimators.export import PredictOutput
from premade import replicas
from premade.kmeans.distances import unit
from premade.kmeans.rules import Assigned, Rule
from premade.kmeans.start import Start

Tensor = Any
Variable = Any

ALL_DISTANCES = "all_distances"
CLUSTER_INDEX = "cluster_index"
SCORE = "score"
CLUSTERS = "clusters"
INITIALIZED = "initialized"


@dataclasses.dataclass(frozen=True)
class KMeansModelFn:
    """Clusters points; in training chooses centres first, by batches that are no steps.

    Attributes:
        start: how the first centres are chosen.
        rule: how they move.
        is_cosine: points are scaled to length 1.
        columns: what makes points of features; None takes the features as they are.
        hooks: of the training.

    Example:
        >>> from premade.kmeans.distances import squared_euclidean
        >>> from premade.kmeans.rules import FullBatch
        >>> start = Start(2, "random", squared_euclidean, seed=1, retries=2)
        >>> KMeansModelFn(start, FullBatch(False)).columns is None
        True
    """

    start: Start
    rule: Rule
    is_cosine: bool = False
    columns: tuple[Any, ...] | None = None
    hooks: Sequence[Hook] = ()

    def __call__(self, features: Any, labels: Any, mode: str) -> EstimatorSpec:
        """Returns what a `model_fn` answers; labels are not looked at."""
        del labels
        points = self._points(features)
        size, width = self.start.num_clusters, points.shape[1]
        # It grows while centres are chosen, as tf.estimator's did: no second counter is needed.
        clusters = tf.Variable(
            lambda: tf.zeros([0, width]), shape=[None, width], trainable=False, name=CLUSTERS
        )
        initialized = tf.Variable(lambda: tf.constant(False), trainable=False, name=INITIALIZED)
        if mode == ModeKeys.TRAIN:
            return self._training(points, clusters, initialized)
        present = clusters.read_value()
        whole = tf.equal(tf.shape(present)[0], size)
        message = f"There are no {size} centres yet: call train() before anything else."
        centres = _checked(present, whole, message)
        centres.set_shape([size, width])
        distances = self.start.distance(points, centres)
        if mode == ModeKeys.EVAL:
            score = self._score(points, distances)
            return EstimatorSpec(mode, loss=score, eval_metric_ops={SCORE: _mean(score)})
        predictions = {
            CLUSTER_INDEX: tf.argmin(distances, axis=1),
            ALL_DISTANCES: distances,
        }
        outputs = {key: PredictOutput(value) for key, value in predictions.items()}
        outputs["serving_default"] = outputs[CLUSTER_INDEX]
        outputs["predict"] = PredictOutput(predictions)
        return EstimatorSpec(mode, predictions=predictions, export_outputs=outputs)

    def _points(self, features: Any) -> Tensor:
        if self.columns is not None:
            features = fc.DenseFeatures(self.columns, name="input_layer")(features)
        points = _as_points(features)
        message = "k-means needs finite numbers, and the features hold NaN or infinity."
        points = _checked(points, tf.reduce_all(tf.math.is_finite(points)), message)
        return unit(points) if self.is_cosine else points

    def _score(self, points: Tensor, distances: Tensor) -> Tensor:
        """Returns the sum of the distances from the nearest centres."""
        nearest = tf.reduce_min(distances, axis=1)
        if self.is_cosine:
            # tf.estimator scored by half the squared chord. Of unit vectors that is the cosine
            # distance; a zero vector, which has no direction, counts one half.
            nearest -= 0.5 * (1.0 - tf.reduce_sum(tf.square(points), axis=1))
        return tf.reduce_sum(nearest)

    def _training(self, points: Tensor, clusters: Variable, initialized: Variable) -> EstimatorSpec:
        size, present = self.start.num_clusters, clusters.read_value()
        candidates = replicas.gathered(points)  # so that all choose the same centres
        centres = tf.cond(
            tf.shape(present)[0] < size,
            lambda: self.start.choose(present, candidates),
            lambda: present,
        )
        is_ready = tf.equal(tf.shape(centres)[0], size)
        # All of a step happens whether it counts or not: replicas cannot meet inside a condition.
        whole = tf.pad(centres, [[0, size - tf.shape(centres)[0]], [0, 0]])
        whole = tf.ensure_shape(whole, [size, points.shape[1]])
        distances = self.start.distance(points, whole)
        assigned = _assigned(points, tf.argmin(distances, axis=1), size)
        moved = self.rule.moved(whole, assigned, is_ready)

        def train_op() -> None:
            after = tf.cond(is_ready, lambda: moved, lambda: centres)
            # On the handles: each replica changes its own copy, and all come to the same.
            tf.raw_ops.AssignVariableOp(resource=clusters.handle, value=after)
            tf.raw_ops.AssignVariableOp(resource=initialized.handle, value=is_ready)

        return EstimatorSpec(
            ModeKeys.TRAIN,
            loss=self._score(points, distances),
            train_op=train_op,
            training_hooks=[EnoughPointsHook(size), *self.hooks],
            is_step=is_ready,
        )


class EnoughPointsHook(Hook):
    """Refuses data that ended before all centres were chosen.

    Args:
        num_clusters: how many centres there must be.

    Example:
        >>> EnoughPointsHook(3).due(0) is None
        True
    """

    def __init__(self, num_clusters: int) -> None:
        self._num_clusters = num_clusters

    def end(self, run: Any) -> None:
        """Looks; before the last checkpoint is written.

        Raises:
            ValueError: there are fewer points than clusters.
        """
        chosen = len(run.read_variable(CLUSTERS))
        if 0 < chosen < self._num_clusters:
            raise ValueError(
                f"There are fewer points than clusters: the data of input_fn ended after {chosen} "
                f"points, and num_clusters is {self._num_clusters}. Nothing was trained. Give more "
                "data, or ask for fewer clusters."
            )


def _checked(result: Tensor, ok: Tensor, message: str) -> Tensor:
    """Returns `result`, to be used only after `ok` was found true."""
    # Not a bare Assert: TensorFlow may run what is to wait for that one before it.
    check = tf.cond(ok, tf.no_op, lambda: tf.raw_ops.Assert(condition=False, data=[message]))
    with tf.control_dependencies([] if tf.executing_eagerly() else [check]):
        return tf.identity(result)


def _mean(value: Tensor) -> Any:
    metric = keras.metrics.Mean(name=SCORE)
    metric.update_state(value)
    return metric


def _assigned(points: Tensor, nearest: Tensor, size: int) -> Assigned:
    sums = tf.math.unsorted_segment_sum(points, nearest, size)
    ones = tf.ones_like(points[:, :1])
    counts = tf.math.unsorted_segment_sum(ones, nearest, size)
    return Assigned(*replicas.total([sums, counts]))


def _as_points(features: Any) -> Tensor:
    """Returns features as float32 `[n, width]`; those of a dict side by side, by sorted keys."""
    if isinstance(features, Mapping):
        if not features:
            raise ValueError("k-means needs at least one feature, and input_fn returned none.")
        parts = [_part(f"feature {key!r}", features[key]) for key in sorted(features)]
        return tf.concat(parts, axis=1)
    return _part("features", features)


def _part(what: str, feature: Any) -> Tensor:
    mend = "Give feature_columns=, which read strings, categories and sparse features."
    if isinstance(feature, tf.SparseTensor | tf.RaggedTensor):
        raise ValueError(f"The {what} must be dense, got a {type(feature).__name__}. {mend}")
    if not (feature.dtype.is_floating or feature.dtype.is_integer or feature.dtype.is_bool):
        raise ValueError(f"The {what} must be numbers, got {feature.dtype.name}. {mend}")
    part = tf.cast(feature, tf.float32)
    part = part[:, tf.newaxis] if part.shape.rank == 1 else part
    if part.shape.rank != 2 or part.shape[1] is None:
        raise ValueError(
            f"The {what} must have shape [n, width] with a width that is the same in every batch, "
            f"got {feature.shape}. Say it with tf.ensure_shape(x, [None, width]) in input_fn."
        )
    return part
