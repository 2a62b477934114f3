"""Early stopping: the best forest on rows held out, resumed bit for bit; and how far a run is."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from absl import logging

import feature_columns as fc
from estimators import RunConfig
from premade.boosted_trees import BoostedTreesRegressor, TreeOptions
from premade.boosted_trees.row_hash import row_hashes

ROWS, PATIENCE, FRACTION = 300, 3, 0.3


def rows(order=None):
    rng = np.random.default_rng(6)
    x = rng.standard_normal((ROWS, 2)).astype(np.float32)
    y = (x[:, 0] + 0.7 * rng.standard_normal(ROWS)).astype(np.float32)
    return (x, y) if order is None else (x[order], y[order])


def data(x, y):
    return lambda: tf.data.Dataset.from_tensor_slices(({"x": x}, y)).batch(64)


def made(folder, **options):
    return BoostedTreesRegressor(
        [fc.numeric_column("x", shape=2)],
        n_trees=40,
        max_depth=3,
        learning_rate=0.5,
        config=RunConfig(model_dir=str(folder), progress=False),
        options=TreeOptions(early_stopping_trees=PATIENCE, validation_fraction=FRACTION, **options),
    )


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    return made(tmp_path_factory.mktemp("stopped")).train(data(*rows()))


def test_predicts_with_the_forest_that_was_best_on_the_rows_held_out(stopped):
    x, y = rows()
    is_held = row_hashes([x]) >= np.uint64((1 - FRACTION) * 2**64)
    grown = int(stopped.get_variable_value("global_step"))
    best = stopped.forest().trees
    assert 0 < best < 40
    assert grown == best + PATIENCE
    held = data(x[is_held], y[is_held])
    least = stopped.evaluate(held)["average_loss"]
    assert least == pytest.approx(float(stopped.get_variable_value("boosted_trees/best_loss")))
    # Without the option all trees predict, of which the last ones did not help.
    columns = [fc.numeric_column("x", shape=2)]
    config = RunConfig(model_dir=stopped.model_dir, progress=False)
    whole = BoostedTreesRegressor(columns, max_depth=3, config=config)
    assert whole.forest().trees == grown
    assert whole.evaluate(held)["average_loss"] > least


def test_rows_held_out_are_not_learned_from(stopped, tmp_path):
    x, y = rows()
    is_held = row_hashes([x]) >= np.uint64((1 - FRACTION) * 2**64)
    other = np.where(is_held, y + 100, y)
    made(tmp_path).train(data(x, other), steps=1)
    first = {name: array[:1] for name, array in stopped.forest().arrays().items()}
    trained = BoostedTreesRegressor(
        [fc.numeric_column("x", shape=2)],
        max_depth=3,
        learning_rate=0.5,
        config=RunConfig(model_dir=str(tmp_path), progress=False),
    )
    for name, array in first.items():
        np.testing.assert_array_equal(trained.forest().arrays()[name], array, err_msg=name)


def test_an_interrupted_run_stops_at_the_same_tree(stopped, tmp_path):
    order = np.random.default_rng(1).permutation(ROWS)
    for steps in (2, 3, None):
        trees = made(tmp_path).train(data(*rows(order)), steps=steps)
    assert trees.get_variable_value("global_step") == stopped.get_variable_value("global_step")
    for name, array in stopped.forest().arrays().items():
        np.testing.assert_array_equal(trees.forest().arrays()[name], array, err_msg=name)
    # The run is over.
    before = trees.latest_checkpoint()
    assert trees.train(data(*rows()), steps=5).latest_checkpoint() == before


def test_options_are_checked():
    with pytest.raises(ValueError, match="early_stopping_trees must be 1 or more, or None, got 0"):
        TreeOptions(early_stopping_trees=0)
    with pytest.raises(ValueError, match="validation_fraction must be more than 0 and less than 1"):
        TreeOptions(validation_fraction=1.0)


def test_refuses_rows_of_which_none_are_left(tmp_path):
    one = (np.ones((5, 2), np.float32), np.ones(5, np.float32))
    with pytest.raises(
        ValueError, match=r"validation_fraction \(0.3\).*there must be some of both"
    ):
        made(tmp_path).train(data(*one))


def test_a_line_for_each_tree_says_when_the_last_one_comes(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(logging, "info", lambda text, *args: lines.append(text % args))
    config = RunConfig(model_dir=str(tmp_path), log_step_count_steps=1)
    columns = [fc.numeric_column("x", shape=2)]
    BoostedTreesRegressor(columns, n_trees=4, max_depth=1, config=config).train(data(*rows()))
    steps = [line for line in lines if line.startswith("step ")]
    assert [line.split(":")[0] for line in steps] == [
        f"step {step} of 4 ({step / 4:.1%})" for step in range(1, 5)
    ]
    assert all("loss = " in line for line in steps)
    assert "steps/s, ETA 0:00:" in steps[-1]
