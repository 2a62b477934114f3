"""Measures Keras models on the Estimator's trainer beside `fit`: `python -m benchmarks.bridge`.

Twelve models in the manner of keras.io, each trained by `fit` and through
`bridge.model_to_estimator` on the same batches from the same weights. Writes `results/bridge.md`.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import pathlib
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks import machine
from benchmarks.keras_examples import BATCH, EXAMPLES, Example
from benchmarks.stopwatch import Stopwatch
from benchmarks.ticks import Ticks
from bridge import model_to_estimator
from estimators import Estimator, Hook, RunConfig

_BATCHES = 20
_COMPARED_STEPS = 100
_SEED = 1
_BARS = {"difference": 1e-4, "by_one": 1.0, "by_hundred": 0.95}
_RESULTS = pathlib.Path(__file__).parent / "results" / "bridge.md"


@dataclasses.dataclass(frozen=True)
class Line:
    """What was found of one model.

    Attributes:
        what: the model.
        difference: greatest relative difference of a loss to that of `fit`, over all steps.
        steps_per_sec: of the Estimator.
        by_one: ratio of steps per second to `fit`.
        by_hundred: ratio to `fit` with `steps_per_execution=100`.
    """

    what: str
    difference: float
    steps_per_sec: float
    by_one: float
    by_hundred: float

    @property
    def is_met(self) -> bool:
        """Whether all bars are met."""
        fast = self.by_one >= _BARS["by_one"] and self.by_hundred >= _BARS["by_hundred"]
        return fast and self.difference <= _BARS["difference"]

    def __str__(self) -> str:
        values = f"{self.steps_per_sec:.0f} | {self.by_one:.2f} | {self.by_hundred:.2f}"
        return f"| {self.what} | {self.difference:.1e} | {values} | {self.is_met} |"


class _Losses(Hook):
    """Keeps the loss of each step."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def due(self, step: int) -> int | None:
        return step + 1

    def after(self, run: Any, outputs: Any) -> None:
        self.values.append(outputs.loss)


class _LossesOfFit(keras.callbacks.Callback):
    """Keeps the loss of each batch; what Keras logs is a mean since the epoch began."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.values.append(logs["loss"])


class _TicksOfFit(keras.callbacks.Callback):
    """Tells a stopwatch of the steps of `fit`, as often as the Estimator does."""

    def __init__(self, watch: Stopwatch, every: int) -> None:
        super().__init__()
        self._watch = watch
        self._every = every
        self._step = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._step = batch + 1
        if self._step % self._every == 0 and self._watch.tick(self._step):
            self.model.stop_training = True


def _made(example: Example) -> keras.Model:
    keras.utils.set_random_seed(_SEED)
    return example.make()


def _estimator(example: Example) -> Estimator:
    config = RunConfig(model_dir=tempfile.mkdtemp(), save_checkpoints_steps=None, progress=False)
    return model_to_estimator(_made(example), config=config)


def difference(example: Example) -> float:
    """Returns the greatest relative difference between the losses of both trainers."""
    data = example.dataset(_BATCHES * BATCH).repeat()
    of_fit, ours = _LossesOfFit(), _Losses()
    _made(example).fit(
        data, steps_per_epoch=_COMPARED_STEPS, shuffle=False, verbose=0, callbacks=[of_fit]
    )
    _estimator(example).train(lambda: data, steps=_COMPARED_STEPS, hooks=[ours])
    return float(np.max(np.abs(np.array(ours.values) / np.array(of_fit.values) - 1.0)))


def speeds(example: Example, rounds: int, secs: float) -> list[tuple[float, float, float]]:
    """Returns steps per second of the Estimator, of `fit`, and of `fit` by a hundred, by round."""
    data = example.dataset(_BATCHES * BATCH).cache().repeat().prefetch(tf.data.AUTOTUNE)
    estimator, one, hundred = _estimator(example), _made(example), _made(example)
    hundred.steps_per_execution = 100

    def ours(watch: Stopwatch) -> None:
        estimator.train(lambda: data, [Ticks(watch)])

    def fit(model: keras.Model) -> Callable[[Stopwatch], None]:
        def run(watch: Stopwatch) -> None:
            model.stop_training = False
            model.fit(
                data,
                steps_per_epoch=10**9,
                shuffle=False,
                verbose=0,
                callbacks=[_TicksOfFit(watch, every=100)],
            )

        return run

    found = []
    for _ in range(rounds):
        values = []
        for run in (ours, fit(one), fit(hundred)):
            watch = Stopwatch(warm_secs=secs / 4, secs=secs)
            run(watch)
            values.append(watch.steps_per_sec)
        found.append((values[0], values[1], values[2]))
    return found


def measure(example: Example, rounds: int, secs: float) -> Line:
    """Returns the line of a model."""
    found = speeds(example, rounds, secs)
    return Line(
        what=example.what,
        difference=difference(example),
        steps_per_sec=statistics.median(ours for ours, _, _ in found),
        by_one=statistics.median(ours / one for ours, one, _ in found),
        by_hundred=statistics.median(ours / hundred for ours, _, hundred in found),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the benchmark.

    Args:
        arguments: command line; that of the process when None.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--secs", type=float, default=2.0, help="shortest measurement")
    parser.add_argument("--only", help="part of the name of the models to measure")
    parser.add_argument("--output", type=pathlib.Path, default=_RESULTS)
    options = parser.parse_args(arguments)
    # Of Keras, about the data set that is not shuffled and the callback that is slower than a step.
    warnings.simplefilter("ignore", UserWarning)
    load, begun, lines = machine.load(), time.time(), []
    for example in EXAMPLES:
        if not options.only or options.only in example.what:
            lines.append(measure(example, options.rounds, options.secs))
            print(lines[-1], flush=True)
    report = _report(lines, options, f"load {load:.1f} before, {time.time() - begun:.0f} s in all")
    options.output.write_text(report, encoding="utf-8")


def _report(lines: Sequence[Line], options: argparse.Namespace, run: str) -> str:
    facts = ", ".join(f"{key} {value}" for key, value in machine.facts().items())
    versions = f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
    table = "\n".join(str(line) for line in lines)
    return f"""\
# Keras models: `fit` and the Estimator

Twelve models in the manner of keras.io (`benchmarks/keras_examples.py`), batches of {BATCH}, rows
in memory. Difference: the greatest relative difference between a loss of `fit` and one of
`bridge.model_to_estimator`, over the first {_COMPARED_STEPS} steps from the same weights, random
states included. Ratios: steps per second to those of `fit`, with `steps_per_execution` 1 and 100;
the median of {options.rounds} rounds in turns, at least {options.secs:g} s each. `fit` computes the
metrics of each training batch; the Estimator does so in evaluation only, as tf.estimator did. Bars:
{_BARS["difference"]:g}, {_BARS["by_one"]:g} and {_BARS["by_hundred"]:g}.

| model | difference | steps/s | to `fit` | to `fit`, 100 | met |
|---|---|---|---|---|---|
{table}

{datetime.date.today().isoformat()}; {versions}; {facts}; {run}.
"""


if __name__ == "__main__":
    main()
