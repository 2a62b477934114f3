"""How one system's boosted trees are measured, and the settings that all of them share."""

from __future__ import annotations

import dataclasses
import resource
from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np

from benchmarks.boosted_rows import BoostedRows, auc
from benchmarks.protocol import Answer, serve
from benchmarks.systems.settings import timed, versions

TRAIN_SEED = 1
_TEST_SEED = 2


@dataclasses.dataclass(frozen=True)
class Growth:
    """What every system is asked to grow.

    Attributes:
        trees: number of trees.
        depth: levels of splits.
        learning_rate: factor of the leaves.
        bins: of each column; systems that keep one for missing values have one fewer.
        l2: of leaves.
        min_weight: least sum of the second derivatives in a node.
        threads: to use.
    """

    trees: int
    depth: int = 6
    learning_rate: float = 0.1
    bins: int = 256
    l2: float = 1.0
    min_weight: float = 1.0
    threads: int = 2


class Trees(Protocol):
    """One system."""

    def bin(self, rows: BoostedRows) -> bool:
        """Takes the rows and bins them; returns False if the system does it while it trains."""

    def train(self) -> None:
        """Grows the trees."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Returns scores or probabilities `[rows]`."""


Maker: TypeAlias = Callable[[Growth], Trees]


def measure(
    make: Maker, rows: int, columns: int, trees: int, test_rows: int, seed: int = TRAIN_SEED
) -> Answer:
    """Trains and predicts once. To be asked once in a process, because memory is its peak.

    Args:
        make: makes the system. Its packages are imported already; that is not counted.
        rows: to train on.
        columns: of the rows.
        trees: to grow.
        test_rows: to predict.
        seed: of the rows to train on.

    Returns:
        Seconds of binning (None if it is a part of training), of training, of the first and of
        the second prediction; GiB at the peak and before training; and the AUC of the test rows.
    """
    train = BoostedRows.drawn(rows, columns, seed)
    test = BoostedRows.drawn(test_rows, columns, _TEST_SEED)
    memory_before = _peak_memory()
    make_secs, system = timed(lambda: make(Growth(trees)))
    bin_secs, apart = timed(lambda: system.bin(train))
    train_secs, _ = timed(system.train)
    first_secs, _ = timed(lambda: system.predict(test.features))
    again_secs, predictions = timed(lambda: system.predict(test.features))
    return {
        "bin_secs": bin_secs if apart else None,
        "train_secs": train_secs,
        "total_secs": make_secs + bin_secs + train_secs,
        "first_predict_secs": first_secs,
        "predict_secs": again_secs,
        "memory": _peak_memory(),
        "memory_before": memory_before,
        "auc": auc(test.labels, predictions),
    }


def serve_trees(make: Maker, package: str) -> None:
    """Serves one system.

    Args:
        make: makes the system.
        package: the package whose version counts.
    """
    serve(
        {
            "versions": lambda: versions(package, "numpy"),
            "measure": lambda **sizes: measure(make, **sizes),
        }
    )


def _peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
