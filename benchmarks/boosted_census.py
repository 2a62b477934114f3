"""Measures boosted trees beside others' on census rows: `python -m benchmarks.boosted_census`.

Numbers and categories, given to each system as it takes categories itself. Every measurement is a
process of its own. Writes `results/boosted_census.md`.
"""

from __future__ import annotations

import argparse
import datetime
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

from benchmarks import machine, peer
from benchmarks.boosted_trees import NAMES, OURS, Bar, parser_of
from benchmarks.protocol import Answer, Worker

SYSTEMS = (OURS, "xgboost", "lightgbm", "sklearn")
LEAST_AUC = 0.928
_THREADS = 2
_RESULTS = pathlib.Path(__file__).parent / "results" / "boosted_census.md"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the benchmark.

    Args:
        arguments: command line; that of the process when None.
    """
    options = _parse(arguments)
    load = machine.load()
    needs_peers = set(options.only) != {OURS}
    with tempfile.TemporaryDirectory() as folder:
        # Our model_dirs are temporary folders: all of them end up in this one.
        os.environ["TMPDIR"] = folder
        os.environ["OMP_NUM_THREADS"] = str(_THREADS)
        python = peer.BOOSTED_TREES.ensure(options.peer_folder) if needs_peers else ""
        versions: dict[str, Answer] = {}
        answers: dict[str, list[Answer]] = {system: [] for system in options.only}
        for _ in range(options.rounds):
            for system, found in answers.items():
                with _start(system, python, options.verbose) as worker:
                    versions[system] = worker.ask("versions")
                    csvs = {name: getattr(options, name) for name in ("train_csv", "test_csv")}
                    found.append(worker.ask("measure", **csvs, trees=options.trees))
    report = _report(answers, versions, load, options)
    options.output.write_text(report, encoding="utf-8")
    print(report)


def table(answers: Mapping[str, Sequence[Answer]]) -> str:
    """Returns a Markdown table of the medians, one row per system.

    Args:
        answers: of each system, one for each round.

    >>> print(table({"ours": [{"train_secs": 2.0, "auc": 0.93}]}))
    | system | AUC | training, s |
    |---|---|---|
    | this project | 0.93000 | 2.0 |
    """
    rows = [
        f"| {NAMES[system]} | {_median(found, 'auc'):.5f} | {_median(found, 'train_secs'):.1f} |"
        for system, found in answers.items()
    ]
    return "\n".join(["| system | AUC | training, s |", "|---" * 3 + "|", *rows])


def bars(answers: Mapping[str, Sequence[Answer]]) -> list[Bar]:
    """Returns what this project wants to reach; nothing if it was left out."""
    if OURS not in answers:
        return []
    found = _median(answers[OURS], "auc")
    return [Bar("AUC of the test rows", found, LEAST_AUC, ">=")]


def _median(answers: Sequence[Answer], figure: str) -> float:
    return statistics.median(answer[figure] for answer in answers)


def _start(system: str, peer_python: str, verbose: bool) -> Worker:
    python = sys.executable if system == OURS else peer_python
    log = None if verbose else subprocess.DEVNULL
    return Worker(python, f"benchmarks.systems.boosted_census_{system}", (), log)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = parser_of(__doc__, SYSTEMS, _RESULTS, trees=200, rounds=3)
    parser.add_argument("--train_csv", required=True, help="census rows under a header")
    parser.add_argument("--test_csv", required=True)
    return parser.parse_args(arguments)


def _report(
    answers: Mapping[str, Sequence[Answer]],
    versions: Mapping[str, Answer],
    load: float,
    options: argparse.Namespace,
) -> str:
    facts = ", ".join(f"{key} {value}" for key, value in machine.facts().items())
    listed = [
        f"- {NAMES[system]}: " + ", ".join(f"{name} {value}" for name, value in found.items())
        for system, found in versions.items()
    ]
    return f"""\
# Boosted trees on census rows

{options.trees} trees of depth 6, learning rate 0.1, 256 bins, l2 of 1, least weight of a node 1
where it can be set, all else as each system has it by default; {_THREADS} threads. Six numbers and
eight columns of words, which each system splits as categories, many against many. Median of
{options.rounds} rounds; each measurement is a process of its own. Training is with binning and
compilation, without imports.

{table(answers)}

{chr(10).join(map(str, bars(answers)))}

{chr(10).join(listed)}

{datetime.date.today().isoformat()}; {facts}; load {load:.1f} before.
"""


if __name__ == "__main__":
    main()
