"""Layers that grow from batches against the same rules in NumPy, on random rows."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import RegressionHead, RunConfig
from premade import BoostedTreesEstimator
from premade.boosted_trees.forest import LEAF

ROWS, BATCHES, DEPTH, TREES = 60, 2, 3, 2
BOUNDARIES = [-1.0, -0.3, 0.2, 0.9]
COLORS, WEEKDAYS = 4, 3
RATE, L1, L2, LEAST = np.float32(0.3), 0.001, 0.01, 0.05
F32 = np.float32


def data(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ROWS, 2)).astype(F32)
    x[rng.random((ROWS, 2)) < 0.15] = np.nan
    features = {
        "x": x,
        "color": rng.integers(-1, COLORS, (ROWS, 1)),  # -1 is none
        "day": rng.integers(0, WEEKDAYS, (ROWS, 1)),
        "w": rng.uniform(0.5, 2.0, (ROWS, 1)).astype(F32),
    }
    by_color = np.array([1.0, -2.0, 0.5, 0.0, 0.3])[features["color"][:, 0]]
    signal = np.nan_to_num(x[:, 0]) + by_color + (features["day"][:, 0] == 1)
    labels = np.stack([signal, np.nan_to_num(x[:, 1], nan=2.0) - by_color], axis=1)
    return features, labels.astype(F32)


def binned(features):
    """Features in the order of the columns' names: color, day by day, x by dimension."""
    x = features["x"]
    of_x = np.where(np.isnan(x), -1, np.searchsorted(BOUNDARIES, x, side="right")).T
    of_day = (features["day"][:, 0] == np.arange(WEEKDAYS)[:, np.newaxis]).astype(int)
    bins = np.concatenate([features["color"].T, of_day, of_x])
    return bins, [COLORS, *[2] * WEEKDAYS, *[len(BOUNDARIES) + 1] * 2]


def worth(g, h):
    shrunk = np.sign(g) * np.maximum(np.abs(g) - F32(L1), F32(0.0))
    return (shrunk**2 / (h + F32(L2))).sum()


def weight(g, h):
    return -np.sign(g) * np.maximum(np.abs(g) - F32(L1), F32(0.0)) / (h + F32(L2))


def splits(bins, sizes):
    """Yields feature, threshold, missing_left, is_left: in the order in which ties are decided."""
    for feature, size in enumerate(sizes):
        by_category, values = feature == 0, bins[feature]
        for threshold in range(size):
            is_left = values == threshold if by_category else values <= threshold
            for missing_left in (False,) if by_category else (False, True):
                yield feature, threshold, missing_left, np.where(values < 0, missing_left, is_left)


def best_of(candidates, members, g, h):
    best, found = -np.inf, None
    for *split, is_left in candidates:
        sides = [members & is_left, members & ~is_left]
        sums = [(g[side].sum(axis=0), h[side].sum(axis=0)) for side in sides]
        both = sum(worth(*each) for each in sums)
        if both > best + 1e-6:
            best, found = both, (tuple(split), sides, sums)
    return best, *found


def sum_of_leaves(forest):
    logits = np.zeros((ROWS, 2), F32)
    for node in (node for nodes in forest for node in nodes.values()):
        if "split" not in node:
            logits[node["rows"]] += node["value"]
    return logits


def simulated(features, labels):
    """Returns the nodes of each tree: split, gain, value and rows."""
    candidates = list(splits(*binned(features)))
    weights, forest = features["w"], []
    for _ in range(TREES):
        nodes = {0: {"value": np.zeros(2, F32), "rows": np.ones(ROWS, bool)}}
        forest.append(nodes)
        for layer in range(DEPTH):
            # The squared error's mean over all numbers of a batch, and the mean of the batches.
            g = (2 * (sum_of_leaves(forest) - labels) * weights / labels.size).astype(F32)
            h = np.broadcast_to(2 * weights / labels.size, labels.shape).astype(F32)
            for k in [k for k in nodes if 2**layer - 1 <= k < 2 ** (layer + 1) - 1]:
                node = nodes[k]
                own = g[node["rows"]].sum(axis=0), h[node["rows"]].sum(axis=0)
                if own[1].sum() <= LEAST:
                    continue
                best, node["split"], sides, sums = best_of(candidates, node["rows"], g, h)
                node["gain"] = best - worth(*own)
                for child, side, each in zip((2 * k + 1, 2 * k + 2), sides, sums, strict=True):
                    value = node["value"] + RATE * weight(*each)
                    nodes[child] = {"value": value, "rows": side}
    return forest


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    features, labels = data()
    dataset = tf.data.Dataset.from_tensor_slices((features, labels)).batch(ROWS // BATCHES)
    x = fc.numeric_column("x", shape=2)
    trees = BoostedTreesEstimator(
        [
            fc.bucketized_column(x, BOUNDARIES),
            fc.categorical_column_with_identity("color", COLORS),
            fc.indicator_column(fc.categorical_column_with_identity("day", WEEKDAYS)),
        ],
        n_batches_per_layer=BATCHES,
        head=RegressionHead(label_dimension=2, weight_column="w"),
        n_trees=TREES,
        max_depth=DEPTH,
        learning_rate=float(RATE),
        l1_regularization=L1,
        l2_regularization=L2,
        min_node_weight=LEAST,
        config=RunConfig(model_dir=str(tmp_path_factory.mktemp("layers")), progress=False),
    )
    return trees.train(dataset.repeat), simulated(features, labels), features


def test_trees_are_those_of_the_rules(trained):
    trees, expected, _ = trained
    forest = trees.forest()
    assert forest.trees == TREES
    for tree, nodes in enumerate(expected):
        for k, node in nodes.items():
            at = tree, k
            np.testing.assert_allclose(forest.value[at], node["value"], atol=2e-6)
            if "split" not in node:
                assert forest.feature[at] == LEAF
                continue
            feature, threshold, missing_left = node["split"]
            assert forest.feature[at] == feature
            if feature == 0:
                assert (forest.threshold[at], forest.left_bins[at][0]) == (-1, 1 << threshold)
            else:
                assert forest.threshold[at] == threshold
                assert forest.missing_left[at] == missing_left
            assert forest.gain[at] == pytest.approx(node["gain"], abs=2e-6)


def test_some_splits_are_by_category_and_some_by_missing_values(trained):
    # So that the comparison above is one of all kinds of splits.
    _, expected, _ = trained
    made = [node["split"] for nodes in expected for node in nodes.values() if "split" in node]
    assert {feature == 0 for feature, *_ in made} == {True, False}
    assert any(missing_left for *_, missing_left in made)
    assert any(1 <= feature <= WEEKDAYS for feature, *_ in made)


def test_predictions_are_those_of_the_rules(trained):
    trees, expected, features = trained
    rows = tf.data.Dataset.from_tensors(features)
    found = [p["predictions"] for p in trees.predict(lambda: rows)]
    np.testing.assert_allclose(found, sum_of_leaves(expected), atol=5e-6)
