"""Hooks of `estimators` inside Keras `fit`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NoReturn, final

import keras
import tensorflow as tf
from absl import logging

from bridge import names
from estimators import ModeKeys
from estimators.aliases import Metrics
from estimators.clock import SystemClock
from estimators.hooks import (
    CheckpointSaverHook,
    GlobalStepWaiterHook,
    Hook,
    InMemoryEvaluatorHook,
    Outputs,
    as_hook,
)
from estimators.writers import EventWriter, NullWriter, Writer

_INSTEAD = {
    CheckpointSaverHook: "keras.callbacks.BackupAndRestore saves what `fit` goes on from",
    InMemoryEvaluatorHook: "give `validation_data` to `fit`",
    GlobalStepWaiterHook: "`fit` runs in one process, which has nobody to wait for",
}


class FitRun:
    """What a hook sees of a run of `fit`: see `estimators.hooks.Run`.

    Args:
        model: the model that is fitted.
        model_dir: where events go; None writes none.
        last_step: step at which the run will end, if that is known.
    """

    mode = ModeKeys.TRAIN
    is_chief = True

    def __init__(self, model: keras.Model, model_dir: str | None, last_step: int | None) -> None:
        self._model = model
        self.model_dir = model_dir or ""
        self.first_step = self.step = int(model.optimizer.iterations)
        self.last_step = None if last_step is None else self.first_step + last_step
        self.expected_last_step = self.last_step
        self.clock = SystemClock()
        self.writer: Writer = NullWriter() if model_dir is None else EventWriter(model_dir)
        self.evaluations: Writer = NullWriter()
        if model_dir is not None:
            self.evaluations = EventWriter(os.path.join(model_dir, "eval"))
        self.last_evaluation: Metrics | None = None
        self._names = dict(
            zip(names.disk_names(model, model.variables), model.variables, strict=True)
        )

    @property
    def is_finished(self) -> bool:
        """Whether the last step is done."""
        return self.step == self.last_step

    def expect_end(self, step: int) -> None:
        """Says at which step a hook will stop the run."""
        self.expected_last_step = step

    def request_stop(self, reason: str) -> None:
        """Ends `fit` after this batch."""
        logging.info("Stopping at step %d: %s.", self.step, reason)
        self._model.stop_training = True

    def save(self) -> NoReturn:
        """Refuses."""
        raise ValueError(f"A hook asked for a checkpoint: {_INSTEAD[CheckpointSaverHook]}.")

    def evaluate(self, input_fn: Any, **options: Any) -> NoReturn:
        """Refuses: Keras has one set of metrics, which is in use."""
        raise ValueError(f"A hook asked for an evaluation: {_INSTEAD[InMemoryEvaluatorHook]}.")

    def read_variable(self, name: str) -> Any:
        """Returns the present value of a variable as a NumPy array.

        Args:
            name: as in the checkpoints of `model_to_estimator`, such as "sequential/dense/kernel".

        Raises:
            KeyError: the model has no such variable.
        """
        name = name.removesuffix(":0")
        if name not in self._names:
            raise KeyError(f"The model has no variable {name!r}. It has {sorted(self._names)}.")
        return self._names[name].numpy()

    def variables_changed(self) -> None:
        """Does nothing: there are no checkpoints."""


@final
class HookCallback(keras.callbacks.Callback):
    """Runs a hook of `estimators` in Keras `fit`.

    Steps are those of the optimizer. The loss that a hook is told is that of the logs of Keras, the
    mean since the epoch began. Tensors are fetched by the names of the logs, "loss" and those of
    the metrics; variables by their names in checkpoints.

    Args:
        hook: a `Hook` or a `SessionRunHook`.
        model_dir: where events of the hook go. Results of validation go to `<model_dir>/eval`,
            where hooks that stop early look for them.

    Raises:
        TypeError: it is no hook.
        ValueError: a hook that makes no sense in `fit`: one that saves checkpoints, evaluates, or
            waits for another process. From `fit`: it asks for a tensor that the logs lack.

    Example:
        >>> from estimators import LoggingTensorHook
        >>> model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> hook = LoggingTensorHook(["loss"], every_n_iter=10)
        >>> x = tf.ones([8, 1])
        >>> history = model.fit(x, x, verbose=0, callbacks=[HookCallback(hook)])
    """

    def __init__(self, hook: Any, model_dir: str | os.PathLike[str] | None = None) -> None:
        super().__init__()
        for kind, instead in _INSTEAD.items():
            if isinstance(hook, kind):
                raise ValueError(f"{kind.__name__} makes no sense in `fit`: {instead}.")
        self._hook: Hook = as_hook(hook)
        self._model_dir = None if model_dir is None else os.fspath(model_dir)
        self._run: FitRun | None = None
        self._due: int | None = None
        self._epoch_began = 0

    @property
    def run(self) -> FitRun:
        """The run of `fit` that goes on, or was the last."""
        assert self._run is not None, "fit calls on_train_begin first"
        return self._run

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begins."""
        steps, epochs = self.params.get("steps"), self.params.get("epochs")
        last_step = steps * epochs if steps and epochs else None
        self._run = FitRun(self.model, self._model_dir, last_step)
        self._hook.begin(self._run)
        self._due = self._hook.due(self._run.step)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Takes note of where the batches are counted from."""
        self._epoch_began = self.run.step

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Calls the hook if it is due."""
        run = self.run
        run.step = self._epoch_began + batch + 1
        is_due = self._due is not None and run.step >= self._due
        if is_due or self._hook.every_call:
            self._hook.after(run, self._outputs(logs or {}))
            self._due = self._hook.due(run.step)

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Takes note of an evaluation, and writes it where early stopping reads it."""
        if self._run is None:
            return  # Of `evaluate`, not of `fit`.
        run, results = self.run, dict(logs or {})
        run.last_evaluation = {**results, "global_step": run.step}
        run.evaluations.scalars(run.step, results)
        run.evaluations.flush()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Ends."""
        self._hook.end(self.run)
        self.run.writer.flush()

    def _outputs(self, logs: Mapping[str, Any]) -> Outputs:
        asked = self._hook.fetches()
        fetched = tf.nest.map_structure(lambda leaf: _fetched(leaf, logs), asked)
        return Outputs(step=self.run.step, loss=float(logs["loss"]), fetched={self._hook: fetched})


def _fetched(leaf: Any, logs: Mapping[str, Any]) -> Any:
    """Returns the value of the logs that a hook asks for."""
    name = leaf.removesuffix(":0") if isinstance(leaf, str) else ""
    if name not in logs:
        raise ValueError(
            f"A hook asks for the tensor {leaf!r}. In `fit` hooks see the logs of Keras, which are "
            f"{sorted(logs)}, and variables: make it a metric of the model to see it."
        )
    return logs[name]
