"""A premade network that Keras trained, as the beginning of a premade Estimator."""

from __future__ import annotations

import os
import re

import keras
import tensorflow as tf

from bridge.premade_weights import places
from estimators import WarmStartSettings
from estimators.checkpoints import CheckpointStore


def from_keras(model: keras.Model, folder: str | os.PathLike[str]) -> WarmStartSettings:
    """Writes the weights of a premade network where a premade Estimator can start from them.

    Every bit arrives, moving statistics too. Weights are written under the names that
    tf.estimator gave them, so the folder serves as any checkpoint does: `tf.train.load_checkpoint`
    reads it.

    Args:
        model: a `premade.LinearModel`, `DNNModel` or `WideDeepModel`, built.
        folder: for the checkpoint; not the model_dir of the Estimator. An older one in it is
            replaced.

    Returns:
        What to give as `warm_start_from` to a `premade` Estimator over the same columns.

    Raises:
        TypeError: the model is no network of `premade`.
        ValueError: it has not been built.

    Example:
        >>> import feature_columns as fc
        >>> from premade import LinearClassifier, LinearModel
        >>> age = fc.numeric_column("age")
        >>> model = LinearModel([age])
        >>> model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
        >>> history = model.fit({"age": tf.constant([1.0, 2.0])}, tf.constant([0, 1]), verbose=0)
        >>> start = from_keras(model, "from_keras")
        >>> classifier = LinearClassifier([age], warm_start_from=start)
        >>> start.vars_to_warm_start
        ['linear/linear_model/age/weights$', 'linear/linear_model/bias_weights$']
    """
    found = places(model)
    if not found:
        raise ValueError(
            f"The model {model.name!r} has no weights yet. Call it on one batch, or model.build()."
        )
    values = {place.name: tf.convert_to_tensor(place.value()) for place in found}
    prefix = CheckpointStore(os.fspath(folder)).commit(0, values)
    # By name, because a regular expression alone means the trainable variables only.
    names = [f"{re.escape(name)}$" for name in values]
    return WarmStartSettings(prefix, vars_to_warm_start=names)
