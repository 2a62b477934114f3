"""Measures this project beside Keras `fit` and tf.estimator 2.15: `python -m benchmarks.wide_deep`.

All train the classic wide & deep model on the same census rows, in one sitting and in turns, each
in a process of its own. Writes `results/wide_deep.md`, and every value to `wide_deep.json`.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence

from benchmarks import machine, peer, report, schedule
from benchmarks.census import read_rows
from benchmarks.measurements import KERAS, OURS, TF_ESTIMATOR, Case, Measurement
from benchmarks.protocol import Answer, Worker

_MODULES = {OURS: "ours", KERAS: "keras_fit", TF_ESTIMATOR: "tf_estimator"}
_TRAIN_ROWS, _TEST_ROWS = 22_792, 9_769
_TEST_BATCH = 512


@dataclasses.dataclass(frozen=True)
class Systems:
    """How the systems are started.

    Attributes:
        interpreters: Python by system.
        arguments: their command line.
        verbose: show what they print.
    """

    interpreters: dict[str, str]
    arguments: Sequence[str]
    verbose: bool

    def start(self, system: str) -> Worker:
        """Starts one system."""
        module = f"benchmarks.systems.{_MODULES[system]}"
        log = None if self.verbose else subprocess.DEVNULL
        return Worker(self.interpreters[system], module, self.arguments, log)

    def ask_new(self, case: Case) -> Answer:
        """Measures a case in a new process."""
        with self.start(case.system) as worker:
            return worker.ask(case.call, **case.arguments)

    @contextlib.contextmanager
    def started(self) -> Iterator[dict[str, Worker]]:
        """Starts all systems and ends them afterwards."""
        with contextlib.ExitStack() as stack:
            yield {name: stack.enter_context(self.start(name)) for name in self.interpreters}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the benchmark.

    Args:
        arguments: command line; that of the process when None.
    """
    options = _parse(arguments)
    with tempfile.TemporaryDirectory() as folder:
        # Systems write their model_dirs to temporary folders: all of them end up in this one.
        os.environ["TMPDIR"] = folder
        train_csv, test_csv = _csv_files(options, pathlib.Path(folder))
        interpreters = dict.fromkeys((OURS, KERAS), sys.executable)
        interpreters[TF_ESTIMATOR] = peer.TF_ESTIMATOR.ensure(options.peer_folder)
        flags = {
            "train_csv": train_csv,
            "test_csv": test_csv,
            "warm_secs": options.warm_secs,
            "secs": options.secs,
            "test_batch": _TEST_BATCH,
        }
        command_line = [f"--{name}={value}" for name, value in flags.items()]
        systems = Systems(interpreters, command_line, options.verbose)
        load = machine.load()
        versions, measurements = _measure(systems, options.rounds)
        found = report.Results(
            date=datetime.date.today().isoformat(),
            machine=machine.facts(),
            load=(load, machine.load()),
            versions=versions,
            rows={"train": read_rows(train_csv).number, "test": read_rows(test_csv).number},
            data="the given csv files" if options.train_csv else "synthetic census rows",
            rounds=options.rounds,
            secs=options.secs,
            measurements=measurements,
        )
    found.write(options.results)
    print(found.markdown())


def _measure(systems: Systems, rounds: int) -> tuple[dict[str, Answer], list[Measurement]]:
    """Returns the versions of all systems, and what they did."""
    with systems.started() as workers:

        def ask(case: Case) -> Answer:
            return workers[case.system].ask(case.call, **case.arguments)

        versions = {name: worker.ask("versions") for name, worker in workers.items()}
        trained = [case for name in workers for case in schedule.train_cases(name)]
        found = schedule.measure(trained, ask, rounds)
        # The first call of each traces, and is not what a job does all day.
        tested = [case for name in workers for case in schedule.test_cases(name)]
        found += schedule.measure(tested, ask, rounds, unmeasured=1)
        found += schedule.measure(schedule.table_cases(), ask, rounds)
    firsts = [case for name in systems.interpreters for case in schedule.first_step_cases(name)]
    return versions, found + schedule.measure(firsts, systems.ask_new, rounds)


def _csv_files(options: argparse.Namespace, folder: pathlib.Path) -> tuple[str, str]:
    """Returns the files to read, made up in `folder` when none are given."""
    if options.train_csv:
        return options.train_csv, options.test_csv
    import numpy as np

    from estimators.datasets.synthetic_census import synthetic_census

    paths = folder / "train.csv", folder / "test.csv"
    for seed, (path, number) in enumerate(zip(paths, (_TRAIN_ROWS, _TEST_ROWS), strict=True)):
        synthetic_census(number, np.random.default_rng(seed)).write_csv(path)
    return str(paths[0]), str(paths[1])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train_csv", help="census rows to train on; synthetic ones by default")
    parser.add_argument("--test_csv", help="census rows to evaluate and predict")
    parser.add_argument("--rounds", type=int, default=5, help="values of each measurement")
    parser.add_argument("--secs", type=float, default=5.0, help="length of one, at the least")
    parser.add_argument("--warm_secs", type=float, default=1.0, help="training before each")
    parser.add_argument(
        "--peer_folder",
        type=pathlib.Path,
        default=peer.TF_ESTIMATOR.default_folder(),
        help="where the virtual environment of tf.estimator is made and kept",
    )
    parser.add_argument(
        "--results",
        type=pathlib.Path,
        default=pathlib.Path(__file__).parent / "results",
        help="folder of wide_deep.md and wide_deep.json",
    )
    parser.add_argument("--verbose", action="store_true", help="show what the systems print")
    options = parser.parse_args(arguments)
    if bool(options.train_csv) != bool(options.test_csv):
        parser.error("--train_csv and --test_csv must be given together, or neither.")
    return options


if __name__ == "__main__":
    main()
