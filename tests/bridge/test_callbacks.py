"""Keras callbacks do on the Estimator's trainer what they do in `fit`, on the same data."""

from __future__ import annotations

import csv
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import estimators
from bridge import CallbackHook, model_to_estimator
from estimators import loops
from estimators.checkpoints import Checkpoint

from .conftest import batches

EPOCH = 10  # 160 rows in batches of 16.
OPTIMIZERS = {
    "converted": lambda: keras.optimizers.Adam(0.1),
    "as it is": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.01),
}


class Recorder(keras.callbacks.Callback):
    """Keeps what a callback sees at the end of each epoch."""

    def __init__(self):
        super().__init__()
        self.rates, self.epochs, self.logs, self.iterations = [], [], [], []

    def on_epoch_end(self, epoch, logs=None):
        optimizer = self.model.optimizer
        self.rates.append(float(optimizer.learning_rate))
        self.iterations.append(int(optimizer.iterations))
        self.epochs.append(epoch)
        self.logs.append({k: v for k, v in logs.items() if "learning_rate" not in k})


class Batches(keras.callbacks.Callback):
    """Keeps the calls for batches, and the loss that they are told."""

    def __init__(self, stop_at=None):
        super().__init__()
        self.calls, self.losses, self.stop_at = [], [], stop_at

    def on_train_batch_begin(self, batch, logs=None):
        self.calls.append(("begin", batch))

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(("end", batch))
        self.losses.append(logs["loss"])
        if len(self.losses) == self.stop_at:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(("epoch", epoch))

    def on_train_end(self, logs=None):
        self.calls.append(("over", None))


def classifier(optimizer):
    model = keras.Sequential(
        [
            keras.Input([6], name="x"),
            keras.layers.Dense(8, "relu"),
            keras.layers.Dense(3, name="classes"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    return model


@pytest.fixture
def other_rows():
    """Returns features and classes that have nothing to do with one another."""
    rng = np.random.default_rng(8)
    return rng.normal(size=(64, 6)).astype(np.float32), rng.integers(0, 3, 64)


@pytest.fixture
def both(rows, other_rows, config, tmp_path):
    """Returns a function that runs callbacks in `fit` and with an Estimator."""

    def both(callbacks_in, epochs=8, optimizer=OPTIMIZERS["converted"], validate=True):
        made = {}
        for name in ("fit", "estimator"):
            keras.utils.set_random_seed(11)
            folder = tmp_path / name
            folder.mkdir()
            model, recorder = classifier(optimizer()), Recorder()
            callbacks = [*callbacks_in(folder), recorder]
            made[name] = model, recorder, folder, callbacks
        model, _, _, callbacks = made["fit"]
        validation = batches(*other_rows) if validate else None
        model.fit(
            batches(*rows),
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
            validation_data=validation,
        )
        model, _, folder, callbacks = made["estimator"]
        before = [variable.numpy() for variable in model.variables]
        estimator = model_to_estimator(model, config=config)
        hook = CallbackHook(
            estimator, callbacks, EPOCH, (lambda: batches(*other_rows)) if validate else None
        )
        data = lambda: batches(*rows).repeat()  # noqa: E731
        estimator.train(data, hooks=[hook], max_steps=epochs * EPOCH)
        for variable, value in zip(model.variables, before, strict=True):
            np.testing.assert_array_equal(variable.numpy(), value)
        return made["fit"], (estimator, *made["estimator"][1:])

    return both


def assert_alike(fit, estimator):
    assert estimator.epochs == fit.epochs
    assert estimator.iterations == fit.iterations
    np.testing.assert_allclose(estimator.rates, fit.rates, rtol=1e-6)
    for found, expected in zip(estimator.logs, fit.logs, strict=True):
        # Keras has training metrics, too; here they would cost a step what few look at.
        expected = {k: v for k, v in expected.items() if k != "accuracy"}
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=2e-4, err_msg=name)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_plateau_lowers_the_learning_rate_at_the_same_epochs(both, optimizer):
    def callbacks(folder):
        return [keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1)]

    (_, fit, *_), (estimator, recorder, *_) = both(callbacks, optimizer=optimizer)

    assert len(set(fit.rates)) > 2
    assert_alike(fit, recorder)
    (name,) = [n for n in estimator.get_variable_names() if n.endswith("/learning_rate")]
    np.testing.assert_allclose(estimator.get_variable_value(name), fit.rates[-1], rtol=1e-6)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_schedule_by_epoch_takes_effect(both, optimizer):
    def callbacks(folder):
        return [keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.1 / (epoch + 1))]

    (model, fit, *_), (estimator, recorder, *_) = both(callbacks, optimizer=optimizer)

    assert_alike(fit, recorder)
    kernel = estimator.get_variable_value("sequential/classes/kernel")
    np.testing.assert_allclose(kernel, model.weights[2].numpy(), rtol=2e-3, atol=1e-4)


