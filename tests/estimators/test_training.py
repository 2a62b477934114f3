"""`Estimator.train`: what stops it, what it leaves on disk, whom it tells."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import tensorflow as tf

from estimators import (
    CheckpointSaverHook,
    CheckpointSaverListener,
    EstimatorSpec,
    Hook,
    ModeKeys,
    NanLossDuringTrainingError,
    minimize,
)
from estimators.checkpoints import Checkpoint


def saved_steps(model_dir):
    names = [name for name in os.listdir(model_dir) if name.endswith(".index")]
    return sorted({int(n.split("-")[1].split(".")[0]) for n in names if n.count(".") == 2})


class Listener(CheckpointSaverListener):
    def __init__(self, stop_at=None):
        self.calls, self._stop_at = [], stop_at

    def begin(self):
        self.calls.append("begin")

    def before_save(self, session, global_step_value):
        self.calls.append(("before", global_step_value))

    def after_save(self, session, global_step_value):
        self.calls.append(("after", global_step_value))
        return global_step_value == self._stop_at

    def end(self, session, global_step_value):
        self.calls.append(("end", global_step_value))


def test_one_pass_by_hand(line):
    # O8: after batches (1, 2) and (3) w is 2 - 0.65 - 0.69 and b is 0.5 - 0.4 - 0.23.
    estimator = line.estimator()
    assert estimator.train(line.data) is estimator
    assert estimator.get_variable_value("w") == pytest.approx(0.66, abs=1e-6)
    assert estimator.get_variable_value("b") == pytest.approx(-0.13, abs=1e-6)
    step = estimator.get_variable_value("global_step")
    assert step == 2
    assert step.dtype == np.int64


def test_losses_of_the_steps(line, record):
    seen = record()
    line.estimator().train(line.data, hooks=[seen])
    assert seen.losses == pytest.approx([4.25, 1.15**2])  # before the update of each step


def test_steps_are_relative_and_max_steps_absolute(line):
    estimator = line.estimator()
    for steps, reached in ((2, 2), (3, 5)):
        estimator.train(line.endless, steps=steps)
        assert estimator.get_variable_value("global_step") == reached
    estimator.train(line.endless, max_steps=6)
    assert estimator.get_variable_value("global_step") == 6


def test_max_steps_already_reached_calls_nothing(line):
    line.estimator().train(line.endless, max_steps=2)

    def never(**_):
        raise AssertionError("called")

    def model_fn(features, labels, mode):
        raise AssertionError("called")

    line.estimator(model_fn).train(never, max_steps=2)
    line.estimator(model_fn).train(never, max_steps=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 1, "max_steps": 1}, "Can not provide both steps and max_steps."),
        ({"steps": 0}, "Must specify steps > 0, given: 0"),
        ({"max_steps": -1}, "Must specify max_steps > 0, given: -1"),
    ],
)
def test_wrong_numbers_of_steps(line, arguments, message):
    with pytest.raises(ValueError, match=message):
        line.estimator().train(line.data, **arguments)


def test_wrong_hooks_and_listeners(line):
    with pytest.raises(TypeError, match="Hooks must be a .*SessionRunHook, given: 3"):
        line.estimator().train(line.data, hooks=[3])
    message = "saving_listeners must be a list of CheckpointSaverListener, given: 3"
    with pytest.raises(TypeError, match=message):
        line.estimator().train(line.data, saving_listeners=[3])


def test_listeners_need_checkpoints(line):
    estimator = line.estimator(save_checkpoints_steps=None)
    with pytest.raises(ValueError, match="There should be a CheckpointSaverHook"):
        estimator.train(line.data, saving_listeners=[Listener()])


@pytest.mark.parametrize("task", ["evaluator", "ps"])
def test_not_in_a_task_that_does_not_train(line, monkeypatch, task):
    cluster = {"chief": ["h0:1"], "ps": ["h1:2"]}
    config = {"cluster": cluster, "task": {"type": task, "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(ValueError, match="Train has been called wrong configuration"):
        line.estimator().train(line.data)


def test_checkpoints_at_the_start_each_interval_and_the_end(line):
    estimator = line.estimator(save_checkpoints_steps=2, keep_checkpoint_max=None)
    estimator.train(line.endless, max_steps=5)
    assert saved_steps(line.model_dir) == [0, 2, 4, 5]
    estimator.train(line.endless, max_steps=8)
    assert saved_steps(line.model_dir) == [0, 2, 4, 5, 7, 8]
    assert estimator.latest_checkpoint() == os.path.join(line.model_dir, "model.ckpt-8")


def test_newest_checkpoints_are_kept(line):
    line.estimator(save_checkpoints_steps=1, keep_checkpoint_max=2).train(line.endless, steps=4)
    assert saved_steps(line.model_dir) == [3, 4]
    assert tf.train.latest_checkpoint(line.model_dir).endswith("model.ckpt-4")


def test_order_of_a_listeners_calls(line):
    listener = Listener()
    estimator = line.estimator(save_checkpoints_steps=2)
    estimator.train(line.endless, max_steps=3, saving_listeners=[listener])
    saves = [call for step in (0, 2, 3) for call in (("before", step), ("after", step))]
    assert listener.calls == ["begin", *saves, ("end", 3)]


def test_a_listener_may_stop_the_run(line):
    estimator = line.estimator(save_checkpoints_steps=2)
    estimator.train(line.endless, steps=9, saving_listeners=[Listener(stop_at=4)])
    assert estimator.get_variable_value("global_step") == 4


def test_a_saver_of_the_user_replaces_ours(line):
    listener = Listener()
    saver = CheckpointSaverHook(save_steps=3, listeners=[listener])
    other = Listener()
    estimator = line.estimator(save_checkpoints_steps=1, keep_checkpoint_max=None)
    estimator.train(line.endless, hooks=[saver], steps=4, saving_listeners=[other])
    assert saved_steps(line.model_dir) == [0, 3, 4]
    assert listener.calls == other.calls


def test_disabled_checkpoints(line):
    estimator = line.estimator(save_checkpoints_steps=None).train(line.data)
    assert estimator.latest_checkpoint() is None


def test_goes_on_in_a_new_process(line):
    line.estimator().train(line.endless, max_steps=2)
    again = line.estimator().train(line.endless, max_steps=4)
    whole = type(line)(line.model_dir + "2").estimator().train(line.endless, max_steps=4)
    assert again.get_variable_value("w") == whole.get_variable_value("w")


def test_data_that_ends_ends_the_run_within_a_call(line, record):
    seen = record(every=100)
    estimator = line.estimator().train(line.data, hooks=[seen], steps=50)
    assert estimator.get_variable_value("global_step") == 2
    assert seen.calls == [("begin", 0), ("end", 2)]


@pytest.mark.parametrize("every", [2, 3])
def test_each_call_reads_finite_data_from_its_beginning(line, every):
    # With `every=2` the checkpoint of step 2 is due before anybody knows that the data has ended.
    estimator = line.estimator(save_checkpoints_steps=every, keep_checkpoint_max=None)
    for reached in (2, 4, 6):
        estimator.train(line.data)
        assert estimator.get_variable_value("global_step") == reached


def test_empty_data_is_refused(line):
    with pytest.raises(ValueError, match="the training dataset is empty"):
        line.estimator().train(lambda: line.data().take(0))
    assert line.estimator().latest_checkpoint() is None


def test_data_that_turns_out_empty_makes_no_steps(line):
    estimator = line.estimator().train(lambda: line.data().filter(lambda *_: False))
    assert estimator.get_variable_value("global_step") == 0


def preparing_fn(features, labels, mode):
    """Adds up the first features until they are 3 or more, and then counts its steps."""
    seen, steps = tf.Variable(0.0, name="seen"), tf.Variable(0.0, name="steps")
    before = tf.identity(seen)
    x = tf.reduce_sum(features["x"])
    is_step = before >= 3.0

    def train_op():
        seen.assign(tf.where(is_step, before, before + x))
        steps.assign_add(tf.where(is_step, 1.0, 0.0))

    return EstimatorSpec(mode, loss=x, train_op=train_op, is_step=is_step)


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}])
def test_batches_that_are_no_steps_count_nowhere(line, record, options):
    rows = lambda: tf.data.Dataset.from_tensors(({"x": [1.0]}, [1.0])).repeat()  # noqa: E731
    hook = record(every=2)
    estimator = line.estimator(preparing_fn, **options).train(rows, hooks=[hook], steps=4)
    names = ("seen", "steps", "global_step")
    assert [estimator.get_variable_value(name) for name in names] == [3.0, 4.0, 4]
    assert hook.steps == [2, 4]
    estimator.train(rows, max_steps=6)
    assert estimator.get_variable_value("seen") == 3.0


def test_data_that_ends_before_the_first_step(line):
    rows = lambda: tf.data.Dataset.from_tensors(({"x": [1.0]}, [1.0])).repeat(2)  # noqa: E731
    estimator = line.estimator(preparing_fn).train(rows, steps=4)
    assert estimator.get_variable_value("global_step") == 0


def test_nan_loss_stops_before_a_checkpoint_of_it(line):
    def data():
        x = tf.constant([1.0, 1.0, np.nan, 1.0])
        return tf.data.Dataset.from_tensor_slices(({"x": x}, x)).batch(1)

    estimator = line.estimator(save_checkpoints_steps=1)
    with pytest.raises(NanLossDuringTrainingError):
        estimator.train(data)
    assert estimator.get_variable_value("global_step") == 2
    assert issubclass(NanLossDuringTrainingError, RuntimeError)


def test_hooks_of_the_user_come_before_those_of_the_body(line):
    order = []

    class Named(Hook):
        def __init__(self, name):
            self._name = name

        def begin(self, run):
            order.append(self._name)

    def model_fn(features, labels, mode):
        loss = tf.Variable(1.0, name="w") * tf.reduce_mean(features["x"])
        return EstimatorSpec(
            mode,
            loss=loss,
            train_op=minimize(loss, "SGD"),
            training_hooks=[Named("body")],
            training_chief_hooks=[Named("chief")],
        )

    line.estimator(model_fn).train(line.data, hooks=[Named("first"), Named("second")])
    assert order == ["first", "second", "body", "chief"]


def test_loss_and_speed_in_the_event_files(line, events):
    # O11
    estimator = line.estimator(save_summary_steps=2, log_step_count_steps=2)
    estimator.train(line.endless, steps=7)
    found = events(line.model_dir)
    assert [step for step, _ in found["loss"]] == [1, 3, 5, 7]
    assert found["loss"][0][1] == pytest.approx((1.5**2 + 2.5**2 + 3.5**2) / 3)
    assert [step for step, _ in found["global_step/sec"]] == [3, 5, 7]


def test_neither_summaries_nor_speed_if_not_wanted(line):
    estimator = line.estimator(save_summary_steps=0, log_step_count_steps=None)
    estimator.train(line.endless, steps=3)
    assert not [name for name in os.listdir(line.model_dir) if "tfevents" in name]


def test_a_failing_batch_leaves_no_half_trained_values(line):
    # Both steps are in one compiled call; the second fails. What was saved is what counts.
    def data():
        x = tf.constant([1.0, 2.0, 3.0])
        rows = tf.data.Dataset.from_tensor_slices(({"x": x}, x)).batch(1)
        return rows.map(lambda f, y: ({"x": tf.debugging.check_numerics(1 / (2 - y), "")}, y))

    quiet = {"save_summary_steps": 0, "log_step_count_steps": None}  # nothing is due at step 1
    estimator = line.estimator(save_checkpoints_steps=100, **quiet)
    with pytest.raises(ValueError, match="Tensor had Inf values$"):
        estimator.train(data)
    assert estimator.get_variable_value("global_step") == 0
    metrics = estimator.evaluate(line.data)
    assert metrics["loss"] == 8.25
    assert metrics["global_step"] == 0
    estimator.train(line.data)
    assert estimator.get_variable_value("w") == pytest.approx(0.66, abs=1e-6)


def test_ctrl_c_leaves_the_last_checkpoint(line, fail_at):
    estimator = line.estimator(save_checkpoints_steps=2)
    with pytest.raises(KeyboardInterrupt):
        estimator.train(line.endless, hooks=[fail_at(3, KeyboardInterrupt())], steps=9)
    assert estimator.evaluate(line.data)["global_step"] == 2
    interrupted = estimator.train(line.endless, max_steps=5).get_variable_value("w")
    other = type(line)(line.model_dir + "2")
    assert interrupted == other.estimator().train(line.endless, steps=5).get_variable_value("w")


def test_run_eagerly_is_the_same_run(line):
    graph_only = []

    def model_fn(features, labels, mode, params):
        graph_only.append(not tf.executing_eagerly())
        return line.model_fn(features, labels, mode, params)

    estimator = line.estimator(model_fn, run_eagerly=True)
    estimator.train(line.data)
    assert not graph_only[-1]
    assert estimator.get_variable_value("w") == pytest.approx(0.66, abs=1e-6)
    assert estimator.evaluate(line.data)["loss"] == pytest.approx(0.8804991, abs=1e-6)
    assert [p["y"].item() for p in estimator.predict(line.data)] == pytest.approx(
        [0.53, 1.19, 1.85]
    )


def test_a_hook_sees_the_run(line):
    class Look(Hook):
        def begin(self, run):
            self.seen = [run.mode, run.model_dir, run.first_step, run.last_step, run.is_chief]
            self.value = run.read_variable("w:0")

        def due(self, step):
            return 3

        def after(self, run, outputs):
            self.path = run.save()
            run.request_stop("seen enough")

    hook = Look()
    line.estimator().train(line.endless, hooks=[hook], steps=9)
    assert hook.seen == [ModeKeys.TRAIN, line.model_dir, 0, 9, True]
    assert hook.value == 2.0
    assert Checkpoint.open(hook.path).step == 3
    assert saved_steps(line.model_dir) == [0, 3]


class Zeroes(Hook):
    """Assigns a variable when the run ends, and notes whether the run may be gone on with."""

    def __init__(self, estimator):
        self._estimator, self.finished = estimator, None

    def end(self, run):
        self.finished = run.is_finished
        self._estimator._model.variable("w").assign(0.0)
        run.variables_changed()


def test_what_a_hook_assigns_at_the_end_is_saved_though_the_last_step_was(line):
    estimator = line.estimator(save_checkpoints_steps=3)
    zeroes = Zeroes(estimator)
    estimator.train(line.endless, hooks=[zeroes], max_steps=6)
    assert saved_steps(estimator.model_dir)[-1] == 6
    assert estimator.get_variable_value("w") == 0.0
    assert zeroes.finished


@pytest.mark.parametrize(("data", "finished"), [("data", True), ("endless", False)])
def test_a_run_is_finished_when_nothing_is_left_of_it(line, data, finished):
    class Stops(Hook):
        def due(self, step):
            return 1

        def after(self, run, outputs):
            assert not run.is_finished
            if not finished:
                run.request_stop("the test says so")

    estimator = line.estimator()
    zeroes = Zeroes(estimator)
    estimator.train(getattr(line, data), hooks=[Stops(), zeroes], max_steps=9)
    assert zeroes.finished == finished
