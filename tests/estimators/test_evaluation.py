"""`Estimator.evaluate`: metrics, which values they are of, and how often anything is traced."""

from __future__ import annotations

import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from estimators import EstimatorSpec, Hook, ModeKeys, minimize
from estimators.checkpoints import Checkpoint


def losses_fn(features, labels, mode):
    return EstimatorSpec(mode, loss=tf.reduce_mean(features), train_op=lambda: None)


def spec_with(**metrics):
    """Returns a model_fn whose evaluation has metrics made by functions of (labels, y)."""

    def model_fn(features, labels, mode):
        y = tf.Variable(2.0, name="w") * features["x"]
        loss = tf.reduce_mean((y - labels) ** 2)
        if mode == ModeKeys.TRAIN:
            return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, "SGD"))
        made = {name: make(labels, y) for name, make in metrics.items()}
        return EstimatorSpec(mode, loss=loss, eval_metric_ops=made)

    return model_fn


def updated(metric, *args):
    metric.update_state(*args)
    return metric


def loops_of(estimator):
    return list(estimator._model._loops.values())


def test_fresh_model_by_hand(line):
    # O8: the batches' losses are 4.25 and 12.25, the examples' errors 1.5, 2.5, 3.5.
    metrics = line.estimator().evaluate(line.data)
    assert metrics == {"loss": 8.25, "mae": 2.5, "global_step": 0}
    assert list(metrics) == ["loss", "mae", "global_step"]
    assert metrics["loss"].dtype == np.float32
    assert metrics["global_step"].dtype == np.int64
    assert not os.path.exists(os.path.join(line.model_dir, "checkpoint"))


def test_trained_model_by_hand(line):
    metrics = line.estimator().train(line.data).evaluate(line.data)
    assert metrics["loss"] == pytest.approx(0.8804991, abs=1e-6)
    assert metrics["mae"] == pytest.approx(0.81, abs=1e-6)
    assert metrics["global_step"] == 2


def test_loss_is_the_mean_of_the_batches(line):
    # O9
    data = tf.data.Dataset.from_tensor_slices([2.0, 4.0, 6.0, 8.0, 10.0]).batch(1)
    metrics = line.estimator(losses_fn).evaluate(lambda: data)
    assert metrics["loss"] == 6.0


def test_steps_limit_the_batches(line):
    estimator = line.estimator()
    assert estimator.evaluate(line.data, steps=1)["loss"] == 4.25
    assert estimator.evaluate(line.data, steps=7)["loss"] == 8.25
    with pytest.raises(ValueError, match="Must specify steps > 0, given: 0"):
        estimator.evaluate(line.data, steps=0)


def test_endless_data_needs_steps(line):
    estimator = line.estimator()
    with pytest.raises(ValueError, match="`evaluate` would never end"):
        estimator.evaluate(line.endless)
    assert estimator.evaluate(line.endless, steps=2)["mae"] == 2.5


@pytest.mark.parametrize("empty", [lambda d: d.take(0), lambda d: d.filter(lambda *_: False)])
def test_empty_data(line, empty):
    with pytest.raises(ValueError, match="the evaluation dataset is empty"):
        line.estimator().evaluate(lambda: empty(line.data()))


@pytest.mark.parametrize("name", ["loss", "global_step"])
def test_reserved_names(line, name):
    model_fn = spec_with(**{name: lambda labels, y: updated(keras.metrics.Mean(), y)})
    message = f'Metric with name "{name}" is not allowed'
    with pytest.raises(ValueError, match=message):
        line.estimator(model_fn).evaluate(line.data)


def test_metrics_of_keras_and_of_v1_side_by_side(line):
    # y = 2, 4, 6 of labels 1, 2, 3.
    model_fn = spec_with(
        keras=lambda labels, y: updated(keras.metrics.MeanSquaredError(), labels, y),
        v1=lambda labels, y: tf.compat.v1.metrics.mean_squared_error(labels, y),
        pair=lambda labels, y: (tf.constant(7.0), tf.no_op()),
        recall=lambda labels, y: updated(keras.metrics.Recall(thresholds=0.3), labels > 1, y / 10),
    )
    metrics = line.estimator(model_fn).evaluate(line.data)
    assert metrics["keras"] == pytest.approx(14 / 3)
    assert metrics["v1"] == pytest.approx(14 / 3)
    assert metrics["pair"] == 7.0
    assert metrics["recall"] == 1.0


