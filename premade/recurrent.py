"""The network under the recurrent estimators, and the Keras layers that it is made of.

Its variables have tf.estimator's names on disk: `rnn_model/lstm/lstm_cell/kernel` for a number of
units, `rnn_model/rnn/lstm_cell/kernel` for a list of one, and
`rnn_model/rnn/stacked_rnn_cells/lstm_cell_1/kernel` for the second of several. Embeddings are not
below the model: `sequence_features/<column>/embedding_weights`, and `dense_features/...` for those
of the context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

import feature_columns as fc
from premade.saving import Network, saved

Tensor = Any

LAYERS = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
CELLS = {
    "simple_rnn": keras.layers.SimpleRNNCell,
    "lstm": keras.layers.LSTMCell,
    "gru": keras.layers.GRUCell,
}


@keras.saving.register_keras_serializable("premade")
class RNNModel(Network):
    """A recurrent network over sequence columns, `[batch, units]` or `[batch, time, units]`.

    The output of the last step of each sequence, or of every step, then a dense layer. Context
    columns, which have one value per example, join the input of every step, after the sequence
    columns.

    Where every step has an output, `compute_mask` says which steps are there, and Keras leaves the
    others out of losses and metrics.

    Args:
        rnn: a recurrent Keras layer; the model answers for the last step, or for every step, as
            its `return_sequences` says.
        sequence_feature_columns: dense sequence columns.
        context_feature_columns: dense columns; None is no context.
        units: number of outputs.
        name: first part of the variable names.
        **kwargs: those of `keras.Model`.

    Example:
        >>> price = fc.sequence_numeric_column("price")
        >>> model = RNNModel(keras.layers.LSTM(4), [price], [fc.numeric_column("age")])
        >>> price, age = tf.ragged.constant([[10.0, 5.0], [2.0]]), tf.constant([30.0, 40.0])
        >>> model({"price": price, "age": age}).shape
        TensorShape([2, 1])
    """

    def __init__(
        self,
        rnn: Any,
        sequence_feature_columns: Iterable[Any],
        context_feature_columns: Iterable[Any] | None = None,
        units: int = 1,
        *,
        name: str = "rnn_model",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.sequence = fc.SequenceFeatures(sequence_feature_columns, name="sequence_features")
        context = list(context_feature_columns or ())
        self.context = fc.DenseFeatures(context, name="dense_features") if context else None
        self.rnn = rnn
        self.supports_masking = rnn.return_sequences
        self.logits = keras.layers.Dense(units, name="logits")
        # Here, outside of the model's scope, because their weights have no part of it on disk.
        self.sequence.build()
        if self.context is not None:
            self.context.build()

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights; the columns decide their shapes."""
        del input_shape
        inputs = [layer for layer in (self.sequence, self.context) if layer is not None]
        width = sum(column.width for layer in inputs for column in layer.columns)
        if not self.rnn.built:  # one that was loaded from a file has its weights already
            self.rnn.build((None, None, width))
        self.logits.build((None, self.rnn.compute_output_shape((None, None, width))[-1]))

    @property
    def feature_columns(self) -> tuple[Any, ...]:
        """The columns of both kinds."""
        return (*self.sequence.columns, *self._context_columns)

    @property
    def _context_columns(self) -> tuple[Any, ...]:
        return () if self.context is None else self.context.columns

    def call(self, features: Mapping[str, Tensor], training: bool = False) -> Tensor:
        """Returns logits of raw or transformed features."""
        steps, lengths = self.sequence(features)
        # A batch of empty sequences has no steps, and a recurrent layer reads the first one.
        steps = tf.pad(steps, [[0, 0], [0, _missing_step(steps)], [0, 0]])
        time = tf.shape(steps)[1]
        if self.context is not None:
            context = self.context(features)[:, tf.newaxis, :]
            steps = tf.concat([steps, tf.repeat(context, time, axis=1)], axis=2)
        mask = tf.sequence_mask(lengths, time)
        return self.logits(self.rnn(steps, mask=mask, training=training))

    def compute_mask(
        self, features: Mapping[str, Tensor], previous_mask: Any = None
    ) -> Tensor | None:
        """Returns which steps are there, bool `[batch, time]`; None where only the last answers."""
        del previous_mask
        if not self.rnn.return_sequences:
            return None
        mask = self.sequence.mask(features)
        return tf.pad(mask, [[0, 0], [0, _missing_step(mask)]])

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, serialized."""
        return {
            **super().get_config(),
            "rnn": saved(self.rnn),
            "sequence_feature_columns": saved(self.sequence.columns),
            "context_feature_columns": self.context and saved(self.context.columns),
            "units": self.logits.units,
        }


def _missing_step(steps: Tensor) -> Tensor:
    """Returns 1 if there is no step, else 0."""
    return tf.maximum(1 - tf.shape(steps)[1], 0)


def checked_maker(
    units: int | Sequence[int] | None,
    cell_type: Any,
    rnn_cell_fn: Callable[[], Any] | None,
    return_sequences: bool = False,
) -> Callable[[], Any]:
    """Returns a function that makes a recurrent layer.

    Args:
        units: size of the layer, or of each layer of a stack.
        cell_type: 'simple_rnn', 'lstm', 'gru' or a class of cells that takes a size; None is
            'simple_rnn'.
        rnn_cell_fn: returns a Keras cell, instead of both.
        return_sequences: the layer answers for every step, not only for the last one.

    Raises:
        ValueError: `rnn_cell_fn` and another one are given, or neither; a size is no positive
            int; or `cell_type` is unknown.

    Example:
        >>> checked_maker([8, 4], "gru", None)().cell.name
        'stacked_rnn_cells'
    """
    if rnn_cell_fn is not None:
        if units is not None or cell_type is not None:
            raise ValueError(
                "units and cell_type must not be specified when using rnn_cell_fn. "
                f"Given: units={units!r}, cell_type={cell_type!r}. The function decides both."
            )
        return lambda: keras.layers.RNN(
            rnn_cell_fn(), return_sequences=return_sequences, name="rnn"
        )
    cell_type = "simple_rnn" if cell_type is None else cell_type
    if not isinstance(cell_type, type) and cell_type not in CELLS:
        raise ValueError(
            "`cell_type` should be a class producing a RNN cell, or a string that names one. "
            f"Supported strings are: {list(CELLS)}. Given: {cell_type!r}."
        )
    sizes = [units] if isinstance(units, int) else list(units or ())
    if not sizes or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise ValueError(
            "`units` should be the size of a recurrent layer, or a list of sizes for several. "
            f"Given: {units!r}. Or give rnn_cell_fn."
        )
    if isinstance(units, int) and isinstance(cell_type, str):
        # A layer of its own runs as one kernel where there is one.
        return lambda: LAYERS[cell_type](units, return_sequences=return_sequences, name=cell_type)
    return lambda: keras.layers.RNN(
        _cell(cell_type, sizes), return_sequences=return_sequences, name="rnn"
    )


def _cell(cell_type: Any, sizes: Sequence[int]) -> Any:
    if isinstance(cell_type, str):
        name = f"{cell_type}_cell"
        names = [name, *(f"{name}_{i}" for i in range(1, len(sizes)))]
        cells = [CELLS[cell_type](size, name=each) for size, each in zip(sizes, names, strict=True)]
    else:
        cells = [cell_type(size) for size in sizes]
    if len(cells) == 1:
        return cells[0]
    return keras.layers.StackedRNNCells(cells, name="stacked_rnn_cells")
