"""Monotone constraints: kept by every forest, and no worse than they must be."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import RunConfig
from premade.boosted_trees import BoostedTreesRegressor, TreeOptions

ROWS = 600


def rows():
    rng = np.random.default_rng(12)
    x = rng.standard_normal((ROWS, 2)).astype(np.float32)
    kind = rng.integers(0, 3, ROWS)
    # Rises with up but for waves, and falls with down the other way round.
    y = x[:, 0] + np.sin(4 * x[:, 0]) - x[:, 1] * (1 + kind) + np.cos(5 * x[:, 1])
    noise = rng.standard_normal(ROWS)
    up = np.where(rng.random(ROWS) < 0.1, np.nan, x[:, 0]).astype(np.float32)
    return {"up": up, "down": x[:, 1], "kind": kind}, (y + noise).astype(np.float32)


def data(features, y=None):
    return lambda: tf.data.Dataset.from_tensors(features if y is None else (features, y))


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    def train(**options):
        columns = [
            fc.numeric_column("up"),
            fc.numeric_column("down"),
            fc.categorical_column_with_identity("kind", 3),
        ]
        config = RunConfig(model_dir=str(tmp_path_factory.mktemp("trees")), progress=False)
        trees = BoostedTreesRegressor(
            columns,
            n_trees=12,
            max_depth=4,
            learning_rate=0.3,
            l1_regularization=0.1,
            l2_regularization=1.0,
            config=config,
            options=TreeOptions(**options),
        )
        return trees.train(data(*rows()))

    return train


@pytest.fixture(scope="module")
def constrained(train):
    return train(monotone={"up": 1, "down": -1})


def along(trees, key):
    """Predictions for rows that differ in one number alone, `[rows, values]`."""
    features, _ = rows()
    values = np.linspace(-3, 3, 80).astype(np.float32)
    some = {name: np.repeat(each[:25], len(values)) for name, each in features.items()}
    some[key] = np.tile(values, 25)
    found = [each["predictions"][0] for each in trees.predict(data(some))]
    return np.reshape(found, [25, len(values)])


def test_predictions_follow_the_columns(constrained):
    assert (np.diff(along(constrained, "up"), axis=1) >= -1e-6).all()
    assert (np.diff(along(constrained, "down"), axis=1) <= 1e-6).all()


def test_free_trees_do_not_and_fit_only_a_little_better(train, constrained):
    free = train()
    assert (np.diff(along(free, "up"), axis=1) < -1e-3).any()
    found, least = (trees.evaluate(data(*rows()))["average_loss"] for trees in (constrained, free))
    assert least < found < 2.5 * least


def test_a_direction_that_no_split_goes_against_changes_nothing(train):
    features, _ = rows()
    y = (features["down"] > 0).astype(np.float32)
    columns = [fc.numeric_column("down")]
    forests = []
    for options in (TreeOptions(), TreeOptions(monotone={"down": 1})):
        trees = BoostedTreesRegressor(
            columns, n_trees=2, max_depth=2, config=RunConfig(progress=False), options=options
        )
        forests.append(trees.train(data(features, y)).forest())
    np.testing.assert_array_equal(forests[0].feature, forests[1].feature)
    np.testing.assert_array_equal(forests[0].threshold, forests[1].threshold)
    np.testing.assert_allclose(forests[0].value, forests[1].value, atol=1e-6)
    np.testing.assert_allclose(forests[0].gain, forests[1].gain, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("monotone", "message"),
    [
        ({"kind": 1}, "'kind'.* not among the columns of numbers, \\['down', 'up'\\]"),
        ({"age": 1}, "'age'.* not among"),
        ({"up": 2}, "'up' the direction 2; it must be 1"),
    ],
)
def test_refusals(train, monotone, message):
    with pytest.raises(ValueError, match=message):
        train(monotone=monotone)


def test_refuses_leaves_that_are_quantiles():
    with pytest.raises(ValueError, match="monotone does not go with the loss AbsoluteError"):
        BoostedTreesRegressor(
            [fc.numeric_column("up")], loss="absolute", options=TreeOptions(monotone={"up": 1})
        )