def test_two_metrics_of_one_name_are_two(line):
    model_fn = spec_with(
        a=lambda labels, y: updated(keras.metrics.Mean(name="same"), y),
        b=lambda labels, y: updated(keras.metrics.Mean(name="same"), labels),
    )
    metrics = line.estimator(model_fn).evaluate(line.data)
    assert (metrics["a"], metrics["b"]) == (4.0, 2.0)


def test_a_metric_of_training_keeps_out_of_evaluation(line):
    def model_fn(features, labels, mode):
        y = tf.Variable(1.0, name="w") * features["x"]
        mean = updated(keras.metrics.Mean(name="mean"), y if mode == ModeKeys.EVAL else y + 100.0)
        loss = tf.reduce_mean(y)
        train_op = minimize(loss, keras.optimizers.SGD(0.0))
        return EstimatorSpec(mode, loss=loss, train_op=train_op, eval_metric_ops={"mean": mean})

    estimator = line.estimator(model_fn)
    for _ in range(2):
        estimator.train(line.data)
        assert estimator.evaluate(line.data)["mean"] == 2.0
    assert not [name for name in estimator.get_variable_names() if "total" in name]


def test_each_evaluation_starts_its_metrics_afresh(line):
    estimator = line.estimator()
    assert [estimator.evaluate(line.data)["mae"] for _ in range(3)] == [2.5] * 3


def test_a_second_evaluation_traces_nothing(line):
    estimator = line.estimator()
    estimator.evaluate(line.data)
    (loop,) = loops_of(estimator)
    assert loop.traces == 1
    for name in (None, "other"):
        estimator.evaluate(line.data, name=name)
    assert [loop] == loops_of(estimator)
    for _ in range(2):
        estimator.evaluate(line.data, hooks=[Hook()])
    assert [loop.traces for loop in loops_of(estimator)] == [1, 1]


def test_what_is_in_memory_is_not_read_again(line, monkeypatch):
    estimator = line.estimator().train(line.data)
    read = []
    monkeypatch.setattr(
        Checkpoint, "read_all", lambda self, names: read.append(self.prefix) or self._no_such_method
    )
    for _ in range(2):
        estimator.evaluate(line.data)
    assert read == []


def test_other_shapes_are_traced_once(line):
    estimator = line.estimator()
    x = [[1.0], [2.0], [3.0]]
    wide = tf.data.Dataset.from_tensors(({"x": x}, x))
    for _ in range(2):
        assert estimator.evaluate(line.data)["loss"] == 8.25
        assert estimator.evaluate(lambda: wide)["loss"] == pytest.approx(20.75 / 3)
    assert [loop.traces for loop in loops_of(estimator)] == [1, 1]


def test_the_newest_checkpoint_counts(line):
    # Another process trains; this Estimator has evaluated an older checkpoint before.
    mine, other = line.estimator(), line.estimator()
    other.train(line.data)
    first = mine.evaluate(line.data)
    other.train(line.data)
    second = mine.evaluate(line.data)
    assert (first["global_step"], second["global_step"]) == (2, 4)
    assert second["loss"] < first["loss"]


def test_an_older_checkpoint(line):
    estimator = line.estimator(save_checkpoints_steps=1)
    estimator.train(line.data)
    fresh = os.path.join(line.model_dir, "model.ckpt-0")
    assert estimator.evaluate(line.data, checkpoint_path=fresh)["loss"] == 8.25
    assert estimator.evaluate(line.data)["global_step"] == 2
    # ... and training goes on from the newest.
    assert estimator.train(line.data).get_variable_value("global_step") == 4


def test_an_older_checkpoint_in_the_middle_of_training(line, record):
    class EvaluateFirst(Hook):
        def due(self, step):
            return 3 if step < 3 else None

        def after(self, run, outputs):
            path = os.path.join(line.model_dir, "model.ckpt-0")
            self.metrics = estimator.evaluate(line.data, checkpoint_path=path)
            self.predictions = list(estimator.predict(line.data, checkpoint_path=path))
            self.step = run.read_variable("global_step")

    hook, seen, undisturbed = EvaluateFirst(), record(), record()
    estimator = line.estimator(save_checkpoints_steps=5)
    estimator.train(line.endless, steps=6, hooks=[hook, seen])
    other = type(line)(line.model_dir + "2").estimator()
    other.train(line.endless, steps=6, hooks=[undisturbed])

    assert (hook.metrics["loss"], hook.metrics["global_step"]) == (8.25, 0)
    assert [p["y"].item() for p in hook.predictions] == [2.5, 4.5, 6.5]
    assert hook.step == 3
    assert seen.steps == [1, 2, 3, 4, 5, 6]
    assert seen.losses == undisturbed.losses
    assert estimator.get_variable_value("w") == other.get_variable_value("w")
    assert estimator.get_variable_value("global_step") == 6


