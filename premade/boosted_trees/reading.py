"""What trees read of each batch of an `input_fn`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from premade.boosted_trees.tree_features import TreeFeatures

NO_ROWS = "input_fn gave no rows. Check its file pattern and its filters."
BAD_WEIGHTS = (
    "The weights of examples must be finite and not negative. Look at the rows of the "
    "weight_column."
)


def with_numbers(
    dataset: Any, features: TreeFeatures, others: Callable[[Any, Any], tuple[Any, Any]]
) -> Any:
    """Returns a dataset of the numbers of each batch, and two other parts.

    Args:
        dataset: of features and labels.
        features: the numbers of each row.
        others: takes features and labels of a batch; returns the two parts.

    Raises:
        ValueError: the dataset has no labels.
    """
    if len(dataset.element_spec) != 2:
        raise ValueError("input_fn gives no labels. Return a dataset of (features, labels).")

    # There is no Python to convert to a graph, and looking for it takes two seconds.
    @tf.autograph.experimental.do_not_convert
    def read(given: Any, labels: Any) -> Any:
        return features.numbers(given), *others(given, labels)

    return dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE)
