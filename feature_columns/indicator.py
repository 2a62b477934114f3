"""`indicator_column`: category ids as counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, final

import keras

from feature_columns import base, checks, combiners
from feature_columns.aliases import ParseSpec, Tensor
from feature_columns.old_columns import converted
from feature_columns.sequence_ids import EachStepColumn, SequenceCategoricalColumn


@final
@keras.saving.register_keras_serializable("feature_columns")
@dataclasses.dataclass(frozen=True)
class IndicatorColumn(base.DenseColumn):
    """Counts of categories; made by `indicator_column`."""

    categorical_column: base.CategoricalColumn

    @property
    def name(self) -> str:
        """`<categorical column name>_indicator`."""
        return f"{self.categorical_column.name}_indicator"

    @property
    def parse_example_spec(self) -> ParseSpec:
        """That of the categorical column."""
        return self.categorical_column.parse_example_spec

    @property
    def sources(self) -> tuple[base.SourceColumn, ...]:
        """Those of the categorical column."""
        return self.categorical_column.sources

    @property
    def width(self) -> int:
        """One float per category."""
        return self.categorical_column.num_buckets

    @property
    def weight_specs(self) -> tuple[base.WeightSpec, ...]:
        """No weights."""
        return ()

    def represent(self, transformed: Sequence[Tensor], weights: Sequence[Any]) -> Tensor:
        """Returns how often each category occurs in each row, or the sum of its weights."""
        del weights
        ids, *id_weights = transformed
        return combiners.count(ids, self.width, *id_weights)


def indicator_column(
    categorical_column: base.CategoricalColumn | SequenceCategoricalColumn,
) -> IndicatorColumn | EachStepColumn:
    """Counts the categories of each row, for a network: `[omar, marlo, omar]` is `[2, 0, 1]`.

    Of a `weighted_categorical_column` it adds up the weights of each category. With many
    categories take `embedding_column`. A linear model needs neither.

    Args:
        categorical_column: any categorical column. Of a sequence column, the categories of each
            step are counted.

    Returns:
        A dense column as wide as there are categories; over a sequence column, one for
        `SequenceFeatures`, as wide in each step.

    Raises:
        ValueError: `categorical_column` is not categorical.

    >>> from feature_columns import categorical_column_with_identity
    >>> indicator_column(categorical_column_with_identity("weekday", 7)).name
    'weekday_indicator'
    """
    categorical_column = converted(categorical_column)
    if isinstance(categorical_column, SequenceCategoricalColumn):
        plain = IndicatorColumn(categorical_column.categorical_column)
        return EachStepColumn(plain, categorical_column)
    checks.check_categorical(categorical_column, base.CategoricalColumn, "indicator_column")
    return IndicatorColumn(categorical_column)
