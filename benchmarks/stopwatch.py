"""When measuring begins and ends, told by the steps of a running training."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable


@dataclasses.dataclass
class Stopwatch:
    """Times training steps after a warm-up.

    The first tick starts the warm-up, the first tick after it starts measuring, and the first one
    after `secs` ends it: what a run does before its first step and after its last is not counted.

    Attributes:
        warm_secs: shortest warm-up.
        secs: shortest time to measure.
        clock: seconds from any origin.
        first_tick_at: the clock at the first tick; None before.

    >>> times = iter([0.0, 1.0, 3.0])
    >>> watch = Stopwatch(warm_secs=1.0, secs=2.0, clock=lambda: next(times))
    >>> [watch.tick(step) for step in (10, 20, 60)]
    [False, False, True]
    >>> watch.steps_per_sec
    20.0
    """

    warm_secs: float
    secs: float
    clock: Callable[[], float] = time.perf_counter
    first_tick_at: float | None = None
    _begun: tuple[int, float] | None = None
    _ended: tuple[int, float] | None = None

    def tick(self, step: int) -> bool:
        """Takes note that so many steps are done; says whether enough is measured."""
        now = self.clock()
        if self.first_tick_at is None:
            self.first_tick_at = now
        elif self._begun is None:
            if now - self.first_tick_at >= self.warm_secs:
                self._begun = (step, now)
        elif self._ended is None and now - self._begun[1] >= self.secs:
            self._ended = (step, now)
        return self._ended is not None

    @property
    def steps_per_sec(self) -> float:
        """Steps per second of the measured time.

        Raises:
            RuntimeError: the training ended before enough was measured.
        """
        if self._begun is None or self._ended is None:
            raise RuntimeError(f"Training ended before {self.secs} seconds of it were measured.")
        (first, begun), (last, ended) = self._begun, self._ended
        return (last - first) / (ended - begun)
