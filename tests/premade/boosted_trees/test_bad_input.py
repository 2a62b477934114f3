"""Input that trees cannot learn from: a clear error, or a sane result."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import RunConfig
from premade.boosted_trees import BoostedTreesClassifier, BoostedTreesRegressor

ROWS = 20
X = np.linspace(-1, 1, ROWS).astype(np.float32)
Y = (X > 0).astype(np.float32)


def data(features, labels=None):
    parts = features if labels is None else (features, labels)
    return lambda: tf.data.Dataset.from_tensor_slices(parts).batch(ROWS)


def regressor(folder, columns=("x",), **options):
    config = RunConfig(model_dir=str(folder), progress=False)
    numbers = [fc.numeric_column(key) for key in columns]
    return BoostedTreesRegressor(numbers, n_trees=2, max_depth=2, config=config, **options)


def classifier(folder, **options):
    config = RunConfig(model_dir=str(folder), progress=False)
    columns = [fc.numeric_column("x")]
    return BoostedTreesClassifier(columns, n_trees=2, max_depth=2, config=config, **options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return regressor(tmp_path_factory.mktemp("trained")).train(data({"x": X}, Y))


@pytest.mark.parametrize(
    ("make", "labels", "message"),
    [
        (regressor, np.where(X > 0.5, np.nan, Y).astype(np.float32), "labels must be finite"),
        (regressor, np.where(X > 0.5, -np.inf, Y).astype(np.float32), "labels must be finite"),
        (regressor, np.array(["a"] * ROWS), "labels"),
        (classifier, np.array(["a"] * ROWS), "label_vocabulary"),
        (classifier, np.full(ROWS, 2), "labels"),
    ],
    ids=["NaN", "infinite", "strings", "strings of classes", "a third class"],
)
def test_labels(make, labels, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        make(tmp_path).train(data({"x": X}, labels))


def test_no_columns(tmp_path):
    with pytest.raises(ValueError, match="feature_columns"):
        regressor(tmp_path, columns=())


def test_a_feature_that_is_not_there(trained, tmp_path):
    with pytest.raises(ValueError, match="'x'|\"x\""):
        regressor(tmp_path).train(data({"y": X}, Y))
    with pytest.raises(ValueError, match="'x'|\"x\""):
        list(trained.predict(data({"y": X})))


def test_other_columns_than_those_of_the_checkpoint(trained):
    other = regressor(trained.model_dir, columns=("x", "z"))
    with pytest.raises(
        ValueError, match="trees of 1 numbers for each row, and feature_columns give 2"
    ):
        other.train(data({"x": X, "z": X}, Y), steps=1)


def test_one_row_is_predicted_as_it_is(tmp_path):
    trees = regressor(tmp_path, learning_rate=1.0, center_bias=True)
    (found,) = trees.train(data({"x": X[:1]}, np.float32([3.5]))).predict(data({"x": X[:1]}))
    assert found["predictions"].item() == pytest.approx(3.5)


def test_rows_without_weight_teach_nothing(tmp_path):
    trees = regressor(tmp_path, weight_column="w")
    trees.train(data({"x": X, "w": np.zeros(ROWS, np.float32)}, Y))
    assert (trees.forest().feature == -1).all()
    assert all(each["predictions"] == 0.0 for each in trees.predict(data({"x": X})))


def test_infinite_numbers_are_the_least_and_the_greatest(tmp_path):
    x = np.where(X < -0.5, -np.inf, np.where(X > 0.5, np.inf, X)).astype(np.float32)
    trees = regressor(tmp_path, learning_rate=1.0, center_bias=True).train(data({"x": x}, Y))
    found = [each["predictions"].item() for each in trees.predict(data({"x": x}))]
    np.testing.assert_allclose(found, Y, atol=1e-5)


def test_a_run_of_as_many_trees_as_there_are_ends_at_once(trained):
    before = trained.latest_checkpoint()
    assert trained.train(data({"x": X}, Y)).latest_checkpoint() == before
    assert trained.forest().trees == 2
