"""Stopping at a step, and waiting for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from absl import logging

from estimators.hooks.base import Hook, Outputs, Run
from estimators.hooks.fetching import GLOBAL_STEP

_POLL_SECS = 0.5


@final
class StopAtStepHook(Hook):
    """Ends the run at a global step, or after so many steps.

    A run that begins at or after that step makes no step. A run that is restarted after a crash
    ends where it would have ended, so `num_steps` counts from its first start.

    Args:
        num_steps: steps of this run. Give this or `last_step`.
        last_step: global step.

    Raises:
        ValueError: both or none are given.

    Example:
        >>> StopAtStepHook(last_step=100).due(40)
        100
    """

    def __init__(self, num_steps: int | None = None, last_step: int | None = None) -> None:
        if (num_steps is None) == (last_step is None):
            raise ValueError(
                "Exactly one of num_steps and last_step must be given, got "
                f"num_steps={num_steps} and last_step={last_step}."
            )
        self._num_steps = num_steps
        self._last_step = last_step
        self._restored: int | None = None

    def begin(self, run: Run) -> None:
        """Counts from here, unless a former process did."""
        if self._num_steps is not None:
            from_here = run.step + self._num_steps
            self._last_step = from_here if self._restored is None else self._restored
            self._restored = None
        self._stop_if_reached(run)

    def due(self, step: int) -> int | None:
        """Returns the last step."""
        if self._last_step is None:
            return None
        return max(self._last_step, step + 1)

    def after(self, run: Run, outputs: Outputs) -> None:
        """Stops if the step is reached."""
        self._stop_if_reached(run)

    def _stop_if_reached(self, run: Run) -> None:
        if self._last_step is not None and run.step >= self._last_step:
            run.request_stop(f"step {self._last_step} is reached")

    def state(self) -> Mapping[str, Any]:
        """Returns the step to stop at."""
        return {} if self._num_steps is None else {"last_step": self._last_step}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes the step back."""
        self._restored = state.get("last_step")


def make_stop_at_checkpoint_step_hook(
    estimator: Any, last_step: int, wait_after_file_check_secs: float = 30
) -> StopAtStepHook:
    """Returns a hook that ends the run at a global step, on every worker.

    In tf.estimator workers counted on their own, so those that were not the chief had to look for
    the step in the checkpoint file. Here the step is one.

    Args:
        estimator: not looked at.
        last_step: global step to stop at.
        wait_after_file_check_secs: not looked at.

    Example:
        >>> make_stop_at_checkpoint_step_hook(None, last_step=100).due(0)
        100
    """
    return StopAtStepHook(last_step=last_step)


@final
class GlobalStepWaiterHook(Hook):
    """Delays a worker until others have advanced the global step.

    Only for workers that train on their own, as under parameter servers: where steps are made
    together the wait would never end.

    Args:
        wait_until_step: global step to wait for; 0 does not wait.

    Example:
        >>> GlobalStepWaiterHook(0).due(0) is None
        True
    """

    def __init__(self, wait_until_step: int) -> None:
        self._wait_until_step = wait_until_step

    def begin(self, run: Run) -> None:
        """Waits."""
        if self._wait_until_step <= 0:
            return
        logging.info("Waiting for global step %d before training.", self._wait_until_step)
        while int(run.read_variable(GLOBAL_STEP)) < self._wait_until_step:
            run.clock.sleep(_POLL_SECS)