def test_early_stopping_stops_at_the_same_epoch_and_restores_the_best_weights(both):
    def callbacks(folder):
        return [keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)]

    fit, bridged = both(callbacks, epochs=20)
    (model, recorder_of_fit, _, (of_fit, _)), (estimator, recorder, _, (stopping, _)) = fit, bridged

    assert 0 < of_fit.stopped_epoch < 19
    assert stopping.stopped_epoch == of_fit.stopped_epoch
    assert stopping.best_epoch == of_fit.best_epoch < of_fit.stopped_epoch
    assert_alike(recorder_of_fit, recorder)
    assert estimator.get_variable_value("global_step") == EPOCH * len(recorder.epochs)
    # The weights of the checkpoint are the best ones.
    kernel = estimator.get_variable_value("sequential/classes/kernel")
    np.testing.assert_array_equal(kernel, stopping.best_weights[2])
    np.testing.assert_allclose(kernel, model.weights[2].numpy(), rtol=2e-3, atol=1e-4)


def test_best_weights_are_saved_when_the_last_step_was_saved_before(rows, config, other_rows):
    estimator = model_to_estimator(
        classifier(keras.optimizers.SGD(3.0)), config=config.replace(save_checkpoints_steps=EPOCH)
    )
    stopping = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    hook = CallbackHook(estimator, [stopping], EPOCH, lambda: batches(*other_rows))
    estimator.train(lambda: batches(*rows).repeat(), hooks=[hook], max_steps=20 * EPOCH)

    assert stopping.stopped_epoch > stopping.best_epoch
    kernel = estimator.get_variable_value("sequential/classes/kernel")
    np.testing.assert_array_equal(kernel, stopping.best_weights[2])
    assert estimator.evaluate(lambda: batches(*other_rows))["loss"] == np.float32(stopping.best)


def test_files_are_as_those_of_fit(both, other_rows):
    def callbacks(folder):
        return [
            keras.callbacks.CSVLogger(folder / "log.csv"),
            keras.callbacks.ModelCheckpoint(
                folder / "best.keras", monitor="val_accuracy", save_best_only=True
            ),
            keras.callbacks.ModelCheckpoint(folder / "{epoch}.weights.h5", save_weights_only=True),
            keras.callbacks.TensorBoard(folder / "events", histogram_freq=1),
        ]

    (_, _, of_fit, _), (_, _, of_estimator, _) = both(callbacks, epochs=3)

    tables = [table(folder / "log.csv") for folder in (of_fit, of_estimator)]
    assert len(tables[0]) == 3
    for expected, found in zip(*tables, strict=True):
        assert {*expected} - {*found} == {"accuracy"}
        for name, value in found.items():
            np.testing.assert_allclose(float(value), float(expected[name]), rtol=2e-4)
    x, y = other_rows
    scores = [
        keras.saving.load_model(folder / "best.keras", compile=False).predict(x, verbose=0)
        for folder in (of_fit, of_estimator)
    ]
    np.testing.assert_allclose(*scores, rtol=2e-3, atol=1e-4)
    names = [sorted(path.name for path in folder.iterdir()) for folder in (of_fit, of_estimator)]
    assert names[0] == names[1]
    assert "3.weights.h5" in names[0]
    expected = events(of_fit / "events") - {("train", "epoch_accuracy")}
    assert ("train", "sequential/dense/kernel/histogram") in expected
    assert events(of_estimator / "events") == expected


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def events(folder):
    """Returns run and tag of all values, without the numbers that Keras gives layers."""
    return {
        (path.parent.name, re.sub(r"_\d+", "", value.tag))
        for path in folder.rglob("*tfevents*")
        for record in tf.data.TFRecordDataset(str(path))
        for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value
    }


def test_calls_for_batches_are_those_of_fit(both):
    (_, _, _, (of_fit, _)), (_, _, _, (found, _)) = both(
        lambda folder: [Batches()], epochs=2, validate=False
    )
    assert found.calls == of_fit.calls
    np.testing.assert_allclose(found.losses, of_fit.losses, rtol=1e-4)


def test_a_batch_can_stop_the_run(both):
    (_, _, _, (of_fit, _)), (estimator, _, _, (found, _)) = both(
        lambda folder: [Batches(stop_at=13)], epochs=4, validate=False
    )
    assert found.calls == of_fit.calls
    assert estimator.get_variable_value("global_step") == 13


class Calls(estimators.Hook):
    """Counts compiled calls."""

    every_call = True
    count = 0

    def after(self, run, outputs):
        self.count += 1


