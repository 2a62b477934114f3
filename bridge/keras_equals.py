"""What a premade Estimator is trained with, in the terms of Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

import estimators
from estimators import optimizers


def compile_as(model: keras.Model, estimator: Any) -> None:
    """Compiles a premade network with the loss of its Estimator's head, if Keras has it.

    And with the optimizer of the Estimator, of its deep part if there are two.

    Args:
        model: its outputs are logits.
        estimator: a premade one.
    """
    options = _loss_and_metrics(estimator.head)
    if options is not None:
        optimizer = _optimizer(estimator.towers[0].optimizer)
        model.compile(optimizer=optimizer, **options)
        if optimizer is not None:
            optimizer.build(model.trainable_variables)  # A file of it cannot be loaded else.


def _loss_and_metrics(head: Any) -> dict[str, Any] | None:
    """Returns what `compile` takes, or None where the loss is one that Keras has not."""
    makers: dict[type, Callable[..., dict[str, Any]]] = {
        estimators.BinaryClassHead: _binary,
        estimators.MultiClassHead: _classes,
        estimators.RegressionHead: _numbers,
    }
    make = makers.get(type(head))
    if make is None or head.loss_fn is not None:
        return None
    reduction = "sum" if head.loss_reduction == "sum" else "sum_over_batch_size"
    return make(reduction)


def _binary(reduction: str) -> dict[str, Any]:
    return {
        "loss": keras.losses.BinaryCrossentropy(from_logits=True, reduction=reduction),
        "weighted_metrics": [
            keras.metrics.BinaryAccuracy("accuracy", threshold=0.0),
            keras.metrics.AUC(from_logits=True, name="auc"),
        ],
    }


def _classes(reduction: str) -> dict[str, Any]:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)
    accuracy = keras.metrics.SparseCategoricalAccuracy("accuracy")
    return {"loss": loss, "weighted_metrics": [accuracy]}


def _numbers(reduction: str) -> dict[str, Any]:
    return {"loss": keras.losses.MeanSquaredError(reduction=reduction)}


def _optimizer(optimizer: Any) -> keras.optimizers.Optimizer | None:
    """Returns a new Keras optimizer with the numbers of ours; None where Keras has none."""
    if isinstance(optimizer, keras.optimizers.Optimizer):
        return type(optimizer).from_config(optimizer.get_config())
    ours: Any = optimizers.get(optimizer)
    fields = _FIELDS.get(type(ours))
    # A schedule of ours counts the steps of a run, which Keras does not know.
    if fields is None or not isinstance(ours.learning_rate, int | float) or ours.decay:
        return None
    shared = ("learning_rate", "clipvalue", "clipnorm", "global_clipnorm")
    kind = getattr(keras.optimizers, _NAMES.get(type(ours).__name__, type(ours).__name__))
    return kind(**{name: getattr(ours, name) for name in (*shared, *fields)})


_NAMES = {"RMSProp": "RMSprop"}
_FIELDS: dict[type, tuple[str, ...]] = {
    optimizers.SGD: ("momentum", "nesterov"),
    optimizers.Adam: ("beta_1", "beta_2", "epsilon", "amsgrad"),
    optimizers.Adagrad: ("initial_accumulator_value", "epsilon"),
    optimizers.RMSProp: ("rho", "momentum", "epsilon", "centered"),
    optimizers.Ftrl: (
        "learning_rate_power",
        "initial_accumulator_value",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "l2_shrinkage_regularization_strength",
        "beta",
    ),
}
