"""Hooks of `estimators` in Keras `fit`: called at the steps that they ask for, told what is so."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from absl import logging

import estimators
from bridge import HookCallback, model_to_estimator
from estimators import Hook

from .conftest import batches

STEPS = 10  # 160 rows in batches of 16.


@pytest.fixture
def model():
    made = keras.Sequential([keras.Input([6], name="x"), keras.layers.Dense(3, name="classes")])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile(keras.optimizers.SGD(0.5), loss, metrics=["accuracy"])
    return made


def fit(model, rows, *hooks, epochs=2, model_dir=None, **options):
    callbacks = [HookCallback(hook, model_dir) for hook in hooks]
    return model.fit(
        batches(*rows), epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks, **options
    )


class Every(Hook):
    """Notes its calls, every so many steps."""

    def __init__(self, steps):
        self._steps, self.calls, self.losses = steps, [], []

    def begin(self, run):
        self.calls.append(("begin", run.step, run.last_step))

    def due(self, step):
        return (step // self._steps + 1) * self._steps

    def after(self, run, outputs):
        self.calls.append((outputs.step, run.is_finished))
        self.losses.append(outputs.loss)

    def end(self, run):
        self.calls.append(("end", run.step))


def test_a_hook_is_called_at_its_steps(model, rows):
    hook = Every(8)
    history = fit(model, rows, hook)
    assert hook.calls == [("begin", 0, 20), (8, False), (16, False), ("end", 20)]
    again, fresh = fit(model, rows, hook := Every(5), epochs=1), hook
    assert fresh.calls == [("begin", 20, 30), (25, False), (30, True), ("end", 30)]
    np.testing.assert_allclose(fresh.losses[-1], again.history["loss"][-1], rtol=1e-6)
    assert history.history["loss"][0] > fresh.losses[-1]


@pytest.mark.parametrize("kind", [estimators.StopAtStepHook, Every])
def test_a_hook_may_stop_fit(model, rows, kind):
    class Stops(Every):
        def after(self, run, outputs):
            run.request_stop("the test says so")

    hook = Stops(13) if kind is Every else kind(last_step=13)
    fit(model, rows, hook)
    assert model.optimizer.iterations == 13


def test_logs_and_variables_are_fetched_by_name(model, rows, caplog):
    logging.set_verbosity(logging.INFO)
    lines = []
    hook = estimators.LoggingTensorHook(
        {"a": "accuracy", "l": "loss:0", "step": "global_step"},
        every_n_iter=10,
        formatter=lambda values: lines.append(values) or "seen",
    )
    history = fit(model, rows, hook, estimators.ProgressHook(10, bar=False)).history
    logging.set_verbosity(logging.WARNING)
    assert [int(line["step"]) for line in lines] == [1, 11]
    assert "step 11 of 20 (55.0%): loss = " in caplog.text

    seen = {}

    class Reads(Every):
        def after(self, run, outputs):
            seen[outputs.step] = run.read_variable("sequential/classes/kernel")
            with pytest.raises(KeyError, match="no variable 'classes'"):
                run.read_variable("classes")

    fit(model, rows, Reads(10), epochs=1)
    np.testing.assert_array_equal(seen[30], model.weights[0].numpy())
    assert 0.0 < lines[1]["a"] <= 1.0
    assert lines[1]["l"] < history["loss"][0]


def test_old_hooks_run_too(model, rows):
    class Old(estimators.SessionRunHook):
        values = []

        def before_run(self, run_context):
            return estimators.SessionRunArgs({"step": "global_step", "loss": "loss"})

        def after_run(self, run_context, run_values):
            self.values.append(run_values.results)
            if run_values.results["step"] == 4:
                run_context.request_stop()

    fit(model, rows, Old())
    assert [values["step"] for values in Old.values] == [1, 2, 3, 4]
    assert Old.values[3]["loss"] < Old.values[0]["loss"]
    assert model.optimizer.iterations == 4


def test_early_stopping_reads_the_evaluations_of_fit(model, rows, tmp_path):
    eval_dir = model_to_estimator(model, model_dir=str(tmp_path)).eval_dir()
    estimator = model_to_estimator(model, model_dir=str(tmp_path))
    hook = estimators.stop_if_higher_hook(
        estimator, "accuracy", 0.8, run_every_secs=None, run_every_steps=1
    )
    history = fit(
        model, rows, hook, epochs=50, model_dir=tmp_path, validation_data=batches(*rows)
    ).history
    reached = [value > 0.8 for value in history["val_accuracy"]]
    # The batch after the evaluation that says so is the last.
    assert reached.index(True) in (len(reached) - 2, len(reached) - 1)
    assert len(reached) < 50
    assert 10 in estimators.read_eval_metrics(eval_dir)


def test_events_go_to_model_dir(model, rows, tmp_path):
    fit(model, rows, estimators.StepCounterHook(5), model_dir=tmp_path)
    assert [path.name for path in tmp_path.iterdir() if "tfevents" in path.name]


def test_a_nan_ends_fit_with_an_error(model, rows):
    x, y = rows
    x = np.where(np.arange(len(x))[:, np.newaxis] == 40, np.nan, x)
    with pytest.raises(estimators.NanLossDuringTrainingError, match="At step 3"):
        fit(model, (x, y), estimators.NanTensorHook())


def test_what_makes_no_sense_in_fit_is_refused(model, rows):
    with pytest.raises(ValueError, match=r"CheckpointSaverHook .*BackupAndRestore"):
        HookCallback(estimators.CheckpointSaverHook(save_steps=1))
    estimator = model_to_estimator(model)
    with pytest.raises(ValueError, match=r"InMemoryEvaluatorHook .* `validation_data`"):
        HookCallback(estimators.InMemoryEvaluatorHook(estimator, lambda: None))
    with pytest.raises(TypeError, match="hook"):
        HookCallback("hook")

    class Wants(Every):
        def __init__(self, method, *args):
            super().__init__(1)
            self.after = lambda run, outputs: getattr(run, method)(*args)

    for method, args, words in (
        ("save", (), "BackupAndRestore"),
        ("evaluate", (None,), "validation_data"),
    ):
        with pytest.raises(ValueError, match=words):
            fit(model, rows, Wants(method, *args))
    with pytest.raises(ValueError, match=r"'logits'.*\['accuracy', 'loss'\]"):
        fit(model, rows, estimators.LoggingTensorHook(["logits"], every_n_iter=1))
