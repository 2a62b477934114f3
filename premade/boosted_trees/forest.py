"""Trees as arrays, and what they predict of binned rows, in plain operations of TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

Tensor = Any
Layout: TypeAlias = Mapping[str, tuple[Any, tuple[int, ...]]]
"""NumPy type and shape by name of the arrays of one tree."""

MISSING = -1
"""The bin of a missing value; values have bins from 0 upwards."""

LEAF = -1
"""What `feature` is at nodes without a split."""

WORDS = 8
"""32-bit words of a set of bins."""

AT_LEAVES = {"feature": LEAF, "threshold": 0, "missing_left": False, "left": 0, "gain": 0.0}
"""What arrays have at nodes without a split; of `left_bins` all is 0."""


@dataclasses.dataclass(frozen=True, eq=False)
class Forest:
    """Trees as arrays: one row for each tree, one column for each of its nodes.

    Node 0 is the root. Nodes that a tree does not use are leaves that nothing leads to. The arrays
    are of NumPy or tensors.

    Attributes:
        feature: int32 `[trees, nodes]`, the feature that splits the node; `LEAF` at leaves.
        threshold: int32 `[trees, nodes]`, rows of a bin up to this one go left.
        missing_left: bool `[trees, nodes]`, whether rows without a value go left.
        left: int32 `[trees, nodes]`, the left child; the right one is next to it. 0 at leaves.
        value: float32 `[trees, nodes, width]`, what the node adds to logits; also of nodes that
            are no leaves, as if the tree ended there. The learning rate is in it.
        gain: float32 `[trees, nodes]`, of the split; 0 at leaves.
        cover: float32 `[trees, nodes]`, sum of the second derivatives of the node's rows.
        output: int32 `[trees]`, the logit that a tree of width 1 adds to; 0 where trees are as
            wide as the logits.
        left_bins: int32 `[trees, nodes, words]`: bit b of word w says whether bin 32 w + b goes
            left; `WORDS` words in a forest that has splits by category, else none. Such a split
            has the threshold -1.

    Example:
        >>> shapes = layout(nodes=3, width=1).items()
        >>> forest = Forest(**{name: np.zeros([2, *shape], kind) for name, (kind, shape) in shapes})
        >>> forest.trees, forest.part(0, 1).trees
        (2, 1)
    """

    feature: Any
    threshold: Any
    missing_left: Any
    left: Any
    value: Any
    gain: Any
    cover: Any
    output: Any
    left_bins: Any

    @property
    def trees(self) -> int:
        """Number of trees."""
        return int(self.feature.shape[0])

    def arrays(self) -> dict[str, Any]:
        """Returns the arrays by name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def part(self, start: Any, stop: Any) -> Forest:
        """Returns the trees from `start` to before `stop`."""
        return Forest(**{name: array[start:stop] for name, array in self.arrays().items()})

    def with_splits(self, kept: Tensor) -> Forest:
        """Returns the trees with leaves in the place of some splits, as tensors.

        Args:
            kept: bool `[trees, nodes]`, the splits that stay; of the others none may be above one.

        >>> one = Forest(**leaves_alone(1, layout(nodes=1, width=1)))
        >>> one.with_splits(tf.constant([[False]])).feature.numpy().tolist()
        [[-1]]
        """

        def cut(array: Tensor, at_leaves: Any) -> Tensor:
            return tf.where(kept, array, tf.constant(at_leaves, array.dtype))

        left_bins = tf.where(kept[:, :, tf.newaxis], self.left_bins, 0)
        arrays = {name: cut(getattr(self, name), value) for name, value in AT_LEAVES.items()}
        return dataclasses.replace(self, **arrays, left_bins=left_bins)

    def splits(self) -> Iterator[tuple[int, int]]:
        """Yields tree and node of each split, tree after tree."""
        for tree, node in np.argwhere(np.asarray(self.feature) != LEAF):
            yield int(tree), int(node)

    def leaves(self, bins: Tensor) -> Tensor:
        """Returns the leaf of each row in each tree, int32 `[batch, trees]`.

        Args:
            bins: int32 `[features, batch]`; `MISSING` where there is no value.
        """
        trees = tf.shape(self.feature)[0]
        start = tf.zeros(tf.stack([tf.shape(bins)[1], trees]), tf.int32)

        def descend(node: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
            child = self.children(bins, node)
            return child, tf.reduce_any(tf.not_equal(child, node))

        leaf, _ = tf.while_loop(lambda _, moves: moves, descend, (start, tf.constant(True)))
        return leaf

    def children(self, bins: Tensor, node: Tensor) -> Tensor:
        """Returns where rows go from nodes; a leaf leads to itself.

        Args:
            bins: see `leaves`.
            node: int32 `[batch, trees]`, the node of each row in each tree.

        Returns:
            int32 `[batch, trees]`.
        """
        batch = tf.shape(bins)[1]
        trees, nodes = tf.unstack(tf.shape(self.feature))
        flat = {name: _by_node(array) for name, array in self.arrays().items() if name != "output"}
        at = node + tf.range(trees) * nodes
        feature = tf.gather(flat["feature"], at)
        rows = tf.range(batch)[:, tf.newaxis]
        bin_of_row = tf.gather(tf.reshape(bins, [-1]), tf.maximum(feature, 0) * batch + rows)
        goes_left = _goes_left(flat, at, bin_of_row)
        child = tf.gather(flat["left"], at) + tf.cast(~goes_left, tf.int32)
        return tf.where(tf.equal(feature, LEAF), node, child)

    def logits(self, bins: Tensor, width: int) -> Tensor:
        """Returns the sum of the leaves' values, float32 `[batch, width]`.

        Args:
            bins: see `leaves`.
            width: number of logits.
        """
        trees, nodes = tf.unstack(tf.shape(self.feature))
        at = self.leaves(bins) + tf.range(trees) * nodes
        values = tf.gather(_by_node(self.value), at)
        if self.value.shape[2] == width:
            return tf.reduce_sum(values, axis=1)
        by_tree = tf.transpose(values[:, :, 0])
        return tf.transpose(tf.math.unsorted_segment_sum(by_tree, self.output, width))


def leaves_alone(trees: int, of_tree: Layout) -> dict[str, np.ndarray[Any, Any]]:
    """Returns the arrays of trees that are a leaf of the value 0 each.

    Args:
        trees: how many.
        of_tree: see `layout`.

    >>> leaves_alone(1, layout(nodes=3, width=1))["feature"].tolist()
    [[-1, -1, -1]]
    """
    arrays = {name: np.zeros([trees, *shape], kind) for name, (kind, shape) in of_tree.items()}
    arrays["feature"][:] = LEAF
    return arrays


def joined(*forests: Forest) -> Forest:
    """Returns the trees of all, those of the first one first, as tensors.

    >>> shapes = layout(nodes=1, width=1).items()
    >>> one = Forest(**{name: np.zeros([1, *shape], kind) for name, (kind, shape) in shapes})
    >>> joined(one, one).trees
    2
    """
    names = [field.name for field in dataclasses.fields(Forest)]
    return Forest(**{n: tf.concat([getattr(x, n) for x in forests], axis=0) for n in names})


def is_in(sets: Tensor, node: Tensor, bin_of_row: Tensor) -> Tensor:
    """Returns whether bins are in the sets of nodes, bool of the shape of `node`.

    Args:
        sets: int32 `[nodes, words]`; see `Forest.left_bins`.
        node: int32, of any shape.
        bin_of_row: int32 of the same shape, 0 and upwards.

    >>> sets, node = tf.constant([[0b100, 1]]), tf.zeros([3], tf.int32)
    >>> is_in(sets, node, tf.constant([1, 2, 32])).numpy().tolist()
    [False, True, True]
    """
    at = node * sets.shape[1] + tf.bitwise.right_shift(bin_of_row, 5)
    word = tf.gather(tf.reshape(sets, [-1]), at)
    bit = tf.bitwise.right_shift(word, tf.bitwise.bitwise_and(bin_of_row, 31))
    return tf.not_equal(tf.bitwise.bitwise_and(bit, 1), 0)


def layout(nodes: int, width: int, *, by_category: bool = False) -> Layout:
    """Returns NumPy type and shape by name of the arrays of one tree.

    Args:
        nodes: nodes of the tree.
        width: logits that it adds to.
        by_category: whether it may split by category.

    >>> layout(3, 1)["value"]
    (<class 'numpy.float32'>, (3, 1))
    """
    return {
        "feature": (np.int32, (nodes,)),
        "threshold": (np.int32, (nodes,)),
        "missing_left": (np.bool_, (nodes,)),
        "left": (np.int32, (nodes,)),
        "value": (np.float32, (nodes, width)),
        "gain": (np.float32, (nodes,)),
        "cover": (np.float32, (nodes,)),
        "output": (np.int32, ()),
        "left_bins": (np.int32, (nodes, WORDS if by_category else 0)),
    }


def _by_node(array: Any) -> Tensor:
    """Returns `[trees, nodes, ...]` as `[trees * nodes, ...]`."""
    shape = tf.shape(array)
    return tf.reshape(array, tf.concat([[shape[0] * shape[1]], shape[2:]], axis=0))


def _goes_left(flat: dict[str, Tensor], at: Tensor, bin_of_row: Tensor) -> Tensor:
    """Returns bool `[batch, trees]`.

    Args:
        flat: the arrays, by node of all trees.
        at: int32 `[batch, trees]`, the node of each row in each tree.
        bin_of_row: int32 `[batch, trees]`, of the feature that splits the node.
    """
    threshold, sets = tf.gather(flat["threshold"], at), flat["left_bins"]
    is_left = bin_of_row <= threshold
    if sets.shape[-1]:
        is_left |= (threshold < 0) & is_in(sets, at, tf.maximum(bin_of_row, 0))
    return tf.where(tf.equal(bin_of_row, MISSING), tf.gather(flat["missing_left"], at), is_left)
