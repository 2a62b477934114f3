"""The synthetic census data as input functions, and the best that a model can do on it."""

from __future__ import annotations

import numpy as np

from estimators.datasets.synthetic_census import SyntheticCensus, synthetic_census
from estimators.inputs import ArrayInputFn, numpy_input_fn


def synthetic_census_rows(rows: int = 20_000, seed: int = 0) -> SyntheticCensus:
    """Returns made-up census rows; the same for the same seed.

    Args:
        rows: number of rows.
        seed: of the draw.

    Example:
        >>> synthetic_census_rows(rows=100, seed=1).labels.shape
        (100,)
    """
    return synthetic_census(rows, np.random.default_rng(seed))


def synthetic_census_input_fn(
    rows: int = 20_000,
    seed: int = 0,
    batch_size: int = 128,
    num_epochs: int | None = None,
    shuffle: bool = True,
) -> ArrayInputFn:
    """Returns an input function over made-up census rows.

    Args:
        rows: number of rows.
        seed: of the draw, not of the shuffle.
        batch_size: rows per batch and per replica.
        num_epochs: passes over the rows; None means without end.
        shuffle: whether rows are shuffled, anew in each epoch.

    Example:
        >>> input_fn = synthetic_census_input_fn(rows=10, batch_size=5)
        >>> features, labels = next(iter(input_fn()))
        >>> features["age"].shape, labels.shape
        (TensorShape([5]), TensorShape([5]))
    """
    data = synthetic_census_rows(rows, seed)
    return numpy_input_fn(
        dict(data.features),
        data.labels,
        batch_size=batch_size,
        num_epochs=num_epochs,
        shuffle=shuffle,
    )


def synthetic_census_best_auc(rows: int = 20_000, seed: int = 0) -> float:
    """Returns the best expected AUC on these rows, which knowing the true probabilities gives.

    Example:
        >>> 0.8 < synthetic_census_best_auc(rows=1000) < 1.0
        True
    """
    return synthetic_census_rows(rows, seed).bayes_auc
