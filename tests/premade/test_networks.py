"""The networks as plain Keras models: what they compute, and that Keras trains them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from premade import BaselineModel, DNNModel, LinearModel, WideDeepModel
from premade.input_dense import InputDense

X = fc.numeric_column("x")
WORDS = fc.categorical_column_with_vocabulary_list("words", ["a", "b"])
FEATURES = {"x": tf.constant([[1.0], [2.0]]), "words": tf.constant([["a"], ["b"]])}


def linear():
    return LinearModel([X, WORDS])


def deep():
    return DNNModel([3], [X, fc.embedding_column(WORDS, 2)], dropout=0.5, batch_norm=True)


MODELS = [BaselineModel, linear, deep, lambda: WideDeepModel(linear(), deep())]


def test_a_linear_model_by_hand():
    model = linear()
    assert model(FEATURES).numpy().tolist() == [[0.0], [0.0]]
    by_name = {weight.path: weight for weight in model.weights}
    fused = [w for path, w in by_name.items() if "bias" not in path]
    for weight in fused:
        weight.assign(np.arange(1.0, 1.0 + np.size(weight)).reshape(weight.shape))
    # x has weight 1; the words have 1 and 2.
    assert model(FEATURES).numpy().tolist() == [[2.0], [4.0]]


def test_a_deep_model_by_hand():
    model = DNNModel([2], [X])
    model(FEATURES)
    kernel, bias, logits, offset = model.weights
    kernel.assign([[1.0, -1.0]])
    bias.assign([0.5, 0.5])
    logits.assign([[2.0], [3.0]])
    offset.assign([0.25])
    # relu(1.5), relu(-0.5); relu(2.5), relu(-1.5).
    assert model(FEATURES).numpy().tolist() == [[3.25], [5.25]]


def test_wide_and_deep_is_the_sum():
    wide, narrow = linear(), DNNModel([3], [X])
    model = WideDeepModel(wide, narrow)
    expected = wide(FEATURES) + narrow(FEATURES)
    np.testing.assert_allclose(model(FEATURES), expected)


@pytest.mark.parametrize("make", MODELS)
def test_keras_trains_them(make):
    keras.utils.set_random_seed(1)
    model = make()
    model.compile("sgd", "mse")
    data = tf.data.Dataset.from_tensors((FEATURES, tf.constant([[1.0], [2.0]]))).repeat(20)
    losses = model.fit(data, epochs=2, verbose=0, shuffle=False).history["loss"]
    assert losses[1] < losses[0]


def test_dropout_is_for_training():
    model = DNNModel([64], [X], dropout=0.5)
    quiet = model(FEATURES)
    assert (model(FEATURES).numpy() == quiet.numpy()).all()
    assert (model(FEATURES, training=True).numpy() != quiet.numpy()).any()


@pytest.mark.parametrize("units", [1, 3])
def test_units(units):
    assert LinearModel([X], units=units)(FEATURES).shape == (2, units)
    assert DNNModel([2], [X], units=units)(FEATURES).shape == (2, units)


@pytest.mark.parametrize("span", [(0, 0), (1, 3), (0, 4)])
def test_the_first_layer_differentiates_as_a_dense_layer_does(span):
    inputs = tf.Variable(np.random.default_rng(0).normal(size=[3, 4]).astype(np.float32))
    layer = InputDense(2, learned_span=span, activation="relu")
    plain = keras.layers.Dense(2, activation="relu")
    layer.build(inputs.shape)
    plain.build(inputs.shape)
    plain.set_weights(layer.get_weights())

    def outputs_and_gradients(each, **options):
        with tf.GradientTape() as tape:
            outputs = each(inputs, **options)
        wanted = [*(weight.value for weight in each.weights), inputs]
        return outputs, tape.gradient(outputs, wanted, output_gradients=outputs)

    found, (by_kernel, by_bias, by_inputs) = outputs_and_gradients(layer, training=True)
    expected, by_plain = outputs_and_gradients(plain)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(by_kernel, by_plain[0], rtol=1e-6)
    np.testing.assert_allclose(by_bias, by_plain[1], rtol=1e-6)
    is_learned = (np.arange(4) >= span[0]) & (np.arange(4) < span[1])
    np.testing.assert_allclose(by_inputs, by_plain[2] * is_learned, rtol=1e-6)


@pytest.mark.parametrize("features_are_data", [False, True])
def test_what_comes_before_a_network_learns_unless_it_is_said_to_be_data(features_are_data):
    model = DNNModel([3], [X], features_are_data=features_are_data)
    x = tf.Variable([[1.0], [2.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model({"x": x}, training=True))
    found = tape.gradient(loss, x)
    assert bool(tf.reduce_any(found != 0)) is not features_are_data
