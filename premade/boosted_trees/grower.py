"""One tree, level by level."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

from premade import replicas
from premade.boosted_trees.category_splits import CategorySearch, without_missing
from premade.boosted_trees.forest import AT_LEAVES, Forest
from premade.boosted_trees.histograms import BINS, Histograms
from premade.boosted_trees.monotone import Monotone
from premade.boosted_trees.partition import Shard, descend, node_words
from premade.boosted_trees.quads import quad_count
from premade.boosted_trees.rehearsal import Nothing
from premade.boosted_trees.splits import Regularization, Search, Splits
from premade.boosted_trees.sums import Scale, second_units

Tensor = Any


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Grown:
    """A tree, and where it sends the rows that it was grown on.

    Attributes:
        tree: a forest of one tree, of which node k has the children 2 k + 1 and 2 k + 2.
        nodes: for each shard, int32 `[rows]`: which node of the last level each row is in.
        values: float32 `[2^depth]`, of the nodes of the last level. Rows of a leaf of an earlier
            level are in the leftmost node below it, which has its value.
    """

    tree: Forest
    nodes: list[Tensor]
    values: Tensor


@final
@dataclasses.dataclass(frozen=True, eq=False)
class _Level:
    """What was found for the nodes of a level.

    Attributes:
        splits: the best ones; None in the last level.
        sums: packed derivatives of the nodes.
        limits: of their weights, if they have any.
    """

    splits: Splits | None
    sums: Tensor
    limits: Any


@final
class LevelGrower:
    """Grows trees level by level.

    Args:
        features: number of features.
        depth: levels of splits at the most.
        learning_rate: leaves are multiplied by it.
        regularization: see there.
        search: looks for splits; None if all features are numbers.
        monotone: limits of the leaves, if they have any.
        prunings: what is done to a tree that is grown, one after the other.
    """

    def __init__(
        self,
        features: int,
        depth: int,
        learning_rate: float,
        regularization: Regularization,
        search: Search | CategorySearch | None = None,
        monotone: Monotone | None = None,
        prunings: Sequence[Callable[[Grown], Grown]] = (),
    ) -> None:
        self._depth = depth
        self.learning_rate = learning_rate
        self._regularization = regularization
        self._search = search or Search(regularization)
        self._monotone = monotone
        self._prunings = prunings
        self._most_nodes = 2 ** (depth - 1)
        self._histograms = Histograms(features, max(1, self._most_nodes // 2))
        # Compiled also where there is little to compute: what a graph has a hundred operations for
        # takes longer to trace, and to start.
        self._sent = tf.function(_sent, jit_compile=True, autograph=False)
        self._children = tf.function(_children, jit_compile=True, autograph=False)
        self._arrays = tf.function(self._arrays_of, jit_compile=True, autograph=False)

    @property
    def nodes(self) -> int:
        """Nodes of a tree, whether it uses them or not."""
        return 2 * self.leaves - 1

    @property
    def leaves(self) -> int:
        """Nodes of the last level."""
        return 2**self._depth

    def grow(self, shards: Sequence[Shard], allowed: Tensor, scale: Scale) -> Grown:
        """Returns a tree.

        Args:
            shards: the rows.
            allowed: bool `[features]`, which features may split.
            scale: unit of the packed derivatives.
        """
        nodes = [tf.zeros_like(shard.sums, tf.int32) for shard in shards]
        histogram = self._padded(_total([self._histograms.of_root(shard) for shard in shards]))
        # Every row has one bin of the first feature.
        of_nodes = tf.reduce_sum(histogram[0], axis=0)
        levels = []
        limits = self._monotone.start(self._most_nodes) if self._monotone else None
        for level in range(self._depth):
            splits = self._search.best(histogram, of_nodes, allowed, scale, 2**level, limits)
            levels.append(_Level(splits, of_nodes, limits))
            if self._monotone:
                limits = self._monotone.of_children(splits, of_nodes, limits, scale)
            words, small_right, of_children = self._sent(splits.parts(), of_nodes)
            tests = words, splits.left_bins
            if level + 1 == self._depth:
                break
            moved = [
                self._histograms.of_small_children(*each, *tests)
                for each in zip(shards, nodes, strict=True)
            ]
            nodes = [node for node, _ in moved]
            small = _total([of_shard for _, of_shard in moved])
            histogram = self._children(histogram, small, small_right, splits.is_split)
            of_nodes = of_children[: self._most_nodes]
            if limits is not None:
                limits = limits[:, : self._most_nodes]
        nodes = [
            descend(shard.bins, node, shard.blocks, *tests)
            for shard, node in zip(shards, nodes, strict=True)
        ]
        levels.append(_Level(None, of_children, limits))
        arrays = self._arrays(*_of_all(levels), scale.first, scale.second)
        grown = Grown(Forest(**arrays), nodes, arrays["value"][0, self.leaves - 1 :, 0])
        for prune in self._prunings:
            grown = prune(grown)
        return grown

    def rehearse_nodes(self, nothing: Nothing) -> list[Tensor]:
        """Runs each program of `grow` that sees no rows once, on nothing.

        Args:
            nothing: makes their arguments.
        """
        features, room = self._histograms.features, self._most_nodes
        histogram = nothing(tf.int64, features, BINS, room)
        of_nodes, units = nothing(tf.int64, room), (nothing(tf.float64), nothing(tf.float64))
        limits = self._monotone.start(room) if self._monotone else None
        allowed = nothing(tf.bool, features)
        found = self._search.best(histogram, of_nodes, allowed, Scale(*units), 1, limits)
        splits = _no_splits(nothing, room, self._search.words)
        levels = [_Level(splits, of_nodes, limits)] * self._depth
        last = None if limits is None else tf.tile(limits, [1, 2])
        levels.append(_Level(None, nothing(tf.int64, 2 * room), last))
        run = [
            found.gain,
            *self._arrays(*_of_all(levels), *units).values(),
            *self._sent(splits.parts(), of_nodes),
        ]
        if self._depth > 1:
            small = nothing(tf.int64, features, BINS, self._histograms.slots)
            run.append(self._children(histogram, small, *[splits.is_split] * 2))
        return run

    def rehearse_rows(self, rows: int, nothing: Nothing) -> list[Tensor]:
        """Runs each other program of `grow` once, on nothing.

        Args:
            rows: of a shard.
            nothing: makes their arguments.
        """
        bins = nothing(tf.int32, quad_count(self._histograms.features), rows)
        shard = Shard(bins, nothing(tf.int64, rows), nothing(tf.int32))
        nodes, words = nothing(tf.int32, rows), nothing(tf.int32, self._most_nodes)
        tests = words, nothing(tf.int32, self._most_nodes, self._search.words)
        run = [
            self._histograms.of_root(shard),
            descend(shard.bins, nodes, shard.blocks, *tests),
        ]
        if self._depth > 1:
            run += self._histograms.of_small_children(shard, nodes, *tests)
        return run

    def _padded(self, histogram: Tensor) -> Tensor:
        return tf.pad(histogram, [[0, 0], [0, 0], [0, self._most_nodes - 1]])

    def _arrays_of(
        self,
        splits: tuple[Tensor, ...],
        sums: Tensor,
        limits: Tensor | None,
        first: Tensor,
        second: Tensor,
    ) -> dict[str, Tensor]:
        """Returns the arrays of a forest of one tree.

        Args:
            splits: the parts of `Splits`, of all levels but the last, one after the other.
            sums: of all levels, packed.
            limits: of all levels, if nodes have any.
            first: see `Scale`.
            second: see `Scale`.
        """
        # Of each level the nodes that it has; there is room for those of the last with splits.
        sizes = [2**level for level in range(self._depth + 1)]
        at = np.concatenate([i * self._most_nodes + np.arange(n) for i, n in enumerate(sizes)])
        leaves = sizes[-1]
        g, h = Scale(first, second).unpack(tf.gather(sums, at))
        if self._monotone is None:
            weights = self._regularization.weight(g, h)
        else:
            weights = self._monotone.weights(g, h, tf.gather(limits, at, axis=1))
        values = self.learning_rate * tf.cast(weights, tf.float32)
        parts = (tf.gather(each, at[:-leaves]) for each in splits)
        arrays = _at_leaves(Splits(*parts), leaves)
        arrays |= {"value": values[:, tf.newaxis], "cover": tf.cast(h, tf.float32)}
        of_one = {name: array[tf.newaxis] for name, array in arrays.items()}
        return {**of_one, "output": tf.zeros([1], tf.int32)}


def _of_all(levels: Sequence[_Level]) -> tuple[Any, ...]:
    """Returns parts of splits, sums and limits of levels, for a compiled function.

    Put together here: what XLA makes of a hundred slices takes half a second to compile.
    """
    of_levels = (level.splits.parts() for level in levels if level.splits is not None)
    splits = tuple(tf.concat(parts, axis=0) for parts in zip(*of_levels, strict=True))
    limits = [level.limits for level in levels if level.limits is not None]
    sums = tf.concat([level.sums for level in levels], axis=0)
    return splits, sums, tf.concat(limits, axis=1) if limits else None


def _total(of_shards: Sequence[Tensor]) -> Tensor:
    return replicas.total(tf.add_n(of_shards))


def _no_splits(nothing: Nothing, nodes: int, words: int) -> Splits:
    kinds = (tf.bool, tf.float32, tf.int32, tf.int32, tf.bool, tf.int64)
    parts = [nothing(kind, nodes) for kind in kinds]
    return Splits(*(*parts, nothing(tf.int32, nodes, words)))


def _sent(parts: tuple[Tensor, ...], sums: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns where splits send rows: words, which children are smaller, and their sums.

    Args:
        parts: of `Splits`.
        sums: int64 `[nodes]`, packed derivatives of the nodes.
    """
    splits = Splits(*parts)
    # By weight: how many rows there are is not known, and it need not be exact.
    small_right = 2 * second_units(splits.left_sums) > second_units(sums)
    words = node_words(
        splits.feature,
        tf.maximum(splits.threshold, 0),
        splits.missing_left,
        splits.is_split,
        small_right,
    )
    both = tf.stack([splits.left_sums, sums - splits.left_sums], axis=1)
    return words, small_right, tf.reshape(both, [-1])


