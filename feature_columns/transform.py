"""`Transform`: raw features to the ids and floats that a model multiplies."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import final

import tensorflow as tf

from feature_columns import column_lists, shared_weights, signature
from feature_columns.aliases import Features, Tensor
from feature_columns.base import CategoricalColumn, FeatureColumn, FloatColumn, SourceColumn
from feature_columns.cache import FeatureCache
from feature_columns.fused_table import FusedLayout
from feature_columns.indicator import IndicatorColumn
from feature_columns.sequence_ids import EachStepColumn
from feature_columns.tables import LookupTables


@final
class Transform:
    """Computes the transformed tensors that some columns read, each once.

    It has no trainable state, so it runs where it is cheapest: on whole batches in a dataset's
    `map`, in parallel with the training step, and again in an exported graph. The layers
    `DenseFeatures` and `LinearModel` take its results, or raw features, or a mixture.

    Args:
        columns: columns; unlike those of one layer, two may share a name.
        linear: columns of one `LinearModel`. Where each has one category per row, its ids are not
            given but, in one tensor for all, the rows of the layer's table that they stand for.

    Raises:
        ValueError: something is no column, two columns differ in a way that their fields do not
            tell (methods of two objects as normalizer_fn), or two calls of `shared_embeddings`
            gave their tables one name.

    >>> from feature_columns import categorical_column_with_vocabulary_list, numeric_column
    >>> color = categorical_column_with_vocabulary_list("color", ["R", "G", "B"])
    >>> transform = Transform([color])
    >>> features = transform({"color": tf.constant(["G", "X"]), "unused": tf.constant([1, 2])})
    >>> {key.split("/")[0]: ids.numpy().tolist() for key, ids in features.items()}
    {'color:ids': [[1], [-1]]}
    """

    def __init__(
        self,
        columns: FeatureColumn | Iterable[FeatureColumn],
        linear: FeatureColumn | Iterable[FeatureColumn] = (),
    ) -> None:
        self._tables = LookupTables()
        self._sources: dict[str, SourceColumn] = {}
        self._limits: dict[str, int] = {}
        given, summed = column_lists.as_columns(columns), column_lists.by_name(linear)
        _check_owners([*given, *summed])
        for column in given:
            self._add(column)
        shared = set(self._sources)
        for column in summed:
            self._add(column)
        placed = [column for column in summed if isinstance(column, CategoricalColumn)]
        if any(len(column.sources) > 1 for column in placed):
            placed = []  # Rows of a table do not tell the weights of their ids.
        self._layout = FusedLayout.of(placed)
        self._placed = [column.transformed_key for column in placed]
        self._only_placed = set(self._placed) - shared

    @tf.autograph.experimental.do_not_convert  # there is nothing to convert
    def __call__(self, features: Features) -> dict[str, Tensor]:
        """Transforms a batch.

        Args:
            features: raw features by key, `[batch, ...]`; other keys are ignored. A transformed
                tensor that is there already is passed on.

        Returns:
            Transformed tensors by `SourceColumn.transformed_key`: float32 `[batch, width]`, or
            int64 ids `[batch, k]`, dense or ragged, and float32 weights of the same form; of
            sequence columns what their `transform` says, `[batch, time, ...]`; and by
            `FusedLayout.key` int32 rows `[batch, columns]`.

        Raises:
            ValueError: a feature is missing, or has a wrong type or shape.
        """
        cache = FeatureCache(features, self._tables)
        rows = features.get(self._layout.key)
        if rows is not None:
            transformed = self._checked_all(cache, without=self._only_placed)
            return {**transformed, self._layout.key: rows}
        transformed = self._checked_all(cache)
        rows = self._layout.place([transformed[key] for key in self._placed])
        if rows is None:
            return transformed
        others = {k: v for k, v in transformed.items() if k not in self._only_placed}
        return {**others, self._layout.key: rows}

    def tables(self) -> tf.Module:
        """Returns the lookup tables; an exported module must have them as an attribute."""
        return self._tables

    def _add(self, column: FeatureColumn) -> None:
        for source in column.sources:
            other = self._sources.setdefault(source.transformed_key, source)
            if not signature.is_same(other, source):
                raise ValueError(
                    f"Columns {other!r} and {source!r} differ, and cannot be told apart by their "
                    "fields. Give each its own named function as normalizer_fn."
                )
        key = column.sources[0].transformed_key
        if isinstance(column, EachStepColumn):
            column = column.dense_column
        source = column.sources[0]
        # An indicator ignores an id that is too large; a table of weights cannot.
        if isinstance(column, IndicatorColumn) or not isinstance(source, CategoricalColumn):
            return
        if not source.ids_are_bounded:
            self._limits[key] = source.num_buckets

    def _checked_all(self, cache: FeatureCache, without: Collection[str] = ()) -> dict[str, Tensor]:
        return {key: self._checked(key, cache) for key in self._sources if key not in without}

    def _checked(self, key: str, cache: FeatureCache) -> Tensor:
        value = cache.transformed(self._sources[key])
        if key not in self._limits or cache.has(key):
            return value
        limit = self._limits[key]
        check = tf.debugging.assert_less(
            value.values if isinstance(value, tf.RaggedTensor) else value,
            tf.constant(limit, tf.int64),
            message=f"Column {self._sources[key].name} expects ids in [0, {limit}). Give it more "
            "buckets, or a default_value for other ids.",
        )
        with tf.control_dependencies([] if check is None else [check]):
            return tf.identity(value)


def _check_owners(columns: Iterable[FeatureColumn]) -> None:
    floats = [column for column in columns if isinstance(column, FloatColumn)]
    owners = [spec.owner for column in floats for spec in column.weight_specs]
    shared_weights.check_one_owner(owner for owner in owners if owner is not None)
