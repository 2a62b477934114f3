"""What the files of all systems are turned into: trees that split numbers of 32 bits, and ids."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

import numpy as np

from premade.boosted_trees.forest import LEAF

Array = np.ndarray[Any, Any]

_TINY = np.finfo(np.float32).tiny


class Link(enum.Enum):
    """What the sums of the trees' leaves mean."""

    IDENTITY = "the number itself"
    LOGISTIC = "logits of classes that do not exclude one another"
    SOFTMAX = "logits of classes that do"
    EXPONENTIAL = "the logarithm of the number"


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Tree:
    """One tree. Node 0 is the root, and the right child of a node is next to the left one.

    Attributes:
        output: the sum that its leaves add to.
        feature: int32 `[nodes]`, which feature splits the node; `LEAF` at leaves.
        boundary: float32 `[nodes]`; rows with a number below it go left.
        ids: object `[nodes]`, where a category splits the node: the ids of those that go the one
            way, a frozenset; all others go the other. None elsewhere.
        ids_left: bool `[nodes]`, whether these ids go left.
        missing_left: bool `[nodes]`, whether rows without a number or a category go left.
        left: int32 `[nodes]`, the left child; 0 at leaves.
        value: float64 `[nodes]`, what the node adds; of nodes that are no leaves, the mean of their
            children by cover.
        gain: float32 `[nodes]`, of the split; 0 at leaves.
        cover: float32 `[nodes]`, sum of the second derivatives of the node's rows.
    """

    output: int
    feature: Array
    boundary: Array
    ids: Array
    ids_left: Array
    missing_left: Array
    left: Array
    value: Array
    gain: Array
    cover: Array

    def arrays(self) -> dict[str, Array]:
        """Returns the arrays of the nodes by name."""
        names = [field.name for field in dataclasses.fields(self) if field.name != "output"]
        return {name: getattr(self, name) for name in names}

    @property
    def by_category(self) -> Array:
        """Whether a category splits the node, bool `[nodes]`."""
        return np.array([ids is not None for ids in self.ids], bool)

    def ids_of(self, node: int, count: int, *, left: bool) -> frozenset[int]:
        """Returns the ids out of `count` that go left, or right, at a node that has ids."""
        ids: frozenset[int] = self.ids[node]
        return ids if self.ids_left[node] == left else frozenset(range(count)) - ids

    def times(self, factor: float) -> Tree:
        """Returns the tree whose leaves add so many times as much."""
        return dataclasses.replace(self, value=self.value * factor)


@final
@dataclasses.dataclass(frozen=True, eq=False)
class TreeModel:
    """What a file holds.

    Attributes:
        features: names of the features, in the order in which the trees count them.
        outputs: how many sums there are.
        link: what they mean.
        bias: where the sums begin, one number for each.
        trees: in the order in which they are added.
        trees_per_step: how many trees a step of training made.
        categories: by name of a feature, how many ids there are, where it is a category.
    """

    features: tuple[str, ...]
    outputs: int
    link: Link
    bias: tuple[float, ...]
    trees: tuple[Tree, ...]
    trees_per_step: int = 1
    categories: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Steps of training that made the trees."""
        return -(-len(self.trees) // self.trees_per_step)


def leaf(output: int, value: float) -> Tree:
    """Returns the tree that adds the same to every row.

    >>> leaf(0, 0.5).value.tolist()
    [0.5]
    """
    return Tree(
        output,
        feature=np.array([LEAF], np.int32),
        boundary=np.zeros(1, np.float32),
        ids=no_ids(1),
        ids_left=np.zeros(1, bool),
        missing_left=np.zeros(1, bool),
        left=np.zeros(1, np.int32),
        value=np.array([value], np.float64),
        gain=np.zeros(1, np.float32),
        cover=np.zeros(1, np.float32),
    )


def no_ids(nodes: int) -> Array:
    """Returns `Tree.ids` of a tree without categories.

    >>> no_ids(2).tolist()
    [None, None]
    """
    return np.full(nodes, None, object)


def categories_of(features: Sequence[str], trees: Iterable[Tree]) -> dict[str, int]:
    """Returns by name of a feature that is a category, how many ids the splits know of.

    >>> categories_of(["x"], [leaf(0, 1.0)])
    {}
    """
    found: dict[str, int] = {}
    for tree in trees:
        for node in np.flatnonzero(tree.by_category):
            name = features[tree.feature[node]]
            found[name] = max(found.get(name, 0), 1 + max(tree.ids[node], default=0))
    return found


def renumbered(tree: Tree, right: Array, name: str) -> Tree:
    """Returns a tree level by level, without the nodes that nothing leads to.

    Args:
        tree: whose children may have any numbers.
        right: int `[nodes]`, the right child; of leaves anything.
        name: of the tree in the file.

    Raises:
        ValueError: two nodes have one child, or a child is no node.
    """
    nodes, left, order, seen = len(tree.feature), np.zeros_like(tree.left), [0], {0}
    for node in order:
        if tree.feature[node] == LEAF:
            continue
        children = [int(tree.left[node]), int(right[node])]
        for child in children:
            if child in seen or not 0 <= child < nodes:
                raise ValueError(
                    f"{name} is no tree: node {node} has the children {children}. Save the model "
                    "again; the file is damaged."
                )
            seen.add(child)
        left[node] = len(order)
        order += children
    arrays = dataclasses.replace(tree, left=left).arrays()
    found = Tree(tree.output, **{name: array[order] for name, array in arrays.items()})
    return dataclasses.replace(found, value=_with_means(found))


def _with_means(tree: Tree) -> Array:
    value = tree.value.copy()
    for node in reversed(range(len(value))):
        if tree.feature[node] != LEAF:
            children = slice(tree.left[node], tree.left[node] + 2)
            cover = tree.cover[children].astype(np.float64)
            weights = cover if cover.sum() > 0.0 else np.ones(2)
            value[node] = np.average(value[children], weights=weights)
    return value


def without_subnormal(boundary: Array) -> Array:
    """Returns float32 boundaries that compare the same where numbers near zero are taken for it.

    Compiled programs of TensorFlow take numbers below 1.2e-38 for zero, boundaries included. So
    "below 1e-45", which zero is and 1e-38 is not, becomes "below 1.2e-38".

    >>> without_subnormal(np.array([1e-45, -1e-45, 0.5], np.float32)).tolist()
    [1.1754943508222875e-38, 0.0, 0.5]
    """
    is_subnormal = (np.abs(boundary) < _TINY) & (boundary != 0.0)
    nearest = np.where(boundary > 0.0, _TINY, np.float32(0.0))
    # Adding zero makes -0.0 of the file 0.0, so that both are one boundary.
    return np.where(is_subnormal, nearest, boundary) + np.float32(0.0)
