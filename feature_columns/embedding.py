"""`embedding_column`: category ids as learned vectors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, final

import keras

from feature_columns import base, checks, combiners, embedding_tables
from feature_columns.aliases import ParseSpec, Tensor
from feature_columns.old_columns import converted
from feature_columns.sequence_ids import EachStepColumn, SequenceCategoricalColumn


@final
@keras.saving.register_keras_serializable("feature_columns")
@dataclasses.dataclass(frozen=True)
class EmbeddingColumn(base.DenseColumn):
    """Learned vectors of categories; made by `embedding_column`, which documents the fields."""

    categorical_column: base.CategoricalColumn
    dimension: int
    combiner: str
    initializer: Callable[..., Tensor] | None
    max_norm: float | None
    trainable: bool

    @property
    def name(self) -> str:
        """`<categorical column name>_embedding`."""
        return f"{self.categorical_column.name}_embedding"

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
        """`dimension`."""
        return self.dimension

    @property
    def weight_specs(self) -> tuple[base.WeightSpec, ...]:
        """The table, `[num_buckets, dimension]`."""
        initializer = self.initializer or embedding_tables.default_initializer(self.dimension)
        shape = (self.categorical_column.num_buckets, self.dimension)
        return (base.WeightSpec("embedding_weights", shape, initializer, self.trainable),)

    def get_config(self) -> dict[str, Any]:
        """Returns the fields, as `keras.saving` writes them."""
        saved = embedding_tables.saved_initializer(self.initializer)
        if saved is self.initializer:
            return super().get_config()
        return dataclasses.replace(self, initializer=saved).get_config()

    def represent(self, transformed: Sequence[Tensor], weights: Sequence[Any]) -> Tensor:
        """Returns the combined vectors of each row's categories."""
        (table,) = weights
        ids, *id_weights = transformed
        return combiners.combine(table, ids, self.combiner, self.max_norm, *id_weights)


def embedding_column(
    categorical_column: base.CategoricalColumn | SequenceCategoricalColumn,
    dimension: int,
    combiner: str = "mean",
    initializer: Callable[..., Tensor] | None = None,
    ckpt_to_load_from: str | None = None,
    tensor_name_in_ckpt: str | None = None,
    max_norm: float | None = None,
    trainable: bool = True,
    use_safe_embedding_lookup: bool = True,
) -> EmbeddingColumn | EachStepColumn:
    """Looks categories up in a table of learned vectors, and combines those of a row.

    Args:
        categorical_column: any categorical column. Of a sequence column, the categories of each
            step are looked up and combined.
        dimension: the length of a vector.
        combiner: 'mean', 'sqrtn' or 'sum'; see `weighted_categorical_column` for what weights
            do. A row without categories gives zeros.
        initializer: called with a shape and a dtype. None is a normal distribution of mean 0
            and standard deviation `1 / sqrt(dimension)`, truncated at two of these.
        ckpt_to_load_from: the checkpoint, or the folder of checkpoints, that the table starts
            from, instead of `initializer`. It is read when the table is made: by an Estimator once
            in each process. A Keras model that was saved and loaded does not need it any more: the
            table is in its file.
        tensor_name_in_ckpt: the name of the table in that checkpoint.
        max_norm: longer vectors are scaled down to this L2 norm before they are combined.
        trainable: whether an optimizer may change the table.
        use_safe_embedding_lookup: rows without categories always give zeros, so this changes
            nothing.

    Returns:
        A dense column of `dimension` floats; over a sequence column, one for
        `SequenceFeatures`, of as many floats per step.

    Raises:
        ValueError: `dimension` is below 1, `initializer` cannot be called, `combiner` is
            unknown, `categorical_column` is not categorical, or a checkpoint is given without
            the name of a tensor in it; when the table is made, that the checkpoint has no such
            tensor of its shape.

    >>> from feature_columns import categorical_column_with_hash_bucket
    >>> embedding_column(categorical_column_with_hash_bucket("city", 1000), 8).name
    'city_embedding'
    """
    del use_safe_embedding_lookup
    categorical_column = converted(categorical_column)
    sequence = None
    if isinstance(categorical_column, SequenceCategoricalColumn):
        sequence, categorical_column = categorical_column, categorical_column.categorical_column
    checks.check_categorical(categorical_column, base.CategoricalColumn, "embedding_column")
    name = categorical_column.name
    embedding_tables.check_dimension(dimension, name)
    initializer = embedding_tables.checked_initializer(
        initializer, ckpt_to_load_from, tensor_name_in_ckpt, name
    )
    combiners.check_combiner(combiner, "combiner", f"the embedding of column {name!r}")
    column = EmbeddingColumn(
        categorical_column=categorical_column,
        dimension=dimension,
        combiner=combiner,
        initializer=initializer,
        max_norm=max_norm,
        trainable=trainable,
    )
    return column if sequence is None else EachStepColumn(column, sequence)
