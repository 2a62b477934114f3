"""How far a run is: a bar on a terminal, lines in a log."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Mapping
from typing import Any, Protocol, TextIO, final

import numpy as np
from absl import logging

from estimators.aliases import Metrics
from estimators.hooks.base import Outputs, Run
from estimators.hooks.periodic import PeriodicHook
from estimators.hooks.triggers import EverySeconds, EverySteps

_BAR_SECS = 0.5
_METRICS_SHOWN = 3
_SHOWN_FIRST = ("auc", "accuracy", "average_loss", "loss")


class _Display(Protocol):
    """Where progress is shown."""

    def show(self, run: Run, outputs: Outputs, elapsed: tuple[float, int] | None) -> None:
        """Shows it."""

    def close(self, run: Run) -> None:
        """Shows the end."""


@final
class ProgressHook(PeriodicHook):
    """Shows step, loss, speed, time left, and what the last evaluation found.

    A bar moves with the time, lines come with the steps: a log is read afterwards, and lines of the
    same steps can be compared between runs.

    Args:
        every_n_steps: steps between two lines.
        bar: whether to draw a bar; None draws it when the stream is a terminal. Workers that are
            not the chief never do.
        stream: where the bar is drawn; the standard error stream when None.

    Example:
        >>> ProgressHook(every_n_steps=100, bar=False).due(0)
        1
    """

    def __init__(
        self, every_n_steps: int = 100, bar: bool | None = None, *, stream: TextIO | None = None
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._bar = self._stream.isatty() if bar is None else bar
        super().__init__(EverySeconds(_BAR_SECS) if self._bar else EverySteps(every_n_steps))
        self._display: _Display = _Lines()

    def begin(self, run: Run) -> None:
        """Opens the bar."""
        super().begin(run)
        self._display = _Bar(run, self._stream) if self._bar and run.is_chief else _Lines()

    def fire(self, run: Run, outputs: Outputs, elapsed: tuple[float, int] | None) -> None:
        """Shows progress."""
        self._display.show(run, outputs, elapsed)

    def end(self, run: Run) -> None:
        """Closes the bar."""
        self._display.close(run)


@final
class _Lines:
    """One line of the log each time."""

    def show(self, run: Run, outputs: Outputs, elapsed: tuple[float, int] | None) -> None:
        parts = [f"loss = {outputs.loss:.6g}"]
        if elapsed is not None and elapsed[0] > 0:
            rate = elapsed[1] / elapsed[0]
            parts.append(f"{rate:.4g} steps/s")
            if run.expected_last_step is not None and rate > 0:
                left = round((run.expected_last_step - outputs.step) / rate)
                parts.append(f"ETA {datetime.timedelta(seconds=left)}")
        if run.last_evaluation is not None:
            parts.append(_evaluation_line(run.last_evaluation))
        logging.info(
            "step %s: %s", _of_total(outputs.step, run.expected_last_step), ", ".join(parts)
        )

    def close(self, run: Run) -> None:
        pass


@final
class _Bar:
    """A bar of tqdm, which measures speed and time left by itself."""

    def __init__(self, run: Run, stream: TextIO) -> None:
        import tqdm  # here, because most runs have no terminal

        self._bar = tqdm.tqdm(
            total=run.expected_last_step,
            initial=run.step,
            unit="step",
            file=stream,
            dynamic_ncols=True,
        )

    def show(self, run: Run, outputs: Outputs, elapsed: tuple[float, int] | None) -> None:
        text = f"loss={outputs.loss:.4g}"
        if run.last_evaluation is not None:
            text += f", {_evaluation_line(run.last_evaluation)}"
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.total = run.expected_last_step  # hooks that began after this one may know it
        self._move(outputs.step)

    def close(self, run: Run) -> None:
        self._move(run.step)
        self._bar.close()

    def _move(self, step: int) -> None:
        self._bar.update(step - self._bar.n)


def _of_total(step: int, total: int | None) -> str:
    return str(step) if total is None else f"{step} of {total} ({step / total:.1%})"


def _evaluation_line(metrics: Metrics) -> str:
    shown = ", ".join(f"{name} = {value:.4g}" for name, value in _headline(metrics).items())
    return f"evaluated at step {int(metrics['global_step'])}: {shown}"


def _headline(metrics: Metrics) -> Mapping[str, Any]:
    """Returns the few scalars that are looked at first."""
    ranks = {name: rank for rank, name in enumerate(_SHOWN_FIRST)}
    scalars = [name for name in metrics if name != "global_step" and np.ndim(metrics[name]) == 0]
    scalars.sort(key=lambda name: (ranks.get(name, len(ranks)), name))
    return {name: float(metrics[name]) for name in scalars[:_METRICS_SHOWN]}
