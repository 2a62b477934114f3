from __future__ import annotations

import pytest

from benchmarks.stopwatch import Stopwatch


def watch_of(times, **options):
    moments = iter(times)
    return Stopwatch(clock=lambda: next(moments), **options)


def test_counts_nothing_of_the_warm_up():
    watch = watch_of([0, 4, 6, 7, 11], warm_secs=5, secs=5)
    assert [watch.tick(step) for step in (1, 2, 10, 20, 60)] == [False] * 4 + [True]
    assert watch.steps_per_sec == pytest.approx((60 - 10) / (11 - 6))


def test_later_ticks_change_nothing():
    watch = watch_of([0, 0, 1, 100], warm_secs=0, secs=1)
    assert [watch.tick(step) for step in (0, 0, 7, 8)] == [False, False, True, True]
    assert watch.steps_per_sec == 7


def test_says_when_training_was_too_short():
    watch = watch_of([0, 1], warm_secs=1, secs=5)
    watch.tick(1)
    watch.tick(2)
    with pytest.raises(RuntimeError, match="ended before 5 seconds"):
        _ = watch.steps_per_sec
