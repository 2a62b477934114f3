"""How much each column matters to a forest."""

from __future__ import annotations

import collections
from collections.abc import Sequence

import numpy as np

from premade.boosted_trees.forest import Forest

GAIN, SPLITS = "gain", "splits"


def importances(
    forest: Forest, columns: Sequence[str], kind: str = GAIN, *, normalize: bool = False
) -> collections.OrderedDict[str, float]:
    """Returns how much each column matters, the one that matters most first.

    Args:
        forest: of NumPy arrays.
        columns: the column of each feature; all features of a column count together.
        kind: `gain`, by how much its splits lower the loss in training (twice that, in all); or
            `splits`, how many there are.
        normalize: divide by the sum, so that they add up to 1.

    Raises:
        ValueError: the forest has no trees, the kind is unknown, or there is nothing to divide by:
            the sum is 0, or one of the gains is negative.

    >>> from premade.boosted_trees.forest import layout
    >>> arrays = {n: np.zeros([1, *shape], kind) for n, (kind, shape) in layout(3, 1).items()}
    >>> arrays["feature"][:] = [[1, -1, -1]]
    >>> dict(importances(Forest(**arrays), ["age", "hours"], "splits"))
    {'hours': 1.0, 'age': 0.0}
    """
    if not forest.trees:
        raise ValueError("The forest has no trees yet: train before you ask what matters.")
    if kind not in (GAIN, SPLITS):
        raise ValueError(f"kind must be {GAIN!r} or {SPLITS!r}, got {kind!r}.")
    of_columns = dict.fromkeys(columns, 0.0)
    for tree, node in forest.splits():
        of_split = float(forest.gain[tree, node]) if kind == GAIN else 1.0
        of_columns[columns[forest.feature[tree, node]]] += of_split
    if normalize:
        of_columns = _shares(of_columns)
    by_worth = sorted(of_columns.items(), key=lambda each: -each[1])
    return collections.OrderedDict(by_worth)


def _shares(of_columns: dict[str, float]) -> dict[str, float]:
    total = float(np.sum(list(of_columns.values())))
    if min(of_columns.values()) < 0.0 or total <= 0.0:
        raise ValueError(
            f"Importances can be normalised if none is negative and some is not 0, got "
            f"{of_columns}. Leave normalize out."
        )
    return {column: worth / total for column, worth in of_columns.items()}
