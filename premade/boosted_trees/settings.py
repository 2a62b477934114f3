"""The arguments that the three classes of boosted trees share."""

from __future__ import annotations

import dataclasses
from typing import final

from premade.boosted_trees.options import TreeOptions
from premade.boosted_trees.splits import Regularization

_MOST_LEVELS = 10


@final
@dataclasses.dataclass(frozen=True)
class Settings:
    """How many trees, and how each grows.

    Attributes:
        n_batches_per_layer: see `BoostedTreesEstimator`.
        n_trees: trees of the forest, for each logit.
        max_depth: levels of splits in a tree.
        learning_rate: leaves are multiplied by it.
        regularization: what a split must be worth.
        options: see there.
        center_bias: whether the forest begins with the best constants.

    Raises:
        ValueError: a number is out of its range.
    """

    n_batches_per_layer: int | None = None
    n_trees: int = 100
    max_depth: int = 6
    learning_rate: float = 0.1
    regularization: Regularization = Regularization()
    options: TreeOptions = TreeOptions()
    center_bias: bool = False

    def __post_init__(self) -> None:
        """Checks."""
        _check_positive(
            n_trees=self.n_trees, max_depth=self.max_depth, learning_rate=self.learning_rate
        )
        worth = self.regularization
        _check_not_negative(
            l1_regularization=worth.l1,
            l2_regularization=worth.l2,
            tree_complexity=worth.tree_complexity,
            min_node_weight=worth.min_node_weight,
        )
        if self.n_batches_per_layer is not None:
            raise ValueError(
                "Trees grow from all rows of one pass so far, not from n_batches_per_layer batches "
                f"a layer; got {self.n_batches_per_layer}. Leave n_batches_per_layer out."
            )
        if self.max_depth > _MOST_LEVELS:
            raise ValueError(
                f"max_depth must be at most {_MOST_LEVELS}, got {self.max_depth}: a tree that is "
                "grown level by level doubles with each. More trees do what deeper ones would."
            )


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"Expected {name} > 0, received: {value}")


def _check_not_negative(**values: float) -> None:
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(f"Expected {name} >= 0, received: {value}")
