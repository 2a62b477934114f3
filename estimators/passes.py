"""A pass over data that changes no weight: what hooks see of an evaluation or a prediction."""

from __future__ import annotations

from typing import Any

from estimators.aliases import Metrics
from estimators.clock import Clock
from estimators.model import Model
from estimators.writers import Writer


class PassRun:
    """A run of `evaluate` or `predict`: see `hooks.base.Run`. Its steps are batches.

    Args:
        model: variables in memory.
        mode: a `ModeKeys` value.
        batches: number of batches; None when only the data knows.
        writer: event files of this run.
    """

    first_step = 0

    def __init__(self, model: Model, mode: str, *, batches: int | None, writer: Writer) -> None:
        self._model = model
        self.mode = mode
        self.last_step = self.expected_last_step = batches
        self.writer = writer
        self.step = 0
        self.stop_reason = ""

    @property
    def model_dir(self) -> str:
        """Where checkpoints and events go."""
        return str(self._model.config.model_dir)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes checkpoints and events."""
        return bool(self._model.config.is_chief)

    @property
    def clock(self) -> Clock:
        """The time of this run."""
        return self._model.clock

    @property
    def last_evaluation(self) -> Metrics | None:
        """What the newest evaluation found."""
        return self._model.last_evaluation

    @property
    def is_finished(self) -> bool:
        """Whether the last of a known number of batches is done."""
        return self.step == self.last_step

    def expect_end(self, step: int) -> None:
        """Says at which batch a hook will stop the run."""
        self.expected_last_step = step

    def request_stop(self, reason: str) -> None:
        """Ends the run after the hooks of this batch."""
        self.stop_reason = self.stop_reason or reason

    def save(self) -> str:
        """Refuses: there is nothing new to save."""
        raise ValueError(f"A hook asked to save a checkpoint in mode {self.mode!r}, not training.")

    def evaluate(self, input_fn: Any, **options: Any) -> Metrics:
        """Refuses: an evaluation inside this run would change its metrics."""
        raise ValueError(f"A hook asked to evaluate in mode {self.mode!r}, not training.")

    def read_variable(self, name: str) -> Any:
        """Returns the present value of a variable as a NumPy array."""
        return self._model.variable(name.removesuffix(":0")).numpy()

    def variables_changed(self) -> None:
        """Refuses: this run only reads."""
        raise ValueError(f"A hook assigned variables in mode {self.mode!r}, not training.")
