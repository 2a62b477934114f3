"""A compiled Keras model as a `model_fn`."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from bridge import checks, internals, lending, updates
from bridge.batches import Batches, by_output_name
from bridge.lending import Held, Weights
from estimators import EstimatorSpec, ModeKeys, export, tracing

Tensor = Any


@dataclasses.dataclass(frozen=True)
class Late:
    """What Keras has only when it has seen a batch in a mode.

    Attributes:
        metrics: variables of the metrics.
        slots: variables of the optimizers.
        optimizers: those of Keras that compute with lent variables.
        seen: what a callback may read and change besides the weights.
    """

    metrics: Sequence[Held]
    slots: Sequence[Held] = ()
    optimizers: Sequence[keras.optimizers.Optimizer] = ()
    seen: Sequence[Held] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class KerasModelFn:
    """Trains, evaluates and predicts with a compiled Keras model, by the model's own code.

    The model is asked for its loss, metrics and predictions as `fit`, `evaluate` and `predict` ask
    it, a custom `train_step`, `test_step`, `predict_step`, `compute_loss` or `compute_metrics`
    included. Its variables are lent by the Estimator while it runs, and its own are left alone.

    Attributes:
        model: compiled and built.
        batches: fits batches to the model.
        weights: the model's variables, with the values of the time the Estimator was made.
        update: applies the optimizer, unless the model has its own `train_step`.
        metric_names: new names of metrics by name; None keeps all names.
        export_outputs: class of `estimators.export` by name of an output; None gives one
            signature, of all predictions.
    """

    model: keras.Model
    batches: Batches
    weights: Weights
    update: updates.Update
    metric_names: Mapping[str, str] | None = None
    export_outputs: Mapping[str, Callable[[Any], export.ExportOutput]] | None = None
    _late: dict[str, Late] = dataclasses.field(default_factory=dict)

    def prepare(self, features: Any, labels: Any, mode: str, sample_weight: Any = None) -> None:
        """Lets Keras make what it makes when it sees a batch: metrics and slots of its own.

        Args:
            features: nested `tf.TypeSpec`, as all arguments but the mode.
            labels: as for `__call__`.
            mode: a `ModeKeys` value.
            sample_weight: as for `__call__`.
        """
        if mode == ModeKeys.PREDICT:
            return
        method = _method(mode)
        is_custom = _overrides(self.model, method)
        # A graph that is thrown away: the variables made in it belong to who asked for them.
        graph = tracing.FuncGraph(f"prepare_{mode}")
        with graph.as_default(), tracing.fresh_collections(None):
            features, labels, sample_weight = (
                tracing.placeholders(spec) for spec in (features, labels, sample_weight)
            )
            data = self._data(features, labels, sample_weight)
            (getattr(self.model, method) if is_custom else self._losses_and_metrics)(data)
        checks.check_is_whole(self.model, [held.keras_variable for held in self.weights.held])
        late = Late(lending.metric_state(self.model))
        if mode == ModeKeys.TRAIN and is_custom:
            used = optimizers_of(self.model)
            slots = updates.optimizer_state(used, self.weights.disk_names)
            late = Late(late.metrics, slots, updates.with_inner(used), seen=slots)
        elif mode == ModeKeys.TRAIN:
            of_update = self.update.state, self.update.optimizers, self.update.seen_between_steps
            late = Late(late.metrics, *of_update)
        self._late[mode] = late

    def __call__(
        self, features: Any, labels: Any, mode: str, sample_weight: Any = None
    ) -> EstimatorSpec:
        """Runs the model in a mode.

        Args:
            features: one tensor, a dict by input name, or what a subclassed model takes.
            labels: in the structure of the outputs, or by output name.
            mode: a `ModeKeys` value.
            sample_weight: `[batch]`, or as Keras takes it; None gives all rows weight 1.
        """
        if mode == ModeKeys.PREDICT:
            return self._predict(self.batches.x(features))
        data, late = self._data(features, labels, sample_weight), self._late[mode]
        if mode == ModeKeys.EVAL:
            return self._evaluate(data, late)
        if _overrides(self.model, _method(mode)):
            return self._custom_train(data, late)
        return self._train(data, late)

    @property
    def trained(self) -> Late:
        """What the training steps have beside the weights.

        Raises:
            ValueError: nothing has been trained in this process yet.
        """
        if ModeKeys.TRAIN not in self._late:
            raise ValueError(
                f"The model {self.model.name!r} is not being trained: nothing can be lent. Ask in "
                "a hook, between `begin` and `end`."
            )
        return self._late[ModeKeys.TRAIN]

    def _data(self, features: Any, labels: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """Returns inputs, labels and weights in the structure of the model."""
        y = self.batches.y(labels)
        return self.batches.x(features), y, self.batches.weights(features, y, sample_weight)

    # Modes

    def _predict(self, x: Any) -> EstimatorSpec:
        with self.weights.lender.lent(self.weights.held):
            outputs = self.model.predict_step((x,))
        predictions = by_output_name(outputs, self.batches.outputs)
        signatures: dict[str, export.ExportOutput] = {
            "serving_default": export.PredictOutput(predictions)
        }
        for name, kind in (self.export_outputs or {}).items():
            signatures[name] = kind(predictions[name])
        return EstimatorSpec(ModeKeys.PREDICT, predictions=predictions, export_outputs=signatures)

    def _evaluate(self, data: Any, late: Late) -> EstimatorSpec:
        with self.weights.lender.lent((*self.weights.held, *late.metrics)):
            if _overrides(self.model, "test_step"):
                results = self._step("test_step", data)
                loss = results["loss"]
            else:
                y_pred, loss = self._forward(data, training=False)
                results = self.model.compute_metrics(*data[:2], y_pred, sample_weight=data[2])
        renamed = self.metric_names or {}
        named = {renamed.get(name, name): value for name, value in results.items()}
        named.pop("loss", None)  # The Estimator's own is the mean of the losses of the batches.
        # Each update returns the value after it, so that of the last batch is the result.
        pairs = {name: (value, tf.identity(value)) for name, value in named.items()}
        return EstimatorSpec(ModeKeys.EVAL, loss=loss, eval_metric_ops=pairs)

    def _train(self, data: Any, late: Late) -> EstimatorSpec:
        tape = tf.GradientTape(persistent=True) if tf.executing_eagerly() else None
        held = (*self.weights.held, *late.metrics, *late.slots)
        with self.weights.lender.lent(held) as lent, tape or contextlib.nullcontext():
            loss = self._training_loss(data)
        return EstimatorSpec(
            ModeKeys.TRAIN,
            loss=loss,
            train_op=self.update.train_op(updates.Step(loss, lent, tape)),
            training_hooks=self.update.hooks(lent),
        )

    def _custom_train(self, data: Any, late: Late) -> EstimatorSpec:
        """Lets the model's own `train_step` compute and apply the gradients."""
        held = (*self.weights.held, *late.metrics, *late.slots)
        with self.weights.lender.lent(held, optimizers=late.optimizers) as lent:
            loss = self._step("train_step", data)["loss"]
        return EstimatorSpec(
            ModeKeys.TRAIN,
            loss=loss,
            train_op=tf.identity(loss),
            training_hooks=updates.averages_at_the_end(
                optimizers_of(self.model), self.weights, held, lent
            ),
        )

    # What the model is asked for

    def _training_loss(self, data: Any) -> Tensor:
        def loss() -> Tensor:
            return self._forward(data, training=True)[1]

        if self.model.jit_compile and not tf.executing_eagerly():
            return tf.function(loss, autograph=False, jit_compile=True)()
        return loss()

    def _forward(self, data: Any, *, training: bool) -> tuple[Any, Tensor]:
        """Returns the outputs, and the loss of this replica's batch."""
        x, y, sample_weight = data
        y_pred = self.model(x, training=training)
        options: dict[str, Any] = {}
        if "training" in inspect.signature(self.model.compute_loss).parameters:
            options["training"] = training
        loss = self.model.compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **options
        )
        return y_pred, loss / _share_of_replica()

    def _step(self, method: str, data: Any) -> dict[str, Any]:
        """Returns the logs of a step of the user's, with the loss of this batch alone.

        Raises:
            ValueError: they hold no loss.
        """
        # The usual loss in the logs is a mean over all batches so far.
        for metric in self.model.metrics:
            if metric.name == "loss":
                metric.reset_state()
        logs = getattr(self.model, method)(data)
        if not isinstance(logs, Mapping) or "loss" not in logs:
            found = sorted(logs) if isinstance(logs, Mapping) else type(logs).__name__
            raise ValueError(
                f"{type(self.model).__name__}.{method} must return a dict with the key 'loss', "
                f"got {found}."
            )
        return dict(logs)

    def _losses_and_metrics(self, data: Any) -> None:
        x, y, sample_weight = data
        if not _overrides(self.model, "compute_loss"):
            checks.check_labels(self.model, y, self.batches.outputs)
        y_pred, _ = self._forward(data, training=False)
        checks.check_outputs_have_losses(self.model, y_pred)
        self.model.compute_metrics(x, y, y_pred, sample_weight=sample_weight)


def _share_of_replica() -> Any:
    """Returns what Keras makes of a loss of 1: the Estimator divides by the replicas itself."""
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return 1.0
    return keras.losses.MeanAbsoluteError()(tf.ones([1, 1]), tf.zeros([1, 1]))


def _method(mode: str) -> str:
    return "train_step" if mode == ModeKeys.TRAIN else "test_step"


def _overrides(model: keras.Model, method: str) -> bool:
    return getattr(type(model), method) is not getattr(keras.Model, method)


def reads_a_single_label(model: keras.Model) -> bool:
    """Says whether a model has one output, and leaves its labels to the code of Keras."""
    own = ("train_step", "test_step", "compute_loss", "compute_metrics")
    return internals.gives_one_output(model) and not any(_overrides(model, each) for each in own)


def optimizers_of(model: keras.Model) -> list[keras.optimizers.Optimizer]:
    """Returns the optimizers that a model has as attributes, each once."""
    kind = keras.optimizers.Optimizer
    values = (model.optimizer, *vars(model).values())
    return list({id(value): value for value in values if isinstance(value, kind)}.values())
