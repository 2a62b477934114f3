import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimators.clock import ManualClock
from estimators.hooks.triggers import AtSteps, EverySeconds, EverySteps, Moment, Never, Timer, every


def fired_steps(trigger, last_step, first_step=0, secs_per_step=1.0):
    timer, clock, step, fired, looks = Timer(trigger), ManualClock(), first_step, [], 0
    timer.start(clock)
    while (due := timer.next_due(step)) is not None and due <= last_step:
        clock.advance((due - step) * secs_per_step)
        step, looks = due, looks + 1
        if timer.is_due(step):
            fired.append(step)
            timer.fired(step)
    return fired, looks


def test_every_steps_counts_from_the_first_step():
    assert fired_steps(EverySteps(2), 7) == ([1, 3, 5, 7], 4)
    assert fired_steps(EverySteps(100), 450, first_step=25)[0] == [26, 126, 226, 326, 426]


def test_at_steps():
    assert fired_steps(AtSteps((5, 2, 100)), 50) == ([2, 5], 2)


def test_never():
    assert fired_steps(Never(), 50) == ([], 0)


def test_at_steps_that_were_jumped_over_are_due():
    assert AtSteps((5,)).is_due(Moment(7, 0.0), Moment(4, 0.0))
    assert not AtSteps((5,)).is_due(Moment(7, 0.0), Moment(5, 0.0))


@given(secs=st.floats(0.5, 600), rate=st.floats(0.1, 2000))
def test_every_second_is_in_time_with_few_looks(secs, rate):
    steps = int(min(3 * secs * rate, 100_000)) + 2
    fired, looks = fired_steps(EverySeconds(secs), steps, secs_per_step=1 / rate)
    gap = max(1, round(secs * rate))
    for before, now in zip(fired, fired[1:], strict=False):
        assert abs(now - before - gap) <= 2
    assert looks <= 4 * len(fired) + 2 * math.log2(gap + 1) + 4


def test_every_second_goes_on_when_the_clock_stands_still():
    assert fired_steps(EverySeconds(10.0), 100, secs_per_step=0.0)[0] == [1]


def test_timer_is_not_due_twice_at_a_step():
    timer = Timer(EverySteps(1))
    timer.start(ManualClock())
    assert timer.is_due(4)
    timer.fired(4)
    assert not timer.is_due(4)


def test_timer_measures_within_a_run_only():
    clock, timer = ManualClock(), Timer(EverySteps(10))
    timer.start(clock)
    assert timer.fired(1) is None
    clock.advance(5.0)
    assert timer.fired(11) == (5.0, 10)
    timer.start(clock)
    assert timer.fired(12) is None


def test_restored_timer_keeps_its_phase_and_measures_nothing_across_processes():
    before, after = Timer(EverySteps(10)), Timer(EverySteps(10))
    before.start()
    before.fired(21)
    after.restore(before.state())
    after.start()
    assert after.next_due(25) == 31
    assert after.fired(31) is None
    assert after.fired(41)[1] == 10
    after.start()
    assert after.next_due(41) == 42  # what was restored counts for one run


@pytest.mark.parametrize(("secs", "steps"), [(None, None), (1.0, 1)])
def test_exactly_one_interval(secs, steps):
    with pytest.raises(ValueError, match="Exactly one of save_secs and save_steps"):
        every(secs=secs, steps=steps, names=("save_secs", "save_steps"))


@pytest.mark.parametrize("kwargs", [{"secs": 0, "steps": None}, {"secs": None, "steps": -1}])
def test_intervals_are_positive(kwargs):
    with pytest.raises(ValueError, match="must be > 0"):
        every(**kwargs)
