"""Whatever a Keras model does in `fit`, it does on the Estimator's trainer, with equal numbers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from bridge import model_to_estimator, serving_input_receiver_fn, to_keras

from .conftest import batches

L = keras.layers


def sequential(*layers, **options):
    model = keras.Sequential([keras.Input([6]), *layers])
    model.compile("adam", "mse", metrics=["mae"], **options)
    return model


@keras.saving.register_keras_serializable("tests")
class PaysForSize(L.Layer):
    """Adds a loss in its call."""

    def call(self, inputs):
        self.add_loss(keras.ops.mean(inputs**2))
        return inputs


def only_an_added_loss():
    inputs = keras.Input([6])
    model = keras.Model(inputs, PaysForSize()(L.Dense(4)(inputs)))
    model.compile("sgd")
    return model


def shared_twice():
    inner = keras.Sequential([keras.Input([6]), L.Dense(4, "relu"), L.Dense(6)])
    inputs = keras.Input([6])
    hidden = inner(L.Dense(6)(inner(inputs))) + inputs
    model = keras.Model(inputs, [L.Dense(1, name="a")(hidden), L.Dense(1, name="b")(hidden)])
    model.compile("adam", ["mse", "mae"], metrics=[["mae"], ["mse"]])
    return model


class OwnEverything(keras.Model):
    """Overrides what may be overridden, but for `train_step`."""

    def __init__(self):
        super().__init__()
        self.dense = L.Dense(2)
        self.seen = keras.metrics.Mean(name="seen")

    def call(self, inputs):
        both = self.dense(inputs)
        return {"a": both[:, :1], "b": both[:, 1:]}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        return 3.0 * super().compute_loss(x, y, y_pred, sample_weight)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        self.seen.update_state(y_pred["a"])
        return self.get_metrics_result()

    def test_step(self, data):
        return {**super().test_step(data), "one": tf.constant(1.0)}

    def predict_step(self, data):
        outputs = super().predict_step(data)
        return {**outputs, "twice": 2.0 * outputs["a"]}


def own_everything():
    model = OwnEverything()
    model(np.zeros((1, 6), np.float32))
    model.compile("adam", {"a": "mse", "b": "mae"})
    return model


class OfRagged(keras.Model):
    """Reads rows of different lengths."""

    def __init__(self):
        super().__init__()
        self.embedding, self.dense = L.Embedding(9, 4), L.Dense(1)

    def call(self, inputs):
        ids = inputs.to_tensor() if isinstance(inputs, tf.RaggedTensor) else inputs
        return self.dense(keras.ops.mean(self.embedding(ids), axis=1))


def of_ragged():
    model = OfRagged()
    model(np.zeros((1, 3), np.int64))
    model.compile("adam", "mse", metrics=["mae"])
    return model


def of_sparse():
    model = keras.Sequential([keras.Input([6], sparse=True), L.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def of_text():
    lookup = L.TextVectorization(max_tokens=8, output_sequence_length=4)
    lookup.adapt(["red green", "blue"])
    text = keras.Input([], dtype="string", name="text")
    hidden = L.LSTM(4)(L.Embedding(8, 4, mask_zero=True)(lookup(text)))
    model = keras.Model(text, L.Dense(1, name="score")(hidden))
    model.compile("adam", "mse", metrics=["mae"])
    return model


def half_precision():
    half = keras.DTypePolicy("mixed_float16")
    inputs = keras.Input([6])
    outputs = L.Dense(1, dtype="float32")(L.Dense(8, "relu", dtype=half)(inputs))
    model = keras.Model(inputs, outputs)
    model.dtype_policy = half
    model.compile("adam", "mse", metrics=["mae"])
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    return model


def trained_before():
    model = sequential(L.Dense(4), L.Dense(1))
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(32, 6)).astype(np.float32), np.ones(32, np.float32)
    model.fit(batches(x, y), shuffle=False, verbose=0)
    return model


X = np.random.default_rng(0).normal(size=(80, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.float32)


def numbers():
    return batches(X, Y)


def added_loss():
    return sequential(L.Dense(4, activity_regularizer="l1"), PaysForSize(), L.Dense(1))


def compiled_by_xla():
    layers = L.Dense(4), L.BatchNormalization(), L.Dropout(0.3), L.Dense(1)
    return sequential(*layers, jit_compile=True)


def unlabelled():
    return tf.data.Dataset.from_tensor_slices((X,)).batch(16)


def sparse():
    return numbers().map(lambda x, y: (tf.sparse.from_dense(tf.nn.relu(x)), y))


def ragged():
    def cut(x):
        return tf.RaggedTensor.from_tensor(tf.cast(2.0 * tf.abs(x), tf.int64) % 9, padding=0)

    return numbers().map(lambda x, y: (cut(x), y))


def sentences():
    return batches(np.array(["red", "green blue", "blue red pink"])[np.arange(80) % 3], Y)


def labels_in_a_list():
    return batches(X, (Y, Y))


def labels_by_name():
    return batches(X, {"a": Y[:, np.newaxis], "b": Y[:, np.newaxis]})


MODELS = {
    "added loss": (added_loss, numbers),
    "only an added loss": (only_an_added_loss, unlabelled),
    "XLA": (compiled_by_xla, numbers),
    "sparse input": (of_sparse, sparse),
    "ragged input": (of_ragged, ragged),
    "text": (of_text, sentences),
    "shared layers, lists": (shared_twice, labels_in_a_list),
    "every method its own": (own_everything, labels_by_name),
    "half precision": (half_precision, numbers),
    "trained before": (trained_before, numbers),
}


@pytest.mark.parametrize(("make", "data"), MODELS.values(), ids=MODELS)
def test_numbers_of_fit(compare, make, data):
    fitted, estimator = compare(make, data, rtol=1e-6)
    expected = fitted.evaluate(data(), verbose=0, return_dict=True)
    results = dict(estimator.evaluate(data))
    del results["global_step"]
    # Names that Keras numbers for the whole process differ between two models of one process.
    assert len(results) == len(expected)
    for name in results.keys() & expected.keys():
        np.testing.assert_allclose(results[name], expected[name], rtol=1e-3, atol=1e-6)
    answers = fitted.predict_step((next(iter(data()))[0],))
    row = next(iter(estimator.predict(data)))
    flat = keras.tree.flatten(answers)
    for answer, value in zip(flat, keras.tree.flatten(row), strict=True):
        np.testing.assert_allclose(value, np.array(answer)[0], rtol=1e-3, atol=1e-4)


def test_fit_goes_on_where_the_estimator_stopped(config):
    def made():
        keras.utils.set_random_seed(2)
        return sequential(L.Dense(4, "relu"), L.Dropout(0.5), L.Dense(1))

    fitted = made()
    fitted.fit(numbers(), shuffle=False, verbose=0)
    fitted.fit(numbers(), shuffle=False, verbose=0)
    trained = to_keras(model_to_estimator(made(), config=config).train(numbers))
    trained.fit(numbers(), shuffle=False, verbose=0)
    for ours, theirs in zip(trained.variables, fitted.variables, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-7)


def test_models_of_strings_export_whole(config, tmp_path):
    estimator = model_to_estimator(of_text(), config=config).train(sentences)
    path = estimator.export_saved_model(str(tmp_path), serving_input_receiver_fn(estimator))
    loaded = tf.saved_model.load(path).signatures["serving_default"]
    (received,) = loaded.structured_input_signature[1].values()
    assert (received.name, received.dtype) == ("text", tf.string)
    answers = loaded(text=tf.constant(["red", "blue red pink"]))["score"]
    rows = list(estimator.predict(sentences))
    np.testing.assert_allclose(answers, [rows[0]["score"], rows[2]["score"]], rtol=1e-5)


def test_the_inputs_of_a_subclassed_model_are_not_known():
    with pytest.raises(ValueError, match="does not tell its inputs"):
        serving_input_receiver_fn(own_everything())
