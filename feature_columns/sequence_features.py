"""`SequenceFeatures`: the input layer of a recurrent network over sequence columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self, final

import keras
import tensorflow as tf

from feature_columns import column_lists, layer_parts
from feature_columns.aliases import Features, Tensor
from feature_columns.embedding import EmbeddingColumn
from feature_columns.indicator import IndicatorColumn
from feature_columns.sequence_base import SequenceDenseColumn
from feature_columns.shared_embedding import SharedEmbeddingColumn
from feature_columns.transform import Transform


@final
@keras.saving.register_keras_serializable("feature_columns")
class SequenceFeatures(keras.layers.Layer):
    """Concatenates sequence columns step by step, in ascending order of their names.

    All columns must have the same number of steps in a row. Weights are named
    `<column name>/embedding_weights`; a shared table has a name of its own.

    Args:
        columns: `sequence_numeric_column`, and `sequence_categorical_column_with_*` in
            `embedding_column`, `indicator_column` or `shared_embeddings`, of different names.
        name: the layer's name.
        **kwargs: those of `keras.layers.Layer`; `dtype` is float32 unless given.

    Raises:
        ValueError: a column is not a dense sequence column, or names repeat.

    >>> import feature_columns as fc
    >>> move = fc.sequence_categorical_column_with_vocabulary_list("move", ["left", "right"])
    >>> layer = SequenceFeatures([fc.sequence_numeric_column("size"), fc.indicator_column(move)])
    >>> steps, lengths = layer(
    ...     {
    ...         "move": tf.ragged.constant([["left", "right"], ["right"]]),
    ...         "size": tf.ragged.constant([[1.5, 2.5], [3.5]]),
    ...     }
    ... )
    >>> steps.numpy().tolist()
    [[[1.0, 0.0, 1.5], [0.0, 1.0, 2.5]], [[0.0, 1.0, 3.5], [0.0, 0.0, 0.0]]]
    >>> lengths.numpy().tolist()
    [2, 1]
    """

    def __init__(
        self,
        columns: SequenceDenseColumn | Iterable[SequenceDenseColumn],
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **{"dtype": "float32", **kwargs})
        self._columns = tuple(_sequence(column) for column in column_lists.normalise(columns))
        self._transform = Transform(self._columns)
        self._tables = self._transform.tables()  # Held here, so that a SavedModel has them.
        self._column_weights: tuple[tuple[Any, ...], ...] = ()

    @property
    def columns(self) -> tuple[SequenceDenseColumn, ...]:
        """The columns, in the order of the output."""
        return self._columns

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights; the columns decide their shapes."""
        del input_shape
        self._column_weights = layer_parts.make_column_weights(self._columns)

    def call(self, features: Features) -> tuple[Tensor, Tensor]:
        """Returns the columns of a batch side by side, and how long its sequences are.

        Args:
            features: raw or transformed features by key.

        Returns:
            float32 `[batch, time, sum of the widths]`, and lengths, int64 `[batch]`.

        Raises:
            tf.errors.InvalidArgumentError: the lengths of two columns differ.
        """
        transformed = self._transform(features)
        parts = layer_parts.represent(self._columns, self._column_weights, transformed)
        lengths = [
            column.lengths(*layer_parts.read(column, transformed)) for column in self._columns
        ]
        with tf.control_dependencies(self._check_agreement(parts, lengths)):
            return tf.concat(parts, axis=2), tf.identity(lengths[0])

    def mask(self, features: Features) -> Tensor:
        """Returns which steps of the output are there, and do not only fill up the batch.

        Args:
            features: raw or transformed features by key.

        Returns:
            bool `[batch, time]`.

        >>> import feature_columns as fc
        >>> layer = SequenceFeatures([fc.sequence_numeric_column("size")])
        >>> layer.mask({"size": tf.ragged.constant([[1.5, 2.5], [3.5]])}).numpy().tolist()
        [[True, True], [True, False]]
        """
        column = self._columns[0]  # All have the same steps: `call` checks it.
        steps = layer_parts.read(column, self._transform(features))
        return tf.sequence_mask(column.lengths(*steps), tf.shape(steps[0])[1])

    def _check_agreement(self, parts: Sequence[Tensor], lengths: Sequence[Tensor]) -> list[Any]:
        """Returns the checks that the columns have the same steps, as operations of a graph."""
        first = self._columns[0].name
        checks = []
        for column, part, own in zip(self._columns[1:], parts[1:], lengths[1:], strict=True):
            both = f"Sequence columns {first!r} and {column.name!r}"
            checks += [
                tf.debugging.assert_equal(
                    own,
                    lengths[0],
                    f"{both} have sequences of different lengths. Give every step a value in "
                    "each; where a sequence is shorter than the batch, leave both out: a dense "
                    "numeric feature cannot, so make it ragged or sparse.",
                ),
                tf.debugging.assert_equal(
                    tf.shape(part)[1],
                    tf.shape(parts[0])[1],
                    f"{both} are filled up to different numbers of steps. Give their features "
                    "the same dense shape.",
                ),
            ]
        return [check for check in checks if check is not None]

    def compute_output_spec(self, features: Features) -> tuple[Any, Any]:
        """Returns what `call` gives, as symbols: a float and an integer tensor."""
        shapes = {key: value.shape for key, value in features.items()}
        steps, lengths = self.compute_output_shape(shapes)
        return keras.KerasTensor(steps, "float32"), keras.KerasTensor(lengths, "int64")

    def compute_output_shape(self, input_shape: Any) -> tuple[tuple[int | None, ...], ...]:
        """Returns `(batch, time, sum of the widths)` and `(batch,)`."""
        batch = layer_parts.batch_of(input_shape)
        return (batch, None, sum(column.width for column in self._columns)), (batch,)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, serialized."""
        return {**super().get_config(), "columns": layer_parts.saved_columns(self._columns)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Makes the layer that `get_config` described."""
        return cls(**layer_parts.restored_columns(config))


def _sequence(column: Any) -> SequenceDenseColumn:
    if isinstance(column, SequenceDenseColumn):
        return column
    if isinstance(column, IndicatorColumn | EmbeddingColumn | SharedEmbeddingColumn):
        wrapper = "indicator" if isinstance(column, IndicatorColumn) else "embedding"
        raise ValueError(
            f"In {wrapper}_column: {column.name}. categorical_column must be of type "
            "SequenceCategoricalColumn to use SequenceFeatures. Make it with one of "
            f"sequence_categorical_column_with_*. Given: {column.categorical_column!r}."
        )
    raise ValueError(
        f"Items of feature_columns must be a {SequenceDenseColumn}. Take "
        "sequence_numeric_column, or wrap a sequence_categorical_column_with_* in an "
        f"embedding_column or indicator_column. Given: {column!r}."
    )
