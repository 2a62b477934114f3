"""A tree, and the same with one more layer."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import tensorflow as tf

from premade.boosted_trees.forest import Forest
from premade.boosted_trees.layers.search import LayerSearch, LayerSplits
from premade.boosted_trees.pruning import cut, has_split, worth_their_cost

Tensor = Any


@final
@dataclasses.dataclass(frozen=True)
class LayerGrowth:
    """Grows trees layer by layer. Node k of a tree has the children 2 k + 1 and 2 k + 2.

    Attributes:
        search: finds the splits.
        depth: layers of a tree.
        learning_rate: what a layer adds to its leaves is multiplied by it.
        is_pruned: whether splits that gain nothing are taken back when a tree has all layers.
    """

    search: LayerSearch
    depth: int
    learning_rate: float
    is_pruned: bool

    @property
    def nodes(self) -> int:
        """Nodes of a tree, whether it uses them or not."""
        return 2 ** (self.depth + 1) - 1

    @property
    def most_nodes(self) -> int:
        """Nodes of the last layer that is split."""
        return 2 ** (self.depth - 1)

    def grown(self, tree: Forest, layer: Tensor, sums: Tensor) -> tuple[Forest, Tensor]:
        """Returns a tree with one more layer, and whether a node was split at all.

        Args:
            tree: a forest of one tree.
            layer: int32 scalar, how many it has.
            sums: see `LayerSearch.best`; of the nodes of the last layer.
        """
        splits = self.search.best(sums)
        first = tf.bitwise.left_shift(1, layer) - 1
        # Where there is room for more nodes than the layer has, these have no rows, and no splits.
        nodes = first + tf.range(self.most_nodes)
        longer = self._with_children(self._with_splits(tree, nodes, splits), nodes, splits)
        if self.is_pruned:
            is_whole = tf.equal(layer + 1, self.depth)
            arrays = tf.cond(is_whole, lambda: _pruned(longer).arrays(), longer.arrays)
            longer = Forest(**arrays)
        return longer, tf.reduce_any(splits.is_split)

    def _with_splits(self, tree: Forest, nodes: Tensor, splits: LayerSplits) -> Forest:
        return _changed(
            tree,
            nodes,
            splits.is_split,
            feature=splits.feature,
            threshold=splits.threshold,
            missing_left=splits.missing_left,
            left=2 * nodes + 1,
            gain=splits.gain,
            cover=_cover(splits.left + splits.right),
            left_bins=splits.left_bins,
        )

    def _with_children(self, tree: Forest, nodes: Tensor, splits: LayerSplits) -> Forest:
        value = tf.gather(tree.value[0], nodes)
        for side, sums in ((1, splits.left), (2, splits.right)):
            tree = _changed(
                tree,
                2 * nodes + side,
                splits.is_split,
                value=value + self.learning_rate * self.search.weight(sums),
                cover=_cover(sums),
            )
        return tree


def _pruned(tree: Forest) -> Forest:
    """Returns the tree without splits that lose and have no splits below them, again and again.

    A node that is a leaf again has the value that it had before it was split.
    """
    return cut(tree, worth_their_cost(tree.gain[0], has_split(tree)))


def _cover(sums: Tensor) -> Tensor:
    return tf.reduce_sum(sums[:, 1], axis=-1)


def _changed(tree: Forest, nodes: Tensor, where: Tensor, **values: Tensor) -> Forest:
    """Returns the tree with other values at some of the nodes."""
    changed = {}
    for name, new in values.items():
        old = getattr(tree, name)[0]
        if 0 in new.shape[1:]:
            continue  # a forest without splits by category has no sets
        is_new = tf.reshape(where, [-1] + [1] * (len(new.shape) - 1))
        kept = tf.where(is_new, new, tf.gather(old, nodes))
        changed[name] = tf.tensor_scatter_nd_update(old, nodes[:, tf.newaxis], kept)[tf.newaxis]
    return dataclasses.replace(tree, **changed)
