"""What hooks that do one thing now and then have in common."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

from estimators.hooks.base import Hook, Outputs, Run
from estimators.hooks.triggers import Timer, Trigger


class PeriodicHook(Hook, abc.ABC):
    """A hook that calls its `fire` whenever its trigger says so.

    Its phase survives a restart: a run that was killed and started again fires at the same steps
    as one that was not.

    Args:
        trigger: when to fire.

    Example:
        >>> from estimators.hooks.triggers import EverySteps
        >>> class Shout(PeriodicHook):
        ...     def fire(self, run, outputs, elapsed):
        ...         print("step", outputs.step)
        >>> Shout(EverySteps(10)).due(0)
        1
    """

    def __init__(self, trigger: Trigger) -> None:
        self._timer = Timer(trigger)

    @abc.abstractmethod
    def fire(self, run: Run, outputs: Outputs, elapsed: tuple[float, int] | None) -> None:
        """Does the one thing.

        Args:
            run: the run.
            outputs: of the last call.
            elapsed: seconds and steps since the last time in this run; None at the first.
        """

    def begin(self, run: Run) -> None:
        """Starts anew, in the restored phase if there is one."""
        self._timer.start(run.clock)

    def due(self, step: int) -> int | None:
        """Returns the next step to fire at, or to look at the clock at."""
        return self._timer.next_due(step)

    def after(self, run: Run, outputs: Outputs) -> None:
        """Fires if it is time."""
        if self._timer.is_due(outputs.step):
            self.fire(run, outputs, self._timer.fired(outputs.step))

    def state(self) -> Mapping[str, Any]:
        """Returns the phase."""
        return self._timer.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes the phase back."""
        self._timer.restore(state)
