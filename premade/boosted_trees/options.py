"""How trees grow beyond what tf.estimator's had arguments for."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import final

from premade.boosted_trees.binning import MOST_BINS


@final
@dataclasses.dataclass(frozen=True)
class TreeOptions:
    """What tf.estimator's trees had no argument for; for runs that read all rows in one pass.

    Attributes:
        max_bins: bins of each feature at the most, 2 to 255; missing values have one more. Of
            numbers, bins have about the same number of rows; of categories, all but the most
            frequent share a bin.
        category_smoothing: categories are sorted by the mean of their derivatives to be split; it
            is taken with so much second derivative of the whole node added, and categories that
            have less than this in a node stay together. A logistic loss has up to 0.25 in a row,
            the squared one 2. 0 tells all categories apart, by what may be chance.
        category_l2: added to `l2_regularization` when a split of categories is valued.
        max_categories_per_side: categories on the smaller side of a split at the most.
        cache_dir: an existing folder for rows that memory has no room for; None keeps them there.
            Training then has two files in it: of the numbers that were read, four bytes each, until
            their bins are found; and of their bins, a byte each, which the system takes out of the
            memory when it needs it for something else. The files have no names: nothing is left of
            them, even of a run that was killed. The forest is the same.
        early_stopping_trees: a run ends when the loss on rows held out has not become less for so
            many steps; the forest that predicts is then the one whose loss was least. Such a run
            is over: only with a greater number here does it go on. None holds no rows out.
        validation_fraction: of the rows, which are held out for early stopping. Which ones they
            are depends on their features alone: equal rows are held out together, whatever their
            order.
        monotone: by the name of a column of numbers, 1 if predictions must not fall when the number
            rises, -1 if they must not rise. Missing values are on no side of others.
        max_leaves: of a tree at the most, 2 or more: of all its leaves, the one whose split gains
            most is split next, within `max_depth`. None for as many as `max_depth` has room for.
        row_fraction: of the rows, drawn anew for each tree, which then sees no others, and grows
            faster. Rows of equal features are drawn together.
        goss_top_fraction: of the rows, those with the greatest gradients, which each tree sees; of
            the others it sees few, which count for more ("gradient-based one-side sampling").
            Faster than all rows, and often nearly as good, where rows are many. None does without.
        goss_other_fraction: of all rows, so many of the others are drawn anew for each tree.
        column_fraction: of the features, drawn anew for each tree, which splits by no others.

    Raises:
        ValueError: an option is out of its range.

    Example:
        >>> TreeOptions(max_bins=63).max_bins
        63
    """

    max_bins: int = MOST_BINS
    category_smoothing: float = 5.0
    category_l2: float = 10.0
    max_categories_per_side: int = 32
    cache_dir: str | None = None
    early_stopping_trees: int | None = None
    validation_fraction: float = 0.1
    monotone: Mapping[str, int] = dataclasses.field(default_factory=dict)
    max_leaves: int | None = None
    row_fraction: float = 1.0
    goss_top_fraction: float | None = None
    goss_other_fraction: float = 0.1
    column_fraction: float = 1.0

    def __post_init__(self) -> None:
        """Checks."""
        if not 2 <= self.max_bins <= MOST_BINS:
            raise ValueError(
                f"max_bins must be 2 to {MOST_BINS}, got {self.max_bins}: the bin of a number is "
                "kept in a byte. More bins seldom make better trees; more trees do."
            )
        for name in ("category_smoothing", "category_l2"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}.")
        if not self.max_categories_per_side >= 1:
            raise ValueError(
                "max_categories_per_side must be 1 or more, got "
                f"{self.max_categories_per_side}. 1 parts one category from all others."
            )
        if self.cache_dir is not None and not os.path.isdir(self.cache_dir):
            raise ValueError(
                f"cache_dir ({self.cache_dir!r}) must be a folder that is there. Make it, on a "
                "disk with five bytes for each number of each row."
            )
        if self.early_stopping_trees is not None and not self.early_stopping_trees >= 1:
            raise ValueError(
                f"early_stopping_trees must be 1 or more, or None, got {self.early_stopping_trees}."
            )
        if not 0.0 < self.validation_fraction < 1.0:
            raise ValueError(
                "validation_fraction must be more than 0 and less than 1, got "
                f"{self.validation_fraction}. To hold no rows out, leave early_stopping_trees out."
            )
        if self.max_leaves is not None and not self.max_leaves >= 2:
            raise ValueError(
                f"max_leaves must be 2 or more, or None, got {self.max_leaves}: a tree of one leaf "
                "says the same of all rows."
            )
        for name in ("row_fraction", "column_fraction"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(
                    f"{name} must be more than 0 and at most 1, got {getattr(self, name)}. 1 takes "
                    "all."
                )
        if self.goss_top_fraction is not None:
            self._check_goss(self.goss_top_fraction)

    def _check_goss(self, top: float) -> None:
        if not (0.0 < top < 1.0 and 0.0 < self.goss_other_fraction <= 1.0 - top):
            raise ValueError(
                "goss_top_fraction must be more than 0 and less than 1, and goss_other_fraction "
                f"more than 0 and what is left of 1 at most; got {top} and "
                f"{self.goss_other_fraction}. 0.2 and 0.1 are usual."
            )
        if self.row_fraction < 1.0:
            raise ValueError(
                f"row_fraction ({self.row_fraction}) and goss_top_fraction ({top}) both say which "
                "rows a tree sees. Leave one of them out."
            )
