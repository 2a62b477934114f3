"""The trees of a trained model, shown as text and as pictures."""

from __future__ import annotations

import functools

from premade.boosted_trees import drawing
from premade.boosted_trees.base import BoostedTrees
from premade.boosted_trees.predicting import SCOPE
from premade.boosted_trees.readable import ReadableNode, Reading
from premade.boosted_trees.table import BOUNDARIES


def tree_text(trees: BoostedTrees, tree: int = 0) -> str:
    """Returns a tree as text, a line for each node.

    Args:
        trees: a trained model.
        tree: which one. With several logits those of one step follow each other; a centered
            forest begins with trees of one leaf.

    Raises:
        ValueError: nothing is trained yet.
        IndexError: there is no such tree.

    Example:
        >>> import numpy as np
        >>> import tensorflow as tf
        >>> import feature_columns as fc
        >>> from premade.boosted_trees import BoostedTreesRegressor
        >>> x_column = fc.numeric_column("x")
        >>> trees = BoostedTreesRegressor([x_column], n_trees=1, max_depth=1, learning_rate=1.0)
        >>> x = np.array([1, 2, 3, 4], np.float32)
        >>> rows = tf.data.Dataset.from_tensors(({"x": x}, x > 2))
        >>> print(tree_text(trees.train(lambda: rows)).replace(" or missing", ""))
        x < 2.5  (gain 2, cover 8)
        ├─ yes: 0  (cover 4)
        └─ no: 1  (cover 4)
    """
    return drawing.text_of(_root(trees, tree))


def tree_svg(trees: BoostedTrees, tree: int = 0) -> str:
    """Returns a tree as a picture: the text of an SVG file, which browsers show.

    Args:
        trees: a trained model.
        tree: see `tree_text`.

    Raises:
        ValueError: nothing is trained yet.
        IndexError: there is no such tree.
    """
    return drawing.svg_of(_root(trees, tree))


def _root(trees: BoostedTrees, tree: int) -> ReadableNode:
    boundaries = trees.get_variable_value(f"{SCOPE}/{BOUNDARIES}")
    # A vocabulary may be long, and one file is enough to be read once.
    reading = Reading(trees.features, boundaries, functools.cache(trees.categories))
    return reading.tree(trees.forest(), tree)
