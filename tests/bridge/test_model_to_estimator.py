from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from bridge import load_weights, model_to_estimator, to_keras
from estimators import Hook, RunConfig

from .conftest import batches

CLASSES = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01),
    "adagrad": lambda: keras.optimizers.Adagrad(0.1),
    "ftrl": lambda: keras.optimizers.Ftrl(0.1),
    "schedule": lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.05, 8)),
    "clipnorm": lambda: keras.optimizers.SGD(0.1, clipnorm=0.1),
    "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "averages": lambda: keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.5),
    "accumulation": lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=4),
    "lion": lambda: keras.optimizers.Lion(0.01),
    "nadam": lambda: keras.optimizers.Nadam(0.01),
    "adamax": lambda: keras.optimizers.Adamax(0.01),
    "adadelta": lambda: keras.optimizers.Adadelta(1.0),
    "adafactor": lambda: keras.optimizers.Adafactor(0.01),
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), initial_scale=8.0
    ),
}


def layers():
    return [
        keras.Input([6], name="x"),
        keras.layers.Dense(8, "relu", kernel_regularizer=keras.regularizers.L2(0.01)),
        keras.layers.BatchNormalization(momentum=0.8),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(3, name="classes", kernel_constraint=keras.constraints.MaxNorm(0.9)),
    ]


def classifier(optimizer="sgd"):
    model = keras.Sequential(layers())
    model.compile(optimizer, CLASSES, metrics=["accuracy"], jit_compile=False)
    return model


class OwnStep(keras.Sequential):
    """The custom `train_step` of the guide on keras.io."""

    def train_step(self, data):
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = 2.0 * self.compute_loss(y=y, y_pred=y_pred, sample_weight=weights)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_trains_evaluates_and_predicts_as_keras_does(compare, rows, optimizer):
    fitted, estimator = compare(lambda: classifier(optimizer()), lambda: batches(*rows))
    data = lambda: batches(*rows)  # noqa: E731
    results = estimator.evaluate(data)
    expected = fitted.evaluate(data(), verbose=0, return_dict=True)
    assert sorted(results) == ["accuracy", "global_step", "loss"]
    np.testing.assert_allclose(results["loss"], expected["loss"], rtol=1e-5)
    np.testing.assert_allclose(results["accuracy"], expected["accuracy"], rtol=1e-6)
    predicted = np.stack([row["classes"] for row in estimator.predict(data)])
    np.testing.assert_allclose(predicted, fitted.predict(rows[0], verbose=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "rmsprop", "adagrad", "ftrl"])
def test_row_wise_optimizers_give_the_numbers_of_fit_on_dense_gradients(compare, rows, name):
    _, estimator = compare(
        lambda: classifier(OPTIMIZERS[name]()), lambda: batches(*rows), rtol=1e-4, row_wise=True
    )
    names = estimator.get_variable_names()
    assert any(name.startswith("training/") and name.endswith("/learning_rate") for name in names)


def test_row_wise_optimizers_leave_rows_alone_that_are_not_read(config):
    def made():
        model = keras.Sequential(
            [keras.Input([2], dtype="int32"), keras.layers.Embedding(5, 1), keras.layers.Flatten()]
        )
        model.compile(keras.optimizers.Adagrad(0.1), "mse")
        return model

    ids, labels = np.array([[1, 1], [3, 1]]), np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    model = made()
    before = model.get_weights()[0]
    estimator = model_to_estimator(model, config=config, row_wise=True)
    estimator.train(lambda: batches(ids, labels), steps=1)
    after = estimator.get_variable_value("sequential/embedding/embeddings")
    # Adagrad by hand: the gradient of a row is the sum over its places, squared once.
    gradient = np.zeros_like(before)
    np.add.at(gradient, ids.ravel(), ((before[ids, 0] - labels) / 2.0).reshape(-1, 1))
    expected = before - 0.1 * gradient / np.sqrt(0.1 + gradient**2 + 1e-7)
    np.testing.assert_allclose(after, expected, rtol=1e-5)
    np.testing.assert_array_equal(after[[0, 2, 4]], before[[0, 2, 4]])


def test_row_wise_is_refused_where_there_is_no_equal():
    with pytest.raises(ValueError, match="Lion as configured has no row-wise"):
        model_to_estimator(classifier(OPTIMIZERS["lion"]()), row_wise=True)


