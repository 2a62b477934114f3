"""A stopwatch as a hook: what training itself costs, between the first step and the last."""

from __future__ import annotations

from typing import Any

from benchmarks.stopwatch import Stopwatch
from estimators import Hook


class Ticks(Hook):
    """Tells a stopwatch of the steps, and ends the run when it has seen enough.

    After the first step it looks when others do: every 100 steps, by default, a line is logged.

    Args:
        watch: what is told.
    """

    every_call = True

    def __init__(self, watch: Stopwatch) -> None:
        self._watch = watch

    def due(self, step: int) -> int | None:
        """Wants to see the first step."""
        return step + 1 if self._watch.first_tick_at is None else None

    def after(self, run: Any, outputs: Any) -> None:
        """Notes the step."""
        if self._watch.tick(outputs.step):
            run.request_stop("enough is measured")