@pytest.mark.parametrize(
    ("callback", "calls"),
    [
        (keras.callbacks.EarlyStopping("loss"), 2),
        (keras.callbacks.ModelCheckpoint("{epoch}.keras"), 2),
        (keras.callbacks.TensorBoard("events"), 2),
        (keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None), 2),
        (keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None), 20),
        (keras.callbacks.TerminateOnNaN(), 20),
    ],
)
def test_only_calls_for_batches_cost_a_call_for_each_step(
    rows, config, callback, calls, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    # On a slow machine calls are cut, so that Ctrl-C is heard: not here, however slow it is.
    monkeypatch.setattr(loops, "_LONGEST_CALL_SECS", 1e9)
    quiet = config.replace(
        log_step_count_steps=None, save_summary_steps=None, save_checkpoints_steps=EPOCH
    )
    estimator = model_to_estimator(classifier("sgd"), config=quiet)
    counted = Calls()
    hooks = [CallbackHook(estimator, [callback], EPOCH), counted]
    estimator.train(lambda: batches(*rows).repeat(), hooks=hooks, max_steps=2 * EPOCH)
    assert counted.count == calls


class Dies(estimators.Hook):
    """Ends a run as a crash does: nothing is saved any more."""

    def __init__(self, step):
        self.step = step

    def due(self, step):
        return self.step if step < self.step else None

    def after(self, run, outputs):
        raise KeyboardInterrupt


@pytest.mark.parametrize("dies_at", [23, 38])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_killed_run_goes_on_as_one_that_was_not(
    rows, other_rows, config, tmp_path, optimizer, dies_at
):
    def train(folder, hooks=()):
        keras.utils.set_random_seed(5)
        made = config.replace(model_dir=str(tmp_path / folder), save_checkpoints_steps=7)
        estimator = model_to_estimator(classifier(optimizer()), config=made)
        log = tmp_path / f"{folder}.csv"
        callbacks = [
            keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2, min_delta=0.01),
            keras.callbacks.EarlyStopping(
                patience=4, restore_best_weights=True, min_delta=0.01, start_from_epoch=1
            ),
            keras.callbacks.CSVLogger(log),
        ]
        hook = CallbackHook(estimator, callbacks, EPOCH, lambda: batches(*other_rows))
        data = lambda: batches(*rows).shuffle(5, seed=1).repeat()  # noqa: E731
        try:
            estimator.train(data, hooks=[hook, *hooks], max_steps=30 * EPOCH)
        finally:
            callbacks[2].csv_file.close()
        return estimator, callbacks[1].stopped_epoch, table(log)

    expected, stopped, log = train("straight")
    assert dies_at < stopped * EPOCH < 30 * EPOCH
    with pytest.raises(KeyboardInterrupt):
        train("killed", [Dies(dies_at)])
    found, stopped_again, log_again = train("killed")

    assert stopped_again == stopped
    assert log_again == log
    for name in expected.get_variable_names():
        np.testing.assert_array_equal(
            found.get_variable_value(name), expected.get_variable_value(name), err_msg=name
        )
    # Started once more it has nothing to do, and does not begin to learn again.
    again, *_ = train("killed")
    assert again.get_variable_value("global_step") == found.get_variable_value("global_step")


def test_a_setting_that_was_changed_holds_after_a_restart(rows, config):
    def train(patience, hooks=(), steps=60):
        estimator = model_to_estimator(classifier(keras.optimizers.SGD(0.0)), config=config)
        stopping = keras.callbacks.EarlyStopping("loss", patience=patience)
        hook = CallbackHook(estimator, [stopping], EPOCH)
        estimator.train(lambda: batches(*rows).repeat(), hooks=[hook, *hooks], max_steps=steps)
        return stopping

    class Interrupts(Dies):
        def after(self, run, outputs):
            run.request_stop("the test says so")

    assert train(9, [Interrupts(35)]).wait == 2
    assert train(4).stopped_epoch == 4


