import numpy as np
import pytest
import tensorflow as tf

from estimators.hooks import (
    CheckpointSaverHook,
    FeedFnHook,
    Hook,
    SecondOrStepTimer,
    SessionRunArgs,
    SessionRunHook,
    as_hook,
)

v1 = tf.compat.v1


def losses(step):
    return {"total_loss": np.float32(1 / step), "rate": np.float32(0.1)}


@pytest.fixture
def lines(caplog):
    caplog.set_level("INFO")
    return lambda: [record.getMessage() for record in caplog.records]


class Recorder(SessionRunHook):
    def __init__(self, stop_at=None):
        self.log, self.stop_at = [], stop_at

    def begin(self):
        self.log.append("begin")

    def after_create_session(self, session, coord):
        self.log.append(f"session at {session.run('global_step')}")

    def before_run(self, run_context):
        self.log.append("before")
        return SessionRunArgs({"loss": "total_loss:0"})

    def after_run(self, run_context, run_values):
        self.log.append(float(run_values.results["loss"]))
        if len(self.log) > 6 and self.stop_at:
            run_context.request_stop()

    def end(self, session):
        self.log.append(f"end at {session.run(['global_step'])[0]}")


def test_order_of_calls(make_run):
    hook = Recorder()
    make_run(2).drive(as_hook(hook), values=losses)
    assert hook.log == ["begin", "before", "session at 0", 1.0, "before", 0.5, "end at 2"]


def test_before_run_is_called_once_for_each_step(make_run):
    hook = Recorder()
    make_run(5).drive(as_hook(hook), values=losses)
    assert hook.log.count("before") == 5


def test_a_second_run_begins_anew(make_run):
    hook = Recorder()
    adapter = as_hook(hook)
    make_run(1).drive(adapter, values=losses)
    make_run(2, step=1).drive(adapter, values=losses)
    assert hook.log == [
        *["begin", "before", "session at 0", 1.0, "end at 1"],
        *["begin", "before", "session at 1", 0.5, "end at 2"],
    ]


def test_request_stop(make_run):
    hook = Recorder(stop_at=True)
    run = make_run(50).drive(as_hook(hook), values=losses)
    assert run.step == 3
    assert run.stop_reason == "Recorder asked to stop"


def test_request_stop_of_the_coordinator(make_run):
    class Stop(SessionRunHook):
        def after_create_session(self, session, coord):
            self.coord = coord

        def after_run(self, run_context, run_values):
            self.coord.request_stop()

    assert make_run(50).drive(as_hook(Stop())).step == 1


def test_runs_beside_others(make_run):
    run = make_run(12).drive(as_hook(Recorder()), CheckpointSaverHook(save_steps=5), values=losses)
    assert run.saves == [0, 5, 10, 12]


def test_hook_that_counts_the_global_step(make_run):
    """The shape of the examples-per-second hooks of published training scripts."""

    class ExamplesPerSecond(v1.train.SessionRunHook):
        def __init__(self):
            self.timer = SecondOrStepTimer(every_steps=2)
            self.steps = []

        def begin(self):
            self.global_step = v1.train.get_global_step()
            if self.global_step is None:
                raise RuntimeError("no global step")

        def before_run(self, run_context):
            return v1.train.SessionRunArgs(self.global_step)

        def after_run(self, run_context, run_values):
            if self.timer.should_trigger_for_step(run_values.results):
                self.timer.update_last_triggered_step(run_values.results)
                self.steps.append(run_values.results)

    hook = ExamplesPerSecond()
    make_run(6).drive(as_hook(hook))
    assert hook.steps == [1, 3, 5]


def test_hook_that_looks_tensors_up(make_run):
    class Look(SessionRunHook):
        def begin(self):
            self.loss = v1.get_default_graph().get_tensor_by_name("total_loss:0")
            self.seen = []

        def before_run(self, run_context):
            return SessionRunArgs([self.loss, "rate"])

        def after_run(self, run_context, run_values):
            self.seen.append([float(value) for value in run_values.results])

    hook = Look()
    adapter = as_hook(hook)
    assert adapter.fetches() == ("total_loss:0", "rate")
    adapter = as_hook(hook)
    make_run(2).drive(adapter, values=losses)
    assert hook.seen == [[1.0, pytest.approx(0.1)], [0.5, pytest.approx(0.1)]]


