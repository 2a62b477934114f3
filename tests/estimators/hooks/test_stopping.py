import pytest

from estimators.hooks import (
    CheckpointSaverHook,
    GlobalStepWaiterHook,
    StopAtStepHook,
    make_stop_at_checkpoint_step_hook,
)


def test_stops_at_the_step(make_run):
    run = make_run(step=3).drive(StopAtStepHook(last_step=10))
    assert run.calls == [10]
    assert run.stop_reason == "step 10 is reached"


def test_counts_steps_of_the_run(make_run):
    assert make_run(step=3).drive(StopAtStepHook(num_steps=10)).step == 13


def test_counts_again_in_the_next_run(make_run):
    hook = StopAtStepHook(num_steps=10)
    assert make_run(step=0).drive(hook).step == 10
    assert make_run(step=10).drive(hook).step == 20


def test_a_restart_ends_where_the_first_run_would_have(make_run):
    first, second = StopAtStepHook(num_steps=10), StopAtStepHook(num_steps=10)
    make_run(last_step=4).drive(first)
    second.restore(first.state())
    assert make_run(step=4).drive(second).step == 10


def test_makes_no_step_when_there_is_none_left(make_run):
    assert make_run(step=12).drive(StopAtStepHook(last_step=10)).calls == []


def test_works_beside_others(make_run):
    run = make_run().drive(StopAtStepHook(last_step=15), CheckpointSaverHook(save_steps=10))
    assert run.saves == [0, 10, 15]


@pytest.mark.parametrize("kwargs", [{}, {"num_steps": 1, "last_step": 1}])
def test_exactly_one(kwargs):
    with pytest.raises(ValueError, match="Exactly one of num_steps and last_step"):
        StopAtStepHook(**kwargs)


def test_stop_at_checkpoint_step(make_run):
    run = make_run(is_chief=False).drive(make_stop_at_checkpoint_step_hook(None, 5))
    assert run.step == 5


def test_waits_for_others(make_run):
    run = make_run(1)
    steps = iter([0, 3, 9, 10, 11])
    run.read_variable = lambda name: next(steps)
    GlobalStepWaiterHook(10).begin(run)
    assert run.clock.elapsed == 1.5  # three looks too early, half a second each


def test_does_not_wait_for_step_zero(make_run):
    run = make_run(1)
    GlobalStepWaiterHook(0).begin(run)
    assert run.clock.elapsed == 0