def test_a_user_callback_works_on_the_run_and_not_on_the_model_of_the_caller(rows, config):
    seen = {}

    class Own(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen[epoch] = self.model.get_weights(), self.model.predict(rows[0], verbose=0)
            seen["evaluated"] = self.model.evaluate(batches(*rows), verbose=0)[0]
            if epoch == 1:
                self.model.set_weights([np.zeros_like(each) for each in seen[1][0]])

    model = classifier("sgd")
    untrained = model.predict(rows[0], verbose=0)
    estimator = model_to_estimator(model, config=config)
    hook = CallbackHook(estimator, [Own()], EPOCH)
    data = lambda: batches(*rows).repeat()  # noqa: E731
    estimator.train(data, hooks=[hook], max_steps=EPOCH)
    predicted = np.stack([row["classes"] for row in estimator.predict(lambda: batches(*rows))])
    np.testing.assert_allclose(seen[0][1], predicted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        seen["evaluated"], estimator.evaluate(lambda: batches(*rows))["loss"], rtol=1e-5
    )
    np.testing.assert_array_equal(model.predict(rows[0], verbose=0), untrained)
    assert not np.allclose(predicted, untrained)

    hook = CallbackHook(estimator, [Own()], EPOCH, initial_epoch=1)
    estimator.train(data, hooks=[hook], steps=EPOCH)
    assert not estimator.get_variable_value("sequential/dense/kernel").any()
    np.testing.assert_array_equal(model.predict(rows[0], verbose=0), untrained)


def test_the_data_makes_the_epochs_when_their_length_is_not_given(rows, config):
    estimator, recorder = model_to_estimator(classifier("sgd"), config=config), Recorder()
    for epoch in range(2):
        hook = CallbackHook(estimator, [recorder], initial_epoch=epoch)
        estimator.train(lambda: batches(*rows), hooks=[hook])
    assert recorder.epochs == [0, 1]
    assert recorder.iterations == [10, 20]


def test_replicas_share_the_callbacks(rows, config, mirrored_strategy):
    run = config.replace(train_distribute=mirrored_strategy)
    estimator = model_to_estimator(classifier(keras.optimizers.Adam(0.1)), config=run)
    callbacks = [
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2),
        keras.callbacks.EarlyStopping(patience=1, min_delta=9.0, restore_best_weights=True),
    ]
    hook = CallbackHook(estimator, callbacks, 5, lambda: batches(*rows))
    estimator.train(lambda: batches(*rows).repeat(), hooks=[hook], max_steps=50)
    assert callbacks[1].stopped_epoch == 1
    assert estimator.get_variable_value("training/adam/learning_rate") == np.float32(0.025)
    kernel = estimator.get_variable_value("sequential/classes/kernel")
    np.testing.assert_array_equal(kernel, callbacks[1].best_weights[2])
    (learned,) = {
        tuple(np.ravel(component.numpy()))
        for component in estimator._model.variable("training/adam/learning_rate").values
    }
    assert learned == (np.float32(0.025),)


def test_a_diverged_run_ends_with_the_error_of_the_estimator(rows, config):
    estimator = model_to_estimator(classifier(keras.optimizers.SGD(1e38)), config=config)
    hook = CallbackHook(estimator, [keras.callbacks.TerminateOnNaN()], EPOCH)
    with pytest.raises(estimators.NanLossDuringTrainingError):
        estimator.train(lambda: batches(*rows), hooks=[hook])
    assert Checkpoint.open(estimator.model_dir).step == 0


def test_what_cannot_work_is_refused(rows, config, monkeypatch):
    estimator = model_to_estimator(classifier("sgd"), config=config)
    with pytest.raises(ValueError, match="steps_per_epoch must be positive"):
        CallbackHook(estimator, [], 0)
    with pytest.raises(TypeError, match=r"made by bridge.model_to_estimator"):
        CallbackHook(estimators.Estimator(lambda features: None), [])
    with pytest.raises(TypeError, match="'callback'"):
        CallbackHook(estimator, ["callback"])
    with pytest.raises(ValueError, match="BackupAndRestore does what the Estimator does"):
        CallbackHook(estimator, [keras.callbacks.BackupAndRestore("folder")])
    cluster = estimators.cluster.Cluster({"chief": ["a:1"], "worker": ["b:1"]}, "chief", 0)
    with monkeypatch.context() as patch:
        patch.setattr(estimator, "_config", estimators.RunConfig(cluster=cluster))
        with pytest.raises(ValueError, match="only training in one process"):
            CallbackHook(estimator, [])

    class Replaces(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = keras.optimizers.schedules.CosineDecay(0.1, 10)

    with pytest.raises(ValueError, match="gave the optimizer 'sgd.*' a schedule"):
        estimator.train(lambda: batches(*rows), hooks=[CallbackHook(estimator, [Replaces()])])


def test_other_callbacks_than_before_are_refused(rows, config):
    made = config.replace(save_checkpoints_steps=2)
    estimator = model_to_estimator(classifier("sgd"), config=made)
    data = lambda: batches(*rows).repeat()  # noqa: E731
    hook = CallbackHook(estimator, [Recorder()], EPOCH)
    with pytest.raises(KeyboardInterrupt):
        estimator.train(data, hooks=[hook, Dies(5)], max_steps=9)
    with pytest.raises(ValueError, match=r"had the callbacks \['Recorder'\]"):
        estimator.train(data, hooks=[CallbackHook(estimator, [Batches()], EPOCH)], max_steps=9)
