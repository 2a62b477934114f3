"""The loss in the event files."""

from __future__ import annotations

import os
from typing import Any, final

from estimators.hooks.base import Outputs, Run
from estimators.hooks.fetching import Fetches
from estimators.hooks.periodic import PeriodicHook
from estimators.hooks.triggers import every
from estimators.hooks.writing import checked_writer, writer_of
from estimators.writers import Writer


@final
class SummarySaverHook(PeriodicHook):
    """Writes the loss of the first step, and then of every so many steps or seconds.

    Args:
        save_steps: steps between two times. Give this or `save_secs`.
        save_secs: seconds between two times.
        output_dir: folder of the events; those of the run when None.
        summary_writer: takes the values, instead of `output_dir`.
        scaffold: must be None.
        summary_op: one serialized summary made in the body, or several, to write instead of the
            loss. The `tf.summary` calls of the body need no hook, they write by themselves.

    Raises:
        ValueError: both or no interval is given, or both destinations, or a scaffold.

    Example:
        >>> hook = SummarySaverHook(save_steps=2)
        >>> hook.due(0)
        1
    """

    def __init__(
        self,
        save_steps: int | None = None,
        save_secs: float | None = None,
        output_dir: str | os.PathLike[str] | None = None,
        summary_writer: Writer | None = None,
        scaffold: None = None,
        summary_op: Any = None,
    ) -> None:
        if scaffold is not None:
            raise ValueError(
                "`scaffold` was part of a session. Remove it: the body's summaries need no hook."
            )
        names = ("save_secs", "save_steps")
        super().__init__(every(secs=save_secs, steps=save_steps, names=names))
        self._writer = checked_writer(output_dir, summary_writer)
        self._fetches = Fetches(summary_op)

    def fetches(self) -> Any:
        """Returns `summary_op`."""
        return self._fetches.asked()

    def fire(self, run: Run, outputs: Outputs, elapsed: tuple[float, int] | None) -> None:
        """Writes the loss, or the given summaries, of the step."""
        writer = writer_of(run, self._writer)
        if not self._fetches.asked():
            writer.scalars(outputs.step, {"loss": outputs.loss})
            return
        for message in _messages(outputs.fetched[self]):
            writer.summary(outputs.step, message)

    def end(self, run: Run) -> None:
        """Flushes."""
        writer_of(run, self._writer).flush()


def _messages(fetched: Any) -> tuple[bytes, ...]:
    """Returns serialized summaries; NumPy wraps a scalar string in an array without axes."""
    return tuple(m if isinstance(m, bytes) else m.item() for m in fetched)
