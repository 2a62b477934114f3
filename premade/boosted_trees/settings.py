"""The arguments that the three classes of boosted trees share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import final

from premade.boosted_trees.binning import MOST_BINS
from premade.boosted_trees.options import TreeOptions
from premade.boosted_trees.splits import Regularization

NO_PRUNING, PRE_PRUNING, POST_PRUNING = "none", "pre", "post"

_MOST_LEVELS = 10
_MOST_BATCH_BINS = MOST_BINS - 1


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
        pruning_mode: see `BoostedTreesEstimator`.
        quantile_sketch_epsilon: see `BoostedTreesEstimator`.
        train_in_memory: see `BoostedTreesClassifier`.

    Raises:
        TypeError: something else is given for a number.
        ValueError: a number is out of its range.
    """

    n_batches_per_layer: int | None = None
    n_trees: int = 100
    max_depth: int = 6
    learning_rate: float = 0.1
    regularization: Regularization = Regularization()
    options: TreeOptions = TreeOptions()
    center_bias: bool = False
    pruning_mode: str = NO_PRUNING
    quantile_sketch_epsilon: float = 0.01
    train_in_memory: bool = False

    def __post_init__(self) -> None:
        """Checks."""
        _check_positive(
            n_trees=self.n_trees,
            max_depth=self.max_depth,
            learning_rate=self.learning_rate,
            quantile_sketch_epsilon=self.quantile_sketch_epsilon,
        )
        worth = self.regularization
        _check_not_negative(
            l1_regularization=worth.l1,
            l2_regularization=worth.l2,
            tree_complexity=worth.tree_complexity,
            min_node_weight=worth.min_node_weight,
        )
        if self.pruning_mode not in (NO_PRUNING, PRE_PRUNING, POST_PRUNING):
            raise ValueError(
                f"pruning_mode mode must be one of: none, post, pre. Found: {self.pruning_mode}"
            )
        if self.max_depth > _MOST_LEVELS:
            raise ValueError(
                f"max_depth must be at most {_MOST_LEVELS}, got {self.max_depth}: a tree that is "
                "grown level by level doubles with each. More trees do what deeper ones would."
            )
        if self.n_batches_per_layer is not None:
            self._check_layers(self.n_batches_per_layer)

    def _check_layers(self, batches: int) -> None:
        """Checks what layers that grow from batches ask for."""
        _check_positive(n_batches_per_layer=batches)
        has_cost = self.regularization.tree_complexity > 0
        if has_cost and self.pruning_mode == NO_PRUNING:
            raise ValueError(
                "Tree complexity have no effect unless pruning mode is chosen. Give "
                "pruning_mode='pre' or 'post', or leave tree_complexity out."
            )
        if self.pruning_mode != NO_PRUNING and not has_cost:
            raise ValueError(
                "For pruning, tree_complexity must be positive. Give what a split must gain, or "
                "leave pruning_mode out."
            )
        if self.train_in_memory and batches != 1:
            raise ValueError(
                "train_in_memory has all rows in one batch: n_batches_per_layer must be 1, got "
                f"{batches}."
            )
        if 1.0 / self.quantile_sketch_epsilon > _MOST_BATCH_BINS:
            raise ValueError(
                "quantile_sketch_epsilon must be at least 1 / "
                f"{_MOST_BATCH_BINS}, got {self.quantile_sketch_epsilon}: the bin of a number is "
                "kept in a byte."
            )
        if self.options != TreeOptions():
            raise ValueError(
                "options are for trees that grow from all rows of one pass. Leave "
                f"n_batches_per_layer ({batches}) out, or options."
            )


def _check_positive(**values: float) -> None:
    _check(values, lambda value: value > 0, "> 0")


def _check_not_negative(**values: float) -> None:
    _check(values, lambda value: value >= 0, ">= 0")


def _check(values: Mapping[str, float], is_in_range: Callable[[float], bool], limit: str) -> None:
    for name, value in values.items():
        try:
            is_good = is_in_range(value)
        except TypeError as error:
            raise TypeError(
                f"{name} must be a number, got {value!r}. Give what comes after the columns by "
                "name, such as model_dir='folder': as in tf.estimator, n_batches_per_layer comes "
                "first."
            ) from error
        if not is_good:
            raise ValueError(f"Expected {name} {limit}, received: {value}")
