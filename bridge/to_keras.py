"""The way back: a Keras model with what an Estimator has learned."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from bridge import internals, updates
from bridge.lending import Weights
from bridge.model_to_estimator import KerasEstimator


def to_keras(estimator: KerasEstimator, checkpoint_path: str | None = None) -> keras.Model:
    """Returns a new Keras model with the trained weights, compiled as the first one was.

    `fit` goes on where the Estimator stopped: the optimizer's slots and steps are there too, unless
    it was `row_wise`.

    Args:
        estimator: made by `model_to_estimator`.
        checkpoint_path: the checkpoint to take; the newest of model_dir when None, and the initial
            weights when there is none.

    Raises:
        ValueError: the model cannot be copied; use `load_weights` then.

    Example:
        >>> from bridge import model_to_estimator
        >>> model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> to_keras(model_to_estimator(model)).loss
        'mse'
    """
    copy = _copy(estimator.keras_model)
    load_weights(copy, estimator, checkpoint_path)
    _compile(copy, estimator, _reader(estimator, checkpoint_path))
    return copy


def load_weights(
    model: keras.Model, estimator: KerasEstimator, checkpoint_path: str | None = None
) -> None:
    """Gives a Keras model the weights that an Estimator of such a model has learned.

    Args:
        model: of the same layers in the same order; it may be the one that the Estimator was made
            of.
        estimator: made by `model_to_estimator`.
        checkpoint_path: as for `to_keras`.

    Raises:
        ValueError: the model has other variables.

    Example:
        >>> from bridge import model_to_estimator
        >>> model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> load_weights(model, model_to_estimator(model))
    """
    held = estimator.keras_weights.held
    shapes = [(each.name, each.initial.shape) for each in held]
    given = [tuple(variable.shape) for variable in model.variables]
    if given != [tuple(shape) for _, shape in shapes]:
        raise ValueError(
            f"The variables of {model.name!r} have shapes {given}, and those of the Estimator's "
            f"model {shapes}. Make the model by the same code."
        )
    reader = _reader(estimator, checkpoint_path)
    for variable, each in zip(model.variables, held, strict=True):
        variable.assign(each.initial if reader is None else reader.get_tensor(each.name))


def _reader(estimator: KerasEstimator, path: str | None) -> Any:
    """Returns what reads a checkpoint; None without one."""
    path = path or estimator.latest_checkpoint()
    return None if path is None else tf.train.load_checkpoint(path)


def _copy(model: keras.Model) -> keras.Model:
    try:
        if type(model) in (keras.Model, keras.Sequential) or internals.is_functional(model):
            return keras.models.clone_model(model)
        copy = type(model).from_config(model.get_config())
        copy.build_from_config(model.get_build_config())
    except (NotImplementedError, TypeError, ValueError) as error:
        raise _cannot_copy(model) from error
    if len(copy.variables) != len(model.variables):
        raise _cannot_copy(model)
    return copy


def _cannot_copy(model: keras.Model) -> ValueError:
    return ValueError(
        f"{type(model).__name__} cannot be copied by its get_config. Give it get_config and "
        "from_config, or make a second model by your own code and call "
        "bridge.load_weights(model, estimator)."
    )


def _compile(copy: keras.Model, estimator: KerasEstimator, reader: Any) -> None:
    """Compiles a copy as the model was, its optimizer where the Estimator's has come to."""
    config = internals.compile_config(estimator.keras_model)
    optimizer = config.pop("optimizer")
    if optimizer is not None:
        optimizer = type(optimizer).from_config(optimizer.get_config())
    for key in ("metrics", "weighted_metrics"):
        config[key] = keras.tree.map_structure(_fresh_metric, config[key])
    copy.compile(optimizer=optimizer, **config)
    if optimizer is None or reader is None:
        return
    copy.optimizer.build(copy.trainable_variables)
    for held in updates.optimizer_state([copy.optimizer], Weights.of(copy).disk_names):
        # A row-wise optimizer has slots of its own, which Keras cannot go on with.
        if reader.has_tensor(held.name):
            held.keras_variable.assign(reader.get_tensor(held.name))


def _fresh_metric(metric: Any) -> Any:
    if isinstance(metric, keras.metrics.Metric):
        return type(metric).from_config(metric.get_config())
    return metric
