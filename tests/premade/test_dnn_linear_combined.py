"""Wide & deep: the numbers that tf.estimator 2.15 gives, C1 and C2."""

from __future__ import annotations

import pytest

import feature_columns as fc
from estimators import RegressionHead, optimizers
from premade import (
    DNNLinearCombinedClassifier,
    DNNLinearCombinedEstimator,
    DNNLinearCombinedRegressor,
    DNNRegressor,
    LinearRegressor,
)

X = fc.numeric_column("x")
DEEP = {
    "dnn/hiddenlayer_0/kernel": [[0.6, 0.5]],
    "dnn/hiddenlayer_0/bias": [0.1, -0.1],
    "dnn/hiddenlayer_1/kernel": [[1.0, 0.8], [-0.8, -1.0]],
    "dnn/hiddenlayer_1/bias": [0.2, -0.2],
    "dnn/logits/kernel": [[-1.0], [1.0]],
    "dnn/logits/bias": [0.3],
}
WIDE = {"linear/linear_model/x/weights": [[2.0]], "linear/linear_model/bias_weights": [0.5]}
NAMES = [*WIDE, "dnn/logits/kernel", "dnn/logits/bias"]
PARTS = {"linear_feature_columns": [X], "dnn_feature_columns": [X], "dnn_hidden_units": [2, 2]}


@pytest.fixture
def data(batch):
    return batch({"x": [[10.0]]}, [[1.0]])


def test_c1_default_optimizers(small, data, values):
    estimator = small(DNNLinearCombinedRegressor, values={**DEEP, **WIDE}, **PARTS)
    # D1 gives -2.08 for the deep part; the wide part is 20.5.
    assert next(estimator.predict(data))["predictions"] == pytest.approx(18.42)
    estimator.train(data, steps=1)
    w, b, kernel, bias = values(estimator, *NAMES)
    assert w == pytest.approx([1.9931847])
    assert b == pytest.approx([0.4904621])
    assert kernel == pytest.approx([-1.0010000, 1.0])
    assert bias == pytest.approx([0.2990001])
    assert estimator.evaluate(data, steps=1)["loss"] == pytest.approx(299.53558)
    assert next(estimator.predict(data))["predictions"] == pytest.approx(18.307096)


def test_c2_gradient_descent(small, data, values):
    options = {"linear_optimizer": "SGD", "dnn_optimizer": "SGD"}
    estimator = small(DNNLinearCombinedRegressor, values={**DEEP, **WIDE}, **PARTS, **options)
    estimator.train(data, steps=1)
    w, b, kernel, bias = values(estimator, *NAMES)
    assert w == pytest.approx([0.2580000])
    assert b == pytest.approx([0.3258000])
    assert kernel == pytest.approx([-1.0829192, 1.0])
    assert bias == pytest.approx([0.2651600])
    assert estimator.evaluate(data, steps=1)["loss"] == pytest.approx(15.0743856)
    assert next(estimator.predict(data))["predictions"] == pytest.approx(-2.8825746)


def test_the_deep_part_counts_the_steps(small, data, values):
    options = {"linear_optimizer": "SGD", "dnn_optimizer": "SGD"}
    estimator = small(DNNLinearCombinedRegressor, **PARTS, **options).train(data, steps=3)
    assert estimator.get_variable_value("global_step") == 3
    counters = [name for name in estimator.get_variable_names() if name.endswith("/iter")]
    assert counters == ["training/SGD_1/iter"]
    assert estimator.get_variable_value(counters[0]) == 3


def test_learning_rates_of_the_parts(small, data):
    estimator = small(DNNLinearCombinedRegressor, **PARTS).train(data, steps=1)
    read = estimator.get_variable_value
    assert read("training/Adagrad/learning_rate") == pytest.approx(0.001)
    assert read("training/Ftrl/learning_rate") == pytest.approx(0.005)


def test_only_one_part(small, data, logits):
    wide = small(DNNLinearCombinedRegressor, values=WIDE, linear_feature_columns=[X])
    deep_parts = {"dnn_feature_columns": [X], "dnn_hidden_units": [2, 2]}
    deep = small(DNNLinearCombinedRegressor, values=DEEP, **deep_parts)
    assert logits(wide, data) == [[20.5]] == logits(small(LinearRegressor, [X], values=WIDE), data)
    alone = small(DNNRegressor, [2, 2], [X], values=DEEP)
    assert logits(deep, data) == logits(alone, data)
    assert wide.train(data, steps=2).get_variable_value("global_step") == 2
    assert deep.train(data, steps=2).get_variable_value("global_step") == 2


def test_variables_on_disk(small, data):
    estimator = small(DNNLinearCombinedRegressor, **PARTS).train(data, steps=1)
    names = estimator.get_variable_names()
    assert sorted([*DEEP, *WIDE, "global_step"]) == [n for n in names if "training" not in n]
    slots = {n.removeprefix("training/") for n in names if n.startswith("training/")}
    assert "Adagrad/dnn/logits/kernel/accumulator" in slots
    assert "Ftrl/linear/linear_model/x/weights/accumulator" in slots
    assert "Ftrl/iter" in slots
    assert "Adagrad/iter" not in slots


def test_classifier(small, batch):
    options = {"n_classes": 3, "label_vocabulary": ["a", "b", "c"]}
    estimator = small(DNNLinearCombinedClassifier, **PARTS, **options)
    data = batch({"x": [[1.0], [2.0]]}, [["a"], ["c"]])
    estimator.train(data, steps=1)
    assert estimator.evaluate(data, steps=1)["global_step"] == 1
    assert next(estimator.predict(data))["probabilities"].shape == (3,)


def test_any_head(small, batch, logits):
    def make(**options):
        return DNNLinearCombinedEstimator(RegressionHead(label_dimension=2), **options)

    estimator = small(make, **PARTS)
    assert len(logits(estimator, batch({"x": [[1.0]]}))[0]) == 2


def test_dropout_and_batch_norm_belong_to_the_deep_part(small, data):
    options = {"dnn_dropout": 0.5, "batch_norm": True}
    estimator = small(DNNLinearCombinedRegressor, **PARTS, **options).train(data, steps=1)
    assert "dnn/hiddenlayer_1/batchnorm_1/gamma" in estimator.get_variable_names()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Either linear_feature_columns or dnn_feature_columns must be defined."),
        ({"dnn_feature_columns": [X]}, "dnn_hidden_units must be defined when"),
        ({"linear_feature_columns": [X], "linear_optimizer": "ftrl"}, "Unsupported optimizer name"),
        ({"linear_feature_columns": [X], "linear_optimizer": None}, "must not be None"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        DNNLinearCombinedRegressor(**arguments)


def test_each_optimizer_moves_its_own_part(small, data, values):
    options = {"linear_optimizer": optimizers.SGD(0.0), "dnn_optimizer": optimizers.SGD(0.001)}
    estimator = small(DNNLinearCombinedRegressor, values={**DEEP, **WIDE}, **PARTS, **options)
    estimator.train(data, steps=1)
    w, b, _, bias = values(estimator, *NAMES)
    assert (w, b) == ([2.0], [0.5])
    assert bias == pytest.approx([0.2651600])  # as in C2
