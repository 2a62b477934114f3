"""Trees that are grown leaf by leaf, or lose splits again: those of the plain way to do it."""

from __future__ import annotations

import heapq
import itertools

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import RunConfig
from premade import BoostedTreesClassifier, BoostedTreesRegressor
from premade.boosted_trees import TreeOptions
from premade.boosted_trees.grower import LevelGrower
from premade.boosted_trees.partition import BLOCK, Shard
from premade.boosted_trees.pruning import MostLeaves, WorthTheirCost
from premade.boosted_trees.quads import quads_of
from premade.boosted_trees.splits import Regularization
from premade.boosted_trees.sums import packed

DEPTH, RATE, WORTH = 4, 0.5, Regularization(l2=1.0)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    bins = rng.integers(0, 9, (3, BLOCK)).astype(np.uint8)
    bins[1, rng.random(BLOCK) < 0.1] = 255
    pull = 20 * (bins[0] > 5) - 12 * (bins[1] > 2) + 9 * (bins[2] > 3) * (bins[0] > 4)
    # Sixty-fourths, whose sums no rounding moves.
    g = (rng.integers(-90, 91, BLOCK) + pull) / 64.0
    return bins, g, rng.integers(1, 17, BLOCK) / 64.0


def grown(rows, prune):
    bins, g, h = rows
    (units,), scale = packed([(tf.constant(g, tf.float32), tf.constant(h, tf.float32))])
    grower = LevelGrower(3, DEPTH, RATE, WORTH, prunings=[prune])
    shard = Shard(tf.constant(quads_of(bins)), units, tf.constant(1))
    return grower.grow([shard], tf.constant([True] * 3), scale)


def leaf(g, h, is_in):
    return -RATE * g[is_in].sum() / (h[is_in].sum() + WORTH.l2)


def leaf_by_leaf(best, bins, g, h, leaves):
    """Returns what each row's leaf adds: the leaf that gains most is split next."""
    done, waiting, number = [], [], itertools.count()

    def look(is_in, depth):
        found = best(bins[:, is_in], g[is_in], h[is_in], WORTH) if depth < DEPTH else None
        if found is None:
            done.append(is_in)
        else:
            heapq.heappush(waiting, (-found[0], next(number), is_in, found[-1], depth))

    look(np.ones(len(g), bool), 0)
    while waiting and len(done) + len(waiting) < leaves:
        _, _, is_in, left, depth = heapq.heappop(waiting)
        for side in (left, ~left):
            child = is_in.copy()
            child[is_in] = side
            look(child, depth + 1)
    values = np.zeros(len(g))
    for is_in in [*done, *(each[2] for each in waiting)]:
        values[is_in] = leaf(g, h, is_in)
    return values


def worth_it(best, bins, g, h, is_in, cost, depth=0):
    """Returns what each row's leaf adds, and whether there is a split: grown, then cut back."""
    found = best(bins[:, is_in], g[is_in], h[is_in], WORTH) if depth < DEPTH else None
    values = np.where(is_in, leaf(g, h, is_in), 0.0)
    if found is None:
        return values, False
    below, has_more = np.zeros(len(g)), False
    for side in (found[-1], ~found[-1]):
        child = is_in.copy()
        child[is_in] = side
        of_child, is_split = worth_it(best, bins, g, h, child, cost, depth + 1)
        below, has_more = below + of_child, has_more or is_split
    return (below, True) if has_more or found[0] >= cost else (values, False)


def check(rows, prune, expected):
    """Compares where rows are, what trees predict of them, and how many leaves there are."""
    bins, *_ = rows
    found = grown(rows, prune)
    np.testing.assert_allclose(tf.gather(found.values, found.nodes[0]), expected, rtol=1e-5)
    inputs = tf.constant(np.where(bins == 255, -1, bins.astype(np.int32)))
    np.testing.assert_allclose(found.tree.logits(inputs, 1)[:, 0], expected, rtol=1e-5)
    leaves = len(np.unique(np.round(expected, 9)))
    assert np.sum(found.tree.feature.numpy() >= 0) == leaves - 1
    return leaves


@pytest.mark.parametrize("leaves", [2, 5, 11])
def test_leaf_by_leaf(brute_force, rows, leaves):
    expected = leaf_by_leaf(brute_force, *rows, leaves)
    assert check(rows, MostLeaves(leaves), expected) == leaves


@pytest.mark.parametrize("cost", [3.0, 30.0])
def test_splits_that_are_not_worth_their_cost(brute_force, rows, cost):
    expected, _ = worth_it(brute_force, *rows, np.ones(BLOCK, bool), cost)
    found = check(rows, WorthTheirCost(cost), expected)
    assert 1 < found < 2**DEPTH
    gain = grown(rows, WorthTheirCost(cost)).tree.gain.numpy()
    assert gain.max() > 0.0  # less the cost


def data():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((600, 2)).astype(np.float32)
    color = rng.integers(0, 5, 600)
    y = x[:, 0] + (color % 2) * 2.0 + 0.3 * rng.standard_normal(600)
    return {"x": x, "color": color}, y.astype(np.float32)


def columns():
    return [
        fc.numeric_column("x", shape=2),
        fc.categorical_column_with_identity("color", 5),
    ]


def config(folder):
    return RunConfig(model_dir=str(folder), progress=False)


def as_dataset():
    return tf.data.Dataset.from_tensors(data())


@pytest.mark.parametrize("loss", ["squared", "absolute"])
def test_a_forest_of_few_leaves_has_them_and_learns(tmp_path, loss):
    trees = BoostedTreesRegressor(
        columns(),
        n_trees=20,
        max_depth=5,
        learning_rate=0.3,
        center_bias=True,
        config=config(tmp_path),
        options=TreeOptions(max_leaves=4, category_smoothing=0.0),
        loss=loss,
    ).train(as_dataset)
    splits = (trees.forest().feature >= 0).sum(axis=1)
    assert splits[0] == 0
    assert (splits[1:] <= 3).all()
    assert splits.max() == 3
    assert trees.evaluate(as_dataset)["average_loss"] < (0.15 if loss == "squared" else 0.3)


def test_the_logits_of_training_are_those_of_the_pruned_forest(tmp_path):
    features, y = data()
    labels = (y > 1.0).astype(np.int64)
    rows = tf.data.Dataset.from_tensors((features, labels))
    options = {"n_trees": 3, "max_depth": 4, "learning_rate": 0.5}
    trees = BoostedTreesClassifier(
        columns(),
        pruning_mode="post",
        tree_complexity=5.0,
        config=config(tmp_path / "at_once"),
        **options,
    ).train(lambda: rows)
    pruned = trees.forest()
    full = BoostedTreesClassifier(columns(), config=config(tmp_path / "full"), **options)
    full.train(lambda: rows)
    assert 0 < (pruned.feature >= 0).sum() < (full.forest().feature >= 0).sum()
    # A run that stops after each tree finds its logits in the rows, and grows the same trees.
    parts = BoostedTreesClassifier(
        columns(),
        pruning_mode="post",
        tree_complexity=5.0,
        config=config(tmp_path / "parts"),
        **options,
    )
    for _ in range(3):
        parts.train(lambda: rows, steps=1)
    for name, array in parts.forest().arrays().items():
        np.testing.assert_array_equal(array, pruned.arrays()[name], err_msg=name)


def test_a_tree_of_one_leaf_is_refused():
    with pytest.raises(ValueError, match="max_leaves must be 2 or more, or None, got 1"):
        TreeOptions(max_leaves=1)
