"""From what is asked for to what grows trees."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from premade.boosted_trees.category_splits import CategoryRules, CategorySearch
from premade.boosted_trees.grower import Grown, LevelGrower
from premade.boosted_trees.monotone import Monotone
from premade.boosted_trees.objective import Objective
from premade.boosted_trees.options import TreeOptions
from premade.boosted_trees.pruning import MostLeaves, WorthTheirCost
from premade.boosted_trees.settings import POST_PRUNING, Settings
from premade.boosted_trees.splits import Regularization, Search
from premade.boosted_trees.subsampling import OneSide, Subsampling
from premade.boosted_trees.tree_features import TreeFeatures


def grower_of(features: TreeFeatures, settings: Settings, objective: Objective) -> LevelGrower:
    """Returns what grows the trees that are asked for.

    Args:
        features: what the trees split.
        settings: of all trees.
        objective: what they make small.

    Raises:
        ValueError: `monotone` names no column of numbers, or does not go with the loss.
    """
    worth = settings.regularization
    if settings.pruning_mode == POST_PRUNING:
        # What grows does not know yet what it costs.
        worth = dataclasses.replace(worth, tree_complexity=0.0)
    monotone = Monotone.of(settings.options.monotone, features.all, worth)
    if monotone is not None and objective.quantile is not None:
        raise ValueError(
            f"monotone does not go with the loss {objective.loss}: its leaves are quantiles of "
            "their rows, whatever the neighbours are. Take HuberError, or leave monotone out."
        )
    return LevelGrower(
        len(features.all),
        settings.max_depth,
        settings.learning_rate,
        worth,
        _search(features, settings, worth, monotone),
        monotone,
        _prunings(settings),
    )


def subsampling_of(options: TreeOptions, seed: int) -> Subsampling:
    """Returns what draws the rows and the features of each tree.

    Args:
        options: what share of them.
        seed: of the draws.
    """
    one_side = None
    if options.goss_top_fraction is not None:
        one_side = OneSide(options.goss_top_fraction, options.goss_other_fraction)
    return Subsampling(options.row_fraction, options.column_fraction, one_side, seed)


def _prunings(settings: Settings) -> list[Callable[[Grown], Grown]]:
    prunings: list[Callable[[Grown], Grown]] = []
    leaves = settings.options.max_leaves
    if leaves is not None and leaves < 2**settings.max_depth:
        prunings.append(MostLeaves(leaves))
    if settings.pruning_mode == POST_PRUNING:
        prunings.append(WorthTheirCost(settings.regularization.tree_complexity))
    return prunings


def _search(
    features: TreeFeatures, settings: Settings, worth: Regularization, monotone: Monotone | None
) -> Search | CategorySearch:
    limited_gain = monotone.gain if monotone else None
    if not features.categorical:
        return Search(worth, limited_gain=limited_gain)
    options = settings.options
    rules = CategoryRules(
        options.category_smoothing, options.category_l2, options.max_categories_per_side
    )
    return CategorySearch(worth, features.all, rules, limited_gain)
