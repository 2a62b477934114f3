"""What every function makes of the columns that it is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from feature_columns.base import FeatureColumn
from feature_columns.old_columns import converted


def normalise(columns: FeatureColumn | Iterable[FeatureColumn]) -> tuple[FeatureColumn, ...]:
    """Returns the columns, checked, in ascending order of their names.

    Raises:
        ValueError: a dict, nothing, something that is no column, or two columns of one name.

    >>> from feature_columns import numeric_column
    >>> [column.name for column in normalise([numeric_column("b"), numeric_column("a")])]
    ['a', 'b']
    """
    listed = by_name(columns)
    if not listed:
        raise ValueError("feature_columns must not be empty. Give at least one column.")
    return listed


def by_name(columns: FeatureColumn | Iterable[FeatureColumn]) -> tuple[FeatureColumn, ...]:
    """Returns the columns, which may be none, checked, in ascending order of their names."""
    named: dict[str, FeatureColumn] = {}
    for column in as_columns(columns):
        if column.name in named:
            raise ValueError(
                f"Duplicate feature column name found for columns: {named[column.name]!r} and "
                f"{column!r}. A name decides the names of the variables, so leave one out."
            )
        named[column.name] = column
    return tuple(named[name] for name in sorted(named))


def as_columns(columns: FeatureColumn | Iterable[FeatureColumn]) -> tuple[FeatureColumn, ...]:
    """Returns one column, or several, as a tuple of columns; also those of `tf.feature_column`."""
    columns = converted(columns)
    if isinstance(columns, FeatureColumn):
        return (columns,)
    if isinstance(columns, Mapping):
        raise ValueError(
            "Expected feature_columns to be iterable, found dict. Give its values: "
            f"list(columns.values()). Keys: {sorted(map(str, columns))}."
        )
    listed = tuple(converted(column) for column in columns)
    for column in listed:
        if not isinstance(column, FeatureColumn):
            raise ValueError(
                "Items of feature_columns must be a FeatureColumn. Given: "
                f"{column!r} of type {type(column).__name__}. Make columns with the functions of "
                "feature_columns."
            )
    return listed
