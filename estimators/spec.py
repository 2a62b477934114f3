"""What a `model_fn` returns, and what a run is asked to do: frozen values, checked when made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from estimators.aliases import InputFn, Tensor, Variable


@dataclasses.dataclass(frozen=True)
class Part:
    """Rows of a variable that are saved under a name of their own.

    Attributes:
        name: name in checkpoints.
        start: first row.
        rows: number of rows.

    Example:
        >>> Part("linear/linear_model/job/weights", start=100, rows=8).start
        100
    """

    name: str
    start: int
    rows: int


class ModeKeys:
    """The three modes a `model_fn` is called in.

    Example:
        >>> ModeKeys.TRAIN, ModeKeys.EVAL, ModeKeys.PREDICT
        ('train', 'eval', 'infer')
    """

    TRAIN = "train"
    EVAL = "eval"
    PREDICT = "infer"


MODES = (ModeKeys.TRAIN, ModeKeys.EVAL, ModeKeys.PREDICT)


def _scalar_loss(loss: Any) -> Tensor:
    if not tf.is_tensor(loss):
        raise TypeError(f"`loss` must be a Tensor, got {type(loss).__name__}: {loss!r}.")
    if loss.shape.rank is not None and loss.shape.num_elements() not in (1, None):
        raise ValueError(
            f"`loss` must be scalar, got shape {loss.shape}. Reduce it, for instance with "
            "tf.reduce_mean(loss)."
        )
    return tf.reshape(loss, [])


def _dict_of_tensors(predictions: Any) -> Any:
    if predictions is None:
        return {}
    items = predictions.items() if isinstance(predictions, Mapping) else [("", predictions)]
    for key, value in items:
        if not tf.is_tensor(value):
            raise TypeError(
                f"predictions[{key!r}] must be a Tensor, got {type(value).__name__}: {value!r}."
            )
    return predictions


def _check_train_op(train_op: Any) -> None:
    is_description = dataclasses.is_dataclass(train_op)  # of optimizers, which are above us
    kinds = tf.Operation, tf.Variable, keras.Variable, tf.distribute.DistributedValues
    is_result = tf.is_tensor(train_op) or isinstance(train_op, kinds)
    if not (is_description or is_result or callable(train_op)):
        raise TypeError(
            "`train_op` must be what estimators.minimize or estimators.group returns, a function "
            "without arguments, or an Operation or Tensor made in the body, got "
            f"{type(train_op).__name__}: {train_op!r}."
        )


def _check_flag(name: str, flag: Any) -> None:
    if flag is not None and not (tf.is_tensor(flag) and flag.dtype == tf.bool):
        raise TypeError(f"`{name}` must be a scalar bool Tensor or None, got {flag!r}.")


def _is_metric(value: Any) -> bool:
    is_pair = isinstance(value, tuple | list) and len(value) == 2
    return is_pair or all(hasattr(value, name) for name in ("update_state", "result"))


def _hooks(name: str, hooks: Iterable[Any] | None) -> tuple[Any, ...]:
    hooks = tuple(hooks or ())
    for hook in hooks:
        if isinstance(hook, type) or not callable(getattr(hook, "begin", None)):
            raise TypeError(
                f"`{name}` must hold hooks (estimators.Hook or SessionRunHook), "
                f"got {type(hook).__name__}: {hook!r}."
            )
    return hooks


@dataclasses.dataclass(frozen=True)
class EstimatorSpec:
    """What a `model_fn` answers for one mode.

    Attributes:
        mode: a `ModeKeys` value.
        predictions: dict of tensors, each `[batch, ...]`, or one tensor. Required in PREDICT.
        loss: scalar tensor. Required in TRAIN and EVAL.
        train_op: what one training step does. Required in TRAIN: the value of
            `estimators.minimize`, a callable without arguments, or an operation, tensor or
            optimizer result already made in the body.
        eval_metric_ops: metrics by name: a Keras metric already updated in the body, or a
            `tf.compat.v1.metrics` pair of (value, update).
        export_outputs: `estimators.export.ExportOutput` by signature name, read in PREDICT.
        training_chief_hooks: hooks of the chief only.
        training_hooks: hooks of every worker.
        scaffold: must be None; it named parts of a session.
        evaluation_hooks: hooks of `evaluate`.
        prediction_hooks: hooks of `predict`.
        saved_parts: pairs of a variable and the `Part`s that its rows are saved as. Premade models
            fuse the tables of many columns into one, and save each under its column's name.
        is_step: scalar bool tensor, looked at in TRAIN: False where the body only prepared itself
            with the batch (chose centres, say), so that neither the global step nor `steps` nor
            the loss of the run counts it. Replicas must agree on it. None counts every batch.

    Raises:
        ValueError: a field that the mode needs is missing, or the loss is not scalar.
        TypeError: a field has the wrong type.

    Example:
        >>> EstimatorSpec(ModeKeys.EVAL, loss=tf.constant(0.5)).loss.shape
        TensorShape([])
        >>> EstimatorSpec(ModeKeys.PREDICT)
        Traceback (most recent call last):
        ValueError: Missing predictions: an EstimatorSpec of mode 'infer' needs `predictions`.
    """

    mode: str
    predictions: Any = None
    loss: Tensor | None = None
    train_op: Any = None
    eval_metric_ops: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    export_outputs: Mapping[str, Any] | None = None
    training_chief_hooks: Sequence[Any] = ()
    training_hooks: Sequence[Any] = ()
    scaffold: Any = None
    evaluation_hooks: Sequence[Any] = ()
    prediction_hooks: Sequence[Any] = ()
    saved_parts: Sequence[tuple[Variable, Sequence[Part]]] = ()
    is_step: Tensor | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"`mode` must be one of {MODES}, got {self.mode!r}.")
        self._require_fields_of_the_mode()
        if self.loss is not None:
            self._set("loss", _scalar_loss(self.loss))
        if self.train_op is not None:
            _check_train_op(self.train_op)
        self._set("predictions", _dict_of_tensors(self.predictions))
        self._check_metrics()
        _check_flag("is_step", self.is_step)
        if self.scaffold is not None:
            raise ValueError(
                "`scaffold` named parts of a session, which no longer exists. Remove it: variables "
                "are initialised, restored and saved by the Estimator."
            )
        for name in (
            "training_chief_hooks",
            "training_hooks",
            "evaluation_hooks",
            "prediction_hooks",
        ):
            self._set(name, _hooks(name, getattr(self, name)))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _require_fields_of_the_mode(self) -> None:
        needed = {
            ModeKeys.TRAIN: ("loss", "train_op"),
            ModeKeys.EVAL: ("loss",),
            ModeKeys.PREDICT: ("predictions",),
        }[self.mode]
        for name in needed:
            if getattr(self, name) is None:
                raise ValueError(
                    f"Missing {name}: an EstimatorSpec of mode {self.mode!r} needs `{name}`."
                )

    def _check_metrics(self) -> None:
        metrics = self.eval_metric_ops
        if metrics is None:
            metrics = {}
        if not isinstance(metrics, Mapping):
            raise TypeError(f"`eval_metric_ops` must be a dict, got {type(metrics).__name__}.")
        for name, value in metrics.items():
            if not _is_metric(value):
                raise TypeError(
                    f"eval_metric_ops[{name!r}] must be a Keras metric or a pair (value, update), "
                    f"got {type(value).__name__}: {value!r}."
                )
        self._set("eval_metric_ops", dict(metrics))

    def _replace(self, **changes: Any) -> EstimatorSpec:
        """Returns a checked copy; kept from the named tuple that this was in tf.estimator."""
        if changes.get("mode", self.mode) != self.mode:
            raise ValueError("mode of EstimatorSpec cannot be changed.")
        return dataclasses.replace(self, **changes)


def _positive(name: str, value: int | None) -> None:
    if value is not None and value <= 0:
        raise ValueError(f"Must specify {name} > 0, given: {value}")


def _callable(name: str, value: Any) -> None:
    if not callable(value):
        raise TypeError(f"`{name}` must be callable, given: {value!r}")


@dataclasses.dataclass(frozen=True)
class TrainSpec:
    """What `train_and_evaluate` trains on.

    Attributes:
        input_fn: makes the training data.
        max_steps: global step to stop at; None means until the data ends.
        hooks: hooks of the training run.
        saving_listeners: `CheckpointSaverListener`s, told of every save.

    Example:
        >>> rows = lambda: tf.data.Dataset.from_tensors(({"x": [[1.0]]}, [[2.0]])).repeat()
        >>> TrainSpec(rows, max_steps=1000).max_steps
        1000
    """

    input_fn: InputFn
    max_steps: int | None = None
    hooks: Sequence[Any] = ()
    saving_listeners: Sequence[Any] = ()

    def __post_init__(self) -> None:
        _callable("input_fn", self.input_fn)
        _positive("max_steps", self.max_steps)
        object.__setattr__(self, "hooks", _hooks("hooks", self.hooks))
        object.__setattr__(self, "saving_listeners", tuple(self.saving_listeners or ()))


@dataclasses.dataclass(frozen=True)
class EvalSpec:
    """What `train_and_evaluate` evaluates on, and how often.

    Attributes:
        input_fn: makes the evaluation data.
        steps: batches per evaluation; None means one whole pass.
        name: folder suffix of the events, `eval_<name>`; several specs need several names.
        hooks: hooks of the evaluation run.
        exporters: one exporter or several, run after each evaluation.
        start_delay_secs: seconds an evaluator process waits before its first evaluation.
        throttle_secs: least number of seconds between two evaluations.
        every_steps: evaluate each time the global step passes a multiple of this, instead of
            after each checkpoint; `throttle_secs` is then not looked at.

    Example:
        >>> rows = lambda: tf.data.Dataset.from_tensors(({"x": [[1.0]]}, [[2.0]]))
        >>> spec = EvalSpec(rows, steps=None, name="held_out", every_steps=500)
        >>> spec.name, spec.every_steps
        ('held_out', 500)
    """

    input_fn: InputFn
    steps: int | None = 100
    name: str | None = None
    hooks: Sequence[Any] = ()
    exporters: Any = None
    start_delay_secs: float = 120
    throttle_secs: float = 600
    every_steps: int | None = None

    def __post_init__(self) -> None:
        _callable("input_fn", self.input_fn)
        _positive("steps", self.steps)
        _positive("every_steps", self.every_steps)
        if self.name is not None and not isinstance(self.name, str):
            raise TypeError(f"`name` must be string, given: {self.name!r}")
        for field in ("start_delay_secs", "throttle_secs"):
            if getattr(self, field) < 0:
                raise ValueError(f"Must specify {field} >= 0, given: {getattr(self, field)}")
        object.__setattr__(self, "hooks", _hooks("hooks", self.hooks))
        object.__setattr__(self, "exporters", _exporters(self.exporters))


def _exporters(exporters: Any) -> tuple[Any, ...]:
    if exporters is None:
        return ()
    if hasattr(exporters, "export") or not isinstance(exporters, Iterable):
        exporters = (exporters,)
    exporters, names = tuple(exporters), []
    for exporter in exporters:
        if not callable(getattr(exporter, "export", None)):
            raise TypeError(f"`exporters` must be Exporters, given: {exporter!r}")
        if not isinstance(exporter.name, str) or not exporter.name:
            raise ValueError(f"An exporter needs a non-empty name, given: {exporter.name!r}")
        names.append(exporter.name)
    if len(set(names)) < len(names):
        raise ValueError(f"The names of `exporters` must be unique, given: {names}")
    return exporters
