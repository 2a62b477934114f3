"""What all systems are told on their command line, and how their steps are timed."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import platform
import time
from collections.abc import Callable
from typing import Any

from benchmarks.census import Rows, read_rows
from benchmarks.protocol import Answer
from benchmarks.stopwatch import Stopwatch


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a system is told when it starts.

    Attributes:
        train: rows to train on.
        test: rows to evaluate and predict.
        warm_secs: warm-up of one measurement of training.
        secs: length of it, at the least.
        test_batch: rows per batch of evaluate and predict.
    """

    train: Rows
    test: Rows
    warm_secs: float
    secs: float
    test_batch: int

    def stopwatch(self) -> Stopwatch:
        """Returns a stopwatch for one measurement of training."""
        return Stopwatch(self.warm_secs, self.secs)


def read_settings() -> Settings:
    """Parses the command line and reads the rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train_csv", required=True)
    parser.add_argument("--test_csv", required=True)
    parser.add_argument("--warm_secs", type=float, required=True)
    parser.add_argument("--secs", type=float, required=True)
    parser.add_argument("--test_batch", type=int, required=True)
    given = parser.parse_args()
    train, test = read_rows(given.train_csv), read_rows(given.test_csv)
    return Settings(train, test, given.warm_secs, given.secs, given.test_batch)


def secs_to_first_tick(train: Callable[[Stopwatch], Any]) -> Answer:
    """Times from now to the first tick that a training makes."""
    begun, watch = time.perf_counter(), Stopwatch(0.0, 0.0)
    train(watch)
    if watch.first_tick_at is None:
        raise RuntimeError("Training made no step.")
    return {"secs": watch.first_tick_at - begun}


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Returns the seconds that a call takes, and its result."""
    begun = time.perf_counter()
    result = call()
    return time.perf_counter() - begun, result


def versions(*packages: str) -> Answer:
    """Returns the versions of Python and of installed packages."""
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"Python": platform.python_version(), **found}