def test_averages_are_saved_when_the_last_step_was_saved_before(config, rows):
    keras.utils.set_random_seed(11)
    fitted = classifier(OPTIMIZERS["averages"]())
    fitted.fit(batches(*rows), shuffle=False, verbose=0)
    keras.utils.set_random_seed(11)
    run = config.replace(save_checkpoints_steps=10)
    estimator = model_to_estimator(classifier(OPTIMIZERS["averages"]()), config=run)
    estimator.train(lambda: batches(*rows).repeat(), max_steps=10)
    np.testing.assert_allclose(
        estimator.get_variable_value("sequential/dense/kernel"),
        fitted.weights[0].numpy(),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("name", ["sgd", "adam", "averages", "accumulation"])
def test_runs_a_custom_train_step(compare, rows, name):
    def make():
        model = OwnStep(layers())
        model.compile(OPTIMIZERS[name](), CLASSES, metrics=["accuracy"], jit_compile=False)
        return model

    fitted, estimator = compare(make, lambda: batches(*rows))
    expected = fitted.evaluate(batches(*rows), verbose=0, return_dict=True)
    results = estimator.evaluate(lambda: batches(*rows))
    np.testing.assert_allclose(results["loss"], expected["loss"], rtol=1e-5)


def test_evaluates_the_initial_weights_before_training(config, rows):
    model = classifier()
    expected = model.evaluate(batches(*rows), verbose=0, return_dict=True)
    results = model_to_estimator(model, config=config).evaluate(lambda: batches(*rows))
    np.testing.assert_allclose(results["loss"], expected["loss"], rtol=1e-6)
    assert results["global_step"] == 0


class Dies(Hook):
    """Ends a run at a step as a crash does: nothing is saved any more."""

    def due(self, step):
        return 6 if step < 6 else None

    def after(self, run, outputs):
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["adam", "adamw", "accumulation"])
def test_resumes_bit_by_bit(config, rows, tmp_path, name):
    def made(folder, seed):
        run = config.replace(model_dir=str(tmp_path / folder), save_checkpoints_steps=4)
        keras.utils.set_random_seed(seed)
        return model_to_estimator(classifier(OPTIMIZERS[name]()), config=run)

    data = lambda: batches(*rows).shuffle(5, seed=1).repeat()  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        made("killed", 5).train(data, max_steps=9, hooks=[Dies()])
    resumed = made("killed", 6).train(data, max_steps=9)  # Its initial weights do not matter.
    expected = made("straight", 5).train(data, max_steps=9)
    assert resumed.get_variable_names() == expected.get_variable_names()
    for variable in expected.get_variable_names():
        np.testing.assert_array_equal(
            resumed.get_variable_value(variable), expected.get_variable_value(variable)
        )


def test_names_on_disk_do_not_depend_on_what_the_process_made_before(config, rows, tmp_path):
    names = []
    for i in range(2):
        here = config.replace(model_dir=str(tmp_path / str(i)))
        estimator = model_to_estimator(classifier(OPTIMIZERS["lion"]()), config=here)
        estimator.train(lambda: batches(*rows), steps=1)
        names.append(estimator.get_variable_names())
    assert names[0] == names[1]
    assert "sequential/dense/kernel" in names[0]
    assert "training/lion/sequential/dense/kernel/momentum" in names[0]


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
@pytest.mark.parametrize("kind", [keras.Sequential, OwnStep])
def test_replicas_share_the_work(config, rows, optimizer, kind, mirrored_strategy, tmp_path):
    def trained(strategy, folder, batch):
        keras.utils.set_random_seed(5)
        layers_ = [layer for layer in layers() if "normal" not in str(layer.name)]
        without_noise = [each for each in layers_ if not str(each.name).startswith("dropout")]
        model = kind(without_noise)
        model.compile(OPTIMIZERS[optimizer](), CLASSES)
        run = config.replace(model_dir=str(tmp_path / folder), train_distribute=strategy)
        return model_to_estimator(model, config=run).train(
            lambda: batches(*rows, batch=batch), steps=5
        )

    two, one = trained(mirrored_strategy, "two", 16), trained(None, "one", 32)
    for name in one.get_variable_names():
        np.testing.assert_allclose(
            two.get_variable_value(name), one.get_variable_value(name), rtol=2e-4, atol=1e-6
        )


def two_headed(**options):
    a, b = keras.Input([6], name="a"), keras.Input([1], name="b")
    hidden = keras.layers.Dense(4, "tanh")(keras.layers.concatenate([a, b]))
    outputs = [
        keras.layers.Dense(3, name="kind")(hidden),
        keras.layers.Dense(1, name="size")(hidden),
    ]
    model = keras.Model([a, b], outputs)
    model.compile(
        "adam",
        loss={"kind": CLASSES, "size": "mse"},
        loss_weights={"kind": 0.3, "size": 2.0},
        metrics={"kind": ["accuracy"], "size": ["mae"]},
        **options,
    )
    return model


