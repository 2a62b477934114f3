"""The first dense layer over feature columns, most of which are data."""

from __future__ import annotations

from typing import Any, final

import keras
import tensorflow as tf

Tensor = Any


@final
@keras.saving.register_keras_serializable("premade")
class InputDense(keras.layers.Dense):
    """A `Dense` that differentiates by those of its inputs that were learned, not by the data.

    The gradient by all inputs is a third of the work of a dense layer, and of 50 census inputs
    only the 8 of an embedding want theirs.

    Args:
        units: number of outputs.
        learned_span: the first input that depends on weights, and the one after the last.
        **kwargs: those of `keras.layers.Dense`.

    Example:
        >>> layer = InputDense(4, learned_span=(1, 3), activation="relu")
        >>> layer(tf.ones([2, 5])).shape
        TensorShape([2, 4])
    """

    def __init__(self, units: int, *, learned_span: tuple[int, int], **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.learned_span = tuple(learned_span)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Returns `activation(inputs @ kernel + bias)`, `[batch, units]`."""
        kernel = tf.convert_to_tensor(self.kernel)
        # Elsewhere plain: a SavedModel cannot hold a gradient of one's own.
        product = self._trained_product if training else tf.matmul
        outputs = product(inputs, kernel)
        if self.bias is not None:
            outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(self.bias))
        return outputs if self.activation is None else self.activation(outputs)

    def _trained_product(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        start, stop = self.learned_span

        @tf.custom_gradient
        def product(inputs: Tensor, kernel: Tensor) -> Any:
            def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
                by_learned = tf.matmul(upstream, kernel[start:stop], transpose_b=True)
                around = [[0, 0], [start, kernel.shape[0] - stop]]
                by_kernel = tf.matmul(inputs, upstream, transpose_a=True)
                return tf.pad(by_learned, around), by_kernel

            return tf.matmul(inputs, kernel), gradient

        return product(inputs, kernel)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, serialized."""
        return {**super().get_config(), "learned_span": self.learned_span}
