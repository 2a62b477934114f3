import pytest

from estimators.clock import ManualClock
from estimators.hooks import SecondOrStepTimer


def test_by_steps():
    timer = SecondOrStepTimer(every_steps=3)
    triggered = []
    for step in range(1, 9):
        if timer.should_trigger_for_step(step):
            timer.update_last_triggered_step(step)
            triggered.append(step)
    assert triggered == [1, 4, 7]
    assert timer.last_triggered_step() == 7
    timer.reset()
    assert timer.last_triggered_step() is None
    assert timer.should_trigger_for_step(7)


def test_by_seconds():
    clock = ManualClock()
    timer = SecondOrStepTimer(every_secs=1.0, clock=clock)
    assert timer.update_last_triggered_step(5) == (None, None)
    clock.advance(0.5)
    assert not timer.should_trigger_for_step(6)
    clock.advance(0.5)
    assert not timer.should_trigger_for_step(5)  # the same step, never twice
    assert timer.should_trigger_for_step(6)
    assert timer.update_last_triggered_step(6) == (1.0, 1)


@pytest.mark.parametrize("kwargs", [{}, {"every_secs": 1.0, "every_steps": 1}])
def test_exactly_one(kwargs):
    with pytest.raises(ValueError, match="Exactly one of every_secs and every_steps"):
        SecondOrStepTimer(**kwargs)
