import numpy as np
import pytest

from estimators.hooks import FinalOpsHook, LoggingTensorHook


def doubled(step):
    return {"twice": np.int64(2 * step), "softmax": np.float32(step)}


@pytest.fixture
def lines(caplog):
    caplog.set_level("INFO", logger="absl")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "absl"]


def test_first_step_and_every_n(make_run, lines):
    make_run(25).drive(LoggingTensorHook({"t": "twice"}, every_n_iter=10), values=doubled)
    assert lines() == ["t = 2", "t = 22 (10.000 sec)", "t = 42 (10.000 sec)"]


def test_at_end_too(make_run, lines):
    hook = LoggingTensorHook(["twice"], every_n_iter=10, at_end=True)
    make_run(15).drive(hook, values=doubled)
    assert lines() == ["twice = 2", "twice = 22 (10.000 sec)", "twice = 30"]


def test_only_at_end_costs_no_calls(make_run, lines):
    run = make_run(15).drive(LoggingTensorHook(["twice"], at_end=True), values=doubled)
    assert run.calls == [15]
    assert lines() == ["twice = 30"]


def test_no_step_no_line(make_run, lines):
    make_run(5, step=5).drive(LoggingTensorHook(["twice"], at_end=True), values=doubled)
    assert lines() == []


def test_by_time(make_run, lines):
    make_run(100).drive(LoggingTensorHook({"t": "twice"}, every_n_secs=40), values=doubled)
    assert [line.split(" (")[0] for line in lines()] == ["t = 2", "t = 82", "t = 162"]


def test_tags_keep_their_order_and_known_values_are_not_fetched(make_run, lines):
    hook = LoggingTensorHook({"z": "twice", "step": "global_step", "a": "softmax:0"}, 10)
    assert set(hook.fetches()) == {"twice", "softmax:0"}
    make_run(1).drive(hook, values=doubled)
    assert lines() == ["z = 2, step = 1, a = 1.0"]


def test_formatter(make_run, lines):
    hook = LoggingTensorHook(["twice"], 10, formatter=lambda values: f"<{values['twice']}>")
    make_run(1).drive(hook, values=doubled)
    assert lines() == ["<2>"]


@pytest.mark.parametrize("kwargs", [{}, {"every_n_iter": 1, "every_n_secs": 1}])
def test_exactly_one_interval(kwargs):
    with pytest.raises(ValueError, match="Exactly one of every_n_secs and every_n_iter"):
        LoggingTensorHook(["loss"], **kwargs)


def test_final_ops(make_run):
    hook = FinalOpsHook({"t": "twice", "step": "global_step"})
    run = make_run(7)
    run.drive(hook, values=doubled)
    assert run.calls == [7]
    assert hook.final_ops_values == {"t": 14, "step": 7}
    make_run(7, step=7).drive(hook)
    assert hook.final_ops_values is None


def test_final_ops_feed_nothing():
    with pytest.raises(TypeError, match="Nothing can be fed"):
        FinalOpsHook("twice", {"x": 1})
