"""Models of Keras 2, which is the package `tf_keras` now, as Estimators.

A layer of Keras 2 makes its variables where it is built, so the model is cloned in the body of a
`model_fn`, as tf.estimator did it: the clone's variables are the Estimator's, with the weights of
the model as initial values.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bridge import checks
from bridge.batches import Batches, by_output_name
from estimators import Estimator, EstimatorSpec, ModeKeys, export, minimize, optimizers
from estimators.checkpoints import Checkpoint

Tensor = Any
PACKAGE = "tf_keras"


def is_model(model: Any) -> bool:
    """Says whether something is a model of Keras 2."""
    kinds = (f"{kind.__module__}.{kind.__name__}" for kind in type(model).__mro__)
    return any(kind.startswith(f"{PACKAGE}.") and kind.endswith(".Model") for kind in kinds)


def package() -> Any:
    """Returns `tf_keras`.

    Raises:
        ImportError: it is not installed.
    """
    try:
        return importlib.import_module(PACKAGE)
    except ImportError as error:
        raise ImportError(
            f"A model of Keras 2 needs the package {PACKAGE} of the same version as TensorFlow: "
            f"pip install {PACKAGE}. Or move the model to Keras 3."
        ) from error


def check_model(model: Any) -> None:
    """Refuses what cannot be trained here.

    Raises:
        ImportError: `tf_keras` is not installed.
        ValueError: the model is not compiled or built, or has its own training step.
    """
    own = package().Model
    if not model.optimizer:
        raise ValueError(
            f"The given keras model {model.name!r} has not been compiled yet. Please compile the "
            "model with `model.compile()` before calling `model_to_estimator()`."
        )
    if not model.built or not model.weights:
        raise ValueError(
            f"The given keras model {model.name!r} has not been built yet. Call it on one batch, "
            "or give it an Input layer."
        )
    for method in ("train_step", "test_step", "predict_step", "compute_loss"):
        if getattr(type(model), method) is not getattr(own, method):
            raise ValueError(
                f"{type(model).__name__} of Keras 2 has its own {method}, which is run for models "
                "of Keras 3 only. Move the model to Keras 3, or write a model_fn."
            )
    equal_optimizer(model.optimizer)


@dataclasses.dataclass(frozen=True, eq=False)
class Keras2ModelFn:
    """Trains, evaluates and predicts with clones of a compiled model of Keras 2.

    Attributes:
        model: compiled and built; it is not changed.
        batches: fits batches to the model.
        initial: values of the variables, in the order in which a clone makes them; None for those
            that are no weights.
        metric_names: new names of metrics by name.
        export_outputs: class of `estimators.export` by name of an output.
    """

    model: Any
    batches: Batches
    initial: tuple[np.ndarray[Any, Any] | None, ...]
    metric_names: Mapping[str, str] | None = None
    export_outputs: Mapping[str, Callable[[Any], export.ExportOutput]] | None = None

    def __call__(
        self, features: Any, labels: Any, mode: str, sample_weight: Any = None
    ) -> EstimatorSpec:
        """Runs a clone in a mode; see `KerasModelFn`."""
        x = self.batches.x(features)
        if mode == ModeKeys.PREDICT:
            with _as_version_2():
                return self._predict(self._clone()(x, training=False))
        model = self._clone()
        y = self.batches.y(labels)
        weights = self.batches.weights(features, y, sample_weight)
        y_pred = model(x, training=mode == ModeKeys.TRAIN)
        losses, metrics = _containers(self.model)
        # Divided by the number of replicas, which the Estimator does too.
        loss = losses(y, y_pred, weights, regularization_losses=model.losses)
        loss *= tf.distribute.get_strategy().num_replicas_in_sync
        if mode == ModeKeys.TRAIN:
            optimizer = equal_optimizer(self.model.optimizer)
            train_op = minimize(loss, optimizer, model.trainable_variables)
            return EstimatorSpec(mode, loss=loss, train_op=train_op)
        metrics.update_state(y, y_pred, weights)
        named = {metric.name: metric for metric in (*losses.metrics, *metrics.metrics)}
        named.pop("loss", None)  # The Estimator's own is the mean of the losses of the batches.
        renamed = self.metric_names or {}
        pairs = {renamed.get(name, name): metric for name, metric in named.items()}
        return EstimatorSpec(mode, loss=loss, eval_metric_ops=pairs)

    def _predict(self, outputs: Any) -> EstimatorSpec:
        predictions = by_output_name(outputs, self.batches.outputs)
        signatures: dict[str, export.ExportOutput] = {
            "serving_default": export.PredictOutput(predictions)
        }
        for name, kind in (self.export_outputs or {}).items():
            signatures[name] = kind(predictions[name])
        return EstimatorSpec(ModeKeys.PREDICT, predictions=predictions, export_outputs=signatures)

    def _clone(self) -> Any:
        """Returns a new model, whose weights begin with the values of the first one."""
        values, asking = iter(self.initial), threading.local()

        def create(next_creator: Callable[..., Any], **asked: Any) -> Any:
            # Not the one that the Estimator makes when it is asked, nor a model's counters.
            if getattr(asking, "now", False) or asked.get("name") is None:
                return next_creator(**asked)
            value = next(values)
            if value is not None:
                asked["initial_value"] = lambda: tf.constant(value)
            asking.now = True
            try:
                return next_creator(**asked)
            finally:
                asking.now = False

        with tf.variable_creator_scope(create):
            return clone(self.model)


class Keras2Estimator(Estimator):
    """An Estimator of a model of Keras 2; made by `bridge.model_to_estimator`.

    Args:
        keras_model_fn: runs clones of the model.
        **options: those of `estimators.Estimator`.
    """

    def __init__(self, keras_model_fn: Keras2ModelFn, **options: Any) -> None:
        super().__init__(keras_model_fn, **options)
        self.keras_model = keras_model_fn.model


def trained(estimator: Keras2Estimator, checkpoint: Checkpoint | None) -> Any:
    """Returns a clone of the model with the weights of a checkpoint, compiled as the model was."""
    model = estimator.keras_model
    copy = clone(model)
    load_weights(copy, estimator, checkpoint)
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    copy.compile(optimizer, **_given(model))
    return copy


def load_weights(model: Any, estimator: Keras2Estimator, checkpoint: Checkpoint | None) -> None:
    """Gives a model of Keras 2 the weights of a checkpoint, or without one the initial weights."""
    weights = estimator.keras_model.weights
    names = [weight.name.removesuffix(":0") for weight in weights]
    if checkpoint is None:
        model.set_weights([weight.numpy() for weight in weights])
    else:
        model.set_weights([checkpoint.read(name) for name in names])


@contextlib.contextmanager
def _as_version_2() -> Iterator[None]:
    """Lets Keras 2 make its usual layers in a graph that is exported.

    Such a graph is traced as code of TensorFlow 1, which Keras 2 knows by the graph's name and has
    other layers for.
    """
    graph: Any = tf.compat.v1.get_default_graph()
    name = getattr(graph, "name", None)
    if name is None:
        yield
        return
    graph.name = "predict"
    try:
        yield
    finally:
        graph.name = name


def initial_values(model: Any) -> tuple[np.ndarray[Any, Any] | None, ...]:
    """Returns the weights of a model, in the order in which its clone makes them.

    Raises:
        ValueError: the model cannot be cloned.
    """
    made: list[Any] = []

    def create(next_creator: Callable[..., Any], **asked: Any) -> Any:
        variable = next_creator(**asked)
        if asked.get("name") is not None:
            made.append(variable)
        return variable

    with tf.variable_creator_scope(create):
        copy = clone(model)
    if len(copy.weights) != len(model.weights):
        raise ValueError(
            f"{type(model).__name__} of Keras 2 cannot be cloned: it has {len(model.weights)} "
            f"weights, and its clone {len(copy.weights)}. Build the model from keras.Input."
        )
    pairs = zip(copy.weights, model.get_weights(), strict=True)
    values = {id(variable): value for variable, value in pairs}
    return tuple(values.get(id(variable)) for variable in made)


def clone(model: Any) -> Any:
    """Returns a model of the same layers, with weights of its own.

    Raises:
        ValueError: the class of the model has no `get_config`.
    """
    try:
        return package().models.clone_model(model)
    except (NotImplementedError, ValueError) as error:
        raise ValueError(
            f"{type(model).__name__} of Keras 2 cannot be cloned. Give it get_config and "
            f"from_config, or build it from keras.Input. Keras: {error}"
        ) from error


def _containers(model: Any) -> tuple[Any, Any]:
    """Returns what a model of Keras 2 computes its losses and its metrics with, both new."""
    given = _given(model)
    losses, metrics = type(model.compiled_loss), type(model.compiled_metrics)
    names = model.output_names
    return (
        losses(given["loss"], loss_weights=given["loss_weights"], output_names=names),
        metrics(given["metrics"], given["weighted_metrics"], output_names=names),
    )


def _given(model: Any) -> dict[str, Any]:
    """Returns what the model was compiled with, its metrics without state."""
    config = model._compile_config.config
    given = {key: config[key] for key in ("loss", "loss_weights", "metrics", "weighted_metrics")}
    for key in ("metrics", "weighted_metrics"):
        given[key] = tf.nest.map_structure(_fresh_metric, given[key])
    return given


def _fresh_metric(metric: Any) -> Any:
    """Returns a metric without state: its variables are made in the body."""
    is_metric = hasattr(metric, "update_state") and hasattr(metric, "from_config")
    return type(metric).from_config(metric.get_config()) if is_metric else metric


def equal_optimizer(optimizer: Any) -> Any:
    """Returns an optimizer with the numbers of one of Keras 2.

    Args:
        optimizer: of `tf_keras.optimizers`, or of its `legacy`.

    Raises:
        ValueError: there is none.
    """
    kind = type(optimizer).__name__
    with tf.init_scope():  # its numbers are variables, which a graph cannot look into
        config = optimizer.get_config()
    config["learning_rate"] = _learning_rate(config["learning_rate"])
    # The old ones have the formulas of `estimators.optimizers`, the new ones those of Keras 3.
    is_old = ".legacy." in type(optimizer).__module__ or ".optimizer_v2." in str(type(optimizer))
    found = {"RMSprop": "RMSProp"}.get(kind, kind) if is_old else kind
    place = optimizers if is_old else keras.optimizers
    make = getattr(place, found, None)
    if make is None:
        raise ValueError(
            f"{type(optimizer).__module__}.{kind} has no equal here. Compile the model with an "
            "optimizer that Keras 3 has, such as Adam."
        )
    known = inspect.signature(make).parameters
    return make(**{key: value for key, value in config.items() if key in known and key != "name"})


def _learning_rate(value: Any) -> Any:
    """Returns a number or a schedule of Keras 3."""
    if not isinstance(value, Mapping):
        return float(value)
    schedule = getattr(keras.optimizers.schedules, value["class_name"], None)
    if schedule is None:
        raise ValueError(
            f"The learning rate schedule {value['class_name']} has no equal in Keras 3. Compile "
            "with a number or a schedule of Keras."
        )
    config = {key: each for key, each in value["config"].items() if each is not None}
    return schedule.from_config(config)  # None is a name that Keras 3 does not take


def estimator_of(
    model: Any,
    metric_names: Mapping[str, str] | None,
    export_outputs: Mapping[str, Any] | None,
    weight_column: str | None,
    class_weight: Mapping[int, float] | None,
    **options: Any,
) -> Keras2Estimator:
    """Makes the Estimator; the arguments are those of `model_to_estimator`."""
    check_model(model)
    outputs = tuple(model.output_names or ())
    checks.check_outputs(export_outputs, outputs)
    inputs = model.input if model.inputs else None
    batches = Batches(inputs, outputs, weight_column, class_weight)
    initial = initial_values(model)
    model_fn = Keras2ModelFn(model, batches, initial, metric_names, export_outputs)
    return Keras2Estimator(model_fn, **options)
