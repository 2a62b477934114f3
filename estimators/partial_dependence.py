"""`partial_dependence`: what a model answers, on average, if one feature had this or that value.

Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of Statistics 29,
2001, section 8.2. All rows are given the value, one value after the other, and the predictions are
averaged: any model can be asked, and an average over rows that could not be says little.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from estimators.aliases import InputFn, Tensor
from estimators.estimator import Estimator
from estimators.rows import Rows

Array: TypeAlias = np.ndarray[Any, Any]

_USUAL_KEYS = ("logistic", "predictions", "probabilities")
_INNER = (5.0, 95.0)  # percentiles between which the values are, as in scikit-learn


@dataclasses.dataclass(frozen=True, eq=False)
class PartialDependence:
    """What a model answers on average, by the value of a feature.

    Attributes:
        feature: key of the feature.
        values: `[values]`, ascending.
        averages: float64 `[values, ...]`, of the predictions if all rows had the value.

    Example:
        >>> PartialDependence("age", np.array([20, 60]), np.array([0.1, 0.4])).feature
        'age'
    """

    feature: str
    values: Array
    averages: Array

    def plot(self, axes: Any = None) -> Any:
        """Draws a line for each output over the values of a number, or bars over categories.

        Args:
            axes: of matplotlib, to draw into; those of a new figure when None.

        Returns:
            The axes; `axes.figure.savefig("age.png")` writes a file.

        Raises:
            ImportError: matplotlib is not installed.

        Example:
            >>> axes = PartialDependence("age", np.array([20, 60]), np.array([0.1, 0.4])).plot()
            >>> axes.get_xlabel(), len(axes.lines)
            ('age', 1)
        """
        if axes is None:
            axes = _new_axes()
        by_output = self.averages.reshape(len(self.values), -1).T
        outputs = len(by_output)
        if np.issubdtype(self.values.dtype, np.number):
            for i, averages in enumerate(by_output):
                axes.plot(self.values, averages, marker="." if len(averages) < 10 else "", label=i)
        else:
            places = np.arange(len(self.values))
            for i, averages in enumerate(by_output):
                axes.bar(places + (i + 0.5) / outputs * 0.8 - 0.4, averages, 0.8 / outputs, label=i)
            axes.set_xticks(places, [tf.compat.as_text(value) for value in self.values])
        axes.set(xlabel=self.feature, ylabel="average prediction")
        axes.grid(axis="y", color="0.9")
        axes.set_axisbelow(True)
        if outputs > 1:
            axes.legend(title="output")
        return axes


def partial_dependence(
    estimator: Estimator,
    input_fn: InputFn,
    feature: str,
    values: Sequence[Any] | None = None,
    *,
    most_values: int = 50,
    predict_key: str | None = None,
    steps: int | None = None,
    checkpoint_path: str | None = None,
) -> PartialDependence:
    """Returns what a model answers on average, by the value of a feature.

    All rows are read once and held in memory; the model predicts all of them for each value.

    Args:
        estimator: a trained model.
        input_fn: as for `Estimator.evaluate`; its features are a dictionary.
        feature: key of a feature of one value for each row, `[batch]` or `[batch, 1]`.
        values: to ask about; None means those that are there, or where numbers have many, as many
            as `most_values` between their 5th and 95th percentile.
        most_values: see `values`.
        predict_key: which prediction to average; None means `logistic`, `predictions` or
            `probabilities`, the first one there is.
        steps: number of batches; None means one whole pass over the data.
        checkpoint_path: see `Estimator.predict`.

    Raises:
        ValueError: the data is empty, has no end, its features are no dictionary, or the feature
            has several values in a row.
        KeyError: the feature or the prediction is unknown.

    Example:
        >>> from estimators import EstimatorSpec
        >>> def model_fn(features, labels, mode):
        ...     return EstimatorSpec(mode, predictions={"predictions": features["x"] ** 2})
        >>> data = lambda: tf.data.Dataset.from_tensors({"x": [1.0, 2.0, 3.0]})
        >>> partial_dependence(Estimator(model_fn), data, "x").averages.tolist()
        [1.0, 4.0, 9.0]
    """
    rows = Rows.read("partial_dependence", estimator, input_fn, steps)
    rows.checked_keys([feature])
    column = _one_of_each_row(feature, rows.column(feature))
    asked = _spread(column, most_values) if values is None else np.asarray(values)
    averages = []
    for value in asked:
        parts = [_filled(batch[0][feature], value) for batch in rows.batches]
        predictions = estimator.predict(
            rows.with_parts(feature, parts).dataset, checkpoint_path=checkpoint_path
        )
        averages.append(_average(predictions, predict_key))
    return PartialDependence(feature, asked, np.stack(averages))


def _new_axes() -> Any:
    try:
        from matplotlib import figure
    except ImportError as error:
        raise ImportError(
            "plot needs matplotlib, which is not installed. Install tf-estimators[plot]."
        ) from error
    # Not by pyplot, which would keep the figure, and choose how to show it.
    return figure.Figure(figsize=(5.0, 3.5), layout="constrained").subplots()


def _one_of_each_row(feature: str, column: Tensor) -> Array:
    is_dense = isinstance(column, tf.Tensor)
    if not is_dense or int(np.prod(column.shape[1:])) != 1:
        shape = column.shape if is_dense else type(column).__name__
        raise ValueError(
            f"Feature {feature!r} must have one value for each row, [batch] or [batch, 1], got "
            f"{shape}. Give the numbers of a vector as features of their own."
        )
    found: Array = column.numpy().reshape(-1)
    return found


def _spread(column: Array, most: int) -> Array:
    """Returns the values to ask about, ascending."""
    if np.issubdtype(column.dtype, np.floating):
        column = column[~np.isnan(column)]
    distinct = np.unique(column)
    if len(distinct) <= most or not np.issubdtype(column.dtype, np.number):
        return distinct
    low, high = np.percentile(column, _INNER)
    values = np.linspace(low, high, most)
    is_whole = np.issubdtype(column.dtype, np.integer)
    return np.unique(np.round(values).astype(column.dtype)) if is_whole else values


def _filled(like: Tensor, value: Any) -> Tensor:
    return tf.fill(tf.shape(like), tf.constant(value, like.dtype))


def _average(predictions: Any, key: str | None) -> Array:
    average: Array = np.mean([_asked(each, key) for each in predictions], axis=0)
    return average


def _asked(prediction: Any, key: str | None) -> Array:
    if not isinstance(prediction, Mapping):
        return np.squeeze(np.asarray(prediction, np.float64))
    wanted = [key] if key is not None else [usual for usual in _USUAL_KEYS if usual in prediction]
    if not wanted or wanted[0] not in prediction:
        raise KeyError(f"`predict_key` ({key!r}) is not among {sorted(prediction)}.")
    return np.squeeze(np.asarray(prediction[wanted[0]], np.float64))
