import time

import pytest

from estimators.clock import ManualClock, SystemClock


def test_a_manual_clock_moves_only_when_told():
    clock = ManualClock(unix_time=5.0)
    assert (clock.now(), clock.monotonic()) == (5.0, 0.0)
    clock.sleep(1.5)
    assert (clock.now(), clock.monotonic()) == (6.5, 1.5)


def test_setting_the_wall_clock_back_lets_no_time_pass():
    clock = ManualClock(unix_time=5.0, elapsed=3.0)
    clock.jump(-4.0)
    assert (clock.now(), clock.monotonic()) == (1.0, 3.0)


def test_time_does_not_run_backwards():
    with pytest.raises(ValueError, match=r"`seconds` \(-1\)"):
        ManualClock().advance(-1)


def test_the_system_clock_is_the_one_of_the_machine():
    clock = SystemClock()
    assert abs(clock.now() - time.time()) < 60
    before = clock.monotonic()
    clock.sleep(0.001)
    assert clock.monotonic() - before >= 0.001
