"""`LinearSDCA`: the numbers of tf.estimator 2.15 (A1 to A4), closed forms, and scikit-learn."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf
from sklearn import linear_model

import feature_columns as fc
from estimators import (
    BinaryClassHead,
    Hook,
    LogisticRegressionHead,
    MultiClassHead,
    RegressionHead,
    RunConfig,
    inputs,
)
from premade import (
    DNNRegressor,
    LinearClassifier,
    LinearEstimator,
    LinearRegressor,
    LinearSDCA,
    linear_weights,
)
from premade.sdca import blocks, step, sums


@pytest.fixture(params=["sums", "blocks"])
def both_solvers(request, monkeypatch):
    """Without l1, lets models of any size be solved by sums over examples or by dual ascent."""
    most = {"sums": sums.MOST_WEIGHTS, "blocks": 0}[request.param]
    monkeypatch.setattr(step, "MOST_WEIGHTS", most)
    return request.param


SCOPE = "linear/linear_model"
X = np.float32([[1.2, 2.0, -1.5], [-2.0, 3.0, -0.5], [1.0, -0.5, 4.0]])
Y = X @ np.float32([3.0, -1.2, 0.5])
THREE = [fc.numeric_column("x", shape=3)]


def solver(l2=1.0, l1=0.0):
    return LinearSDCA("id", symmetric_l1_regularization=l1, symmetric_l2_regularization=l2)


def rows(x, y, weights=None):
    """One batch of all rows, over and over."""
    features = {"id": np.arange(len(x)).astype(str), "x": x.astype(np.float32)}
    if weights is not None:
        features["w"] = np.broadcast_to(np.float32(weights), len(x))
    return lambda: tf.data.Dataset.from_tensors((features, y)).repeat()


def of(estimator):
    """Weights of the column x, and the bias."""
    weights = estimator.get_variable_value(f"{SCOPE}/x/weights")
    return np.append(weights, estimator.get_variable_value(f"{SCOPE}/bias_weights"))


# The numbers of tf.estimator


@pytest.mark.parametrize(
    ("l2", "l1", "weight", "expected", "loss"),
    [
        (0.1, 0.0, None, [2.9130454, -1.2841486, 0.4668259, 0.1491635], 0.0046160),
        (0.1, 0.0, 10.0, [2.9557271, -1.2856319, 0.4603133, 0.1573327], 0.00047607),
        (1.0, 0.0, None, [2.5520174, -1.2628191, 0.5183286, 0.0839060], 0.3491301),
        (1.0, 0.0, 10.0, [2.9130454, -1.2841486, 0.4668259, 0.1491635], 0.0461601),
        (0.1, 1.0, None, [2.8232737, -1.1795902, 0.4810848, -0.0], 0.0897546),
    ],
    ids=["A1", "A2", "A3", "A3-weights", "A4"],
)
def test_regression(both_solvers, small, l2, l1, weight, expected, loss):
    data = rows(X, Y, weight)
    options = {"weight_column": None if weight is None else "w", "optimizer": solver(l2, l1)}
    estimator = small(LinearRegressor, THREE, **options)
    estimator.train(data, steps=200)
    np.testing.assert_allclose(of(estimator), expected, atol=1e-6)
    assert estimator.evaluate(data, steps=1)["loss"] == pytest.approx(loss, rel=1e-4)
    assert estimator.get_variable_value("global_step") == 200


# Others' solutions


def problem(kind, count=300, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 5)).astype(np.float32)
    score = x @ [2.0, -1.0, 0.5, 0.0, 0.0] + 0.7 + random.normal(size=count)
    return x, (score > 0).astype(np.int64) if kind == "binary" else score.astype(np.float32)


def with_bias(x):
    return np.column_stack([x.astype(np.float64), np.ones(len(x))])


FIVE = [fc.numeric_column("x", shape=5)]
WEIGHTS = np.random.default_rng(1).integers(0, 4, 300).astype(np.float32)


def in_batches(x, y, size, weights=None):
    features = {"id": np.arange(len(x)).astype(str), "x": x}
    if weights is not None:
        features["w"] = weights
    options = {"batch_size": size, "shuffle": True, "num_epochs": None}
    return inputs.numpy_input_fn(features, y, **options)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_ridge_in_closed_form(both_solvers, small, weights):
    x, y = problem("real")
    estimator = small(
        LinearRegressor, FIVE, weight_column=None if weights is None else "w", optimizer=solver(20)
    )
    estimator.train(in_batches(x, y, 50, weights), steps=300)
    a, w = with_bias(x), np.ones(len(x)) if weights is None else weights.astype(np.float64)
    expected = np.linalg.solve(a.T @ (w[:, None] * a) + 20 * np.eye(6), a.T @ (w * y))
    np.testing.assert_allclose(of(estimator), expected, rtol=1e-5, atol=1e-6)
    ridge = linear_model.Ridge(20.0, fit_intercept=False).fit(a, y, w)
    np.testing.assert_allclose(of(estimator), ridge.coef_, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("steps_of", [300, 50])
def test_logistic_regression_as_scikit_learn_solves_it(both_solvers, small, weights, steps_of):
    x, y = problem("binary")
    estimator = small(
        LinearClassifier, FIVE, weight_column=None if weights is None else "w", optimizer=solver(5)
    )
    estimator.train(in_batches(x, y, steps_of, weights), steps=200)
    theirs = linear_model.LogisticRegression(C=1 / 5, fit_intercept=False, tol=1e-12, max_iter=1000)
    theirs.fit(with_bias(x), y, weights)
    np.testing.assert_allclose(of(estimator), theirs.coef_[0], rtol=1e-4, atol=1e-5)


def test_lasso_and_elastic_net_as_scikit_learn_solves_them(small):
    x, y = problem("real")
    for l1, l2 in ((40.0, 20.0), (60.0, 5.0)):
        estimator = small(LinearRegressor, FIVE, optimizer=solver(l2, l1))
        estimator.train(in_batches(x, y, 300), steps=400)
        # Theirs is divided by the number of examples.
        alpha = (l1 + l2) / len(x)
        theirs = linear_model.ElasticNet(
            alpha, l1_ratio=l1 / (l1 + l2), fit_intercept=False, tol=1e-12, max_iter=100000
        )
        theirs.fit(with_bias(x), y)
        np.testing.assert_allclose(of(estimator), theirs.coef_, rtol=1e-4, atol=1e-5)
        assert (of(estimator) == 0).tolist() == (theirs.coef_ == 0).tolist()


def test_l1_of_a_logistic_regression(small):
    x, y = problem("binary")
    estimator = small(LinearClassifier, FIVE, optimizer=solver(5.0, 8.0))
    estimator.train(in_batches(x, y, 300), steps=300)
    found = of(estimator).astype(np.float64)
    # At the optimum the gradient of the smooth part is -l1 sign(w), or shorter where w is 0.
    a = with_bias(x)
    gradient = a.T @ (1 / (1 + np.exp(-a @ found)) - y) + 5.0 * found
    is_zero = found == 0
    assert 0 < is_zero.sum() < len(found)
    np.testing.assert_allclose(gradient[~is_zero], -8.0 * np.sign(found[~is_zero]), rtol=1e-4)
    assert np.all(np.abs(gradient[is_zero]) <= 8.0)


def test_labels_between_the_classes_and_their_names(both_solvers, small):
    x, _ = problem("binary")
    share = (1 / (1 + np.exp(-x[:, 0]))).astype(np.float32)
    estimator = small(LinearClassifier, FIVE, optimizer=solver(0.5))
    estimator.train(in_batches(x, share, 300), steps=100)
    a, found = with_bias(x), of(estimator).astype(np.float64)
    gradient = a.T @ (1 / (1 + np.exp(-a @ found)) - share) + 0.5 * found
    np.testing.assert_allclose(gradient, 0.0, atol=1e-4)

    _, y = problem("binary")
    options = {"optimizer": solver(5), "label_vocabulary": ["no", "yes"]}
    by_name = small(LinearClassifier, FIVE, **options)
    by_name.train(in_batches(x, np.array(["no", "yes"])[y], 300), steps=10)
    by_id = small(LinearClassifier, FIVE, optimizer=solver(5))
    by_id.train(in_batches(x, y, 300), steps=10)
    np.testing.assert_allclose(of(by_name), of(by_id), rtol=1e-5, atol=1e-6)


def test_one_batch_that_holds_everything_is_solved_in_one_step(both_solvers, small):
    x, y = problem("real", count=200)
    estimator = small(LinearRegressor, FIVE, optimizer=solver(0.01))
    estimator.train(in_batches(x, y, 200), steps=1)
    a = with_bias(x)
    expected = np.linalg.solve(a.T @ a + 0.01 * np.eye(6), a.T @ y)
    np.testing.assert_allclose(of(estimator), expected, rtol=1e-4, atol=1e-6)


def test_a_regression_needs_one_pass(small):
    x, y = problem("real")
    estimator = small(LinearRegressor, FIVE, optimizer=solver(0.01))
    estimator.train(in_batches(x, y, 10), steps=30)
    a = with_bias(x)
    expected = np.linalg.solve(a.T @ a + 0.01 * np.eye(6), a.T @ y)
    np.testing.assert_allclose(of(estimator), expected, rtol=1e-5, atol=1e-6)


def objective(weights, x, y, l2):
    a = with_bias(x)
    logits = a @ weights
    return np.logaddexp(0, logits).sum() - logits @ y + 0.5 * l2 * weights @ weights


def test_a_classifier_needs_few_passes(small):
    x, y = problem("binary", count=2000)
    estimator = small(LinearClassifier, FIVE, optimizer=solver(1.0))
    estimator.train(in_batches(x, y, 100), steps=100)
    theirs = linear_model.LogisticRegression(C=1.0, fit_intercept=False, tol=1e-12, max_iter=1000)
    best = objective(theirs.fit(with_bias(x), y).coef_[0], x, y, 1.0)
    assert objective(of(estimator).astype(np.float64), x, y, 1.0) == pytest.approx(best, rel=1e-9)


def test_finds_its_way_back_where_parabolas_are_too_flat(small):
    # Few outliers decide, and labels say nothing: Newton's method alone runs away here.
    random = np.random.default_rng(1)
    x = (random.standard_cauchy(size=(2000, 5)) * 5).astype(np.float32)
    y = (random.random(2000) > 0.5).astype(np.int64)
    estimator = small(LinearClassifier, FIVE, optimizer=solver(0.1))
    estimator.train(in_batches(x, y, 64), steps=32 * 12)
    theirs = linear_model.LogisticRegression(C=10.0, fit_intercept=False, tol=1e-12, max_iter=5000)
    best = objective(theirs.fit(with_bias(x), y).coef_[0], x, y, 0.1)
    assert objective(of(estimator).astype(np.float64), x, y, 0.1) < 1.1 * best


@pytest.mark.parametrize("block_size", [1, 7, 64])
def test_dual_ascent_does_not_depend_on_its_blocks(small, monkeypatch, block_size):
    x, y = problem("binary", count=60)
    monkeypatch.setattr(step, "MOST_WEIGHTS", 0)
    monkeypatch.setattr(step, "ascend", functools.partial(blocks.ascend, block_size=block_size))
    estimator = small(LinearClassifier, FIVE, optimizer=solver(10.0))
    estimator.train(in_batches(x, y, 60), steps=60)
    theirs = linear_model.LogisticRegression(C=0.1, fit_intercept=False, tol=1e-12, max_iter=1000)
    theirs.fit(with_bias(x), y)
    np.testing.assert_allclose(of(estimator), theirs.coef_[0], rtol=1e-4, atol=1e-5)


def test_a_wide_model_is_solved_by_dual_ascent(small):
    words = fc.categorical_column_with_identity("word", 5000)
    random = np.random.default_rng(2)
    word = random.integers(0, 50, 400)
    y = (word % 2 + random.normal(size=400)).astype(np.float32)
    features = {"id": np.arange(400).astype(str), "word": word}
    options = {"batch_size": 100, "num_epochs": None, "shuffle": True}
    estimator = small(LinearRegressor, [words], optimizer=solver(2.0))
    estimator.train(inputs.numpy_input_fn(features, y, **options), steps=200)
    names = estimator.get_variable_names()
    assert f"training/LinearSDCA/{SCOPE}/word/weights/unshrunk" in names
    assert "training/LinearSDCA/curvature" not in names
    a = with_bias(np.eye(5000)[word])
    best = a.T @ np.linalg.solve(a @ a.T + 2.0 * np.eye(400), y)
    found = estimator.get_variable_value(f"{SCOPE}/word/weights")[:, 0]
    np.testing.assert_allclose(found, best[:-1], rtol=1e-3, atol=1e-4)


# Columns


def wide_rows():
    random = np.random.default_rng(3)
    count = 240
    words = random.choice(["a", "b", "c", "d", ""], (count, 3))
    ragged = tf.ragged.constant([[word for word in row if word] for row in words.tolist()])
    features = {
        "id": np.arange(count).astype(str),
        "age": random.normal(size=count).astype(np.float32),
        "job": random.choice(["cook", "smith", "other"], count),
        "words": words,
        "ragged": ragged,
        "sparse": ragged.to_sparse(),
        "w": random.integers(1, 3, count).astype(np.float32),
    }
    score = features["age"] + (features["job"] == "cook") - (words == "a").sum(axis=1)
    return features, (score + random.normal(size=count)).astype(np.float32)


def wide_columns(key):
    age = fc.numeric_column("age")
    return [
        age,
        fc.bucketized_column(age, [-0.5, 0.5]),
        fc.categorical_column_with_vocabulary_list("job", ["cook", "smith"]),
        fc.crossed_column([fc.bucketized_column(age, [0.0]), "job"], 7),
        fc.categorical_column_with_hash_bucket(key, 5),
        fc.indicator_column(fc.categorical_column_with_hash_bucket("job", 3)),
    ]


def matrix_of(columns, features):
    """The design matrix, by asking a linear model for one weight at a time."""
    layer = fc.LinearModel(columns)
    layer(features)
    blocks = []
    for weight in layer.weights:
        zero = np.zeros(weight.shape, np.float32)
        for i in range(weight.shape[0]):
            one = zero.copy()
            one[i] = 1.0
            weight.assign(one)
            blocks.append(layer(features).numpy()[:, 0])
        weight.assign(zero)
    return np.column_stack(blocks).astype(np.float64)


@pytest.mark.parametrize("key", ["words", "ragged", "sparse"])
def test_columns_of_all_kinds(both_solvers, small, key):
    features, y = wide_rows()
    columns = wide_columns(key)
    data = lambda: tf.data.Dataset.from_tensor_slices((features, y)).batch(60).repeat()  # noqa: E731
    estimator = small(LinearRegressor, columns, weight_column="w", optimizer=solver(30.0))
    estimator.train(data, steps=400)
    a, w = matrix_of(columns, features), features["w"].astype(np.float64)
    best = np.linalg.solve(a.T @ (w[:, None] * a) + 30.0 * np.eye(a.shape[1]), a.T @ (w * y))
    once = lambda: data().take(4)  # noqa: E731
    found = np.array([p["predictions"][0] for p in estimator.predict(once)])
    np.testing.assert_allclose(found, a @ best, rtol=1e-3, atol=1e-4)
    assert len(linear_weights(estimator)) == a.shape[1] - 1  # but for the row of missing ids


def test_only_touched_weights_move(small):
    job = fc.categorical_column_with_vocabulary_list("job", ["cook", "smith"])
    features = {"id": np.array(["a"]), "job": np.array(["cook"])}
    data = lambda: tf.data.Dataset.from_tensors((features, [2.0]))  # noqa: E731
    estimator = small(LinearRegressor, [job], optimizer=solver(1.0)).train(data)
    # One example: w = b = c / l2 with c = 2 - w - b.
    weights = estimator.get_variable_value(f"{SCOPE}/job/weights")[:, 0]
    np.testing.assert_allclose(weights, [2 / 3, 0.0], rtol=1e-6)


# Examples and their names


def test_an_example_counts_once_however_often_it_comes(both_solvers, small):
    x, y = problem("real", count=40)
    features = {"id": np.arange(40).astype(str), "x": x}
    rows_of = tf.data.Dataset.from_tensor_slices((features, y))
    # 100 rows of 40 examples: some are three times in a batch.
    data = lambda: rows_of.repeat().batch(100)  # noqa: E731
    estimator = small(LinearRegressor, FIVE, optimizer=solver(2.0)).train(data, steps=60)
    a = with_bias(x)
    expected = np.linalg.solve(a.T @ a + 2.0 * np.eye(6), a.T @ y)
    np.testing.assert_allclose(of(estimator), expected, rtol=1e-5, atol=1e-6)
    assert estimator.get_variable_value("training/LinearSDCA/examples") == 40


def test_the_table_of_examples_grows_and_stays_consistent(both_solvers, small):
    random = np.random.default_rng(0)
    x = random.normal(size=(3000, 1)).astype(np.float32)
    y = (x[:, 0] + random.normal(size=3000)).astype(np.float32)
    estimator = small(LinearRegressor, [fc.numeric_column("x")], optimizer=solver(3000.0))
    estimator.train(in_batches(x, y, 100), steps=90 if both_solvers == "sums" else 600)
    scope = "training/LinearSDCA"
    keys = estimator.get_variable_value(f"{scope}/example_keys")
    assert estimator.get_variable_value(f"{scope}/examples") == 3000
    assert (np.any(keys != 0, axis=1)).sum() == 3000
    assert 6000 <= len(keys) <= 12000
    found = of(estimator).astype(np.float64)
    residuals = y - with_bias(x) @ found
    np.testing.assert_allclose(with_bias(x).T @ residuals / 3000.0, found, atol=1e-5)
    numbers = estimator.get_variable_value(f"{scope}/example_numbers")
    numbers = numbers[np.any(keys != 0, axis=1)]
    if both_solvers == "blocks":
        # The solution is the sum of what the examples are in it, each of them its residual.
        np.testing.assert_allclose(np.sort(numbers[:, 0]), np.sort(residuals), atol=1e-4)
    else:
        np.testing.assert_array_equal(numbers[:, 1], 1.0)
        np.testing.assert_allclose(np.sort(numbers[:, 0]), np.sort(y), atol=1e-6)


def test_an_example_without_weight_is_not_there(both_solvers, small):
    x, y = problem("real", count=50)
    weights = np.r_[np.ones(30), np.zeros(20)].astype(np.float32)
    options = {"weight_column": "w", "optimizer": solver(2.0)}
    estimator = small(LinearRegressor, FIVE, **options).train(
        in_batches(x, y, 50, weights), steps=5
    )
    a = with_bias(x[:30])
    expected = np.linalg.solve(a.T @ a + 2.0 * np.eye(6), a.T @ y[:30])
    np.testing.assert_allclose(of(estimator), expected, rtol=1e-5, atol=1e-6)


# The runtime


class StopAt(Hook):
    def __init__(self, step):
        self._step = step

    def due(self, step):
        return self._step if step < self._step else None

    def after(self, run, outputs):
        run.request_stop("the test says so")


@pytest.mark.parametrize("stop", [3, 20])
def test_resumes_bit_for_bit_also_where_the_table_has_grown(tmp_path, stop):
    x, y = problem("binary", count=1500)

    def train(folder, hooks=()):
        config = RunConfig(model_dir=str(tmp_path / folder), tf_random_seed=3)
        estimator = LinearClassifier(FIVE, optimizer=solver(1.0, 0.5), config=config)
        return estimator.train(in_batches(x, y, 64), hooks=hooks, max_steps=40)

    whole = train("whole")
    train("halves", [StopAt(stop)])
    halves = train("halves")
    assert whole.get_variable_names() == halves.get_variable_names()
    for name in whole.get_variable_names():
        np.testing.assert_array_equal(
            whole.get_variable_value(name), halves.get_variable_value(name), err_msg=name
        )


@pytest.mark.parametrize("key", ["words", "ragged"])
def test_replicas_solve_together(both_solvers, tmp_path, mirrored_strategy, key):
    features, y = wide_rows()
    data = tf.data.Dataset.from_tensor_slices((features, y))
    found = []
    for size, strategy in ((60, None), (30, mirrored_strategy)):
        config = RunConfig(model_dir=str(tmp_path / str(size)), train_distribute=strategy)
        estimator = LinearRegressor(wide_columns(key), optimizer=solver(), config=config)
        estimator.train(lambda size=size: data.batch(size).repeat(), steps=12)
        found.append([row.weight for row in linear_weights(estimator)])
        if strategy is not None:
            store = estimator._model.store
            for name in store.names:
                np.testing.assert_array_equal(*(v.numpy() for v in store[name].values))
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)


def test_eagerly(both_solvers, small):
    estimator = small(LinearRegressor, THREE, optimizer=solver(0.1))
    eager = LinearRegressor(
        THREE,
        optimizer=solver(0.1),
        config=estimator.config.replace(run_eagerly=True, model_dir=estimator.model_dir + "_eager"),
    )
    for each in (estimator, eager):
        each.train(rows(X, Y), steps=3)
    np.testing.assert_allclose(of(eager), of(estimator), rtol=1e-6)


def test_predicts_without_names(small):
    estimator = small(LinearRegressor, THREE, optimizer=solver(0.1)).train(rows(X, Y), steps=3)
    data = lambda: tf.data.Dataset.from_tensors({"x": X})  # noqa: E731
    found = [p["predictions"][0] for p in estimator.predict(data)]
    np.testing.assert_allclose(found, with_bias(X) @ of(estimator), rtol=1e-5)


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"symmetric_l2_regularization": 0.0}, "l2_regularization should be positive, got 0.0"),
        ({"symmetric_l2_regularization": -1.0}, "l2_regularization should be positive"),
        ({"symmetric_l1_regularization": -1.0}, "l1_regularization should be non-negative"),
        ({"example_id_column": None}, "example_id_column must be the name of a feature"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        LinearSDCA(**{"example_id_column": "id", **options})


NUMBER = fc.numeric_column("x")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda s: LinearClassifier([NUMBER], n_classes=3, optimizer=s),
            "LinearSDCA cannot be used in a multi-class setting, got 3 classes",
        ),
        (
            lambda s: LinearRegressor([NUMBER], label_dimension=2, optimizer=s),
            "LinearSDCA can only be used with one-dimensional labels, got label_dimension=2",
        ),
        (
            lambda s: LinearRegressor([NUMBER], optimizer=s, sparse_combiner="mean"),
            'sparse_combiner must be "sum" when optimizer is a LinearSDCA object',
        ),
        (
            lambda s: LinearEstimator(LogisticRegressionHead(), [NUMBER], optimizer=s),
            "Unsupported head type: LogisticRegressionHead",
        ),
        (
            lambda s: LinearEstimator(MultiClassHead(3), [NUMBER], optimizer=s),
            "multi-class setting",
        ),
        (
            lambda s: LinearRegressor(
                [fc.embedding_column(fc.categorical_column_with_identity("day", num_buckets=7), 2)],
                optimizer=s,
            ),
            "LinearSDCA does not support column type EmbeddingColumn: 'day_embedding'",
        ),
        (
            lambda s: LinearRegressor([NUMBER], optimizer=s, warm_start_from="somewhere"),
            "LinearSDCA begins at zero",
        ),
        (lambda s: DNNRegressor([4], [NUMBER], optimizer=s).train(rows(X[:, 0], Y)), "not an opt"),
    ],
)
def test_models_that_it_cannot_solve(make, message):
    with pytest.raises(ValueError, match=message):
        make(solver())


def test_a_loss_of_ones_own(small):
    head = RegressionHead(loss_fn=lambda labels, logits: tf.abs(labels - logits))
    estimator = small(LinearEstimator, head, THREE, optimizer=solver())
    with pytest.raises(ValueError, match="a solver with a loss of its own takes no loss_fn"):
        estimator.train(rows(X, Y))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, r"needs the feature 'id' \(example_id_column\)"),
        ({"id": np.arange(3)}, "must be a dense tensor of strings.* tf.strings.as_string"),
        ({"w": np.float32([1, -1, 1])}, "weights of examples that are not negative"),
        ({"x": np.float32([[0, 0, 0], [0, np.nan, 0], [0, 0, 0]])}, "a finite design"),
    ],
)
def test_wrong_data(small, change, message):
    features = {"id": np.array(["a", "b", "c"]), "x": X, "w": np.ones(3, np.float32), **change}
    features = {key: value for key, value in features.items() if value is not None}
    estimator = small(LinearRegressor, THREE, weight_column="w", optimizer=solver())
    with pytest.raises(ValueError, match=message):
        estimator.train(lambda: tf.data.Dataset.from_tensors((features, Y)))


def test_binary_heads_of_linear_estimator(small):
    x, y = problem("binary")
    by_head = small(LinearEstimator, BinaryClassHead(), FIVE, optimizer=solver(5))
    by_head.train(in_batches(x, y, 300), steps=5)
    classifier = small(LinearClassifier, FIVE, optimizer=solver(5))
    classifier.train(in_batches(x, y, 300), steps=5)
    np.testing.assert_allclose(of(by_head), of(classifier), rtol=1e-5)
