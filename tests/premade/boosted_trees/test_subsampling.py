"""Some rows and features for each tree: the same ones in any order, and again after a restart."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import RunConfig
from premade.boosted_trees import BoostedTreesRegressor, TreeOptions
from premade.boosted_trees.drawn import Rows
from premade.boosted_trees.partition import BLOCK
from premade.boosted_trees.quads import quads_of
from premade.boosted_trees.row_hash import row_hashes
from premade.boosted_trees.subsampling import OneSide, Subsampling

ROWS, COLUMNS = 1000, 6
GOSS = {"goss_top_fraction": 0.3, "goss_other_fraction": 0.2}


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


def drawn_rows(count, ratio=1.0002):
    """Returns hashes and derivatives of rows, of gradients that differ by powers of a ratio."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((count, 2)).astype(np.float32)
    g = (ratio ** rng.permutation(count) * rng.choice([-1, 1], count)).astype(np.float32)
    return tf.constant(row_hashes([x]).view(np.int64)), g, np.ones(count, np.float32)


def factors(subsampling, shards, tree=0):
    hashes, *derivatives = zip(*shards, strict=True)
    found = subsampling.factors(hashes, list(zip(*derivatives, strict=True)), tf.constant(tree))
    return [each.numpy() for each in found]


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_a_share_of_the_rows_is_kept_and_another_one_by_each_tree(share):
    x = np.random.default_rng(1).standard_normal((50_000, 2)).astype(np.float32)
    shard = (tf.constant(row_hashes([x]).view(np.int64)), np.ones(50_000, np.float32), 0 * x[:, 0])
    draws = [
        factors(Subsampling(rows=share, seed=seed), [shard], tree)[0]
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


@pytest.mark.parametrize("draw", [{"row_fraction": 0.5}, GOSS])
def test_a_run_in_parts_from_rows_in_another_order_is_the_same(tmp_path, draw):
    options = {**draw, "column_fraction": 0.5}
    whole = grown(tmp_path / "whole", **options).forest().arrays()
    order = np.random.default_rng(2).permutation(ROWS)
    parts = grown(tmp_path / "parts", order, (3, 6, None), **options).forest().arrays()
    for name, array in whole.items():
        np.testing.assert_array_equal(array, parts[name], err_msg=name)


@pytest.mark.parametrize("options", [{"row_fraction": 0.5}, GOSS])
def test_half_of_the_rows_learn_nearly_as_well_as_all(tmp_path, options):
    x, y = rows(7)
    data = tf.data.Dataset.from_tensors(({"x": x}, y))
    losses = [
        grown(tmp_path / str(i), **each).evaluate(lambda: data)["average_loss"]
        for i, each in enumerate((options, {}))
    ]
    assert losses[0] < 1.25 * losses[1]
    assert losses[0] < 0.6 * np.var(y)


def test_the_greatest_gradients_are_seen_and_some_of_the_others():
    hashes, g, h = drawn_rows(2000, ratio=1.02)
    # Rows of no derivatives are none: they are not counted, and not drawn.
    hashes = tf.concat([hashes, hashes[:500]], axis=0)
    g, h = (np.pad(each, (0, 500)) for each in (g, h))
    where = np.array_split(np.random.default_rng(3).permutation(2500), 2)
    shards = [(tf.gather(hashes, at), g[at], h[at]) for at in where]
    found = np.zeros(2500, np.float32)
    of_shards = factors(Subsampling(one_side=OneSide(0.3, 0.2)), shards)
    for at, of_shard in zip(where, of_shards, strict=True):
        found[at] = of_shard
    least = np.sort(np.abs(g))[-600]
    assert np.array_equal(found == 1.0, np.abs(g) >= least)
    assert (found[2000:] == 0.0).all()
    others = found[:2000][np.abs(g[:2000]) < least]
    np.testing.assert_allclose(others[others > 0.0], 0.7 / 0.2, rtol=1e-6)
    assert (others > 0.0).sum() == pytest.approx(0.2 * 2000, abs=60)


def test_of_equal_gradients_a_share_is_great():
    hashes, *_ = drawn_rows(50_000)
    ones = np.ones(50_000, np.float32)
    (found,) = factors(Subsampling(one_side=OneSide(0.2, 0.1)), [(hashes, ones, ones)])
    assert (found == 1.0).mean() == pytest.approx(0.2, abs=0.01)
    assert (found > 1.0).mean() == pytest.approx(0.1, abs=0.01)
    assert found.mean() == pytest.approx(1.0, abs=0.03)


def test_the_rows_of_a_tree_are_brought_together():
    rng = np.random.default_rng(4)
    bins = rng.integers(0, 256, (3, 2 * BLOCK)).astype(np.uint8)
    g, h = rng.standard_normal((2, 2 * BLOCK)).astype(np.float32)
    factor = np.where(rng.random(2 * BLOCK) < 0.3, 2.0, 0.0).astype(np.float32)
    whole = Rows.all(*map(tf.constant, (quads_of(bins), g, h)))
    rows = whole.drawn(tf.constant(factor), BLOCK)
    at = np.flatnonzero(factor)
    count = len(at)
    assert int(rows.blocks) == 1
    assert np.array_equal(rows.bins[:, :count], quads_of(bins)[:, at])
    for found, expected in ((rows.g, 2 * g[at]), (rows.h, 2 * h[at]), (rows.of(g), g[at])):
        assert np.array_equal(found[:count], expected)
    assert not np.any(rows.g[count:])
    assert not np.any(rows.h[count:])
    with pytest.raises(tf.errors.InvalidArgumentError, match="More rows were drawn"):
        whole.drawn(tf.ones([2 * BLOCK]), BLOCK)


@pytest.mark.parametrize("subsampling", [{"rows": 0.3}, {"one_side": OneSide(0.2, 0.1)}])
@pytest.mark.parametrize("copies", [1, 400])
def test_there_is_room_for_the_rows_of_a_tree(subsampling, copies):
    subsampling = Subsampling(**subsampling)
    hashes, g, h = (np.repeat(each, copies) for each in drawn_rows(40_000 // copies))
    most = subsampling.most_rows(hashes, len(hashes))
    counts = [
        np.count_nonzero(factors(subsampling, [(tf.constant(hashes), g, h)], tree)[0])
        for tree in range(20)
    ]
    assert max(counts) <= most <= len(hashes)
    if copies == 1:
        assert most < 1.3 * max(counts)


def test_with_all_of_the_others_it_is_the_forest_of_all_rows(tmp_path):
    whole = grown(tmp_path / "whole").forest().arrays()
    drawn = grown(tmp_path / "drawn", goss_top_fraction=0.25, goss_other_fraction=0.75)
    for name, array in drawn.forest().arrays().items():
        np.testing.assert_array_equal(array, whole[name], err_msg=name)


def test_a_tree_is_the_one_of_the_rows_that_it_sees(tmp_path):
    x, y = rows()
    hashes = tf.constant(row_hashes([x]).view(np.int64))
    (seen,) = factors(Subsampling(rows=0.5, seed=3), [(hashes, y, np.ones_like(y))])
    tree = grown(tmp_path, parts=(1,), row_fraction=0.5).forest()
    assert tree.cover[0, 0] == 2.0 * seen.sum()
    (root,) = tree.value[0, 0]
    assert root == pytest.approx(0.3 * (seen * y).sum() / seen.sum(), rel=1e-5)


@pytest.mark.parametrize("options", [{"row_fraction": 0.4}, GOSS])
def test_quantiles_are_those_of_the_rows_that_a_tree_sees(tmp_path, options):
    x, y = rows()
    data = tf.data.Dataset.from_tensors(({"x": x}, y))
    trees = BoostedTreesRegressor(
        [fc.numeric_column("x", shape=COLUMNS)],
        n_trees=60,
        max_depth=4,
        loss="absolute",
        config=RunConfig(model_dir=str(tmp_path), progress=False, tf_random_seed=3),
        options=TreeOptions(**options),
    )
    trees.train(lambda: data)
    assert trees.evaluate(lambda: data)["average_loss"] < 0.6 * np.abs(y - np.median(y)).mean()


@pytest.mark.parametrize("name", ["row_fraction", "column_fraction"])
@pytest.mark.parametrize("value", [0.0, 1.5, np.nan])
def test_fractions_are_checked(name, value):
    with pytest.raises(ValueError, match=f"{name} must be more than 0 and at most 1"):
        TreeOptions(**{name: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"goss_top_fraction": 0.0}, "goss_top_fraction must be more than 0"),
        ({"goss_top_fraction": 0.5, "goss_other_fraction": 0.6}, "what is left of 1"),
        ({"goss_top_fraction": 0.2, "row_fraction": 0.5}, "Leave one of them out"),
    ],
)
def test_fractions_of_great_gradients_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        TreeOptions(**options)
