"""What is measured, and in which order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.measurements import KERAS, OURS, TF_ESTIMATOR, Case, Measurement
from benchmarks.protocol import Answer

BATCHES = (40, 512)
TABLE_BATCH = 512
SMALL_TABLE, BIG_TABLE = 1_000, 10_000_000
TABLE_MODELS = ("wide & deep", "linear", "linear, random keys")
READY_MADE = {OURS: ("numpy",), TF_ESTIMATOR: ("numpy",), KERAS: ("slices", "arrays")}
"""Forms of input that a system brings along. The form "gather" is written by hand for it."""

_FORMS = {TF_ESTIMATOR: ("numpy", "gather"), KERAS: ("slices", "arrays", "gather")}
_STEPS_PER_EXECUTION = (1, 100)
_VALUES = {"train": "steps_per_sec", "train_tables": "steps_per_sec"}


def train_cases(system: str) -> list[Case]:
    """Returns the ways in which a system is trained."""
    return [
        Case(system, "train", {"batch": batch, **how}) for batch in BATCHES for how in _ways(system)
    ]


def test_cases(system: str) -> list[Case]:
    """Returns the ways in which a trained system is evaluated and predicts."""
    return [
        Case(system, call, {"batch": BATCHES[0], **how})
        for call in ("evaluate", "predict")
        for how in _ways(system, tested=True)
    ]


def first_step_cases(system: str) -> list[Case]:
    """Returns the ways in which a system makes its first step."""
    ways = [how for how in _ways(system) if how.get("form") != "gather"]
    return [Case(system, "first_step", {"batch": BATCHES[0], **how}) for how in ways]


def table_cases() -> list[Case]:
    """Returns the trainings with tables of different sizes."""
    return [
        Case(OURS, "train_tables", {"batch": TABLE_BATCH, "buckets": buckets, "model": model})
        for model in TABLE_MODELS
        for buckets in (SMALL_TABLE, BIG_TABLE)
    ]


def _ways(system: str, tested: bool = False) -> list[dict[str, Any]]:
    if system == OURS:
        return [{}]
    forms = _FORMS[system]
    if system == TF_ESTIMATOR:
        return [{}] if tested else [{"form": form} for form in forms]
    forms = ("arrays",) if tested else forms
    return [
        {"form": form, "steps_per_execution": steps}
        for form in forms
        for steps in _STEPS_PER_EXECUTION
    ]


def measure(
    cases: Sequence[Case], ask: Callable[[Case], Answer], rounds: int, *, unmeasured: int = 0
) -> list[Measurement]:
    """Measures every case once in each round.

    Args:
        cases: what to measure, in this order.
        ask: measures one case.
        rounds: how many values to take of each.
        unmeasured: rounds before these, whose values are thrown away.
    """
    values: list[list[float]] = [[] for _ in cases]
    for number in range(1 - unmeasured, rounds + 1):
        for place, case in enumerate(cases):
            value = float(ask(case)[_VALUES.get(case.call, "secs")])
            print(f"round {number} of {rounds}: {case} {value:.4g}", file=sys.stderr)
            if number > 0:
                values[place].append(value)
    return [Measurement(case, found) for case, found in zip(cases, values, strict=True)]
