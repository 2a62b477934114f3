"""Some rows and features for each tree: the same ones in any order, and again after a restart."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import RunConfig
from premade.boosted_trees import BoostedTreesRegressor, TreeOptions
from premade.boosted_trees.row_hash import row_hashes
from premade.boosted_trees.subsampling import Subsampling

ROWS, COLUMNS = 1000, 6


def rows(seed=0):
    x = np.random.default_rng(seed).standard_normal((ROWS, COLUMNS)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2])).astype(np.float32)


def grown(folder, order=None, parts=(None,), **options):
    trees = None
    x, y = rows() if order is None else (each[order] for each in rows())
    data = tf.data.Dataset.from_tensor_slices(({"x": x}, y)).batch(300)
    for steps in parts:
        trees = BoostedTreesRegressor(
            [fc.numeric_column("x", shape=COLUMNS)],
            n_trees=20,
            max_depth=3,
            learning_rate=0.3,
            config=RunConfig(model_dir=str(folder), progress=False, tf_random_seed=3),
            options=TreeOptions(**options),
        )
        trees.train(lambda: data, steps=steps)
    return trees


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_a_share_of_the_rows_is_kept_and_another_one_by_each_tree(share):
    x = np.random.default_rng(1).standard_normal((50_000, 2)).astype(np.float32)
    hashes = tf.constant(row_hashes([x]).view(np.int64))
    draws = [
        Subsampling(rows=share, seed=seed).kept(hashes, tf.constant(tree)).numpy()
        for seed, tree in ((0, 0), (0, 1), (1, 0), (1, 1))
    ]
    for i, one in enumerate(draws):
        assert one.mean() == pytest.approx(share, abs=0.01)
        for other in draws[:i]:
            # Drawn without regard to one another.
            assert (one * other).mean() == pytest.approx(share**2, abs=0.01)


def test_each_tree_splits_by_its_share_of_the_features(tmp_path):
    forest = grown(tmp_path, column_fraction=0.34).forest()
    used = [set(feature[feature >= 0]) for feature in forest.feature]
    assert max(map(len, used)) == 2
    assert set().union(*used) == set(range(COLUMNS))


def test_a_run_in_parts_from_rows_in_another_order_is_the_same(tmp_path):
    options = {"row_fraction": 0.5, "column_fraction": 0.5}
    whole = grown(tmp_path / "whole", **options).forest().arrays()
    order = np.random.default_rng(2).permutation(ROWS)
    parts = grown(tmp_path / "parts", order, (3, 6, None), **options).forest().arrays()
    for name, array in whole.items():
        np.testing.assert_array_equal(array, parts[name], err_msg=name)


def test_half_of_the_rows_learn_nearly_as_well_as_all(tmp_path):
    x, y = rows(7)
    data = tf.data.Dataset.from_tensors(({"x": x}, y))
    losses = [
        grown(tmp_path / str(share), row_fraction=share).evaluate(lambda: data)["average_loss"]
        for share in (0.5, 1.0)
    ]
    assert losses[0] < 1.25 * losses[1]
    assert losses[0] < 0.6 * np.var(y)


@pytest.mark.parametrize("name", ["row_fraction", "column_fraction"])
@pytest.mark.parametrize("value", [0.0, 1.5, np.nan])
def test_fractions_are_checked(name, value):
    with pytest.raises(ValueError, match=f"{name} must be more than 0 and at most 1"):
        TreeOptions(**{name: value})