def _at_leaves(splits: Splits, leaves: int) -> dict[str, Tensor]:
    """Returns the arrays of `AT_LEAVES` and `left_bins`, with leaves behind the given nodes."""
    found = {
        "feature": splits.feature,
        "threshold": splits.threshold,
        "missing_left": splits.missing_left,
        "left": 2 * tf.range(leaves - 1) + 1,
        "gain": splits.gain,
    }
    arrays = {
        name: tf.pad(
            tf.where(splits.is_split, array, tf.constant(AT_LEAVES[name], array.dtype)),
            [[0, leaves]],
            constant_values=AT_LEAVES[name],
        )
        for name, array in found.items()
    }
    is_set = splits.threshold < 0
    left_bins = tf.where(is_set[:, tf.newaxis], without_missing(splits.left_bins), 0)
    return {**arrays, "left_bins": tf.pad(left_bins, [[0, leaves], [0, 0]])}


def _children(histogram: Tensor, small: Tensor, small_right: Tensor, is_split: Tensor) -> Tensor:
    """Returns the histograms of the next level, `[features, bins, nodes]`.

    Args:
        histogram: those of this level.
        small: of the smaller children, `[features, bins, nodes / 2]`; zeros without a split.
        small_right: bool `[nodes]`.
        is_split: bool `[nodes]`.
    """
    size = small.shape[2]
    parents, small_right = histogram[:, :, :size], small_right[:size] & is_split[:size]
    # Without a split all rows go left, and there is no row in `small`, which stands for the right.
    small_right |= ~is_split[:size]
    large = parents - small
    left, right = tf.where(small_right, large, small), tf.where(small_right, small, large)
    both = tf.stack([left, right], axis=3)
    return tf.reshape(both, [*small.shape[:2], 2 * size])
