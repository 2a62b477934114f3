"""The rows and the constants of the model that all systems train.

Every system reads the rows with this file, in its own process and with its own NumPy, so it imports
nothing of the project and no TensorFlow.

The model is the classic wide & deep one for the census rows. Wide: four vocabularies, occupation
by hash, age in buckets, education x occupation and age x education x occupation by hash. Deep: five
numbers, the four vocabularies as indicators and an embedding of the occupation, under four layers.
"""

from __future__ import annotations

import csv
import dataclasses
import os
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

NUMBERS = ("age", "education_num", "capital_gain", "capital_loss", "hours_per_week")
VOCABULARY_COLUMNS = ("education", "marital_status", "relationship", "workclass")
AGE_BOUNDARIES = (18, 25, 30, 35, 40, 45, 50, 55, 60, 65)
HASH_BUCKETS = 1000
EMBEDDING_SIZE = 8
HIDDEN_UNITS = (100, 75, 50, 25)

_LABEL = "income"
_POSITIVE = ">50K"


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Census rows in memory.

    Attributes:
        features: those columns that the model reads, `[rows]` each: float32 or str; "" is missing.
        labels: 1 for an income above 50 thousand, `[rows]`, int32.
    """

    features: Mapping[str, Array]
    labels: Array

    @property
    def number(self) -> int:
        """How many rows there are."""
        return len(self.labels)

    def vocabulary(self, column: str) -> list[str]:
        """Returns the categories of a string column, sorted, without the missing one."""
        return sorted(set(self.features[column].tolist()) - {""})


def read_rows(path: str | os.PathLike[str]) -> Rows:
    """Reads a csv file with a header, such as `synthetic_census` writes.

    Raises:
        ValueError: the file has no rows, or lacks a column.
    """
    with open(path, newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    wanted = (*NUMBERS, *VOCABULARY_COLUMNS, "occupation", _LABEL)
    missing = [name for name in wanted if not lines or name not in lines[0]]
    if missing:
        raise ValueError(
            f"{path} lacks the columns {missing}. It must hold census rows under a header with "
            f"{list(wanted)}."
        )
    features: dict[str, Array] = {
        name: np.array([line[name] for line in lines], np.float32) for name in NUMBERS
    }
    for name in (*VOCABULARY_COLUMNS, "occupation"):
        features[name] = np.array([line[name] for line in lines])
    labels = np.array([line[_LABEL] == _POSITIVE for line in lines], np.int32)
    return Rows(features, labels)
