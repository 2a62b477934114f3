"""The results as a table to read and as a file to compute with."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.measurements import KERAS, OURS, TF_ESTIMATOR, Measurement, find, ratio
from benchmarks.schedule import (
    BATCHES,
    BIG_TABLE,
    READY_MADE,
    SMALL_TABLE,
    TABLE_BATCH,
    TABLE_MODELS,
)

_NAMES = {OURS: "this project", KERAS: "Keras `fit`", TF_ESTIMATOR: "tf.estimator 2.15"}
_INPUTS = {
    (OURS, None): "`numpy_input_fn`",
    (TF_ESTIMATOR, "numpy"): "`numpy_input_fn`",
    (TF_ESTIMATOR, "gather"): "by hand: `gather` of shuffled row numbers",
    (KERAS, "slices"): "`from_tensor_slices().shuffle().batch().map(preprocess)`",
    (KERAS, "arrays"): "arrays, preprocessed once",
    (KERAS, "gather"): "by hand: `gather` of shuffled row numbers, preprocessed once",
}
_EXPLANATION = """\
Every system trains the same network on the same rows, in a process of its own; they take turns, so
that a slow spell of the machine hits all of them. A value is the median of the rounds, a ratio the
median of the rounds' ratios. Training is timed inside one running call, after a warm-up;
`evaluate` and `predict` from the second call on; the first step from making the model, in a new
process. "By hand" is an input that the peer does not bring along, written here to be fast. Keras
does its lookups outside the step, trains without metrics, with one optimizer (Adagrad) for both
parts, and has its default `jit_compile`. Its first step with `steps_per_execution=100` is the first
100 steps. It gives a missing category an id of its own, where the Estimators give it none."""
_TABLES_EXPLANATION = f"""\
This project alone, in batches of {TABLE_BATCH} rows. The first two models read the census rows; all
three hashed columns have so many buckets each, in the wide & deep model the embedding too; the
linear model has no other columns. Random keys are two columns of 50,000 evenly likely ones, so that
hardly any row of the tables is met in a cache."""


@dataclasses.dataclass(frozen=True)
class Bar:
    """A figure that this project wants to reach.

    Attributes:
        what: what is compared.
        found: the figure.
        limit: what it should be.
        at_least: whether it should be at least, and not at most, the limit.
    """

    what: str
    found: float
    limit: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side of its limit."""
        return self.found >= self.limit if self.at_least else self.found <= self.limit


