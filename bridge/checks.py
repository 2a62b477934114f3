"""What can be said of a Keras model before its first step."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from bridge import internals


def one_model(
    model: keras.Model | None,
    path: str | os.PathLike[str] | None,
    custom_objects: Mapping[str, Any] | None,
) -> keras.Model:
    """Returns the model that is given, or the one of the file.

    Raises:
        ValueError: not exactly one of them is given, or the file cannot be loaded safely.
    """
    if model is None and path is None:
        raise ValueError("Either `keras_model` or `keras_model_path` needs to be provided.")
    if path is None:
        return model
    if model is not None:
        raise ValueError(
            "Please specify either `keras_model` or `keras_model_path`, and not both: got "
            f"{model!r} and {str(path)!r}."
        )
    return _load(os.fspath(path), custom_objects)


def _load(path: str, custom_objects: Mapping[str, Any] | None) -> keras.Model:
    if not pathlib.Path(path).exists():
        raise ValueError(f"keras_model_path {path!r} does not exist.")
    try:
        return keras.saving.load_model(path, custom_objects=custom_objects, safe_mode=True)
    except Exception as error:  # Keras raises ValueError, TypeError, KeyError and others.
        raise ValueError(f"{path!r} cannot be loaded. {_mend(str(error))}") from error


def _mend(error: str) -> str:
    if "safe_mode" in error or "unsafe" in error.lower():
        return (
            "It holds code (such as a Lambda layer), which is not run from a file. If you trust "
            "it, load it with keras.saving.load_model(path, safe_mode=False) and give the model "
            "as `keras_model`; or write a layer class in the place of the Lambda."
        )
    if "Could not locate" in error or "Unknown" in error or "custom_objects" in error:
        return f"Give the classes and functions that it needs as `custom_objects`. Keras: {error}"
    return (
        "Only models that Keras 3 saved can be loaded here. A model of Keras 2 opens with the "
        "package tf_keras: load it with tf_keras.models.load_model(path) and give the model as "
        f"`keras_model`. Keras: {error}"
    )


def check_format(checkpoint_format: str | None) -> None:
    """Refuses a format that tf.estimator did not know."""
    if checkpoint_format not in (None, "checkpoint", "saver"):
        raise ValueError(
            'Checkpoint format must be one of "checkpoint" or "saver". '
            f"Got {checkpoint_format!r}; leave it out."
        )


def check_model(model: Any) -> None:
    """Refuses what cannot be trained or evaluated.

    Raises:
        TypeError: it is no model of Keras 3.
        ValueError: it is not compiled or not built, or an output has no loss.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"`keras_model` must be a keras.Model of Keras 3, got {type(model).__name__}: {model!r}"
        )
    if not model.compiled:
        raise ValueError(
            f"The given keras model {model.name!r} has not been compiled yet. Please compile the "
            "model with `model.compile()` before calling `model_to_estimator()`."
        )
    if not model.built or not model.variables:
        raise ValueError(
            f"The given keras model {model.name!r} has not been built yet, so it has no weights to "
            "start from. Call it on one batch, give it a keras.Input as its first layer, or call "
            "model.build(input_shape)."
        )
    _check_losses(model)


def _check_losses(model: keras.Model) -> None:
    """Refuses a model with a loss for some of its outputs: Keras leaves the others out silently."""
    loss = internals.compile_config(model).get("loss")
    outputs = list(internals.outputs_of(model))
    if not isinstance(loss, Mapping) or not outputs:
        return
    missing = [name for name in outputs if name not in loss]
    unknown = [name for name in loss if name not in outputs]
    if missing or unknown:
        raise ValueError(
            f"The loss of {model.name!r} must name its outputs {outputs}: it lacks {missing} and "
            f"names {unknown} besides. An output that is not trained has loss None: "
            "model.compile(loss={..., name: None})."
        )


def check_outputs(given: Mapping[str, Any] | None, outputs: Sequence[str]) -> None:
    """Refuses export outputs of names that the model lacks.

    Raises:
        ValueError: a name is of no output.
    """
    unknown = sorted(set(given or ()) - set(outputs)) if outputs else []
    if unknown:
        raise ValueError(
            f"export_outputs must be named after the outputs of the model: {unknown} are none of "
            f"{list(outputs)}."
        )
