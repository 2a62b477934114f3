"""The two loops: a compiled call is as long as the hooks allow, and never a step longer."""

from __future__ import annotations

import dataclasses

import pytest
import tensorflow as tf

from estimators import EstimatorSpec, Hook, loops
from estimators.clock import ManualClock
from estimators.hooks import Outputs


@dataclasses.dataclass
class Run:
    """A run without a model."""

    last_step: int | None = None
    step: int = 0
    stop_reason: str = ""
    secs_per_step: float = 0.0
    data: int = 2**60
    clock: ManualClock = dataclasses.field(default_factory=ManualClock)
    calls: list = dataclasses.field(default_factory=list)

    def request_stop(self, reason):
        self.stop_reason = self.stop_reason or reason

    def advance(self, limit):
        steps = min(limit, self.data - self.step)
        self.calls.append(steps)
        self.step += steps
        self.clock.advance(steps * self.secs_per_step)
        return Outputs(step=self.step, loss=0.0) if steps else None


class At(Hook):
    """Due at given steps."""

    def __init__(self, *steps, then=lambda run: None, every_call=False):
        self.steps, self.seen, self._then = steps, [], then
        self.every_call = every_call

    def begin(self, run):
        self.seen.append("begin")

    def due(self, step):
        return min((s for s in self.steps if s > step), default=None)

    def after(self, run, outputs):
        self.seen.append(outputs.step)
        self._then(run)

    def end(self, run):
        self.seen.append("end")


def drive(run, *hooks):
    return loops.run_with_hooks(run, run.advance, hooks)


def test_calls_end_exactly_where_hooks_are_due():
    run, one, two = Run(last_step=20), At(3, 7, 10), At(7, 19)
    last = drive(run, one, two)
    assert run.calls == [3, 4, 3, 9, 1]
    assert one.seen == ["begin", 3, 7, 10, "end"]
    assert two.seen == ["begin", 7, 19, "end"]
    assert last.step == 20


def test_a_hook_that_is_never_due_costs_no_call():
    run, hook = Run(last_step=50), At()
    drive(run, hook)
    assert run.calls == [50]
    assert hook.seen == ["begin", "end"]


def test_every_call():
    run, guard, hook = Run(last_step=10), At(every_call=True), At(4)
    drive(run, guard, hook)
    assert guard.seen == ["begin", 4, 10, "end"]


def test_a_due_step_beyond_the_end_is_not_met():
    run, hook = Run(last_step=5), At(9)
    drive(run, hook)
    assert (run.calls, hook.seen) == ([5], ["begin", "end"])


def test_data_that_ends_within_a_call():
    # Five steps are there; the hooks of step 10 are not called, those of step 4 are.
    run, hook = Run(data=5), At(4, 10)
    last = drive(run, hook)
    assert run.calls == [4, 1]
    assert hook.seen == ["begin", 4, "end"]
    assert (last.step, run.stop_reason) == (5, "the data has ended")


def test_a_due_step_that_was_passed_is_called_late():
    # Another worker's steps count too: the step after the call is 6, not 3.
    run, hook = Run(last_step=8), At(3)

    def advance(limit):
        run.step += 2 * limit
        return Outputs(step=run.step, loss=0.0)

    loops.run_with_hooks(run, advance, [hook])
    assert hook.seen == ["begin", 6, "end"]


def test_data_that_is_empty():
    run, hook = Run(data=0), At(1)
    assert drive(run, hook) is None
    assert (run.calls, hook.seen) == ([0], ["begin", "end"])


def test_a_hook_stops_the_run_after_the_others_of_its_step():
    run = Run(last_step=10)
    stop, other = At(4, then=lambda run: run.request_stop("enough")), At(4, 5)
    drive(run, stop, other)
    assert run.step == 4
    assert other.seen == ["begin", 4, "end"]


def test_a_hook_stops_the_run_before_it_begins():
    class Stop(At):
        def begin(self, run):
            run.request_stop("nothing to do")

    run = Run(last_step=10)
    assert drive(run, Stop(), At(1)) is None
    assert run.calls == []


def test_no_end_after_an_exception():
    def fail(run):
        raise RuntimeError("broken")

    hooks = At(2, then=fail), At(2)
    with pytest.raises(RuntimeError, match="broken"):
        drive(Run(last_step=9), *hooks)
    assert [hook.seen for hook in hooks] == [["begin", 2], ["begin"]]


def test_calls_are_short_enough_to_be_interrupted():
    # The first is of 100 steps; the others take about ten seconds.
    run = Run(last_step=1000, secs_per_step=0.05)
    drive(run)
    assert run.calls == [100, 200, 200, 200, 200, 100]