def test_a_checkpoint_that_is_not_there(line):
    with pytest.raises(RuntimeError, match="nowhere"):
        line.estimator().evaluate(line.data, checkpoint_path=line.model_dir + "/nowhere")


def test_hooks_count_batches(line, record):
    seen = record(fetches={"y": "y"})
    line.estimator().evaluate(line.data, hooks=[seen])
    assert seen.calls == [("begin", 0), ("after", 1), ("after", 2), ("end", 2)]
    assert seen.losses == [4.25, 12.25]
    assert [values["y"].tolist() for values in seen.fetched] == [[[2.5], [4.5]], [[6.5]]]


def test_hooks_of_the_body_run_in_evaluation(line, record):
    seen = record()

    def model_fn(features, labels, mode):
        loss = tf.reduce_mean(features["x"])
        return EstimatorSpec(mode, loss=loss, evaluation_hooks=[seen])

    line.estimator(model_fn).evaluate(line.data)
    assert seen.steps == [1, 2]


def test_a_hook_may_stop_it(line):
    class Stop(Hook):
        def due(self, step):
            return step + 1

        def after(self, run, outputs):
            run.request_stop("enough")

    assert line.estimator().evaluate(line.data, hooks=[Stop()])["loss"] == 4.25


def test_events(line, events):
    estimator = line.estimator().train(line.data)
    assert estimator.eval_dir() == os.path.join(line.model_dir, "eval")
    assert estimator.eval_dir("x") == os.path.join(line.model_dir, "eval_x")
    metrics = estimator.evaluate(line.data, name="x")
    found = events(estimator.eval_dir("x"))
    assert found["mae"] == [(2, pytest.approx(metrics["mae"]))]
    assert found["loss"] == [(2, pytest.approx(metrics["loss"]))]
    assert "global_step" not in found
    ((step, path),) = found["checkpoint_path"]
    assert (step, path.item()) == (2, estimator.latest_checkpoint().encode())
    assert not os.path.exists(estimator.eval_dir())


def test_metrics_that_are_not_scalars(line, events):
    summary = tf.compat.v1.Summary()
    summary.value.add(tag="mine", simple_value=3.0)
    model_fn = spec_with(
        counts=lambda labels, y: (tf.constant([1.0, 2.0]), tf.no_op()),
        nested=lambda labels, y: ({"a": tf.constant(1), "b": tf.constant(2.0)}, tf.no_op()),
        text=lambda labels, y: (tf.constant("no summary"), tf.no_op()),
        summary=lambda labels, y: (tf.constant(summary.SerializeToString()), tf.no_op()),
        python=lambda labels, y: (tf.py_function(lambda v: v[0, 0], [y], tf.float32), tf.no_op()),
    )
    estimator = line.estimator(model_fn)
    metrics = estimator.evaluate(line.data)
    assert metrics["counts"].tolist() == [1.0, 2.0]
    assert {k: float(v) for k, v in metrics["nested"].items()} == {"a": 1, "b": 2}
    assert metrics["python"] == 6.0
    found = events(estimator.eval_dir())
    assert found["counts"][0][1].tolist() == [1.0, 2.0]
    assert found["summary/0"] == [(0, 3.0)]
    assert not {"nested", "text", "summary"} & found.keys()


def test_a_metric_that_was_never_updated(line):
    model_fn = spec_with(mean=lambda labels, y: keras.metrics.Mean())
    with pytest.raises(ValueError, match=r"update_state\(\.\.\.\) on the .*mean"):
        line.estimator(model_fn).evaluate(line.data)


def test_an_optimizer_in_the_body_is_not_run(line):
    def model_fn(features, labels, mode):
        w = tf.Variable(2.0, name="w")
        loss = tf.reduce_mean(w * features["x"])
        step = tf.compat.v1.train.get_global_step()
        optimizer = tf.compat.v1.train.GradientDescentOptimizer(1.0)
        train_op = optimizer.minimize(loss, global_step=step)
        return EstimatorSpec(mode, loss=loss, train_op=train_op)

    estimator = line.estimator(model_fn)
    metrics = [estimator.evaluate(line.data) for _ in range(2)]
    assert metrics[0] == metrics[1]
    assert metrics[0]["global_step"] == 0
