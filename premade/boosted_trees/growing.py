"""From what is asked for to what grows trees."""

from __future__ import annotations

from premade.boosted_trees.category_splits import CategoryRules, CategorySearch
from premade.boosted_trees.grower import LevelGrower
from premade.boosted_trees.monotone import Monotone
from premade.boosted_trees.objective import Objective
from premade.boosted_trees.settings import POST_PRUNING, Settings
from premade.boosted_trees.splits import Search
from premade.boosted_trees.tree_features import TreeFeatures


def grower_of(features: TreeFeatures, settings: Settings, objective: Objective) -> LevelGrower:
    """Returns what grows the trees that are asked for.

    Args:
        features: what the trees split.
        settings: of all trees.
        objective: what they make small.

    Raises:
        ValueError: `monotone` names no column of numbers, or does not go with the loss; or pruning
            is asked for after the growth.
    """
    if settings.pruning_mode == POST_PRUNING:
        raise ValueError(
            "pruning_mode 'post' is not there yet for trees of all rows. Take 'pre', which makes "
            "no split that gains less than tree_complexity."
        )
    monotone = Monotone.of(settings.options.monotone, features.all, settings.regularization)
    if monotone is not None and objective.quantile is not None:
        raise ValueError(
            f"monotone does not go with the loss {objective.loss}: its leaves are quantiles of "
            "their rows, whatever the neighbours are. Take HuberError, or leave monotone out."
        )
    return LevelGrower(
        len(features.all),
        settings.max_depth,
        settings.learning_rate,
        settings.regularization,
        _search(features, settings, monotone),
        monotone,
    )


def _search(
    features: TreeFeatures, settings: Settings, monotone: Monotone | None
) -> Search | CategorySearch:
    limited_gain = monotone.gain if monotone else None
    if not features.categorical:
        return Search(settings.regularization, limited_gain=limited_gain)
    options = settings.options
    rules = CategoryRules(
        options.category_smoothing, options.category_l2, options.max_categories_per_side
    )
    return CategorySearch(settings.regularization, features.all, rules, limited_gain)
