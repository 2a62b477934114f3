"""Partial dependence: against scikit-learn's, and of features of every kind."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import tensorflow as tf
from sklearn import inspection, linear_model

from estimators import Estimator, EstimatorSpec, PartialDependence, partial_dependence

ROWS = 200


def rows():
    random = np.random.default_rng(8)
    x = random.normal(size=(ROWS, 2)).astype(np.float32)
    return x, random.choice(["red", "green"], ROWS)


def model_fn(features, mode):
    is_red = tf.cast(tf.equal(features["color"], "red"), tf.float32)
    numbers = tf.reshape(features["a"], [-1]) * 3.0 - features["b"] + 2.0 * is_red
    predictions = {"predictions": numbers[:, tf.newaxis], "both": tf.stack([numbers, -numbers], 1)}
    return EstimatorSpec(mode, predictions=predictions)


def data(wide=False):
    x, color = rows()
    a = x[:, :1] if wide else x[:, 0]
    features = {"a": a, "b": x[:, 1], "color": color}
    return tf.data.Dataset.from_tensor_slices((features, np.zeros(ROWS))).batch(64)


@pytest.mark.parametrize("wide", [False, True])
def test_equals_that_of_scikit_learn(wide):
    x, color = rows()
    columns = np.column_stack([x, color == "red"]).astype(np.float64)
    model = linear_model.LinearRegression().fit(columns, np.arange(ROWS))
    model.coef_, model.intercept_ = np.array([3.0, -1.0, 2.0]), 0.0
    theirs = inspection.partial_dependence(model, columns, [0], grid_resolution=50, method="brute")
    ours = partial_dependence(Estimator(model_fn), lambda: data(wide), "a")
    assert len(ours.values) == 50
    # Percentiles of so few rows are taken by another rule there.
    at = np.interp(ours.values, theirs["grid_values"][0], theirs["average"][0])
    np.testing.assert_allclose(ours.averages[1:-1], at[1:-1], atol=2e-5)


def test_strings_are_asked_one_by_one():
    x, _ = rows()
    found = partial_dependence(Estimator(model_fn), data, "color")
    assert found.values.tolist() == [b"green", b"red"]
    plain = (3 * x[:, 0] - x[:, 1]).mean()
    np.testing.assert_allclose(found.averages, [plain, plain + 2], atol=1e-5)


def test_values_and_the_prediction_can_be_chosen():
    x, color = rows()
    found = partial_dependence(Estimator(model_fn), data, "b", [0.0, 10.0], predict_key="both")
    base = (3 * x[:, 0] + 2 * (color == "red")).mean()
    expected = [[base, -base], [base - 10, 10 - base]]
    np.testing.assert_allclose(found.averages, expected, atol=1e-5)


def test_whole_numbers_stay_whole_and_missing_ones_are_not_asked_about():
    def counted(features, mode):
        count = tf.cast(features["count"], tf.float32)
        return EstimatorSpec(mode, predictions={"predictions": count + features["x"]})

    x = np.array([1.0, np.nan, 2.0] * 100, np.float32)
    features = {"count": np.arange(300), "x": x}
    data = lambda: tf.data.Dataset.from_tensors(features)  # noqa: E731
    found = partial_dependence(Estimator(counted), data, "count", most_values=10)
    assert found.values.dtype == np.int64
    assert found.values.tolist() == np.round(np.linspace(14.95, 284.05, 10)).tolist()
    assert partial_dependence(Estimator(counted), data, "x").values.tolist() == [1.0, 2.0]


def test_refusals():
    estimator = Estimator(model_fn)
    with pytest.raises(KeyError, match=r"\['age'\], which are not among \['a', 'b', 'color'\]"):
        partial_dependence(estimator, data, "age")
    with pytest.raises(KeyError, match=r"`predict_key` \('score'\) is not among \['both', 'pred"):
        partial_dependence(estimator, data, "a", predict_key="score")
    vectors = lambda: tf.data.Dataset.from_tensors({"x": tf.zeros([4, 3])})  # noqa: E731
    with pytest.raises(ValueError, match="'x' must have one value for each row.* as features of"):
        partial_dependence(estimator, vectors, "x")
    with pytest.raises(ValueError, match="`partial_dependence` would never end"):
        partial_dependence(estimator, lambda: data().repeat(), "a")


def test_numbers_are_drawn_as_a_line_for_each_output():
    found = PartialDependence("x", np.array([1.0, 2.0]), np.array([[0.1, 0.9], [0.4, 0.6]]))
    axes = found.plot()
    assert [line.get_ydata().tolist() for line in axes.lines] == [[0.1, 0.4], [0.9, 0.6]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["0", "1"]
    assert found.plot(axes) is axes
    assert len(axes.lines) == 4


def test_categories_are_drawn_as_bars():
    axes = PartialDependence("color", np.array([b"blue", b"red"]), np.array([2.0, 5.0])).plot()
    assert [bar.get_height() for bar in axes.patches] == [2.0, 5.0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["blue", "red"]
    assert axes.get_legend() is None


def test_without_matplotlib_the_mend_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"tf-estimators\[plot\]"):
        PartialDependence("x", np.array([1.0]), np.array([2.0])).plot()
