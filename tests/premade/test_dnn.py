"""Feed-forward networks: the numbers that tf.estimator 2.15 gives, from D1 to D11."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import BinaryClassHead, optimizers
from premade import DNNClassifier, DNNEstimator, DNNRegressor

AGE, HEIGHT = fc.numeric_column("age"), fc.numeric_column("height")
BOTH = fc.numeric_column("age", shape=2)

NETWORK = {
    "dnn/hiddenlayer_0/kernel": [[0.6, 0.5]],
    "dnn/hiddenlayer_0/bias": [0.1, -0.1],
    "dnn/hiddenlayer_1/kernel": [[1.0, 0.8], [-0.8, -1.0]],
    "dnn/hiddenlayer_1/bias": [0.2, -0.2],
    "dnn/logits/kernel": [[-1.0], [1.0]],
    "dnn/logits/bias": [0.3],
}
THREE_LOGITS = {
    "dnn/logits/kernel": [[-1.0, 1.0, 0.5], [-1.0, 1.0, 0.5]],
    "dnn/logits/bias": [0.3, -0.3, 0.0],
}
TWO_INPUTS = {"dnn/hiddenlayer_0/kernel": [[0.6, 0.5], [-0.6, -0.5]]}
KERNEL, BIAS = "dnn/logits/kernel", "dnn/logits/bias"


@pytest.fixture
def make(small):
    """Makes a network of two hidden layers of two units, with the weights of the reference."""

    def make(kind, columns=(AGE,), *, values=None, **options):
        return small(kind, [2, 2], list(columns), values={**NETWORK, **(values or {})}, **options)

    return make


@pytest.mark.parametrize(("age", "logit"), [(10.0, -2.08), (5.0, -1.08)])
def test_d1_one_logit(make, batch, logits, age, logit):
    data = batch({"age": [[age]]})
    for kind in (DNNRegressor, DNNClassifier):
        assert logits(make(kind), data) == [[pytest.approx(logit, abs=1e-6)]]


@pytest.mark.parametrize(("age", "row"), [(10.0, [-2.08, 2.08, 1.19]), (5.0, [-1.08, 1.08, 0.69])])
def test_d2_three_logits(make, batch, logits, age, row):
    data = batch({"age": [[age]]})
    estimator = make(DNNRegressor, values=THREE_LOGITS, label_dimension=3)
    assert logits(estimator, data)[0] == pytest.approx(row, abs=1e-6)


@pytest.mark.parametrize(
    ("columns", "features"),
    [([BOTH], {"age": [[10.0, 8.0]]}), ([HEIGHT, AGE], {"age": [[10.0]], "height": [[8.0]]})],
)
def test_d3_two_inputs(make, batch, logits, columns, features):
    one = make(DNNRegressor, columns, values=TWO_INPUTS)
    assert logits(one, batch(features)) == [[pytest.approx(-0.48, abs=1e-6)]]
    values = {**TWO_INPUTS, **THREE_LOGITS}
    three = make(DNNClassifier, columns, values=values, n_classes=3)
    assert logits(three, batch(features))[0] == pytest.approx([-0.48, 0.48, 0.39], abs=1e-6)


@pytest.mark.parametrize(
    ("label", "options", "values", "loss"),
    [
        (1, {}, {}, 2.197721),
        (0.8, {}, {}, 1.781721),
        (1, {"n_classes": 3}, THREE_LOGITS, 0.35505795),
    ],
)
def test_d4_training_loss(make, batch, losses, label, options, values, loss):
    estimator = make(DNNClassifier, values=values, **options)
    data = batch({"age": [[10.0]]}, [[label]])
    assert losses(estimator, data) == pytest.approx([loss], rel=1e-5)
    assert estimator.get_variable_value("global_step") == 1


def test_d5_binary_metrics(make, batch):
    metrics = make(DNNClassifier).evaluate(batch({"age": [[10.0], [10.0]]}, [[1], [0]]), steps=1)
    expected = {
        "accuracy": 0.5,
        "accuracy_baseline": 0.5,
        "auc": 0.5,
        "auc_precision_recall": 0.5,
        "average_loss": 1.157721,
        "global_step": 0,
        "label/mean": 0.5,
        "loss": 1.157721,
        "precision": 0.0,
        "prediction/mean": 0.11105597,
        "recall": 0.0,
    }
    assert metrics == pytest.approx(expected, rel=1e-5)


def test_d6_three_classes(make, batch):
    values = {**TWO_INPUTS, **THREE_LOGITS}
    estimator = make(DNNClassifier, [BOTH], values=values, n_classes=3)
    data = batch({"age": [[10.0, 8.0], [10.0, 8.0]]}, [[1], [0]])
    metrics = estimator.evaluate(data, steps=1)
    loss = 2.62305466 / 2
    expected = {"loss": loss, "average_loss": loss, "accuracy": 0.5, "global_step": 0}
    assert metrics == pytest.approx(expected, rel=1e-5)
    probabilities = next(estimator.predict(data))["probabilities"]
    assert probabilities == pytest.approx([0.16670536, 0.4353838, 0.39791084], rel=1e-5)


def test_d7_float_labels_and_weights(make, batch):
    data = batch({"age": [[10.0], [10.0]]}, [[0.8], [0.4]])
    assert make(DNNClassifier).evaluate(data, steps=1)["loss"] == pytest.approx(1.365721, rel=1e-5)
    values = {**TWO_INPUTS, **THREE_LOGITS}
    options = {"n_classes": 3, "weight_column": "w"}
    weighted = make(DNNClassifier, [BOTH], values=values, **options)
    features = {"age": [[10.0, 8.0], [10.0, 8.0]], "w": [[10.0], [100.0]]}
    metrics = weighted.evaluate(batch(features, [[1], [0]]), steps=1)
    assert metrics["loss"] == pytest.approx(93.734, rel=1e-4)


def test_d8_regression(make, batch, losses):
    data = batch({"age": [[10.0]]}, [[1.0]])
    assert make(DNNRegressor).evaluate(data, steps=1)["loss"] == pytest.approx(9.4864, rel=1e-5)
    values = {**TWO_INPUTS, **THREE_LOGITS}
    three = make(DNNRegressor, [BOTH], values=values, label_dimension=3)
    features, labels = {"age": [[10.0, 8.0]], "w": [[10.0]]}, [[1.0, -1.0, 0.5]]
    metrics = three.evaluate(batch(features, labels), steps=1)
    expected = {
        "loss": 1.4643,
        "average_loss": 1.4643,
        "prediction/mean": 0.13,
        "label/mean": 0.16667,
        "global_step": 0,
    }
    assert metrics == pytest.approx(expected, rel=1e-4)
    options = {"label_dimension": 3, "weight_column": "w"}
    weighted = make(DNNRegressor, [BOTH], values=values, **options)
    assert losses(weighted, batch(features, labels)) == pytest.approx([14.643], rel=1e-4)


def test_d9_batch_normalization(small, batch, logits, losses):
    start = {
        "dnn/hiddenlayer_0/kernel": [[0.6, 0.5]],
        "dnn/hiddenlayer_0/bias": [1.0, -1.0],
        "dnn/hiddenlayer_0/batchnorm_0/beta": [0.0, 0.0],
        "dnn/hiddenlayer_0/batchnorm_0/gamma": [1.0, 1.0],
        "dnn/hiddenlayer_0/batchnorm_0/moving_mean": [0.0, 0.0],
        "dnn/hiddenlayer_0/batchnorm_0/moving_variance": [1.0, 1.0],
        "dnn/logits/kernel": [[-1.0], [2.0]],
        "dnn/logits/bias": [0.3],
    }
    estimator = small(DNNRegressor, [2], [AGE], values=start, batch_norm=True)
    data = batch({"age": [[10.0], [20.0]]}, [[0.0], [0.0]])
    assert np.ravel(logits(estimator, data)) == pytest.approx([1.29950038, 5.29750187], rel=1e-5)
    evaluated = estimator.evaluate(data, steps=1)["loss"]
    assert evaluated == pytest.approx((1.29950038**2 + 5.29750187**2) / 2, rel=1e-5)
    # The loss of zero labels tells both training logits, -0.69989557 and 1.29989557.
    loss = (0.69989557**2 + 1.29989557**2) / 2
    assert losses(estimator, data) == pytest.approx([loss], rel=1e-5)
    # The moving mean goes 1/1000 of the way to the batch's: 7 and 4 before, 13 and 9 after relu.
    moving = estimator.get_variable_value("dnn/hiddenlayer_0/batchnorm_0/moving_mean")
    assert moving == pytest.approx([0.010, 0.0065], rel=1e-4)


@pytest.mark.parametrize(
    ("optimizer", "loss", "kernel", "bias", "loss_after_three"),
    [
        ("SGD", 0.4075545, [-0.8533920, 1.0], 0.3616, 0.3759153),
        ("Adagrad", 9.2711658, [-0.9990003, 1.0], 0.3009987, 9.0011473),
        ("Adam", 9.2711277, [-0.9990000, 1.0], 0.3010, 8.8494072),
        ("RMSProp", 8.8153706, [-0.9968377, 1.0], 0.3031623, 7.9860859),
        ("Ftrl", 8.8496284, [-0.9774356, 0.0], 0.2856183, 8.5986708),
    ],
)
def test_d10_d11_optimizers_by_name(
    make, batch, values, optimizer, loss, kernel, bias, loss_after_three
):
    data = batch({"age": [[10.0]]}, [[1.0]])
    estimator = make(DNNRegressor, optimizer=optimizer)
    estimator.train(data, steps=1)
    assert estimator.evaluate(data, steps=1)["loss"] == pytest.approx(loss, rel=1e-5)
    assert values(estimator, KERNEL, BIAS)[0] == pytest.approx(kernel, rel=1e-6)
    assert values(estimator, KERNEL, BIAS)[1] == pytest.approx([bias], rel=1e-6)
    estimator.train(data, max_steps=3)
    assert estimator.evaluate(data, steps=1)["loss"] == pytest.approx(loss_after_three, rel=1e-5)


def test_the_default_optimizer_is_adagrad(make, batch, values):
    data = batch({"age": [[10.0]]}, [[1.0]])
    estimator = make(DNNRegressor).train(data, steps=1)
    assert values(estimator, BIAS) == [[pytest.approx(0.3009987, rel=1e-6)]]
    assert estimator.get_variable_value("training/Adagrad/learning_rate") == pytest.approx(0.001)


def test_variables_on_disk(small, batch):
    words = fc.categorical_column_with_hash_bucket("words", 5)
    estimator = small(DNNClassifier, [3], [AGE, fc.embedding_column(words, 2)], batch_norm=True)
    estimator.train(batch({"age": [[1.0]], "words": [["a"]]}, [[1]]), steps=1)
    names = estimator.get_variable_names()
    shapes = {name: estimator.get_variable_value(name).shape for name in names}
    embedding = "dnn/input_from_feature_columns/input_layer/words_embedding/embedding_weights"
    expected = {
        "dnn/hiddenlayer_0/batchnorm_0/beta": (3,),
        "dnn/hiddenlayer_0/batchnorm_0/gamma": (3,),
        "dnn/hiddenlayer_0/batchnorm_0/moving_mean": (3,),
        "dnn/hiddenlayer_0/batchnorm_0/moving_variance": (3,),
        "dnn/hiddenlayer_0/bias": (3,),
        "dnn/hiddenlayer_0/kernel": (3, 3),
        embedding: (5, 2),
        "dnn/logits/bias": (1,),
        "dnn/logits/kernel": (3, 1),
        "global_step": (),
    }
    assert {n: s for n, s in shapes.items() if not n.startswith("training/")} == expected
    assert shapes[f"training/Adagrad/{embedding}/accumulator"] == (5, 2)


def test_no_hidden_layer(small, batch, logits):
    start = {"dnn/logits/kernel": [[2.0]], "dnn/logits/bias": [1.0]}
    estimator = small(DNNRegressor, [], [AGE], values=start)
    assert logits(estimator, batch({"age": [[3.0]]})) == [[7.0]]


def test_activation(make, batch, logits):
    # Without an activation: hidden 6.1, 4.9; then 2.38, -0.22; then -2.3.
    estimator = make(DNNRegressor, activation_fn=lambda x: x)
    assert logits(estimator, batch({"age": [[10.0]]})) == [[pytest.approx(-2.3, abs=1e-5)]]


def test_dropout_in_training_only(small, batch, losses, logits):
    # A hidden unit of 1 is dropped or doubled: the loss of a zero label is 0 or 4.
    start = {
        "dnn/hiddenlayer_0/kernel": [[1.0]],
        "dnn/hiddenlayer_0/bias": [0.0],
        "dnn/logits/kernel": [[1.0]],
        "dnn/logits/bias": [0.0],
    }
    options = {"dropout": 0.5, "optimizer": optimizers.SGD(0.0)}
    estimator = small(DNNRegressor, [1], [AGE], values=start, **options)
    data = batch({"age": [[1.0]]}, [[0.0]])
    assert set(losses(estimator, data, steps=24)) == {0.0, 4.0}
    assert logits(estimator, data) == [[1.0]]


def test_any_head(make, batch):
    # D5 with thresholds: both probabilities, 0.111, are above 0.1.
    estimator = make_with_head(make)
    metrics = estimator.evaluate(batch({"age": [[10.0], [10.0]]}, [[1], [0]]), steps=1)
    assert metrics["recall/positive_threshold_0.1"] == 1.0
    assert metrics["precision/positive_threshold_0.1"] == 0.5


def make_with_head(make):
    def kind(hidden_units, columns, **options):
        return DNNEstimator(BinaryClassHead(thresholds=[0.1]), hidden_units, columns, **options)

    return make(kind)


def test_wrong_arguments(small, batch):
    with pytest.raises(ValueError, match="feature_columns must not be empty"):
        DNNRegressor([2], [])
    with pytest.raises(ValueError, match="The optimizer must not be None"):
        DNNRegressor([2], [AGE], optimizer=None)
    with pytest.raises(ValueError, match="Unsupported optimizer name: adagrad.*'Adagrad'"):
        DNNRegressor([2], [AGE], optimizer="adagrad")
    words = fc.categorical_column_with_hash_bucket("words", 5)
    message = "(?s)embedding_column or indicator_column"
    with pytest.raises(ValueError, match=message):
        small(DNNRegressor, [2], [words]).train(batch({"words": [["a"]]}, [[1.0]]), steps=1)


def test_a_callable_optimizer_is_made_in_training_only(make, batch):
    made = []

    def optimizer():
        made.append(tf.compat.v1.train.get_global_step().name)
        return optimizers.SGD(0.01)

    estimator = make(DNNRegressor, optimizer=optimizer)
    data = batch({"age": [[10.0]]}, [[1.0]])
    estimator.evaluate(data, steps=1)
    assert made == []
    estimator.train(data, steps=1)
    assert set(made) == {"global_step:0"}
    assert estimator.evaluate(data, steps=1)["loss"] == pytest.approx(0.4075545, rel=1e-5)
