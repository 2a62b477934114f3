"""Trees without some of their splits: of those that were grown level by level, what is kept.

What is the best split of a node does not depend on the order in which nodes are split. So a tree
that grows leaf by leaf is found in one that has all splits up to a depth: it has those of them that
its order comes to.
"""

from __future__ import annotations

import dataclasses
from typing import Any, final

import tensorflow as tf

from premade.boosted_trees.forest import LEAF, Forest
from premade.boosted_trees.grower import Grown

Tensor = Any


@final
@dataclasses.dataclass(frozen=True)
class MostLeaves:
    """Keeps the splits of a tree that grows best first (Shi, "Best-first decision trees", 2007).

    Of all leaves, the one whose split gains most is split next, until there are enough leaves; of
    equal ones that of the lower number, which is of the higher level, or on the left.

    Attributes:
        count: leaves at the most.
    """

    count: int

    def __call__(self, grown: Grown) -> Grown:
        """Returns the tree with these splits."""
        return without(grown, best_first(grown.tree.gain[0], has_split(grown.tree), self.count))


@final
@dataclasses.dataclass(frozen=True)
class WorthTheirCost:
    """Keeps the splits that gain as much as they cost, and those above such.

    So does tf.estimator's pruning "post": of splits below which there are none, those that lose are
    taken back, again and again.

    Attributes:
        cost: of a split; what a split gains is less by it then.
    """

    cost: float

    def __call__(self, grown: Grown) -> Grown:
        """Returns the tree with these splits."""
        gain = grown.tree.gain[0] - self.cost
        pruned = without(grown, worth_their_cost(gain, has_split(grown.tree)))
        is_left = tf.not_equal(pruned.tree.feature, LEAF)
        left = tf.where(is_left, gain[tf.newaxis], pruned.tree.gain)
        return dataclasses.replace(pruned, tree=dataclasses.replace(pruned.tree, gain=left))


def has_split(tree: Forest) -> Tensor:
    """Returns which nodes of a tree have a split, bool `[nodes above the last level]`."""
    inner = tree.feature.shape[1] // 2
    return tf.not_equal(tree.feature[0, :inner], LEAF)


@tf.function(jit_compile=True, autograph=False)
def best_first(gain: Tensor, is_split: Tensor, leaves: int) -> Tensor:
    """Returns which splits are made, bool of the shape of `is_split`.

    Args:
        gain: float32 `[nodes]`, of the splits, not negative; the nodes of the last level may be
            there or not.
        is_split: bool `[nodes above the last level]`.
        leaves: of the tree, at the most.

    >>> gain, all_are = tf.constant([1.0, 3.0, 2.0]), tf.constant([True, True, True])
    >>> best_first(gain, all_are, 3).numpy().tolist()
    [True, True, False]
    """
    size = is_split.shape[0]
    worth = tf.where(is_split, gain[:size], -1.0)
    number, parent = tf.range(size), (tf.range(size) - 1) // 2
    is_root = tf.equal(number, 0)

    def can_be_made(made: Tensor) -> Tensor:
        return tf.where(~made & (is_root | tf.gather(made, tf.maximum(parent, 0))), worth, -1.0)

    def make(count: Tensor, made: Tensor, worths: Tensor) -> tuple[Tensor, ...]:
        is_best = tf.equal(worths, tf.reduce_max(worths))
        made |= tf.equal(number, tf.reduce_min(tf.where(is_best, number, size)))
        return count + 1, made, can_be_made(made)

    none = tf.zeros([size], tf.bool)
    _, made, _ = tf.while_loop(
        lambda count, _, worths: (count < leaves) & tf.reduce_any(worths >= 0.0),
        make,
        (1, none, can_be_made(none)),
    )
    return made


@tf.function(jit_compile=True, autograph=False)
def worth_their_cost(gain: Tensor, is_split: Tensor) -> Tensor:
    """Returns which splits stay, bool of the shape of `is_split`.

    Args:
        gain: float32 `[nodes]`, of the splits, less what they cost; the nodes of the last level may
            be there or not.
        is_split: bool `[nodes above the last level]`.

    >>> gain, all_are = tf.constant([-1.0, -3.0, 2.0]), tf.constant([True, True, True])
    >>> worth_their_cost(gain, all_are).numpy().tolist()
    [True, False, True]
    """
    size = (is_split.shape[0] + 1) // 2
    levels = [tf.zeros([2 * size], tf.bool)]
    while size:
        of_level = slice(size - 1, 2 * size - 1)
        has_more = tf.reduce_any(tf.reshape(levels[0], [size, 2]), axis=1)
        levels.insert(0, is_split[of_level] & ((gain[of_level] >= 0.0) | has_more))
        size //= 2
    return tf.concat(levels[:-1], axis=0)


def without(grown: Grown, kept: Tensor) -> Grown:
    """Returns a tree as if some splits had not been made.

    Args:
        grown: the tree.
        kept: bool `[nodes above the last level]`, which splits stay: none below one that goes.
    """
    value, cover, place = _as_leaves(kept, grown.tree.value[0, :, 0], grown.tree.cover[0])
    pruned = dataclasses.replace(
        cut(grown.tree, kept),
        value=value[tf.newaxis, :, tf.newaxis],
        cover=cover[tf.newaxis],
    )
    nodes = [tf.gather(place, node) for node in grown.nodes]
    return Grown(pruned, nodes, value[kept.shape[0] :])


def cut(tree: Forest, kept: Tensor) -> Forest:
    """Returns a tree with leaves in the place of some splits; nodes below them stay as they are.

    Args:
        tree: a forest of one tree.
        kept: see `without`.
    """
    return tree.with_splits(tf.pad(kept, [[0, kept.shape[0] + 1]])[tf.newaxis])


@tf.function(jit_compile=True, autograph=False)
def _as_leaves(kept: Tensor, *of_nodes: Tensor) -> tuple[Tensor, ...]:
    """Sends all that is in a node without a split to the left, level by level.

    Args:
        kept: see `without`.
        of_nodes: `[nodes]`, what nodes have.

    Returns:
        What nodes have then; and, int32 `[nodes of the last level]`, where rows go that were there.
    """
    found, place = [[array[:1]] for array in of_nodes], tf.zeros([1], tf.int32)
    while (size := place.shape[0]) <= kept.shape[0]:
        is_split = kept[size - 1 : 2 * size - 1]
        for array, levels in zip(of_nodes, found, strict=True):
            children = tf.reshape(array[2 * size - 1 : 4 * size - 1], [size, 2])
            all_left = tf.pad(levels[-1][:, tf.newaxis], [[0, 0], [0, 1]])
            levels.append(tf.reshape(tf.where(is_split[:, tf.newaxis], children, all_left), [-1]))
        right = 2 * place + tf.cast(tf.gather(is_split, place), tf.int32)
        place = tf.reshape(tf.stack([2 * place, right], axis=1), [-1])
    return *(tf.concat(levels, axis=0) for levels in found), place
