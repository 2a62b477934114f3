"""What `tf.io.parse_example` needs to read features, label and weight of a premade model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

import feature_columns as fc
from feature_columns.numeric import NumericColumn
from feature_columns.old_columns import converted


def classifier_parse_example_spec(
    feature_columns: Iterable[Any],
    label_key: str,
    label_dtype: Any = tf.int64,
    label_default: Any = None,
    weight_column: Any = None,
) -> dict[str, Any]:
    """Returns the parsing spec of a classifier's training examples.

    Args:
        feature_columns: all columns of the model.
        label_key: name of the label in the examples; one label each.
        label_dtype: `tf.string` for the names of a label vocabulary.
        label_default: label of an example without one; None refuses such examples.
        weight_column: name of the weight in the examples, or a numeric column.

    Raises:
        ValueError: the label or the weight is among the features, or `weight_column` is neither
            a name nor a numeric column.

    Example:
        >>> spec = classifier_parse_example_spec([fc.numeric_column("age")], "income")
        >>> spec["income"].shape, spec["income"].dtype
        ((1,), tf.int64)
    """
    label = tf.io.FixedLenFeature((1,), label_dtype, label_default)
    return _spec(feature_columns, label_key, label, weight_column)


def regressor_parse_example_spec(
    feature_columns: Iterable[Any],
    label_key: str,
    label_dtype: Any = tf.float32,
    label_default: Any = None,
    label_dimension: int = 1,
    weight_column: Any = None,
) -> dict[str, Any]:
    """Returns the parsing spec of a regressor's training examples.

    Args:
        feature_columns: all columns of the model.
        label_key: name of the labels in the examples.
        label_dtype: of the labels.
        label_default: labels of an example without them; None refuses such examples.
        label_dimension: number of labels of an example.
        weight_column: name of the weight in the examples, or a numeric column.

    Raises:
        ValueError: the label or the weight is among the features, or `weight_column` is neither
            a name nor a numeric column.

    Example:
        >>> spec = regressor_parse_example_spec(
        ...     [fc.numeric_column("age")], "wage", weight_column="weight")
        >>> sorted(spec)
        ['age', 'wage', 'weight']
    """
    label = tf.io.FixedLenFeature((label_dimension,), label_dtype, label_default)
    return _spec(feature_columns, label_key, label, weight_column)


def _spec(columns: Iterable[Any], label_key: str, label: Any, weight_column: Any) -> dict[str, Any]:
    spec = dict(fc.make_parse_example_spec(columns))
    _add(spec, "label", label_key, label)
    if weight_column is None:
        return spec
    if isinstance(weight_column, str):
        weight_column = fc.numeric_column(weight_column)
    weight_column = converted(weight_column)
    if not isinstance(weight_column, NumericColumn):
        raise ValueError(
            "weight_column must be the name of a feature or a numeric_column, got "
            f"{type(weight_column).__name__}: {weight_column!r}."
        )
    for key, feature in weight_column.parse_example_spec.items():
        _add(spec, "weight_column", key, feature)
    return spec


def _add(spec: dict[str, Any], what: str, key: str, feature: Any) -> None:
    if key in spec:
        raise ValueError(
            f"{what} should not be used as feature. {what}: {key!r}, read already: {sorted(spec)}. "
            f"A column reads it, so leave that column out or rename the {what}."
        )
    spec[key] = feature
