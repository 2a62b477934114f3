"""Linear models: the numbers that tf.estimator 2.15 gives, from N1 to N11."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import inspection, linear_model

import feature_columns as fc
from estimators import RegressionHead, inputs, optimizers, permutation_importance
from premade import LinearClassifier, LinearEstimator, LinearRegressor

X = fc.numeric_column("x")
AGE = fc.numeric_column("age")
W, B = "linear/linear_model/x/weights", "linear/linear_model/bias_weights"
VOCABULARY = fc.categorical_column_with_vocabulary_list("v", ["a", "b"])
V = "linear/linear_model/v/weights"


def trained(estimator, input_fn, values, *names, at=(1, 2, 10)):
    """Yields the values of variables and the evaluation loss after so many steps."""
    for step in at:
        estimator.train(input_fn, max_steps=step)
        loss = estimator.evaluate(input_fn, steps=1)["loss"]
        yield [value[0] for value in values(estimator, *names)], loss


def test_n1_regressor_metrics(small, batch):
    start = {W: [[11.0]], B: [2.0]}
    one = small(LinearRegressor, [X], values=start)
    metrics = one.evaluate(batch({"x": [[1.0]]}, [[10.0]]), steps=1)
    assert metrics["loss"] == 9.0
    assert metrics["prediction/mean"] == 13.0
    two = small(LinearRegressor, [X], values=start, weight_column="w")
    data = batch({"x": [[1.0], [1.0]], "w": [[1.0], [2.0]]}, [[10.0], [10.0]])
    metrics = two.evaluate(data, steps=1)
    assert (metrics["loss"], metrics["average_loss"]) == (13.5, 9.0)


@pytest.mark.parametrize(
    ("combiner", "expected"),
    [("sum", [12.0, 13.0]), ("mean", [8.5, 9.0]), ("sqrtn", [9.94974, 10.65685])],
)
def test_n2_combiners(small, batch, logits, combiner, expected):
    column = fc.categorical_column_with_vocabulary_list("v", ["a", "b", "c"])
    start = {V: [[2.0], [3.0], [5.0]], B: [5.0]}
    estimator = small(LinearRegressor, [column], values=start, sparse_combiner=combiner)
    rows = batch({"v": tf.constant([["a", "c"], ["b", "c"]])})
    assert np.ravel(logits(estimator, rows)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_n3_classifier_from_scratch(small, batch, n_classes):
    estimator = small(LinearClassifier, [AGE], n_classes=n_classes)
    metrics = estimator.evaluate(batch({"age": [[1.0]]}, [[1]]), steps=1)
    assert metrics["loss"] == pytest.approx(np.log(n_classes))


@pytest.mark.parametrize(
    ("weights", "bias", "features", "labels", "loss", "average_loss"),
    [
        ([[2.0]], [-3.0], {"age": [[1.0]]}, [[1]], 1.3133, 1.3133),
        ([[3.0]], [-4.0], {"age": [[1.0], [2.0]]}, [[1], [0]], 1.7201, 1.7201),
        ([[2.0]], [-3.0], {"age": [[1.0]]}, [[0.8]], 1.1132617, 1.1132617),
        (
            [[-2.0]],
            [1.0],
            {"age": [[1.0], [0.0]], "w": [[1.0], [2.0]]},
            [[1], [0]],
            1.96995,
            1.3133,
        ),
        ([[-11.0]], [-30.0], {"age": [[1.0]]}, [[1]], 41.0, 41.0),
    ],
)
def test_n4_binary_loss(small, batch, losses, weights, bias, features, labels, loss, average_loss):
    start = {"linear/linear_model/age/weights": weights, B: bias}
    weight_column = "w" if "w" in features else None
    estimator = small(LinearClassifier, [AGE], values=start, weight_column=weight_column)
    data = batch(features, labels)
    metrics = estimator.evaluate(data, steps=1)
    assert metrics["loss"] == pytest.approx(loss, rel=1e-4)
    assert metrics["average_loss"] == pytest.approx(average_loss, rel=1e-4)
    assert losses(estimator, data) == pytest.approx([loss], rel=1e-4)


@pytest.mark.parametrize(
    ("age", "labels", "loss"),
    [([[17.0]], [[5.0]], 28900.0), ([[17.0], [15.0]], [[5.0], [3.0]], 26002.0)],
)
def test_n4b_regression_training_loss(small, batch, losses, age, labels, loss):
    start = {"linear/linear_model/age/weights": [[10.0]], B: [5.0]}
    estimator = small(LinearRegressor, [AGE], values=start)
    assert losses(estimator, batch({"age": age}, labels)) == pytest.approx([loss])


def test_n5_regressor_defaults(small, batch, values):
    data = batch({"x": [[1.0], [2.0]]}, [[10.0], [13.0]])
    steps = trained(small(LinearRegressor, [X]), data, values, W, B)
    expected = [
        ([0.1999923, 0.1999811], 122.960686),
        ([0.3381613, 0.3382190], 115.29055),
        ([0.9581696, 0.9592516], 83.91586),
    ]
    for (weights, loss), (expected_weights, expected_loss) in zip(steps, expected, strict=True):
        assert weights == pytest.approx(expected_weights, rel=2e-6)
        assert loss == pytest.approx(expected_loss, rel=1e-6)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ("SGD", [([7.2, 4.6], 19.62), ([4.44, 3.04], 3.7583976)]),
        ("Adam", [([0.2, 0.2], 122.96), ([0.3997108, 0.3997183], None)]),
        ("Adagrad", [([0.1999923, 0.1999811], None), ([0.3381613, 0.3382191], None)]),
        ("RMSProp", [([0.6324555, 0.6324554], 99.785126), ([1.0570829, 1.0579099], 79.38072)]),
    ],
)
def test_n6_optimizers_by_name(small, batch, values, optimizer, expected):
    data = batch({"x": [[1.0], [2.0]]}, [[10.0], [13.0]])
    steps = trained(small(LinearRegressor, [X], optimizer=optimizer), data, values, W, B, at=(1, 2))
    for (weights, loss), (expected_weights, expected_loss) in zip(steps, expected, strict=True):
        assert weights == pytest.approx(expected_weights, rel=2e-6)
        if expected_loss is not None:
            assert loss == pytest.approx(expected_loss, rel=2e-6)


def test_n7_classifier_defaults(small, batch, values):
    data = batch({"x": [[1.0], [2.0]]}, [[0], [1]])
    steps = trained(small(LinearClassifier, [X]), data, values, W, B)
    expected = [
        ([0.1240347, 0.0], 0.6669357),
        ([0.2028385, -0.0289953], 0.6531401),
        ([0.5253553, -0.4072155], 0.588126),
    ]
    for (weights, loss), (expected_weights, expected_loss) in zip(steps, expected, strict=True):
        assert weights == pytest.approx(expected_weights, rel=2e-6, abs=1e-7)
        assert loss == pytest.approx(expected_loss, rel=2e-6)


def sparse(*rows):
    """Rows of different lengths as a SparseTensor of strings."""
    return tf.ragged.constant([list(row) for row in rows], dtype=tf.string).to_sparse()


def test_n8_words_that_are_not_in_the_vocabulary(small, batch, values):
    estimator = small(LinearRegressor, [VOCABULARY], optimizer="SGD")
    estimator.train(batch({"v": [["zz"], ["b"]]}, [[1.0], [2.0]]), steps=1)
    bias, weights = values(estimator, B, V)
    assert bias == pytest.approx([0.6])
    assert weights == pytest.approx([0.0, 0.4])


@pytest.mark.parametrize(
    "rows",
    [
        tf.constant([["a", "b"], ["b", ""]]),
        sparse("ab", "b"),
        tf.ragged.constant([["a", "b"], ["b"]]),
    ],
)
def test_n8_mean_of_several_words(small, batch, values, rows):
    options = {"optimizer": "SGD", "sparse_combiner": "mean"}
    estimator = small(LinearRegressor, [VOCABULARY], **options)
    estimator.train(batch({"v": rows}, [[1.0], [2.0]]), steps=1)
    bias, weights = values(estimator, B, V)
    assert bias == pytest.approx([0.6])
    assert weights == pytest.approx([0.1, 0.5])


def test_n9_bucketized_in_two_dimensions(small, batch, values):
    column = fc.bucketized_column(fc.numeric_column("x", shape=2), [0.0, 1.0])
    estimator = small(LinearRegressor, [column], optimizer="SGD")
    estimator.train(batch({"x": [[-1.0, 5.0], [0.5, 0.5]]}, [[1.0], [2.0]]), steps=1)
    bias, weights = values(estimator, B, "linear/linear_model/x_bucketized/weights")
    assert bias == pytest.approx([0.6])
    assert weights == pytest.approx([0.2, 0.4, 0.0, 0.0, 0.4, 0.2])


@pytest.mark.parametrize(
    ("x", "y"),
    [([1.0, 2.0], [1.0, 2.0]), ([[1.0], [2.0]], [[1.0], [2.0]]), ([1.0, 2.0], [[1.0], [2.0]])],
)
def test_n10_rank_of_features_and_labels(small, batch, values, x, y):
    estimator = small(LinearRegressor, [X], optimizer="SGD")
    estimator.train(batch({"x": x}, y), steps=1)
    (bias,), (weight,) = values(estimator, B, W)
    assert (bias, weight) == (pytest.approx(0.6), pytest.approx(1.0))


def test_n11_before_any_training(small, batch):
    estimator = small(LinearRegressor, [X])
    data = batch({"x": [[2.0]]}, [[3.0]])
    assert estimator.evaluate(data, steps=1) == {
        "average_loss": 9.0,
        "label/mean": 3.0,
        "loss": 9.0,
        "prediction/mean": 0.0,
        "global_step": 0,
    }
    assert next(estimator.predict(data)) == {"predictions": [0.0]}


def test_keys_of_a_classifier(small, batch):
    estimator = small(LinearClassifier, [X], label_vocabulary=["no", "yes"])
    prediction = next(estimator.predict(batch({"x": [[1.0]]})))
    assert prediction.keys() == {
        "all_class_ids",
        "all_classes",
        "class_ids",
        "classes",
        "logistic",
        "logits",
        "probabilities",
    }
    assert prediction["classes"].tolist() == [b"no"]  # a logit of zero is the first class
    metrics = estimator.evaluate(batch({"x": [[1.0]]}, [["yes"]]), steps=1)
    assert metrics["label/mean"] == 1.0


def test_variables_on_disk(small, batch):
    words = fc.categorical_column_with_hash_bucket("words", 5)
    crossed = fc.crossed_column(["words", "v"], 7)
    estimator = small(LinearClassifier, [X, words, VOCABULARY, crossed], n_classes=3)
    estimator.train(batch({"x": [[1.0]], "words": [["w"]], "v": [["a"]]}, [[1]]), steps=1)
    weights = {
        "bias_weights": (3,),
        "v/weights": (2, 3),
        "words/weights": (5, 3),
        "v_X_words/weights": (7, 3),
        "x/weights": (1, 3),
    }
    expected = {"global_step": ()}
    for name, shape in weights.items():
        expected[f"linear/linear_model/{name}"] = shape
        for slot in ("accumulator", "linear"):
            expected[f"training/Ftrl/linear/linear_model/{name}/{slot}"] = shape
    for name in (
        "beta",
        "decay",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "learning_rate",
        "learning_rate_power",
    ):
        expected[f"training/Ftrl/{name}"] = ()
    names = estimator.get_variable_names()
    assert {name: estimator.get_variable_value(name).shape for name in names} == expected


@pytest.mark.parametrize(
    ("then", "rate"),
    [
        # Hyper-parameters are checkpointed, as in tf.estimator; a Keras optimizer keeps its own.
        (lambda: optimizers.SGD(1.0), 0.1),
        (lambda: keras.optimizers.SGD(1.0), 1.0),
        (lambda: optimizers.SGD(lambda step: 0.5), 0.5),
    ],
)
def test_learning_rate_after_a_restart(small, batch, values, then, rate):
    data = batch({"x": [[1.0]]}, [[1.0]])
    first = small(LinearRegressor, [X], optimizer=optimizers.SGD(0.1)).train(data, steps=1)
    again = LinearRegressor([X], optimizer=then(), model_dir=first.model_dir)
    again.train(data, max_steps=2)
    # y = w + b, both 0.2 after one step, so that the gradient is 2 (0.4 - 1).
    assert values(again, W)[0] == pytest.approx([0.2 + rate * 1.2])


def test_features_that_no_column_asks_for(small, batch):
    estimator = small(LinearRegressor, [X])
    strange = tf.sparse.from_dense([["unused"]])
    assert estimator.evaluate(batch({"x": [[1.0]], "more": strange}, [[1.0]]), steps=1)["loss"] == 1


def test_any_head(small, batch):
    estimator = small(LinearEstimator, RegressionHead(label_dimension=2), [X])
    assert estimator.evaluate(batch({"x": [[1.0]]}, [[3.0, 1.0]]), steps=1)["loss"] == 5.0


def test_importance_is_of_raw_features_and_as_scikit_learn_says(small):
    random = np.random.default_rng(0)
    words, x = random.choice(["a", "b"], 200), random.normal(size=(200, 2)).astype(np.float32)
    y = (2.0 * (words == "b") + x @ [1.0, 0.0]).astype(np.float32)
    features = {"v": words, "x": x}
    columns = [VOCABULARY, fc.numeric_column("x", shape=2)]
    estimator = small(LinearRegressor, columns, optimizer=optimizers.SGD(0.2))
    every = {"batch_size": 200, "num_epochs": None, "shuffle": False}
    estimator.train(inputs.numpy_input_fn(features, y, **every), steps=200)

    rows = inputs.numpy_input_fn(features, y, batch_size=64, shuffle=False)
    found = permutation_importance(estimator, rows, "average_loss", repeats=20)

    # The same problem with "v" as a column of zeros and ones; "x" is two features there.
    matrix = np.column_stack([words == "b", x]).astype(np.float32)
    theirs = inspection.permutation_importance(
        linear_model.LinearRegression().fit(matrix, y),
        matrix,
        y,
        scoring="neg_mean_squared_error",
        n_repeats=20,
        random_state=0,
    )
    by_key = {each.feature: each for each in found}
    assert by_key.keys() == {"v", "x"}
    assert by_key["v"].mean == pytest.approx(theirs.importances_mean[0], rel=0.1)
    assert by_key["x"].mean == pytest.approx(theirs.importances_mean[1], rel=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearRegressor([]), "feature_columns must not be empty"),
        (lambda: LinearRegressor({"x": X}), "Expected feature_columns to be iterable, found dict"),
        (lambda: LinearClassifier([X], n_classes=1), "n_classes"),
        (lambda: LinearRegressor([X], optimizer="adam"), "Unsupported optimizer name: adam"),
        (lambda: LinearRegressor([X, X]), "Duplicate feature column name"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_wrong_combiner(small, batch):
    estimator = small(LinearRegressor, [X], sparse_combiner="max")
    with pytest.raises(ValueError, match="sparse_combiner must be one of 'sum', 'mean', 'sqrtn'"):
        estimator.train(batch({"x": [[1.0]]}, [[1.0]]), steps=1)


def test_columns_of_tensorflow_are_taken(tmp_path, batch):
    data = batch({"x": [[1.0], [2.0]]}, [[1.0], [3.0]])
    weights = []
    for name, column in (("ours", X), ("old", tf.feature_column.numeric_column("x"))):
        estimator = LinearRegressor([column], model_dir=str(tmp_path / name)).train(data, steps=3)
        weights.append(estimator.get_variable_value("linear/linear_model/x/weights"))
    np.testing.assert_array_equal(*weights)
    assert np.all(weights[0] != 0)


def test_other_things_than_columns_are_refused():
    with pytest.raises(TypeError, match="must be made by the functions of `feature_columns`"):
        LinearRegressor([object()])


def test_features_must_have_names(small):
    data = lambda: tf.data.Dataset.from_tensors(([[1.0]], [[1.0]]))  # noqa: E731
    with pytest.raises(ValueError, match="features should be a dictionary"):
        small(LinearRegressor, [X]).train(data)
