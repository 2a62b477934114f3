"""Importances and explained predictions of trained trees."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import MultiClassHead, RunConfig, permutation_importance
from premade.boosted_trees import (
    BoostedTreesClassifier,
    BoostedTreesEstimator,
    BoostedTreesRegressor,
)

ROWS = 400


def rows():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((ROWS, 2)).astype(np.float32)
    noise = rng.standard_normal(ROWS).astype(np.float32)
    kind = rng.integers(0, 3, ROWS)
    return {"x": x, "noise": noise, "kind": kind}, 2 * x[:, 1] + np.array([0.0, 3.0, -1.0])[kind]


def columns():
    kind = fc.categorical_column_with_identity("kind", 3)
    return [fc.numeric_column("x", shape=2), fc.numeric_column("noise"), kind]


def data(labels):
    return lambda: tf.data.Dataset.from_tensor_slices((rows()[0], labels)).batch(100)


@pytest.fixture(scope="module")
def regressor(tmp_path_factory):
    config = RunConfig(model_dir=str(tmp_path_factory.mktemp("regressor")), progress=False)
    trees = BoostedTreesRegressor(
        columns(), n_trees=6, max_depth=3, learning_rate=0.3, config=config
    )
    return trees.train(data(rows()[1].astype(np.float32)))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    config = RunConfig(model_dir=str(tmp_path_factory.mktemp("classifier")), progress=False)
    trees = BoostedTreesClassifier(
        columns(), n_trees=4, max_depth=3, center_bias=True, config=config
    )
    return trees.train(data((rows()[1] > 0.5).astype(np.int64)))


def test_importances_are_sums_over_the_splits(regressor):
    forest = regressor.forest()
    names = ["kind", "noise", "x", "x"]
    splits = dict.fromkeys(names, 0)
    gains = dict.fromkeys(names, 0.0)
    for feature, gain in zip(forest.feature.ravel(), forest.gain.ravel(), strict=True):
        if feature >= 0:
            splits[names[feature]] += 1
            gains[names[feature]] += gain
    assert regressor.feature_importances("splits") == splits
    found = regressor.experimental_feature_importances()
    assert found == pytest.approx(gains)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert list(found)[-1] == "noise"
    shares = regressor.experimental_feature_importances(normalize=True)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["x"] == pytest.approx(gains["x"] / sum(gains.values()))


def test_permutation_finds_the_same_column_idle(regressor):
    found = permutation_importance(
        regressor, data(rows()[1].astype(np.float32)), "average_loss", repeats=2
    )
    assert found[-1].feature == "noise"


def test_explanations_add_up_to_the_number(regressor):
    given = data(rows()[1].astype(np.float32))
    explained = list(regressor.experimental_predict_with_explanations(given))
    plain = list(regressor.predict(given))
    for each, expected in zip(explained, plain, strict=True):
        assert set(each) == {*expected, "bias", "dfc"}
        np.testing.assert_array_equal(each["predictions"], expected["predictions"])
        total = each["bias"] + sum(each["dfc"].values())
        assert total == pytest.approx(float(expected["predictions"][0]), abs=1e-4)
        sizes = np.abs(list(each["dfc"].values()))
        assert (sizes[:-1] >= sizes[1:]).all()
        assert set(each["dfc"]) == {"x", "noise", "kind"}


def test_explanations_add_up_to_the_probability(classifier):
    given = data((rows()[1] > 0.5).astype(np.int64))
    explained = list(classifier.experimental_predict_with_explanations(given, "probabilities"))
    for each in explained:
        assert set(each) == {"probabilities", "bias", "dfc"}
        total = each["bias"] + sum(each["dfc"].values())
        assert total == pytest.approx(float(each["probabilities"][1]), abs=1e-5)
    # The bias of a centered forest is the share of class 1, but for the roots of its other trees.
    assert explained[0]["bias"] == pytest.approx((rows()[1] > 0.5).mean(), abs=0.02)


def test_refuses_what_it_cannot_explain(regressor):
    with pytest.raises(ValueError, match="kind must be 'gain' or 'splits', got 'cover'"):
        regressor.feature_importances("cover")
    trees = BoostedTreesEstimator(columns(), head=MultiClassHead(3))
    with pytest.raises(ValueError, match="MultiClassHead with 3 logits"):
        trees.experimental_predict_with_explanations(data(rows()[1]))
    with pytest.raises(ValueError, match="[Tt]rain"):
        trees.feature_importances()
