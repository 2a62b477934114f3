"""Gradient boosted trees: forests grown from histograms of binned features.

What is below may not know what is above:

    interchange      models of XGBoost and LightGBM in, and ours out
    showing          trees as text and as pictures, by `drawing`; `readable` finds the words
    estimator        the public classes, with `base`, what they share
    layers           tf.estimator's way to grow them: layer by layer, from batches
    one_pass         ours: from all rows of one pass; `way` is what both have in common
    model_fn         one tree per logit and step
    row_logits       what the forest says of the rows, kept while trees are added
    earlier          the forest that a new one begins with
    predicting       the variables of a forest, and predictions
    stopping         how many trees are enough
    drawn            the rows that a tree sees, brought together
    explaining       predictions with what each column adds; `importances`, of the columns
    contributions    what each feature adds
    bias             the constants that a centered forest begins with
    leaf_quantiles   leaves that are medians or other quantiles of their rows
    growing          from settings to what grows trees
    settings         what they are asked for, and `options`, which tf.estimator did not have
    subsampling      some of the rows and features for each tree
    pruning          trees without some of their splits: leaf by leaf, or worth their cost
    grower           one tree, level by level; `rehearsal`, to compile it while rows are binned
    monotone         limits of leaves, so that predictions follow a feature
    category_splits  the same where categories are split, many against many
    splits           the best split of each node, out of its histogram
    histograms       sums of derivatives by node, feature and bin
    sums             derivatives as integers, whose sums do not depend on the order of the rows
    objective        from heads to losses
    taped_loss, residual_losses, derivatives  losses, and their derivatives by the logits
    table            the rows of a whole pass of input_fn, binned; `reading`, of its batches
    partition        which rows go to which child
    row_store        where they wait for their bins, in memory or on disk
    sample           those in which bins are found, chosen by `row_hash`
    peers            what workers tell each other of their rows
    tree_features    from feature columns to numbers and categories
    categories       from categories to bins
    column_readers   what is read of each kind of column
    walk             what a forest predicts, compiled
    packed           trees as it wants them: a number for each node
    top_levels       the first levels of trees, all of their nodes at once
    binning          from numbers to bins
    quads            how a table holds them: four features in one number
    bits             flags as bits of numbers
    forest           trees as arrays, and what they predict in plain operations
"""

from premade.boosted_trees.estimator import BoostedTreesClassifier as BoostedTreesClassifier
from premade.boosted_trees.estimator import BoostedTreesEstimator as BoostedTreesEstimator
from premade.boosted_trees.estimator import BoostedTreesRegressor as BoostedTreesRegressor
from premade.boosted_trees.interchange import export_lightgbm as export_lightgbm
from premade.boosted_trees.interchange import export_xgboost as export_xgboost
from premade.boosted_trees.interchange import import_lightgbm as import_lightgbm
from premade.boosted_trees.interchange import import_xgboost as import_xgboost
from premade.boosted_trees.options import TreeOptions as TreeOptions
from premade.boosted_trees.residual_losses import AbsoluteError as AbsoluteError
from premade.boosted_trees.residual_losses import HuberError as HuberError
from premade.boosted_trees.residual_losses import QuantileError as QuantileError
from premade.boosted_trees.showing import tree_svg as tree_svg
from premade.boosted_trees.showing import tree_text as tree_text

__all__ = [
    "AbsoluteError",
    "BoostedTreesClassifier",
    "BoostedTreesEstimator",
    "BoostedTreesRegressor",
    "HuberError",
    "QuantileError",
    "TreeOptions",
    "export_lightgbm",
    "export_xgboost",
    "import_lightgbm",
    "import_xgboost",
    "tree_svg",
    "tree_text",
]