def test_hook_made_in_the_body(make_run):
    class Body(SessionRunHook):
        def __init__(self, loss):
            self.loss, self.seen = loss, []

        def before_run(self, run_context):
            return SessionRunArgs(self.loss)

        def after_run(self, run_context, run_values):
            self.seen.append(float(run_values.results))

    with tf.Graph().as_default():
        hook = Body(tf.identity(1.0, name="total_loss"))
        adapter = as_hook(hook)
        assert adapter.fetches() == (hook.loss,)
        make_run(2).drive(adapter, values=losses)
    assert hook.seen == [1.0, 0.5]


def test_logging_hook_of_tensorflow(make_run, lines):
    hook = v1.train.LoggingTensorHook({"loss": "total_loss"}, every_n_iter=2)
    make_run(3).drive(as_hook(hook), values=losses)
    logged = [line for line in lines() if line.startswith("loss = ")]
    assert [line.split(" (")[0] for line in logged] == ["loss = 1.0", "loss = 0.33333334"]


@pytest.mark.parametrize("kwargs", [{"num_steps": 4}, {"last_step": 7}])
def test_stop_hook_of_tensorflow(make_run, kwargs):
    assert make_run(50, step=3).drive(as_hook(v1.train.StopAtStepHook(**kwargs))).step == 7


def test_asking_later_for_more_is_an_error(make_run):
    class Later(SessionRunHook):
        count = 0

        def before_run(self, run_context):
            self.count += 1
            return SessionRunArgs("total_loss") if self.count > 1 else None

    with pytest.raises(ValueError, match="Later.before_run asks for 'total_loss', for which its"):
        make_run(3).drive(as_hook(Later()), values=losses)


def test_asking_less_often_is_fine(make_run):
    class Seldom(SessionRunHook):
        seen = ()

        def before_run(self, run_context):
            return None if self.seen else SessionRunArgs("total_loss")

        def after_run(self, run_context, run_values):
            self.seen = (*self.seen, run_values.results)

    hook = Seldom()
    make_run(3).drive(as_hook(hook), values=losses)
    assert hook.seen == (1.0, None, None)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (lambda: SessionRunArgs(None, feed_dict={"x": 1}), "Nothing can be fed"),
        (lambda: "total_loss", "must return SessionRunArgs or None, got str"),
        (lambda: SessionRunArgs(tf.constant(1.0) + 1.0), "which it made itself"),
    ],
)
def test_bad_requests(make_run, args, message):
    class Bad(SessionRunHook):
        def before_run(self, run_context):
            return args()

    with pytest.raises(TypeError, match=message):
        make_run(1).drive(as_hook(Bad()))


def test_session_reads_variables_and_refuses_the_rest(make_run):
    variable = tf.Variable(0.0, name="kernel")
    asked = {}

    class Ask(SessionRunHook):
        def before_run(self, run_context):
            if not asked:
                with pytest.raises(RuntimeError, match="before the variables exist"):
                    run_context.session.run("kernel")

        def after_create_session(self, session, coord):
            asked["values"] = session.run({"a": variable, "b": "kernel:0"})
            with pytest.raises(TypeError, match="reads variables only, got"):
                session.run(tf.constant(1.0))
            with pytest.raises(TypeError, match="Nothing can be fed"):
                session.run("kernel", feed_dict={"x": 1})
            with pytest.raises(AttributeError, match=r"`session\.graph` is gone"):
                _ = session.graph

    run = make_run(1)
    run.variables["kernel"] = 5.0
    run.drive(as_hook(Ask()))
    assert asked["values"] == {"a": 5.0, "b": 5.0}


def test_hooks_are_told_from_other_things():
    hook = CheckpointSaverHook(save_steps=1)
    assert as_hook(hook) is hook
    assert isinstance(as_hook(Recorder()), Hook)
    for wrong in (3, None, Recorder, "hook"):
        with pytest.raises(TypeError, match="Hooks must be a Hook or a SessionRunHook, given"):
            as_hook(wrong)


def test_hooks_of_tensorflow_that_need_a_session_are_refused():
    with pytest.raises(TypeError, match=r"Write estimators\.CheckpointSaverHook"):
        as_hook(v1.train.CheckpointSaverHook("x", save_steps=1))
    with pytest.raises(TypeError, match="FeedFnHook cannot feed"):
        as_hook(v1.train.FeedFnHook(dict))
    with pytest.raises(TypeError, match="FeedFnHook cannot feed"):
        FeedFnHook(dict)
