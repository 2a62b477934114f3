"""`make_parse_example_spec`: from columns to what `tf.io.parse_example` needs."""

from __future__ import annotations

from collections.abc import Iterable

from feature_columns.aliases import ParseSpec
from feature_columns.base import FeatureColumn
from feature_columns.old_columns import converted


def make_parse_example_spec(
    feature_columns: FeatureColumn | Iterable[FeatureColumn],
) -> ParseSpec:
    """Returns the features that the columns read from a serialized `tf.Example`, by key.

    Args:
        feature_columns: any columns, or one.

    Raises:
        ValueError: something is no column, or two columns read one key in different ways.

    >>> from feature_columns import numeric_column
    >>> list(make_parse_example_spec([numeric_column("age"), numeric_column("hours")]))
    ['age', 'hours']
    """
    given = converted(feature_columns)
    columns = [given] if isinstance(given, FeatureColumn) else map(converted, given)
    spec: ParseSpec = {}
    for column in columns:
        if not isinstance(column, FeatureColumn):
            raise ValueError(
                f"All feature_columns must be FeatureColumn instances. Given: {column!r} of type "
                f"{type(column).__name__}. Give a list of columns, not their names."
            )
        for key, feature in column.parse_example_spec.items():
            if key in spec and spec[key] != feature:
                raise ValueError(
                    f"feature_columns contain different parse_spec for key {key}. Given {feature} "
                    f"and {spec[key]}. Give both columns the same shape, dtype and default_value."
                )
            spec[key] = feature
    return spec
