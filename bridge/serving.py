"""What an exported Keras model is sent: its own inputs, by their names and types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from bridge import internals
from bridge.batches import named_inputs
from bridge.model_to_estimator import KerasEstimator
from estimators import export


def serving_input_receiver_fn(
    model: keras.Model | KerasEstimator, default_batch_size: int | None = None
) -> Callable[[], export.ServingInputReceiver]:
    """Returns the `serving_input_receiver_fn` of a model that is sent its inputs by name.

    Args:
        model: Sequential or Functional, or an Estimator of such a model.
        default_batch_size: first dimension of a request's tensors; None takes any.

    Returns:
        What `export_saved_model` and exporters take. Strings stay strings and integers integers.

    Raises:
        ValueError: a subclassed model does not tell its inputs.

    Example:
        >>> words = keras.Input([], dtype="string", name="word")
        >>> model = keras.Model(words, keras.layers.Hashing(8)(words))
        >>> receiver_fn = serving_input_receiver_fn(model)
        >>> with tf.Graph().as_default():
        ...     receiver_fn().receiver_tensors["word"].dtype
        tf.string
    """
    keras_model = model.keras_model if isinstance(model, KerasEstimator) else model
    inputs = internals.inputs_of(keras_model)
    if inputs is None:
        raise ValueError(
            f"{type(keras_model).__name__} does not tell its inputs. Name them: "
            "estimators.export.build_raw_serving_input_receiver_fn({name: tf.TensorSpec(...)})."
        )
    specs: dict[str, Any] = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name)
        for name, tensor in named_inputs(inputs)
    }
    return export.build_raw_serving_input_receiver_fn(specs, default_batch_size)
