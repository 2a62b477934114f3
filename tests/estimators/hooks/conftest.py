"""A run without a model: a counter that hooks can look at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from estimators.clock import ManualClock
from estimators.hooks import Outputs
from estimators.hooks.fetching import name_of
from estimators.writers import MemoryWriter


class FakeRun:
    """Counts steps, each of which takes `secs` of a manual clock; notes what hooks do to it."""

    mode = "train"

    def __init__(self, last_step=None, step=0, secs=1.0, model_dir="model", is_chief=True):
        self.step = self.first_step = step
        self.last_step = self.expected_last_step = last_step
        self.model_dir = str(model_dir)
        self.is_chief = is_chief
        self.clock = ManualClock()
        self.writer = MemoryWriter()
        self.variables: dict[str, Any] = {}
        self.last_evaluation = None
        self.stop_reason = ""
        self.saves: list[int] = []
        self.evaluations: list[tuple[int, dict[str, Any]]] = []
        self.calls: list[int] = []
        self._secs = secs

    @property
    def is_finished(self):
        return self.step == self.last_step

    def expect_end(self, step):
        self.expected_last_step = step

    def request_stop(self, reason):
        self.stop_reason = self.stop_reason or reason

    def save(self):
        if self.step not in self.saves:
            self.saves.append(self.step)
        return f"{self.model_dir}/model.ckpt-{self.step}"

    def evaluate(self, input_fn, **options):
        self.evaluations.append((self.step, options))
        self.last_evaluation = {"loss": np.float32(0.5), "global_step": np.int64(self.step)}
        return self.last_evaluation

    def read_variable(self, name):
        return np.int64(self.step) if name == "global_step" else self.variables[name]

    def advance(self, steps):
        self.step += steps
        self.calls.append(self.step)
        self.clock.advance(steps * self._secs)

    def drive(self, *hooks, values=lambda step: {}, data_ends_at=None):
        """The outer loop. `values(step)` may give the loss, and tensors by name."""
        asked = {hook: hook.fetches() for hook in hooks}
        for hook in hooks:
            hook.begin(self)
        dues = {hook: hook.due(self.step) for hook in hooks}
        end = min(n for n in (self.last_step, data_ends_at, 10_000) if n is not None)
        while not self.stop_reason and self.step < end:
            nearest = min([due for due in dues.values() if due is not None] + [end])
            self.advance(nearest - self.step)
            now = values(self.step)
            outputs = Outputs(
                step=self.step,
                loss=now.get("loss", 0.25),
                fetched={
                    hook: [now[name_of(leaf)] for leaf in leaves] for hook, leaves in asked.items()
                },
            )
            ready = [h for h in hooks if h.every_call or dues[h] in range(self.step + 1)]
            for hook in ready:
                hook.after(self, outputs)
            dues.update({hook: hook.due(self.step) for hook in ready})
        for hook in hooks:
            hook.end(self)
        return self


@pytest.fixture
def make_run():
    return FakeRun
