"""What can be said of a Keras model before its first step."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

from bridge import files, internals


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
    return files.load(os.fspath(path), custom_objects)


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
    outputs = list(internals.outputs_of(model))
    if not outputs:
        return  # `check_outputs_have_losses` knows them.
    config = internals.compile_config(model)
    if isinstance(model, keras.Sequential) and isinstance(config.get("loss"), Mapping):
        raise ValueError(
            f"The model {model.name!r} is Sequential, and Keras takes one loss for it and no dict: "
            f"got {config['loss']!r}. Write model.compile(loss=...) with the loss alone."
        )
    check_names(model, "loss", config.get("loss"), outputs)
    weights = config.get("loss_weights")
    if isinstance(config.get("loss"), Mapping | list | tuple):
        check_names(model, "loss_weights", weights, outputs)


def check_names(model: keras.Model, option: str, given: Any, outputs: Sequence[str]) -> None:
    """Refuses an option of `compile` that is for other outputs than those of the model.

    Args:
        model: for its name.
        option: "loss" or "loss_weights".
        given: one value for all, a list in the order of the outputs or a dict by their names.
        outputs: names.

    Raises:
        ValueError: an output is missing, or another one is named.
    """
    none = {"loss": "None", "loss_weights": "0.0"}[option]
    mend = f"An output that is not trained has {option} {none}"
    if isinstance(given, Mapping):
        missing = [name for name in outputs if name not in given]
        unknown = [name for name in given if name not in outputs]
        if missing or unknown:
            raise ValueError(
                f"The {option} of {model.name!r} must name its outputs {list(outputs)}: it lacks "
                f"{missing} and names {unknown} besides. {mend}: "
                f"model.compile({option}={{..., name: {none}}})."
            )
    # Several losses of one output are added up.
    elif isinstance(given, list | tuple) and 1 < len(outputs) != len(given):
        raise ValueError(
            f"The {option} of {model.name!r} must have one element for each of its outputs "
            f"{list(outputs)}, got {len(given)}: {given!r}. {mend}."
        )


def check_labels(model: keras.Model, labels: Any, outputs: Sequence[str]) -> None:
    """Refuses labels that the compiled losses are not for.

    Args:
        model: compiled; computes its loss as Keras does.
        labels: what `input_fn` returned.
        outputs: names; empty when the model does not tell.

    Raises:
        ValueError: there are none, or not one for each output.
    """
    loss = internals.compile_config(model).get("loss")
    if loss is None:
        return  # Layers may add losses that need no labels.
    if labels is None:
        raise ValueError(
            f"The model {model.name!r} was compiled with a loss, and input_fn returned no labels: "
            "return pairs (features, labels)."
        )
    if isinstance(labels, Mapping):
        missing = [name for name in outputs if name not in labels]
        if missing:
            raise ValueError(
                f"The model {model.name!r} has outputs {list(outputs)}, and the labels lack "
                f"{missing}: they have {sorted(labels)}. Return labels for every output, also for "
                "one that has loss None."
            )
        return
    found, with_loss = len(keras.tree.flatten(labels)), len(outputs)
    if isinstance(loss, Mapping | list | tuple):
        with_loss = sum(each is not None for each in keras.tree.flatten(loss))
    if len(outputs) > 1 and found not in (len(outputs), with_loss):
        raise ValueError(
            f"The model {model.name!r} has outputs {list(outputs)}, and input_fn returned {found} "
            "labels without names. Return a dict by output name."
        )


def check_outputs_have_losses(model: keras.Model, y_pred: Any) -> None:
    """Refuses outputs without a loss where the model, a subclass, tells its outputs only now.

    Args:
        model: compiled.
        y_pred: what it returned.

    Raises:
        ValueError: an output has no loss.
    """
    loss = internals.compile_config(model).get("loss")
    if isinstance(y_pred, Mapping) and isinstance(loss, Mapping):
        check_names(model, "loss", loss, list(y_pred))


def check_is_whole(model: keras.Model, known: Iterable[keras.Variable]) -> None:
    """Refuses a model that made weights when it was called, which nobody would train or save.

    Args:
        model: has seen a batch.
        known: its variables before.

    Raises:
        ValueError: a layer was built only now.
    """
    before = {id(variable) for variable in known}
    new = [variable.path for variable in model.variables if id(variable) not in before]
    if new:
        raise ValueError(
            f"The given keras model {model.name!r} has been built in part only: its first batch "
            f"made the weights {new}. Call it on one batch before `model_to_estimator()`."
        )


def check_row_wise(model: keras.Model) -> None:
    """Refuses `row_wise` of a model that applies its optimizer itself.

    Raises:
        ValueError: it has its own `train_step`.
    """
    if type(model).train_step is not keras.Model.train_step:
        raise ValueError(
            f"`row_wise` has no effect on {type(model).__name__}, which applies its optimizer in "
            "its own train_step: leave it out."
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