def test_several_inputs_and_outputs_go_by_name(compare, rows):
    x, classes = rows
    features = {"a": x, "b": x[:, :1] ** 2, "unused": x}
    labels = {"kind": classes, "size": x[:, 1:2]}
    seen = {key: features[key] for key in "ab"}

    def make():
        return two_headed()

    keras.utils.set_random_seed(11)
    fitted = make()
    from .conftest import Losses, LossesOfFit

    of_fit = LossesOfFit()
    fitted.fit(batches(seen, labels), shuffle=False, verbose=0, callbacks=[of_fit])
    keras.utils.set_random_seed(11)
    estimator, losses = model_to_estimator(make()), Losses()
    estimator.train(lambda: batches(features, labels), hooks=[losses])
    np.testing.assert_allclose(losses.values, of_fit.values, rtol=1e-5)
    results = estimator.evaluate(lambda: batches(features, labels))
    expected = fitted.evaluate(batches(seen, labels), verbose=0, return_dict=True)
    assert {*results} - {"global_step"} == {*expected}
    for name, value in expected.items():
        np.testing.assert_allclose(results[name], value, rtol=1e-4)
    row = next(iter(estimator.predict(lambda: batches(features, labels))))
    assert {key: value.shape for key, value in row.items()} == {"kind": (3,), "size": (1,)}


def test_weights_count_as_in_fit(compare, rows):
    weights = np.random.default_rng(1).uniform(size=160).astype(np.float32)

    def make():
        model = keras.Sequential(layers())
        model.compile("sgd", CLASSES, metrics=["accuracy"], weighted_metrics=["accuracy"])
        return model

    fitted, estimator = compare(make, lambda: batches(*rows, weights))
    expected = fitted.evaluate(batches(*rows, weights), verbose=0, return_dict=True)
    results = estimator.evaluate(lambda: batches(*rows, weights))
    for name, value in expected.items():
        np.testing.assert_allclose(results[name], value, rtol=1e-5)


def test_a_weight_column_is_a_third_part(rows, config, tmp_path):
    weights = np.random.default_rng(1).uniform(size=160).astype(np.float32)
    trained = []
    named = {"x": rows[0], "w": weights}
    for i, (data, column) in enumerate(
        [
            (lambda: batches(*rows, weights), None),
            (lambda: batches(named, rows[1]), "w"),
        ]
    ):
        keras.utils.set_random_seed(5)
        run = config.replace(model_dir=str(tmp_path / str(i)))
        estimator = model_to_estimator(classifier(), config=run, weight_column=column)
        trained.append(estimator.train(data).get_variable_value("sequential/dense/kernel"))
    np.testing.assert_array_equal(*trained)


def test_class_weights_count_as_in_fit(compare, rows):
    class_weight = {0: 3.0, 1: 0.5}
    compare(
        classifier,
        lambda: batches(*rows),
        fit={"class_weight": {**class_weight, 2: 1.0}},
        class_weight=class_weight,
    )


def test_the_way_back_gives_the_trained_model(rows, config):
    estimator = model_to_estimator(classifier("adam"), config=config)
    estimator.train(lambda: batches(*rows))
    trained = to_keras(estimator)
    predicted = np.stack([row["classes"] for row in estimator.predict(lambda: batches(*rows))])
    np.testing.assert_allclose(trained.predict(rows[0], verbose=0), predicted, rtol=1e-5, atol=1e-6)
    results = trained.evaluate(batches(*rows), verbose=0, return_dict=True)
    np.testing.assert_allclose(
        results["accuracy"], estimator.evaluate(lambda: batches(*rows))["accuracy"], rtol=1e-6
    )
    trained.fit(batches(*rows), shuffle=False, verbose=0)
    model = classifier()
    load_weights(model, estimator)
    np.testing.assert_array_equal(
        model.weights[0].numpy(), estimator.get_variable_value("sequential/dense/kernel")
    )


def test_a_file_becomes_an_estimator(rows, tmp_path):
    path = str(tmp_path / "model.keras")
    model = classifier()
    model.save(path)
    estimator = model_to_estimator(keras_model_path=path)
    results = estimator.evaluate(lambda: batches(*rows))
    expected = model.evaluate(batches(*rows), verbose=0)
    np.testing.assert_allclose(results["loss"], expected[0], rtol=1e-6)


def test_metrics_may_be_renamed(rows):
    estimator = model_to_estimator(classifier(), metric_names_map={"accuracy": "acc"})
    assert "acc" in estimator.evaluate(lambda: batches(*rows))


def test_runs_eagerly(compare, rows, config):
    keras.utils.set_random_seed(11)
    model = classifier()
    eager = RunConfig(run_eagerly=True, progress=False, tf_random_seed=3)
    model_to_estimator(model, config=eager).train(lambda: batches(*rows), steps=2)


def test_a_model_without_optimizer_is_evaluated_and_not_trained(rows):
    model = keras.Sequential(layers())
    model.compile(optimizer=None, loss=CLASSES)
    estimator = model_to_estimator(model)
    assert estimator.evaluate(lambda: batches(*rows))["loss"] > 0
    with pytest.raises(ValueError, match="without an optimizer"):
        estimator.train(lambda: batches(*rows))
