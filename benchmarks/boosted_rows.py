"""Rows to boost trees on, and how well they are ranked. Needs NumPy only: peers import it too."""

from __future__ import annotations

import dataclasses

import numpy as np

_FORMULA_COLUMNS = 8


@dataclasses.dataclass(frozen=True)
class BoostedRows:
    """Rows of which the first eight columns say something about the label.

    Attributes:
        features: float32 `[rows, columns]`, standard normal.
        labels: int32 `[rows]`, 0 or 1.
    """

    features: np.ndarray
    labels: np.ndarray

    @classmethod
    def drawn(cls, rows: int, columns: int, seed: int) -> BoostedRows:
        """Draws rows; the same ones for the same arguments.

        Args:
            rows: number of rows.
            columns: number of columns, 8 or more.
            seed: of all random numbers.

        Raises:
            ValueError: there are fewer than 8 columns.

        Example:
            >>> BoostedRows.drawn(rows=5, columns=9, seed=1).features.shape
            (5, 9)
        """
        if columns < _FORMULA_COLUMNS:
            raise ValueError(
                f"`columns` must be {_FORMULA_COLUMNS} or more, got {columns}: the labels depend "
                f"on the first {_FORMULA_COLUMNS}."
            )
        rng = np.random.default_rng(seed)
        features = rng.standard_normal((rows, columns), np.float32)
        ones = rng.random(rows) < 1 / (1 + np.exp(-1.2 * score(features)))
        return cls(features, ones.astype(np.int32))


def score(features: np.ndarray) -> np.ndarray:
    """Returns what the labels depend on: products, waves, kinks and steps, as trees must find.

    Args:
        features: `[rows, columns]`.

    Returns:
        float64 `[rows]`; a label is 1 with probability sigmoid(1.2 score).
    """
    x = features[:, :_FORMULA_COLUMNS].astype(np.float64).T
    return (
        x[0] * x[1]
        + np.sin(2 * x[2])
        + np.abs(x[3])
        - 0.8
        + 0.5 * x[4] * (x[5] > 0)
        + 0.4 * x[6]
        - 0.3 * np.square(x[7])
        + 0.3
    )


def auc(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Returns the area under the ROC curve: how often a 1 is ranked above a 0, ties half.

    Args:
        labels: `[rows]`, 0 or 1, both at least once.
        predictions: `[rows]`, greater for rows likelier to be 1.

    Example:
        >>> auc(np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.2, 0.9]))
        0.875
    """
    ones = labels == 1
    zeros = np.sort(predictions[~ones])
    below = np.searchsorted(zeros, predictions[ones], "left")
    not_above = np.searchsorted(zeros, predictions[ones], "right")
    return float(np.mean(below + not_above) / (2 * len(zeros)))
