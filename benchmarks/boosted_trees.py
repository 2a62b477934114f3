"""Measures boosted trees beside others' on generated rows: `python -m benchmarks.boosted_trees`.

Every measurement is a process of its own; the systems take turns. Writes
`results/boosted_trees.md`.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence

from benchmarks import machine, peer
from benchmarks.protocol import Answer, Worker
from benchmarks.systems.boosted import TRAIN_SEED

OURS, AGAIN = "ours", "ours_again"
NAMES = {
    OURS: "this project",
    AGAIN: "this project, second run",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "sklearn": "scikit-learn",
    "ydf": "YDF",
}
_THREADS = 2
_TEST_ROWS = 200_000
_SEEDS = (3, 5, 7, 9, 11)
_RESULTS = pathlib.Path(__file__).parent / "results" / "boosted_trees.md"


@dataclasses.dataclass(frozen=True)
class Bar:
    """What this project wants to reach, beside the best of the others.

    Attributes:
        what: what is compared.
        found: the figure.
        limit: what it should be, on the other side of `sign`.
        sign: "<=" or ">=".
    """

    what: str
    found: float
    limit: float
    sign: str

    @property
    def is_met(self) -> bool:
        """Whether the figure is on the right side of its limit."""
        return self.found <= self.limit if self.sign == "<=" else self.found >= self.limit

    def __str__(self) -> str:
        mark = "met" if self.is_met else "not met"
        return f"- {self.what}: {self.found:.4g}, wanted {self.sign} {self.limit:.4g}: {mark}"


@dataclasses.dataclass(frozen=True)
class Results:
    """All measurements.

    Attributes:
        answers: of each system, one for each round, as `systems.boosted.measure` gives them.
        aucs: by seed of other rows to train on, and by system.
    """

    answers: Mapping[str, Sequence[Answer]]
    aucs: Mapping[int, Mapping[str, float]] = dataclasses.field(default_factory=dict)

    def draws(self) -> str:
        """Returns a Markdown table of the AUCs from other draws of the rows, and of their means."""
        if not self.aucs:
            return "No other rows were drawn."
        systems = list(next(iter(self.aucs.values())))
        means = [
            statistics.mean(found[system] for found in self.aucs.values()) for system in systems
        ]
        rows = [(f"seed {seed}", found.values()) for seed, found in self.aucs.items()]
        lines = [
            f"| {name} | {' | '.join(f'{value:.5f}' for value in values)} |"
            for name, values in [*rows, ("mean", means)]
        ]
        head = f"| rows | {' | '.join(NAMES[system] for system in systems)} |"
        return "\n".join([head, "|---" * (1 + len(systems)) + "|", *lines])

    def median(self, system: str, figure: str) -> float | None:
        """Returns the median over the rounds; None for what the system does not tell apart."""
        values = [answer[figure] for answer in self.answers[system]]
        return None if None in values else statistics.median(values)

    def bars(self) -> list[Bar]:
        """Returns the bars; none if this project or all others were left out."""
        others = [system for system in self.answers if system not in (OURS, AGAIN)]
        if OURS not in self.answers or not others:
            return []
        total = self._over_fastest("total_secs", others)
        predict = self._over_fastest("predict_secs", others)
        best = max(self._number(system, "auc") for system in others)
        return [
            Bar("time in all, to the fastest of the others", total, 1.0, "<="),
            Bar("time of prediction, to the fastest of the others", predict, 2.0, "<="),
            Bar("AUC, less that of the best", self._number(OURS, "auc") - best, -0.0005, ">="),
        ]

    def table(self) -> str:
        """Returns a Markdown table of one row per system."""
        head = (
            "| system | binning, s | training, s | in all, s | first prediction, s "
            "| prediction, s | memory, GiB | before training, GiB | AUC |"
        )
        rows = [self._row(system) for system in self.answers]
        return "\n".join([head, "|---" * 9 + "|", *rows])

    def _row(self, system: str) -> str:
        binning = self.median(system, "bin_secs")
        secs = ("train_secs", "total_secs", "first_predict_secs", "predict_secs")
        cells = [
            NAMES[system],
            "in training" if binning is None else f"{binning:.2f}",
            *(f"{self._number(system, figure):.2f}" for figure in secs[:2]),
            *(f"{self._number(system, figure):.3f}" for figure in secs[2:]),
            *(f"{self._number(system, figure):.2f}" for figure in ("memory", "memory_before")),
            f"{self._number(system, 'auc'):.5f}",
        ]
        return f"| {' | '.join(cells)} |"

    def _over_fastest(self, figure: str, others: Sequence[str]) -> float:
        """Returns the median over the rounds of our time to that of the fastest other system."""
        fastest = min(others, key=lambda system: self._number(system, figure))
        pairs = zip(self.answers[OURS], self.answers[fastest], strict=True)
        return statistics.median(ours[figure] / its[figure] for ours, its in pairs)

    def _number(self, system: str, figure: str) -> float:
        return statistics.median(answer[figure] for answer in self.answers[system])


@dataclasses.dataclass(frozen=True)
class Systems:
    """How the systems are started and what they are asked.

    Attributes:
        peer_python: interpreter of the others.
        sizes: arguments of `systems.boosted.measure`.
        verbose: show what they print.
    """

    peer_python: str
    sizes: Mapping[str, int]
    verbose: bool

    def versions(self, system: str) -> Answer:
        """Asks for the versions of a system's packages."""
        with self._start(system) as worker:
            return worker.ask("versions")

    def measure(self, system: str, seed: int = TRAIN_SEED) -> Answer:
        """Measures a system in a new process, so that its peak of memory is its own."""
        if system == AGAIN:
            return self._measure_again()
        with self._start(system) as worker:
            return worker.ask("measure", **self.sizes, seed=seed)

    def _measure_again(self) -> Answer:
        """Measures this project where an earlier process left what it compiled."""
        with tempfile.TemporaryDirectory() as cache:
            environment = {"TF_XLA_FLAGS": f"--tf_xla_persistent_cache_directory={cache}"}
            for _ in range(2):
                with self._start(OURS, environment) as worker:
                    answer = worker.ask("measure", **self.sizes)
        return answer

    def _start(self, system: str, environment: Mapping[str, str] | None = None) -> Worker:
        is_ours = system in (OURS, AGAIN)
        python = sys.executable if is_ours else self.peer_python
        module = f"benchmarks.systems.boosted_{OURS if is_ours else system}"
        log = None if self.verbose else subprocess.DEVNULL
        return Worker(python, module, (), log, environment)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the benchmark.

    Args:
        arguments: command line; that of the process when None.
    """
    options = _parse(arguments)
    load = machine.load()
    needs_peers = not set(options.only) <= {OURS, AGAIN}
    sizes = {name: getattr(options, name) for name in ("rows", "columns", "trees", "test_rows")}
    with tempfile.TemporaryDirectory() as folder:
        # Our model_dirs are temporary folders: all of them end up in this one.
        os.environ["TMPDIR"] = folder
        os.environ["OMP_NUM_THREADS"] = str(_THREADS)
        python = peer.BOOSTED_TREES.ensure(options.peer_folder) if needs_peers else ""
        systems = Systems(python, sizes, options.verbose)
        versions = {system: systems.versions(system) for system in options.only}
        answers: dict[str, list[Answer]] = {system: [] for system in options.only}
        for _ in range(options.rounds):
            for system, found in answers.items():
                found.append(systems.measure(system))
                print(NAMES[system], found[-1], file=sys.stderr, flush=True)
        aucs = {
            seed: {x: systems.measure(x, seed)["auc"] for x in answers if x != AGAIN}
            for seed in options.seeds
        }
    report = _report(Results(answers, aucs), versions, load, options)
    options.output.write_text(report, encoding="utf-8")
    print(report)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = parser_of(__doc__, NAMES, _RESULTS, trees=100, rounds=3)
    parser.add_argument("--rows", type=int, default=1_000_000, help="to train on")
    parser.add_argument("--columns", type=int, default=28, help="8 or more")
    parser.add_argument("--test_rows", type=int, default=_TEST_ROWS, help="to predict")
    parser.add_argument("--seeds", type=int, nargs="*", default=_SEEDS, help="of other rows")
    return parser.parse_args(arguments)


def parser_of(
    description: str | None,
    systems: Iterable[str],
    output: pathlib.Path,
    *,
    trees: int,
    rounds: int,
) -> argparse.ArgumentParser:
    """Returns what every benchmark of boosted trees can be asked.

    Args:
        description: of the benchmark.
        systems: those that can be measured.
        output: where the report goes.
        trees: to grow.
        rounds: values of each measurement.
    """
    known = list(systems)
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--trees", type=int, default=trees)
    parser.add_argument("--rounds", type=int, default=rounds, help="values of each measurement")
    parser.add_argument("--only", nargs="+", choices=known, default=known, help="systems")
    parser.add_argument("--output", type=pathlib.Path, default=output)
    parser.add_argument(
        "--peer_folder",
        type=pathlib.Path,
        default=peer.BOOSTED_TREES.default_folder(),
        help="where the virtual environment of the others is made and kept",
    )
    parser.add_argument("--verbose", action="store_true", help="show what the systems print")
    return parser


def _report(
    results: Results, versions: Mapping[str, Answer], load: float, options: argparse.Namespace
) -> str:
    facts = ", ".join(f"{key} {value}" for key, value in machine.facts().items())
    listed = [
        f"{NAMES[system]}: " + ", ".join(f"{name} {value}" for name, value in found.items())
        for system, found in versions.items()
    ]
    return f"""\
# Boosted trees

{options.trees} trees of depth 6 on {options.rows:,} rows of {options.columns} float32 columns, two
classes, {options.test_rows:,} rows to predict; {_THREADS} threads (of this project, between
operations, and none inside of them), learning rate 0.1, 256 bins (255 where a byte must hold the
missing value too), l2 of 1, least weight of a node 1 where it can be set. Median of
{options.rounds} rounds; each measurement is a process of its own, and the systems take turns. "In
all" is from rows in memory to the model, with binning and compilation, without imports.
"Prediction" is the second call of it. Memory is the peak of the process; "before training" is that
of the imports and of making the rows. The "second run" is one that finds what an earlier process
compiled, by `TF_XLA_FLAGS=--tf_xla_persistent_cache_directory=<folder>`.

{results.table()}

{chr(10).join(map(str, results.bars())) or "Nothing is compared: a side is missing."}

A part of the labels depends on the sign of a product, which a greedy tree finds by chance, early or
late: the AUCs of one draw of the rows to train on are those of all systems in turn. Of other draws:

{results.draws()}

{chr(10).join(f"- {line}" for line in listed)}

{datetime.date.today().isoformat()}; {facts}; load {load:.1f} before.
"""


if __name__ == "__main__":
    main()
