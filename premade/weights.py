"""`linear_weights`: what a linear model has learned, as a table."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import feature_columns as fc
from estimators import Estimator, Head
from estimators.checkpoints import Checkpoint
from feature_columns.indicator import IndicatorColumn

BIAS = "(bias)"  # no column can have this name: brackets are not allowed in that of a variable
_SCOPE = "linear/linear_model"


@dataclasses.dataclass(frozen=True)
class LinearPart:
    """What the weights of an estimator's linear part are about.

    Attributes:
        columns: of the linear part; none if there is no such part.
        head: says what the logits mean.
    """

    columns: tuple[fc.FeatureColumn, ...]
    head: Head


@dataclasses.dataclass(frozen=True)
class LinearWeight:
    """One weight of a linear model: a row of the table.

    Attributes:
        column: name of the feature column, or "(bias)".
        category: what of the column: an entry of the vocabulary, "[30, 40)" of a bucketized
            column, the number of a hash or cross bucket or of an id; the place in a vector of
            numbers; None for a single number and for the bias.
        output: the class that the weight speaks for, or the number of the output. A classifier
            of two classes has one logit, which speaks for the second class.
        weight: the value.

    Example:
        >>> LinearWeight("age_bucketized", "[30, 40)", output=1, weight=-0.25).category
        '[30, 40)'
    """

    column: str
    category: str | int | None
    output: str | int
    weight: float


def linear_weights(
    estimator: Estimator, *, by_magnitude: bool = False, checkpoint_path: str | None = None
) -> list[LinearWeight]:
    """Returns the weights of a linear model, or of the wide part of a wide & deep one.

    `pandas.DataFrame(linear_weights(estimator))` makes a frame of it.

    Args:
        estimator: `LinearClassifier`, `LinearRegressor`, `LinearEstimator`, or one of
            `DNNLinearCombined*` with linear columns.
        by_magnitude: the largest absolute weight first; else in the order of column names, the
            bias last.
        checkpoint_path: the checkpoint to read; the newest of model_dir when None.

    Raises:
        TypeError: the estimator is of another kind.
        ValueError: it has no linear columns, or no checkpoint.

    Example:
        >>> import feature_columns as fc
        >>> from premade import LinearRegressor
        >>> job = fc.categorical_column_with_vocabulary_list("job", ["cook", "nurse"])
        >>> data = lambda: tf.data.Dataset.from_tensors(({"job": [["nurse"]]}, [[1.0]]))
        >>> regressor = LinearRegressor([job], optimizer="SGD").train(data, steps=1)
        >>> for row in linear_weights(regressor, by_magnitude=True):
        ...     print(row.column, row.category, round(row.weight, 3))
        job nurse 0.4
        (bias) None 0.4
        job cook 0.0
    """
    part = _part(estimator)
    checkpoint = _checkpoint(estimator, checkpoint_path)
    rows = list(_rows(part, checkpoint))
    return sorted(rows, key=lambda row: -abs(row.weight)) if by_magnitude else rows


def _part(estimator: Estimator) -> LinearPart:
    part = getattr(estimator, "linear_part", None)
    if not isinstance(part, LinearPart):
        raise TypeError(
            "Only Linear* and DNNLinearCombined* estimators have linear weights, got "
            f"{type(estimator).__name__}. To one that `add_metrics` returned prefer the one that "
            "it was given: they share their model_dir."
        )
    if not part.columns:
        raise ValueError("The estimator has no linear part: linear_feature_columns is empty.")
    return part


def _checkpoint(estimator: Estimator, path: str | None) -> Checkpoint:
    # Opened once, so that all weights are of one step even while somebody trains on.
    path = path or estimator.latest_checkpoint()
    if path is None:
        raise ValueError(f"Could not find trained model in model_dir: {estimator.model_dir}.")
    return Checkpoint.open(path)


def _rows(part: LinearPart, checkpoint: Checkpoint) -> Iterator[LinearWeight]:
    outputs = part.head.output_names
    for column in sorted(part.columns, key=lambda each: each.name):
        weights = checkpoint.read(f"{_SCOPE}/{column.name}/weights")
        pairs = itertools.product(_categories(column), outputs)
        for (category, output), weight in zip(pairs, weights.flat, strict=True):
            yield LinearWeight(column.name, category, output, float(weight))
    bias = checkpoint.read(f"{_SCOPE}/bias_weights")
    for output, weight in zip(outputs, bias, strict=True):
        yield LinearWeight(BIAS, None, output, float(weight))


def _categories(column: Any) -> Sequence[str | int | None]:
    """Returns what the rows of a column's weights are about."""
    if isinstance(column, fc.CategoricalColumn):
        return column.category_names()
    if isinstance(column, IndicatorColumn):
        return column.categorical_column.category_names()
    return (None,) if column.width == 1 else range(column.width)
