"""Several replicas, and rows on disk: the same forest as one replica grows in memory."""

from __future__ import annotations

import gc
import os

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import Hook, RunConfig
from premade.boosted_trees import BoostedTreesRegressor, TreeOptions, table
from premade.boosted_trees.partition import BLOCK

ROWS, COLUMNS, TREES = BLOCK + 500, 3, 3


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    x[::7, 1] = np.nan
    return x, (x[:, 0] * np.nan_to_num(x[:, 1]) + np.sin(x[:, 2])).astype(np.float32)


@pytest.fixture(scope="module")
def grow(rows, tmp_path_factory):
    """Grows a forest in runs of so many trees, of one object; returns its arrays."""

    def grow(runs=(TREES,), hooks=(), strategy=None, **more):
        config = RunConfig(
            model_dir=str(tmp_path_factory.mktemp("model")),
            progress=False,
            train_distribute=strategy,
        )
        trees = BoostedTreesRegressor(
            [fc.numeric_column("x", shape=COLUMNS)],
            n_trees=TREES,
            max_depth=3,
            config=config,
            **more,
        )
        x, y = rows
        data = tf.data.Dataset.from_tensor_slices(({"x": x}, y)).batch(1000)
        for steps in runs:
            trees.train(lambda: data, steps=steps, hooks=hooks)
        found = trees.forest().arrays()
        return {**found, "boundaries": trees.get_variable_value("boosted_trees/boundaries")}

    return grow


@pytest.fixture(scope="module")
def alone(grow):
    return grow()


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert len(expected["feature"]) == TREES
    assert (expected["feature"][:, :3] >= 0).all()  # there is something to compare


def test_replicas_grow_the_forest_of_one(grow, alone, mirrored_strategy):
    # In two runs: the logits of the second are found from the rows.
    assert_same(grow(runs=(1, TREES - 1), strategy=mirrored_strategy), alone)


@pytest.mark.parametrize("draw", [{"row_fraction": 0.5}, {"goss_top_fraction": 0.2}])
def test_replicas_draw_the_rows_of_one(grow, mirrored_strategy, draw):
    options = TreeOptions(**draw)
    both = grow(runs=(1, TREES - 1), strategy=mirrored_strategy, options=options)
    assert_same(both, grow(options=options))


def test_a_replica_without_rows_of_its_own(rows, mirrored_strategy, tmp_path):
    x, y = (each[:100] for each in rows)

    def forest(strategy, folder):
        config = RunConfig(
            model_dir=str(tmp_path / folder), progress=False, train_distribute=strategy
        )
        trees = BoostedTreesRegressor(
            [fc.numeric_column("x", shape=COLUMNS)], n_trees=TREES, max_depth=3, config=config
        )
        data = tf.data.Dataset.from_tensors(({"x": x}, y))
        return trees.train(lambda: data).forest().arrays()

    assert_same(forest(mirrored_strategy, "two"), forest(None, "one"))


class FilesIn(Hook):
    """Looks which files of a folder this process has open at the end."""

    def __init__(self, folder):
        self.folder = os.path.realpath(folder)
        self.mapped = 0

    def end(self, run):
        with open("/proc/self/maps") as maps:
            self.mapped += sum(self.folder in line for line in maps)


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="looks at the maps of Linux")
def test_rows_on_disk_grow_the_same_forest_and_leave_nothing(grow, alone, tmp_path):
    hook = FilesIn(tmp_path)
    assert_same(grow(options=TreeOptions(cache_dir=str(tmp_path)), hooks=[hook]), alone)
    assert hook.mapped == 1
    assert not os.listdir(tmp_path)
    gc.collect()
    after = FilesIn(tmp_path)
    after.end(None)
    assert after.mapped == 0


def test_bins_found_in_some_rows_do_not_depend_on_where_rows_are(grow, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "_SAMPLE", 1000)
    in_memory = grow()
    assert_same(grow(options=TreeOptions(cache_dir=str(tmp_path))), in_memory)


def test_refuses_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="must be a folder that is there"):
        TreeOptions(cache_dir=str(tmp_path / "nowhere"))


@pytest.mark.parametrize("loss", ["squared", "absolute"])
def test_replicas_begin_with_the_constant_of_one_and_have_its_leaves(grow, loss, mirrored_strategy):
    one, two = (
        grow(strategy=strategy, center_bias=True, loss=loss)
        for strategy in (None, mirrored_strategy)
    )
    for name, array in one.items():
        np.testing.assert_array_equal(two[name], array, err_msg=name)
    assert one["value"][0, 0, 0] != 0.0
    assert (one["feature"][0] == -1).all()
    assert (one["feature"][1, :3] >= 0).all()
