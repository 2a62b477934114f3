"""Measures what many columns cost a step: `python -m benchmarks.many_columns`.

Trains linear models of 10 and of 60 categorical columns on the same generated rows, in turns, and
writes `results/many_columns.md`.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import pathlib
import statistics
import tempfile
from collections.abc import Sequence

import numpy as np

import feature_columns as fc
from benchmarks import machine
from benchmarks.stopwatch import Stopwatch
from benchmarks.ticks import Ticks
from estimators import RunConfig, inputs
from premade import LinearClassifier

_FEW, _MANY = 10, 60
_BATCHES = (40, 128, 512)
_ROWS = 20_000
_BAR = 2.0
_RESULTS = pathlib.Path(__file__).parent / "results" / "many_columns.md"


@dataclasses.dataclass(frozen=True)
class Kind:
    """Columns of one kind.

    Attributes:
        what: for the table.
        buckets: categories of each column.
        hashed: strings are hashed; otherwise the numbers are the ids.
    """

    what: str
    buckets: int
    hashed: bool

    def column(self, key: str) -> fc.FeatureColumn:
        """Makes one of the columns."""
        if self.hashed:
            return fc.categorical_column_with_hash_bucket(key, self.buckets)
        return fc.categorical_column_with_identity(key, self.buckets)

    def values(self, rng: np.random.Generator) -> np.ndarray:
        """Draws a feature, `[rows]`: a few frequent categories and many rare ones."""
        ids = np.minimum(rng.zipf(1.5, _ROWS), self.buckets) - 1
        return ids.astype(str) if self.hashed else ids


_KINDS = (Kind("20 categories", 20, hashed=False), Kind("1000 hash buckets", 1000, hashed=True))


@dataclasses.dataclass(frozen=True)
class Trainable:
    """A model and its input, made once and trained in every round.

    Attributes:
        model: the model.
        data: its input.
        secs: shortest time to measure.
    """

    model: LinearClassifier
    data: inputs.ArrayInputFn
    secs: float

    @classmethod
    def of(cls, kind: Kind, columns: int, batch: int, secs: float) -> Trainable:
        """Makes a model of so many columns."""
        rng = np.random.default_rng(0)
        features = {f"c{i:02d}": kind.values(rng) for i in range(columns)}
        labels = rng.integers(2, size=_ROWS)
        config = RunConfig(save_checkpoints_steps=None, progress=False)
        model = LinearClassifier(
            [kind.column(key) for key in features], model_dir=tempfile.mkdtemp(), config=config
        )
        data = inputs.numpy_input_fn(features, labels, batch, num_epochs=None, shuffle=True)
        return cls(model, data, secs)

    def step_time(self) -> float:
        """Microseconds per step."""
        watch = Stopwatch(warm_secs=self.secs / 4, secs=self.secs)
        self.model.train(self.data, [Ticks(watch)])
        return 1e6 / watch.steps_per_sec


def measure(kind: Kind, batch: int, rounds: int, secs: float) -> tuple[float, float, float]:
    """Returns the median step times of few and of many columns, and the median ratio."""
    few, many = (Trainable.of(kind, columns, batch, secs) for columns in (_FEW, _MANY))
    for each in (few, many):
        each.step_time()  # Traces; the first call is not counted.
    pairs = [(few.step_time(), many.step_time()) for _ in range(rounds)]
    ratio = statistics.median(b / a for a, b in pairs)
    return (*(statistics.median(times) for times in zip(*pairs, strict=True)), ratio)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the benchmark.

    Args:
        arguments: command line; that of the process when None.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--secs", type=float, default=2.0, help="shortest measurement")
    parser.add_argument("--output", type=pathlib.Path, default=_RESULTS)
    options = parser.parse_args(arguments)
    load = machine.load()
    lines = []
    for kind in _KINDS:
        for batch in _BATCHES:
            few, many, ratio = measure(kind, batch, options.rounds, options.secs)
            lines.append(f"| {kind.what} | {batch} | {few:.0f} | {many:.0f} | {ratio:.2f} |")
            print(lines[-1], flush=True)
    options.output.write_text(_report(lines, load, options), encoding="utf-8")


def _report(lines: Sequence[str], load: float, options: argparse.Namespace) -> str:
    facts = ", ".join(f"{key} {value}" for key, value in machine.facts().items())
    return f"""\
# What many columns cost

Microseconds per training step of a linear model of {_FEW} and of {_MANY} categorical columns, one
category per row and column, rows in memory. Median of {options.rounds} rounds of at least
{options.secs:g} s each; both models of a line take turns. Bar: {_BAR:g} times.

| columns | batch | {_FEW} columns | {_MANY} columns | ratio |
|---|---|---|---|---|
{chr(10).join(lines)}

A step has a fixed part (reading a batch, the loss, the loop) and one that grows with the number of
ids: {_MANY} columns in batches of 512 are 30,720 ids to look up, to group and to update, six times
those of {_FEW}.

{datetime.date.today().isoformat()}; {facts}; load {load:.1f} before.
"""


if __name__ == "__main__":
    main()