def test_a_very_slow_step():
    run = Run(last_step=103, secs_per_step=30.0)
    drive(run)
    assert run.calls == [100, 1, 1, 1]


def test_workers_agree_on_the_length_of_a_call():
    run, hook = Run(last_step=10), At(6)
    asked = []

    def agree(limit):
        asked.append(limit)
        return min(limit, 4) if run.step < 9 else 0

    loops.run_with_hooks(run, run.advance, [hook], agree)
    assert (asked, run.calls) == ([6, 2, 4, 0], [4, 2, 4])


def test_due_steps_ask_again_only_those_that_were_called():
    asked = []

    class Asked(At):
        def due(self, step):
            asked.append((self.steps[0], step))
            return super().due(step)

    run = Run(last_step=4)
    drive(run, Asked(2), Asked(3))
    assert asked == [(2, 0), (3, 0), (2, 2), (3, 3)]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("assertion failed: [bad] [x = ] [3]", "bad [x = ] [3]"),
        (
            "Graph execution error:\n\nDetected at node while/Assert defined at (most recent call "
            'last):\n  File "a.py", line 1, in f\n\n    x = 1\n\nassertion failed: [bad]\n\t '
            "[[{{node while/Assert}}]] [Op:__inference_f_1]",
            "[bad]",
        ),
        (
            "{{function_node __wrapped__Gather_device_/job:localhost}} indices = 7 is not in "
            "[0, 3)\n\t [[{{node GatherV2}}]] [Op:Gather] name: ",
            "indices = 7 is not in [0, 3)",
        ),
        ("Graph execution error:", "Graph execution error:"),
    ],
)
def test_what_an_operation_said(message, said):
    with pytest.raises(ValueError) as caught, loops.op_errors_named():
        raise tf.errors.InvalidArgumentError(None, None, message)
    assert str(caught.value) == said


def test_errors_of_operations_are_short(line):
    def data():
        return line.data().map(lambda f, y: ({"x": tf.gather(f["x"], [7])}, y))

    with pytest.raises(ValueError, match=r"indices\[0\] = 7 is not in \[0, 2\)$"):
        line.estimator().train(data)


# The compiled loop, of a real model


def test_one_call_runs_many_steps_and_traces_once(line, record):
    guard = record(every=10**6)
    guard.every_call = True
    quiet = {"save_summary_steps": 0, "log_step_count_steps": None, "save_checkpoints_steps": 50}
    estimator = line.estimator(clock=ManualClock(), **quiet)
    estimator.train(line.endless, hooks=[guard], steps=60)
    assert guard.steps == [50, 60]
    estimator.train(line.endless, hooks=[guard], steps=7)
    (loop,) = estimator._model._loops.values()
    assert loop.traces == 1


def test_due_steps_of_a_real_run(line, record):
    hooks = [record(every=3), record(every=5)]
    estimator = line.estimator(save_checkpoints_steps=4)
    estimator.train(line.endless, hooks=hooks, steps=7)
    assert [hook.steps for hook in hooks] == [[3, 6], [5]]
    estimator.train(line.endless, hooks=hooks, max_steps=10)
    assert [hook.steps for hook in hooks] == [[3, 6, 9], [5, 10]]


def test_losses_of_one_call_and_of_many_are_the_same(line, record):
    one_by_one, at_once = record(every=1), record(every=4)
    line.estimator().train(line.endless, hooks=[one_by_one], steps=4)
    other = type(line)(line.model_dir + "2")
    quiet = {"save_summary_steps": 0, "log_step_count_steps": None}
    other.estimator(**quiet).train(line.endless, hooks=[at_once], steps=4)
    assert at_once.losses == one_by_one.losses[3:]


def test_finite_and_endless_data_share_the_model(line):
    estimator = line.estimator()
    estimator.train(line.data)
    estimator.train(line.endless, steps=1)
    estimator.train(line.data)
    assert estimator.get_variable_value("global_step") == 5


def test_data_of_sparse_and_ragged_features(line):
    def model_fn(features, labels, mode):
        total = tf.sparse.reduce_sum(features["sparse"]) + tf.reduce_sum(features["ragged"].values)
        loss = tf.Variable(1.0, name="w") * total
        return EstimatorSpec(mode, loss=loss)

    def data():
        rows = tf.ragged.constant([[1.0], [], [2.0, 3.0]])
        features = {"sparse": rows.to_sparse(), "ragged": rows}
        return tf.data.Dataset.from_tensor_slices(features).batch(2)

    metrics = line.estimator(model_fn).evaluate(data)
    assert metrics["loss"] == 6.0  # (1 + 1 + 5 + 5) / 2
