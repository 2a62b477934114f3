"""`shared_embeddings`: several columns look their categories up in one table of vectors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self, final

import keras

from feature_columns import base, checks, combiners, embedding_tables
from feature_columns.aliases import ParseSpec, Tensor
from feature_columns.old_columns import converted
from feature_columns.sequence_ids import EachStepColumn, SequenceCategoricalColumn
from feature_columns.weighted import WeightedCategoricalColumn


@final
@keras.saving.register_keras_serializable("feature_columns")
@dataclasses.dataclass(frozen=True, eq=False)
class SharedTable:
    """A table of vectors that several columns share.

    Equal to itself only: tables of two calls of `shared_embeddings` are two, however alike.

    Attributes:
        name: the whole name of the variable.
        num_buckets: the number of vectors.
        dimension: their length.
        initializer: called with a shape and a dtype; None is the default.
        trainable: whether an optimizer may change it.
    """

    name: str
    num_buckets: int
    dimension: int
    initializer: Callable[..., Tensor] | None
    trainable: bool

    @property
    def weight_spec(self) -> base.WeightSpec:
        """The variable, `[num_buckets, dimension]`."""
        initializer = self.initializer or embedding_tables.default_initializer(self.dimension)
        shape = (self.num_buckets, self.dimension)
        return base.WeightSpec(self.name, shape, initializer, self.trainable, owner=self)

    def get_config(self) -> dict[str, Any]:
        """Returns the fields, as `keras.saving` writes them."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        saved = embedding_tables.saved_initializer(self.initializer)
        return {**fields, "initializer": keras.saving.serialize_keras_object(saved)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Makes the table that `get_config` described."""
        initializer = keras.saving.deserialize_keras_object(config["initializer"])
        return cls(**{**config, "initializer": initializer})


@final
@keras.saving.register_keras_serializable("feature_columns")
@dataclasses.dataclass(frozen=True)
class SharedEmbeddingColumn(base.DenseColumn):
    """Vectors of a shared table; made by `shared_embeddings`, which documents the fields."""

    categorical_column: base.CategoricalColumn
    table: SharedTable
    combiner: str
    max_norm: float | None

    def get_config(self) -> dict[str, Any]:
        """Returns the fields, as `keras.saving` writes them."""
        config = super().get_config()
        # Keras reads objects of one number back as one, but numbers them from the second on.
        config["table"]["shared_object_id"] = id(self.table)
        return config

    @property
    def name(self) -> str:
        """`<categorical column name>_shared_embedding`."""
        return f"{self.categorical_column.name}_shared_embedding"

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
        """The dimension of the table."""
        return self.table.dimension

    @property
    def weight_specs(self) -> tuple[base.WeightSpec, ...]:
        """The table, which is not the column's alone."""
        return (self.table.weight_spec,)

    def represent(self, transformed: Sequence[Tensor], weights: Sequence[Any]) -> Tensor:
        """Returns the combined vectors of each row's categories."""
        (table,) = weights
        ids, *id_weights = transformed
        return combiners.combine(table, ids, self.combiner, self.max_norm, *id_weights)


def shared_embeddings(
    categorical_columns: Iterable[base.CategoricalColumn | SequenceCategoricalColumn],
    dimension: int,
    combiner: str = "mean",
    initializer: Callable[..., Tensor] | None = None,
    shared_embedding_collection_name: str | None = None,
    ckpt_to_load_from: str | None = None,
    tensor_name_in_ckpt: str | None = None,
    max_norm: float | None = None,
    trainable: bool = True,
    use_safe_embedding_lookup: bool = True,
) -> list[SharedEmbeddingColumn | EachStepColumn]:
    """Looks the categories of several columns up in one table of learned vectors.

    For features that say the same kind of thing, such as words of a title and words of a text.
    All layers that use columns of one call share the table: within one run of a `model_fn`, and
    within all that runs eagerly. Call this again to make a Keras model with a table of its own.

    Args:
        categorical_columns: columns of one kind and of as many categories, with or without
            weights, of sequences or not.
        dimension: the length of a vector.
        combiner: see `embedding_column`.
        initializer: see `embedding_column`.
        shared_embedding_collection_name: the whole name of the variable, on disk too; None is
            the sorted names of the columns, joined by `_`, and `_shared_embedding`.
        ckpt_to_load_from: see `embedding_column`.
        tensor_name_in_ckpt: see `embedding_column`.
        max_norm: see `embedding_column`.
        trainable: whether an optimizer may change the table.
        use_safe_embedding_lookup: changes nothing, see `embedding_column`.

    Returns:
        For each of the columns, in their order, a dense column of `dimension` floats; over a
        sequence column, one for `SequenceFeatures`.

    Raises:
        ValueError: there is no column, one is not categorical, they differ in kind or in their
            number of categories, or an argument is one that `embedding_column` refuses.

    >>> import tensorflow as tf
    >>> import feature_columns as fc
    >>> title, text = (fc.categorical_column_with_identity(key, 9) for key in ("title", "text"))
    >>> columns = shared_embeddings([title, text], dimension=2)
    >>> layer = fc.DenseFeatures(columns)
    >>> rows = layer({"title": tf.constant([3]), "text": tf.constant([3])})
    >>> bool(tf.reduce_all(rows[:, :2] == rows[:, 2:])), [weight.path for weight in layer.weights]
    (True, ['text_title_shared_embedding'])
    """
    del use_safe_embedding_lookup
    columns = _checked_columns(categorical_columns)
    name = shared_embedding_collection_name
    if not name:
        name = "_".join(sorted(column.name for column in columns)) + "_shared_embedding"
    embedding_tables.check_dimension(dimension, name)
    combiners.check_combiner(combiner, "combiner", f"the shared embedding {name!r}")
    table = SharedTable(
        name=name,
        num_buckets=columns[0].num_buckets,
        dimension=dimension,
        initializer=embedding_tables.checked_initializer(
            initializer, ckpt_to_load_from, tensor_name_in_ckpt, name
        ),
        trainable=trainable,
    )
    return [sharing(column, table, combiner, max_norm) for column in columns]


shared_embedding_columns = shared_embeddings
"""The name of TensorFlow 1."""


def sharing(
    column: base.CategoricalColumn | SequenceCategoricalColumn,
    table: SharedTable,
    combiner: str,
    max_norm: float | None,
) -> SharedEmbeddingColumn | EachStepColumn:
    """Returns the dense column of a categorical one over a table that exists."""
    if isinstance(column, SequenceCategoricalColumn):
        inner = SharedEmbeddingColumn(column.categorical_column, table, combiner, max_norm)
        return EachStepColumn(inner, column)
    return SharedEmbeddingColumn(column, table, combiner, max_norm)


def tied(columns: Iterable[base.FeatureColumn]) -> list[base.FeatureColumn]:
    """Returns the columns of one layer, of which those that name a table share it again.

    Each has a table of its own when they were read back one by one.
    """
    tables: dict[str, SharedTable] = {}

    def tie(column: Any) -> Any:
        if isinstance(column, EachStepColumn):
            return dataclasses.replace(column, dense_column=tie(column.dense_column))
        if isinstance(column, SharedEmbeddingColumn):
            table = tables.setdefault(column.table.name, column.table)
            return dataclasses.replace(column, table=table)
        return column

    return [tie(column) for column in columns]


def _checked_columns(columns: Any) -> list[Any]:
    if isinstance(columns, Mapping | base.FeatureColumn) or not isinstance(columns, Iterable):
        raise ValueError(f"categorical_columns must be a list of columns. Given: {columns!r}.")
    columns = [converted(column) for column in columns]
    if not columns:
        raise ValueError("categorical_columns must not be empty. Give the columns that share.")
    first = _unwrapped(columns[0])
    for column in columns:
        inner = _unwrapped(column)
        if type(inner) is not type(first):
            raise ValueError(
                "To use shared_embedding_column, all categorical_columns must have the same type, "
                "or be weighted_categorical_column or sequence column of the same type. Given: "
                f"{first.name!r} of type {type(first).__name__}, {inner.name!r} of type "
                f"{type(inner).__name__}. Make them with the same function."
            )
        if inner.num_buckets != first.num_buckets:
            raise ValueError(
                "To use shared_embedding_column, all categorical_columns must have the same "
                f"number of buckets. Given: {first.name!r} with {first.num_buckets}, "
                f"{inner.name!r} with {inner.num_buckets}. Give both the same vocabulary or size."
            )
    return columns


def _unwrapped(column: Any) -> base.CategoricalColumn:
    while isinstance(column, WeightedCategoricalColumn | SequenceCategoricalColumn):
        column = column.categorical_column
    checks.check_categorical(column, base.CategoricalColumn, "shared_embeddings")
    inner: base.CategoricalColumn = column
    return inner
