"""The checks on arguments that several columns make, each with one message."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf


def check_key(key: Any) -> None:
    """Refuses a feature key that is not a string."""
    if not isinstance(key, str):
        raise ValueError(f"key must be a string. Got: type {type(key)}. Given key: {key!r}.")


def check_count(value: Any, argument: str, key: str) -> None:
    """Refuses a number of things that is no int.

    >>> check_count(10.0, "hash_bucket_size", "city")
    Traceback (most recent call last):
    ...
    ValueError: hash_bucket_size must be an int. Given: 10.0 for column 'city'.
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise ValueError(f"{argument} must be an int. Given: {value!r} for column {key!r}.")


def check_string_or_integer(dtype: Any, subject: str) -> None:
    """Refuses a dtype that cannot name a category."""
    if dtype != tf.string and not dtype.is_integer:
        raise ValueError(
            f"{subject} dtype must be string or integer, got {dtype.name}. Categories are "
            "strings or integers: bucketize a numeric_column to make categories of numbers."
        )


def check_same_family(column_name: str, expected: Any, given: Any) -> None:
    """Refuses integers where a column names its categories by strings, and the reverse."""
    check_string_or_integer(given, f"column_name: {column_name} feature")
    if expected.is_integer != given.is_integer:
        raise ValueError(
            f"Column {column_name!r} expects {expected.name} features, got {given.name}. "
            f"Feed the feature as {expected.name}, or make the column with "
            f"dtype=tf.{given.name}."
        )


def check_categorical(column: Any, expected: type, wrapper: str) -> None:
    """Refuses to wrap what is not a categorical column."""
    if not isinstance(column, expected):
        raise ValueError(
            f"{wrapper} wraps a CategoricalColumn (categorical_column_with_*, crossed_column "
            f"or bucketized_column), got {type(column).__name__}: {column!r}."
        )


def near_names(name: str, names: Iterable[str]) -> str:
    """Says which of `names` look like `name`, or else lists the first of them."""
    names = sorted(names)
    near = difflib.get_close_matches(name, names, n=3)
    if near:
        return "Did you mean " + " or ".join(repr(each) for each in near) + "?"
    shown = ", ".join(repr(each) for each in names[:10])
    return f"Given: {shown}{', ...' if len(names) > 10 else ''}." if names else "None were given."
