"""All columns of census rows, for trees. Needs NumPy only: peers import it too."""

from __future__ import annotations

import csv
import dataclasses
import os
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

_LABEL = "income"
_POSITIVE = ">50K"


@dataclasses.dataclass(frozen=True, eq=False)
class CensusColumns:
    """Census rows by column.

    Attributes:
        numbers: float32 `[rows]` by name.
        words: str `[rows]` by name; "" is missing.
        labels: 1 for an income above 50 thousand, `[rows]`, int32.
    """

    numbers: Mapping[str, Array]
    words: Mapping[str, Array]
    labels: Array

    def vocabularies(self) -> dict[str, list[str]]:
        """Returns the categories of each column of words, sorted, without the missing one."""
        return {name: sorted(set(words.tolist()) - {""}) for name, words in self.words.items()}

    def table(self, vocabularies: Mapping[str, list[str]]) -> Array:
        """Returns numbers, then places in the vocabularies, float64 `[rows, columns]`.

        NaN is a missing word, and one that is not in the vocabulary.

        Example:
            >>> rows = CensusColumns({}, {"sex": np.array(["Male", ""])}, np.zeros(2))
            >>> rows.table({"sex": ["Female", "Male"]}).tolist()
            [[1.0], [nan]]
        """
        columns = list(self.numbers.values())
        for name, words in self.words.items():
            places = {word: place for place, word in enumerate(vocabularies[name])}
            columns.append(np.array([places.get(word, np.nan) for word in words.tolist()]))
        return np.stack(columns, axis=1).astype(np.float64)


def read_columns(path: str | os.PathLike[str]) -> CensusColumns:
    """Reads a csv file with a header, such as `synthetic_census` writes.

    Columns in which all values are numbers are numbers.

    Raises:
        ValueError: the file has no rows, or no column of the income.
    """
    with open(path, newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    if not lines or _LABEL not in lines[0]:
        raise ValueError(
            f"{path} has no rows with the column {_LABEL!r}. It must hold census rows under a "
            "header."
        )
    numbers: dict[str, Array] = {}
    words: dict[str, Array] = {}
    for name in lines[0]:
        values = np.array([line[name] for line in lines])
        try:
            numbers[name] = values.astype(np.float32)
        except ValueError:
            words[name] = values
    labels = (words.pop(_LABEL) == _POSITIVE).astype(np.int32)
    return CensusColumns(numbers, words, labels)
