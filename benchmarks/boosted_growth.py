"""How the time of boosted trees grows with rows and columns: `python -m benchmarks.boosted_growth`.

Writes `results/boosted_growth.md` and the picture beside it.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from benchmarks import machine, peer
from benchmarks.boosted_trees import NAMES, Systems, parser_of

_RESULTS = pathlib.Path(__file__).parent / "results" / "boosted_growth.md"
_PLOT = pathlib.Path(__file__).parent / "growth_plot.py"
_TEST_ROWS = 10_000


@dataclasses.dataclass(frozen=True)
class Size:
    """A table to grow trees on.

    Attributes:
        rows: of it.
        columns: of it.
    """

    rows: int
    columns: int


BY_ROWS = tuple(Size(rows, 28) for rows in (100_000, 1_000_000, 10_000_000))
BY_COLUMNS = tuple(Size(100_000, columns) for columns in (10, 100, 1000))


@dataclasses.dataclass(frozen=True)
class Growth:
    """Times in all.

    Attributes:
        secs: of each system by size, the median over the rounds.
    """

    secs: dict[str, dict[Size, float]]

    def table(self, sizes: Sequence[Size]) -> str:
        """Returns a Markdown table of one row per system."""
        head = [f"{size.rows:,} x {size.columns}" for size in sizes]
        lines = [f"| system | {' | '.join(head)} |", "|---" * (len(sizes) + 1) + "|"]
        for system, secs in self.secs.items():
            cells = [f"{secs[size]:.2f}" for size in sizes]
            lines.append(f"| {NAMES[system]} | {' | '.join(cells)} |")
        return "\n".join(lines)

    def panels(self) -> list[dict[str, object]]:
        """Returns what the two halves of the picture show."""
        halves = (("rows", BY_ROWS), ("columns", BY_COLUMNS))
        return [
            {
                "label": label,
                "x": [getattr(size, label) for size in sizes],
                "lines": {
                    NAMES[system]: [secs[size] for size in sizes]
                    for system, secs in self.secs.items()
                },
            }
            for label, sizes in halves
        ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the benchmark.

    Args:
        arguments: command line; that of the process when None.
    """
    options = _parse(arguments)
    load = machine.load()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = folder
        os.environ["OMP_NUM_THREADS"] = "2"
        python = peer.BOOSTED_TREES.ensure(options.peer_folder)
        growth = Growth(_measured(options, python))
    picture = options.output.with_suffix(".svg")
    _draw(growth, picture)
    report = _report(growth, options, picture.name, load)
    options.output.write_text(report, encoding="utf-8")
    print(report)


def _measured(options: argparse.Namespace, python: str) -> dict[str, dict[Size, float]]:
    secs: dict[str, dict[Size, float]] = {system: {} for system in options.only}
    for size in dict.fromkeys(BY_ROWS + BY_COLUMNS):
        sizes = {**dataclasses.asdict(size), "trees": options.trees, "test_rows": _TEST_ROWS}
        systems = Systems(python, sizes, options.verbose)
        found: dict[str, list[float]] = {system: [] for system in options.only}
        for _ in range(options.rounds):
            for system, times in found.items():
                times.append(systems.measure(system)["total_secs"])
                print(size, NAMES[system], times[-1], file=sys.stderr, flush=True)
        for system, times in found.items():
            secs[system][size] = statistics.median(times)
    return secs


def _draw(growth: Growth, picture: pathlib.Path) -> None:
    python = peer.PLOTS.ensure(peer.PLOTS.default_folder())
    panels = json.dumps(growth.panels())
    subprocess.run([python, _PLOT, picture], input=panels, text=True, check=True)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    return parser_of(__doc__, NAMES, _RESULTS, trees=20, rounds=1).parse_args(arguments)


def _report(growth: Growth, options: argparse.Namespace, picture: str, load: float) -> str:
    facts = ", ".join(f"{key} {value}" for key, value in machine.facts().items())
    return f"""\
# Boosted trees, by rows and columns

Seconds from rows in memory to {options.trees} trees of depth 6, with binning and compilation;
median of {options.rounds} rounds, each measurement a process of its own. Otherwise as in
`boosted_trees.md`.

![Seconds by rows and by columns]({picture})

{growth.table(BY_ROWS)}

{growth.table(BY_COLUMNS)}

{datetime.date.today().isoformat()}; {facts}; load {load:.1f} before.
"""


if __name__ == "__main__":
    main()
