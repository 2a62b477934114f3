"""The `model_fn` of trees that grow layer by layer: a step takes one batch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, Self, final

import tensorflow as tf

from estimators import EstimatorSpec, ModeKeys
from premade.boosted_trees.derivatives import Looked
from premade.boosted_trees.forest import Forest, Layout, joined, leaves_alone
from premade.boosted_trees.layers import centering
from premade.boosted_trees.layers.batches import FEATURES, NUMBERS
from premade.boosted_trees.layers.enough import EnoughLayersHook
from premade.boosted_trees.layers.growth import LayerGrowth
from premade.boosted_trees.layers.state import (
    BIAS_SUMS,
    CENTERED,
    NO_TREE,
    SUMS,
    LayersState,
    Mean,
    scalar,
)
from premade.boosted_trees.objective import Objective
from premade.boosted_trees.predicting import ForestVariables, Predictor
from premade.boosted_trees.reading import BAD_WEIGHTS
from premade.boosted_trees.table import BOUNDARIES, LABELS

Tensor = Any
Variable = Any


@final
@dataclasses.dataclass(frozen=True)
class LayersModelFn:
    """Grows trees layer by layer, and predicts with them.

    Attributes:
        predictor: of the forest.
        objective: what is made small.
        growth: of a tree.
        bins: of a feature at the most.
        n_trees: of the whole forest.
        batches: of each layer.
        center_bias: whether the forest begins with the best constant.
    """

    predictor: Predictor
    objective: Objective
    growth: LayerGrowth
    bins: int
    n_trees: int
    batches: int
    center_bias: bool

    @tf.autograph.experimental.do_not_convert
    def __call__(self, features: Any, labels: Any, mode: str) -> EstimatorSpec:
        """Returns what a `model_fn` answers."""
        saved = self.predictor.variables()
        state = LayersState.made()
        if mode == ModeKeys.TRAIN:
            return self._training(features, saved, state)
        boundaries = saved.boundaries.read_value()
        return self.predictor.spec(saved.read(), boundaries, features, labels, mode)

    def _training(
        self, batch: Mapping[str, Any], saved: ForestVariables, state: LayersState
    ) -> EstimatorSpec:
        # Before there is a tree too: sums of bins mean nothing to a run that finds others.
        saved.assign_boundaries(batch[BOUNDARIES])
        under_way = _UnderWay.of(saved, state, self.predictor.layout)
        labels, weights = self._targets(batch)
        losses = _count_of_losses(labels, weights)
        logits = self.predictor.logits(under_way.trees, batch[NUMBERS], batch[BOUNDARIES])
        looked = Looked(
            *self.objective.loss.look(labels, tuple(tf.unstack(logits, axis=1)), weights)
        )
        # Of the mean loss, float32 `[batch, 2, outputs]`.
        derivatives = tf.stack([tf.stack(x, axis=-1) for x in (looked.g, looked.h)], axis=1)
        take = self._growing(under_way, batch, derivatives / losses)
        if self.center_bias:
            take = self._centering(under_way, derivatives / losses, then=take)
        return EstimatorSpec(
            ModeKeys.TRAIN,
            loss=tf.cast(looked.total, tf.float32) / losses,
            train_op=take,
            training_hooks=[EnoughLayersHook(self.n_trees, self.growth.depth, self.batches)],
        )

    def _targets(self, batch: Mapping[str, Any]) -> tuple[Any, Tensor]:
        labels, weights = self.objective.targets(batch[FEATURES], batch[LABELS])
        is_good = tf.reduce_all(tf.math.is_finite(weights) & (weights >= 0.0))
        check = tf.debugging.Assert(is_good, [BAD_WEIGHTS])
        with tf.control_dependencies([check]):
            return labels, tf.identity(weights)

    def _growing(
        self, under_way: _UnderWay, batch: Mapping[str, Any], derivatives: Tensor
    ) -> Callable[[], None]:
        """Returns what takes a batch, and grows a layer when there are enough of them."""
        numbers, boundaries = batch[NUMBERS], batch[BOUNDARIES]
        features, outputs = numbers.shape[1], derivatives.shape[2]
        shape = [self.growth.most_nodes, features, self.bins + 1, 2, outputs]
        means = Mean.made(SUMS, self.batches, shape)

        def grow(sums: Tensor) -> None:
            tree, is_grown = self.growth.grown(under_way.tree, under_way.layers, sums)
            layers = under_way.layers + tf.cast(is_grown, tf.int32)
            is_whole = tf.equal(layers, self.growth.depth)
            under_way.save(tree, tf.where(is_whole, NO_TREE, layers))
            under_way.state.finished.assign_add(tf.cast(is_whole, tf.int32))
            under_way.state.attempts.assign_add(1)

        def take() -> None:
            bins = self.predictor.bins(numbers, boundaries)
            nodes = under_way.tree.leaves(bins)[:, 0]
            places = _places(bins, nodes, under_way.layers, self.bins)
            sums = tf.math.unsorted_segment_sum(
                tf.repeat(derivatives[tf.newaxis], features, axis=0), places, math.prod(shape[:3])
            )
            means.then(tf.reshape(sums, shape), grow)

        return take

    def _centering(
        self, under_way: _UnderWay, derivatives: Tensor, then: Callable[[], None]
    ) -> Callable[[], None]:
        """Returns what moves the constant of the forest, until it is near enough."""
        is_centered = scalar(CENTERED, 0)
        means = Mean.made(BIAS_SUMS, self.batches, derivatives.shape[1:])

        def move(mean: Tensor) -> None:
            tree, is_near = centering.moved(under_way.tree, self.growth.search.weight(mean))
            under_way.save(tree, under_way.layers)
            is_centered.assign(tf.cast(is_near, tf.int32))

        def take() -> None:
            tf.cond(
                tf.equal(is_centered.read_value(), 0),
                lambda: means.then(tf.reduce_mean(derivatives, axis=0), move),
                then,
            )

        return take


@final
@dataclasses.dataclass(frozen=True, eq=False)
class _UnderWay:
    """A forest whose last tree grows.

    Attributes:
        saved: its variables.
        state: where its growth is.
        trees: all of them; if the last saved one is whole, with a new one behind it.
        layers: int32 scalar, how many the last one has.
    """

    saved: ForestVariables
    state: LayersState
    trees: Forest
    layers: Tensor

    @classmethod
    def of(cls, saved: ForestVariables, state: LayersState, layout: Layout) -> Self:
        trees, layers = saved.read(), state.layers.read_value()
        new = Forest(**leaves_alone(1, layout))
        arrays = tf.cond(
            tf.equal(layers, NO_TREE), lambda: joined(trees, new).arrays(), trees.arrays
        )
        return cls(saved, state, Forest(**arrays), tf.maximum(layers, 0))

    @property
    def tree(self) -> Forest:
        """The last one."""
        return self.trees.part(-1, None)

    def save(self, tree: Forest, layers: Tensor) -> None:
        """Puts a tree in the place of the last one."""
        self.saved.assign(joined(self.trees.part(0, -1), tree))
        self.state.layers.assign(layers)


def _count_of_losses(labels: Any, weights: Tensor) -> Tensor:
    """Returns how many losses a batch has, float32 scalar."""
    count = tf.size(labels) if isinstance(labels, tf.Tensor) else tf.shape(weights)[0]
    return tf.cast(count, tf.float32)


def _places(bins: Tensor, nodes: Tensor, layers: Tensor, most_bins: int) -> Tensor:
    """Returns where each row's derivatives are summed, int32 `[features, batch]`.

    Args:
        bins: int32 `[features, batch]`; `MISSING` where there is no value.
        nodes: int32 `[batch]`, the leaf of each row. Leaves of earlier layers do not grow.
        layers: int32 scalar, of the tree.
        most_bins: of a feature.
    """
    features = tf.range(bins.shape[0])[:, tf.newaxis]
    first = tf.bitwise.left_shift(1, layers) - 1
    last = tf.where(bins < 0, most_bins, bins)
    place = ((nodes - first) * bins.shape[0] + features) * (most_bins + 1) + last
    return tf.where(nodes < first, -1, place)
