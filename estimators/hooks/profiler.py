"""Profiles of single steps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, final

import tensorflow as tf
from absl import logging

from estimators.hooks.base import Hook, Outputs, Run
from estimators.hooks.triggers import AtSteps, Timer, every


@final
class ProfilerHook(Hook):
    """Records what one step does on which device, for TensorBoard's profile page.

    The step after each due step is run in a call of its own and recorded. The first is the second
    step of the run, so that compilation is not recorded.

    Args:
        save_steps: steps between two profiles. Give one of this, `save_secs` and `at_steps`.
        save_secs: seconds between two profiles.
        output_dir: where profiles go, below `plugins/profile`; the run's model_dir when empty.
        show_dataflow: ignored; it belonged to another file format.
        show_memory: ignored, as above.
        at_steps: global steps after which to record one step.

    Raises:
        ValueError: not exactly one of the three is given.

    Example:
        >>> ProfilerHook(at_steps=[1000]).due(0)
        1000
    """

    def __init__(
        self,
        save_steps: int | None = None,
        save_secs: float | None = None,
        output_dir: str | os.PathLike[str] = "",
        show_dataflow: bool = True,
        show_memory: bool = False,
        *,
        at_steps: Sequence[int] | None = None,
    ) -> None:
        if at_steps is None:
            names = ("save_secs", "save_steps")
            self._timer = Timer(every(secs=save_secs, steps=save_steps, names=names))
        elif save_steps is None and save_secs is None:
            self._timer = Timer(AtSteps(tuple(at_steps)))
        else:
            raise ValueError("Give `at_steps` without `save_steps` and `save_secs`.")
        self._directory = os.fspath(output_dir)
        self._recording = False

    def begin(self, run: Run) -> None:
        """Starts anew."""
        self._timer.start(run.clock)
        self._recording = False

    def due(self, step: int) -> int | None:
        """Returns the next step to start after; while recording, the next step."""
        return step + 1 if self._recording else self._timer.next_due(step)

    def after(self, run: Run, outputs: Outputs) -> None:
        """Stops a recording, or starts one if it is time."""
        if self._recording:
            self._stop(outputs.step)
        elif self._timer.is_due(outputs.step):
            self._timer.fired(outputs.step)
            self._start(run)

    def end(self, run: Run) -> None:
        """Stops a recording for which no step was left."""
        if self._recording:
            self._stop(run.step)

    def _start(self, run: Run) -> None:
        try:
            tf.profiler.experimental.start(self._directory or run.model_dir)
        except tf.errors.AlreadyExistsError:
            logging.warning("Somebody else is recording a profile; step %d has none.", run.step + 1)
            return
        self._recording = True

    def _stop(self, step: int) -> None:
        tf.profiler.experimental.stop()
        self._recording = False
        logging.info("Wrote the profile of step %d.", step)

    def state(self) -> dict[str, Any]:
        """Returns the phase."""
        return dict(self._timer.state())

    def restore(self, state: Any) -> None:
        """Takes the phase back."""
        self._timer.restore(state)
