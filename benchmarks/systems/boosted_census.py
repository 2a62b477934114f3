"""How one system's boosted trees are measured on census rows, categories and all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from benchmarks.boosted_rows import auc
from benchmarks.census_columns import CensusColumns, read_columns
from benchmarks.protocol import Answer, serve
from benchmarks.systems.boosted import Growth
from benchmarks.systems.settings import timed, versions

Predict: TypeAlias = Callable[[CensusColumns], np.ndarray]
Train: TypeAlias = Callable[[CensusColumns, Growth], Predict]


def serve_census(train: Train, package: str) -> None:
    """Serves one system.

    Args:
        train: takes rows, and what to grow; returns what gives scores or probabilities of rows,
            `[rows]`.
        package: the package whose version counts.
    """

    def measure(train_csv: str, test_csv: str, trees: int) -> Answer:
        rows, test = read_columns(train_csv), read_columns(test_csv)
        secs, predict = timed(lambda: train(rows, Growth(trees)))
        return {"train_secs": secs, "auc": auc(test.labels, predict(test))}

    serve({"versions": lambda: versions(package, "numpy"), "measure": measure})
