"""Trees in words: numbers, categories and names of columns in place of bins and features."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np

from premade.boosted_trees.binning import NO_BOUNDARY
from premade.boosted_trees.column_readers import TreeFeature
from premade.boosted_trees.forest import LEAF, Forest

Array = np.ndarray[Any, Any]

_MOST_IDS = 8
"""Categories that are written out."""


@final
@dataclasses.dataclass(frozen=True)
class ReadableNode:
    """A node of a tree, and what is below it.

    Attributes:
        value: what it adds to logits, as if the tree ended there.
        cover: sum of the second derivatives of its rows.
        gain: of its split; 0 at leaves.
        condition: which rows go left; empty at leaves.
        missing_left: whether rows without a value go left.
        children: the left one and the right one; none at leaves.
    """

    value: tuple[float, ...]
    cover: float
    gain: float = 0.0
    condition: str = ""
    missing_left: bool = False
    children: tuple[ReadableNode, ...] = ()


@final
@dataclasses.dataclass(frozen=True)
class Reading:
    """What bins and features of a forest stand for.

    Attributes:
        features: in the order in which the forest counts them.
        boundaries: float32 `[features, boundaries]`; of categorical features, their lists of ids.
        categories: takes a feature; returns the categories of its column by id, or None.

    Example:
        >>> age = Reading([TreeFeature("age", 0)], np.array([[17.5, 30.0]], np.float32))
        >>> age.below(0, 1)
        'age < 30'
    """

    features: Sequence[TreeFeature]
    boundaries: Array
    categories: Callable[[int], Sequence[str | int] | None] = lambda _: None

    def tree(self, forest: Forest, tree: int) -> ReadableNode:
        """Returns the root of a tree.

        Args:
            forest: of NumPy arrays.
            tree: which one.

        Raises:
            IndexError: there is no such tree.
        """
        if not 0 <= tree < forest.trees:
            raise IndexError(
                f"`tree` ({tree}) must be at least 0 and below {forest.trees}, the number of trees "
                "of the forest."
            )
        return self._node(forest, tree, 0)

    def below(self, feature: int, threshold: int) -> str:
        """Returns how numbers of a bin up to the threshold are told from the others."""
        ends = self.boundaries[feature]
        boundary = float(ends[threshold]) if threshold < len(ends) else NO_BOUNDARY
        # The greatest number stands for infinity.
        is_finite = abs(boundary) < NO_BOUNDARY
        limit = f"{boundary:.6g}" if is_finite else str(np.copysign(np.inf, boundary))
        return f"{self._name(feature)} < {limit}"

    def among(self, feature: int, left_bins: Array) -> str:
        """Returns the categories that go left.

        Args:
            feature: a categorical one.
            left_bins: int32 `[words]`; see `Forest`.
        """
        listed = self.boundaries[feature]
        bins = np.flatnonzero(listed < NO_BOUNDARY)
        words = left_bins.view(np.uint32)
        ids = [int(listed[b]) for b in bins if words[b // 32] >> np.uint32(b % 32) & 1]
        # The list ends with the number of categories where that stands for all others.
        others = self.features[feature].categories
        known = self.categories(feature)
        names = [
            "others" if each == others else str(each if known is None else known[each])
            for each in ids
        ]
        if len(names) > _MOST_IDS:
            names = [*names[:_MOST_IDS], f"{len(names) - _MOST_IDS} more"]
        return f"{self._name(feature)} in {{{', '.join(names)}}}"

    def _name(self, feature: int) -> str:
        column, index = self.features[feature].column, self.features[feature].index
        is_one = sum(each.column == column for each in self.features) == 1
        known = self.categories(feature) if self.features[feature].is_count else None
        if is_one and known is None:
            return column
        return f"{column}[{index if known is None else known[index]}]"

    def _node(self, forest: Forest, tree: int, node: int) -> ReadableNode:
        at = tree, node
        value = tuple(float(each) for each in forest.value[at])
        feature, cover = int(forest.feature[at]), float(forest.cover[at])
        if feature == LEAF:
            return ReadableNode(value, cover)
        threshold, left = int(forest.threshold[at]), int(forest.left[at])
        is_number = threshold >= 0
        condition = (
            self.below(feature, threshold)
            if is_number
            else self.among(feature, forest.left_bins[at])
        )
        return ReadableNode(
            value,
            cover,
            float(forest.gain[at]),
            condition,
            bool(forest.missing_left[at]),
            tuple(self._node(forest, tree, child) for child in (left, left + 1)),
        )
