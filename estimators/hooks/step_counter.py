"""The speed of a run, in steps per second."""

from __future__ import annotations

import os
from typing import final

from estimators.clock import Clock
from estimators.hooks.base import Outputs, Run
from estimators.hooks.periodic import PeriodicHook
from estimators.hooks.triggers import Timer, every
from estimators.hooks.writing import checked_writer, writer_of
from estimators.writers import Writer

TAG = "global_step/sec"


@final
class SecondOrStepTimer:
    """Says at which steps something periodic happens, for hooks that see every step.

    Hooks that do not should own a `Timer`, which can name the next step.

    Args:
        every_secs: seconds between two times. Give this or `every_steps`.
        every_steps: steps between two times.
        clock: the time; the machine's when None.

    Raises:
        ValueError: none or both are given.

    Example:
        >>> timer = SecondOrStepTimer(every_steps=10)
        >>> timer.should_trigger_for_step(3)
        True
        >>> timer.update_last_triggered_step(3)
        (None, None)
        >>> timer.should_trigger_for_step(12), timer.should_trigger_for_step(13)
        (False, True)
    """

    def __init__(
        self,
        every_secs: float | None = None,
        every_steps: int | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._timer = Timer(every(secs=every_secs, steps=every_steps))
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Forgets the past: the next step triggers."""
        self._timer.start(self._clock)

    def should_trigger_for_step(self, step: int) -> bool:
        """Says whether it is time; the first answer is yes, and never twice for one step."""
        return self._timer.is_due(step)

    def update_last_triggered_step(self, step: int) -> tuple[float | None, int | None]:
        """Takes note; returns seconds and steps since the last time, or (None, None)."""
        return self._timer.fired(step) or (None, None)

    def last_triggered_step(self) -> int | None:
        """Returns the step of the last time, or None."""
        return self._timer.last_step


@final
class StepCounterHook(PeriodicHook):
    """Writes `global_step/sec`, measured from one time to the next.

    Args:
        every_n_steps: steps between two measurements; must be None when `every_n_secs` is given.
        every_n_secs: seconds between two measurements.
        output_dir: folder of the events; those of the run when None.
        summary_writer: takes the values, instead of `output_dir`.

    Raises:
        ValueError: both or no interval is given, or both destinations.

    Example:
        >>> StepCounterHook(every_n_steps=100).due(0)
        1
    """

    def __init__(
        self,
        every_n_steps: int | None = 100,
        every_n_secs: float | None = None,
        output_dir: str | os.PathLike[str] | None = None,
        summary_writer: Writer | None = None,
    ) -> None:
        names = ("every_n_secs", "every_n_steps")
        super().__init__(every(secs=every_n_secs, steps=every_n_steps, names=names))
        self._writer = checked_writer(output_dir, summary_writer)

    def fire(self, run: Run, outputs: Outputs, elapsed: tuple[float, int] | None) -> None:
        """Writes the speed; not the first time, because that began with compiling."""
        secs, steps = elapsed or (0.0, 0)
        if secs > 0:
            writer_of(run, self._writer).scalars(outputs.step, {TAG: steps / secs})

    def end(self, run: Run) -> None:
        """Flushes."""
        writer_of(run, self._writer).flush()