@dataclasses.dataclass(frozen=True)
class Results:
    """One run of the benchmark.

    Attributes:
        date: ISO date.
        machine: see `machine.facts`.
        load: of the machine before and after.
        versions: of packages, by system.
        rows: number of "train" and "test" rows.
        data: where the rows come from.
        rounds: values per measurement.
        secs: shortest time of one measurement of training.
        measurements: all values.
    """

    date: str
    machine: Mapping[str, str]
    load: tuple[float, float]
    versions: Mapping[str, Mapping[str, str]]
    rows: Mapping[str, int]
    data: str
    rounds: int
    secs: float
    measurements: Sequence[Measurement]

    def write(self, folder: pathlib.Path) -> None:
        """Writes `wide_deep.md` and `wide_deep.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "wide_deep.md").write_text(self.markdown(), encoding="utf-8")
        values = dataclasses.asdict(self)
        values["bars"] = [dataclasses.asdict(bar) for bar in self.bars()]
        text = json.dumps(values, indent=1) + "\n"
        (folder / "wide_deep.json").write_text(text, encoding="utf-8")

    def markdown(self) -> str:
        """Returns the report."""
        sections = [
            "# Wide & deep on census rows",
            self._facts(),
            _EXPLANATION,
            "## What we want to reach",
            _table(("measure", "wanted", "found", ""), map(_bar_row, self.bars())),
            "## Training",
            self._training(),
            "## Evaluate, predict, first step (seconds)",
            self._calls(),
            "## Size of the tables",
            _TABLES_EXPLANATION,
            self._tables(),
        ]
        return "\n\n".join(sections) + "\n"

    def bars(self) -> list[Bar]:
        """Returns the comparisons that matter most."""
        bars = []
        for batch, old, keras in ((40, 6.0, 2.0), (512, 4.0, 3.0)):
            for system, limit in ((TF_ESTIMATOR, old), (KERAS, keras)):
                every = self._found(system, "train", batch=batch)
                ready = [m for m in every if m.case.arguments["form"] in READY_MADE[system]]
                for kind, peers in (("ready-made input", ready), ("any input", every)):
                    what = f"training, batch {batch}, to {_NAMES[system]} at its best, {kind}"
                    bars.append(Bar(what, self._over_best(batch, peers), limit))
        old_evaluate = self._one(TF_ESTIMATOR, "evaluate")
        speedup = ratio(old_evaluate, self._one(OURS, "evaluate"))
        bars.append(Bar("speed of the second `evaluate`, to tf.estimator 2.15", speedup, 15.0))
        for model in TABLE_MODELS:
            what = f"step time with tables of 10^7 rows to 10^3, {model}"
            bars.append(Bar(what, self._table_ratio(model), 1.3, at_least=False))
        return bars

    def _over_best(self, batch: int, peers: Sequence[Measurement]) -> float:
        best = max(peers, key=lambda measurement: measurement.median)
        return ratio(self._one(OURS, "train", batch=batch), best)

    def _found(self, system: str, call: str, **wanted: Any) -> list[Measurement]:
        return find(self.measurements, system, call, **wanted)

    def _one(self, system: str, call: str, **wanted: Any) -> Measurement:
        (found,) = self._found(system, call, **wanted)
        return found

    def _table_ratio(self, model: str) -> float:
        small = self._one(OURS, "train_tables", model=model, buckets=SMALL_TABLE)
        return ratio(small, self._one(OURS, "train_tables", model=model, buckets=BIG_TABLE))

    def _facts(self) -> str:
        machine = ", ".join(f"{name} {value}" for name, value in self.machine.items())
        lines = [
            f"- {self.date}; {machine}; load {self.load[0]:.1f} before, {self.load[1]:.1f} after",
            f"- {self.data}: {self.rows['train']} to train, {self.rows['test']} to test; "
            f"{self.rounds} rounds, at least {self.secs:g} s per measurement of training",
        ]
        for system, versions in self.versions.items():
            listed = ", ".join(f"{name} {version}" for name, version in versions.items())
            lines.append(f"- {_NAMES[system]}: {listed}")
        return "\n".join(lines)

    def _training(self) -> str:
        small, large = BATCHES
        head = (
            "system",
            "input",
            f"batch {small}: steps/s",
            "our speed to its",
            f"batch {large}: steps/s",
            "rows/s",
            "our speed to its",
        )
        ours = {batch: self._one(OURS, "train", batch=batch) for batch in BATCHES}
        rows = []
        for system in _NAMES:
            firsts = self._found(system, "train", batch=small)
            for first, second in zip(
                firsts, self._found(system, "train", batch=large), strict=True
            ):
                rows.append(
                    (
                        *_labels(first),
                        f"{first.median:.0f}",
                        f"{ratio(ours[small], first):.2f}",
                        f"{second.median:.0f}",
                        f"{second.median * large:,.0f}",
                        f"{ratio(ours[large], second):.2f}",
                    )
                )
        return _table(head, rows)

    def _calls(self) -> str:
        rows = []
        for call in ("evaluate", "predict", "first_step"):
            ours = self._one(OURS, call)
            for system in _NAMES:
                for found in self._found(system, call):
                    name, fed = _labels(found)
                    what = call.replace("_", " ")
                    speed = f"{ratio(found, ours):.2f}"
                    rows.append((what, name, fed, f"{found.median:.3f}", speed))
        return _table(("call", "system", "input", "seconds", "its time to ours"), rows)

    def _tables(self) -> str:
        rows = []
        for model in TABLE_MODELS:
            small = self._one(OURS, "train_tables", model=model, buckets=SMALL_TABLE)
            big = self._one(OURS, "train_tables", model=model, buckets=BIG_TABLE)
            times = (f"{1e6 / found.median:.0f}" for found in (small, big))
            rows.append((model, *times, f"{self._table_ratio(model):.2f}"))
        return _table(("model", "10^3 rows: µs a step", "10^7 rows: µs a step", "ratio"), rows)


def _labels(measurement: Measurement) -> tuple[str, str]:
    """Returns what a measurement's system and its input are called."""
    case = measurement.case
    name = _NAMES[case.system]
    if "steps_per_execution" in case.arguments:
        name += f", `steps_per_execution={case.arguments['steps_per_execution']}`"
    fallback = _INPUTS[OURS, None]
    return name, _INPUTS.get((case.system, case.arguments.get("form")), fallback)


def _bar_row(bar: Bar) -> Sequence[str]:
    sign = ">=" if bar.at_least else "<="
    return bar.what, f"{sign} {bar.limit:g}", f"{bar.found:.2f}", "met" if bar.met else "not met"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
