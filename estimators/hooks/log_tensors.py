"""Values of the body in the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

from absl import logging

from estimators.hooks.base import Outputs, Run
from estimators.hooks.fetching import Fetches, name_of
from estimators.hooks.periodic import PeriodicHook
from estimators.hooks.triggers import Never, every


@final
class LoggingTensorHook(PeriodicHook):
    """Logs values at the first step, every so often, and at the end.

    Args:
        tensors: by tag, or a list whose tags are their names: tensors of the body, names of such
            tensors ("softmax:0", or "softmax"), "global_step", variables.
        every_n_iter: steps between two lines.
        every_n_secs: seconds between two lines.
        at_end: log the values of the last step, too; or only those, when no interval is given.
        formatter: makes the line from a dict of values by tag.

    Raises:
        ValueError: both intervals are given, or none and `at_end` is False.

    Example:
        >>> LoggingTensorHook({"p": "softmax"}, every_n_iter=100).fetches()
        ('softmax',)
    """

    def __init__(
        self,
        tensors: Mapping[str, Any] | Sequence[Any],
        every_n_iter: int | None = None,
        every_n_secs: float | None = None,
        at_end: bool = False,
        formatter: Callable[[dict[str, Any]], str] | None = None,
    ) -> None:
        only_at_end = at_end and every_n_iter is None and every_n_secs is None
        names = ("every_n_secs", "every_n_iter")
        super().__init__(
            Never() if only_at_end else every(secs=every_n_secs, steps=every_n_iter, names=names)
        )
        if not isinstance(tensors, Mapping):
            tensors = {_tag(tensor): tensor for tensor in tensors}
        self._fetches = Fetches(dict(tensors))
        self._tags = tuple(tensors)
        self._formatter = formatter
        self._at_end = at_end
        self._last: Outputs | None = None
        self.every_call = at_end

    def fetches(self) -> Any:
        """Returns the tensors."""
        return self._fetches.asked()

    def begin(self, run: Run) -> None:
        """Forgets the run before."""
        super().begin(run)
        self._last = None

    def after(self, run: Run, outputs: Outputs) -> None:
        """Logs if it is time, and remembers the values for the end."""
        self._last = outputs
        super().after(run, outputs)

    def end(self, run: Run) -> None:
        """Logs the last step if it was asked for."""
        if self._at_end and self._last is not None and self._timer.last_step != self._last.step:
            self.fire(run, self._last, None)

    def fire(self, run: Run, outputs: Outputs, elapsed: tuple[float, int] | None) -> None:
        """Logs one line."""
        values = self._fetches.values(run, outputs, outputs.fetched.get(self, ()))
        if self._formatter is not None:
            logging.info("%s", self._formatter(values))
            return
        line = ", ".join(f"{tag} = {values[tag]}" for tag in self._tags)
        logging.info("%s%s", line, "" if elapsed is None else f" ({elapsed[0]:.3f} sec)")


def _tag(tensor: Any) -> str:
    return tensor if isinstance(tensor, str) else name_of(tensor)
