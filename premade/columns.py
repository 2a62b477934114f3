"""Checks of the columns and of the features that a premade model is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import feature_columns as fc
from feature_columns.old_columns import converted


def checked_columns(columns: Any, argument: str) -> list[fc.FeatureColumn]:
    """Returns columns as a list.

    Args:
        columns: one column, or an iterable of them.
        argument: name of the argument that they were given as, for messages.

    Raises:
        ValueError: it is a dict, or it is empty.
        TypeError: something in it is no column of `feature_columns` or `tf.feature_column`.
    """
    columns = converted(columns)
    if isinstance(columns, fc.FeatureColumn):
        columns = [columns]
    if isinstance(columns, Mapping) or not isinstance(columns, Iterable):
        raise ValueError(
            f"Expected {argument} to be iterable, found {type(columns).__name__}. Give a list."
        )
    columns = [converted(column) for column in columns]
    if not columns:
        raise ValueError(f"{argument} must not be empty.")
    for column in columns:
        if not isinstance(column, fc.FeatureColumn):
            raise TypeError(
                f"Items of {argument} must be made by the functions of `feature_columns`, got "
                f"{type(column).__name__}: {column!r}."
            )
    return columns


def has_weights(column: Any) -> bool:
    """Says whether a column learns something itself, as an embedding does."""
    return bool(getattr(column, "weight_specs", ()))


def check_named(features: Any) -> None:
    """Raises a ValueError unless features are a dictionary."""
    if not isinstance(features, Mapping):
        raise ValueError(
            "features should be a dictionary of `Tensor`s by feature name. Given type: "
            f"{type(features).__name__}. Return ({{'x': x}}, labels) from input_fn."
        )
