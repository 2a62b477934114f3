"""Keras callbacks on the Estimator's trainer."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, final

import keras
import numpy as np
from absl import logging

from bridge import internals
from bridge.callback_state import CallbackState
from bridge.model_to_estimator import KerasEstimator
from estimators import Hook
from estimators.aliases import InputFn, Metrics
from estimators.hooks import Outputs, Run

_OF_BATCHES = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")


@dataclasses.dataclass
class Epoch:
    """The epoch that is being trained.

    Attributes:
        number: counted from 0, as callbacks are told.
        first_step: global step at which it began.
        step: global step up to which losses are added up.
        losses: their sum.
    """

    number: int
    first_step: int
    step: int
    losses: float = 0.0

    @property
    def steps(self) -> int:
        """Steps made in it."""
        return self.step - self.first_step

    @property
    def logs(self) -> dict[str, float]:
        """The mean of the losses of its steps, as `fit` logs it."""
        return {"loss": float(np.float32(self.losses / self.steps))} if self.steps else {}

    def add(self, outputs: Outputs) -> None:
        """Takes note of the steps of a call."""
        steps = outputs.step - self.step
        self.losses += outputs.loss * steps if outputs.losses is None else outputs.losses
        self.step = outputs.step

    def next(self) -> Epoch:
        """Returns the one that begins where this one has come to."""
        return Epoch(self.number + 1, self.step, self.step)


@final
class CallbackHook(Hook):
    """Runs Keras callbacks with an Estimator that `model_to_estimator` made.

    While a callback runs, its `self.model` is the Keras model with the weights and the optimizer of
    this run: `self.model.optimizer.learning_rate = x`, `self.model.set_weights(...)`,
    `self.model.save(path)` and `self.model.stop_training = True` do what they do in `fit`.
    Afterwards the model has its own values again. (The optimizers SGD, Adam, Adagrad, RMSprop and
    Ftrl run by the equal ones of `estimators.optimizers`: a file that a callback saves then has the
    learning rate and the count of steps, and no slots. Checkpoints have all.)

    The logs are the mean `loss` of the steps of the epoch and, with validation data, `val_loss` and
    the metrics that the model was compiled with. What callbacks count is in the checkpoints: a run
    that was killed goes on in the middle of its epoch, with the patience that was left. A run that
    a callback has stopped stays stopped when it is started again.

    Callbacks of epochs cost nothing in between. Those with methods for batches cost one compiled
    call for each step, which is what `fit` does, instead of one for hundreds. (TerminateOnNaN is
    one of them, and not needed: every run ends with an error at the first NaN, and keeps the
    checkpoint before it.)

    Args:
        estimator: the one that is trained.
        callbacks: in the order of their calls.
        steps_per_epoch: length of an epoch; None makes one epoch of the whole run.
        validation_input_fn: makes the data of the evaluation at the end of each epoch.
        validation_steps: number of its batches; None means one whole pass.
        initial_epoch: number of the first epoch.

    Raises:
        TypeError: the Estimator is not of a Keras model, or one is no callback.
        ValueError: `steps_per_epoch` is not positive; several processes train; or a callback does
            what the Estimator does (BackupAndRestore).

    Example:
        >>> from bridge import model_to_estimator
        >>> from estimators import inputs
        >>> model = keras.Sequential([keras.Input([1], name="x"), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(0.1), "mse")
        >>> x = np.ones([4, 1], np.float32)
        >>> data = inputs.numpy_input_fn({"x": x}, x, 4, num_epochs=None, shuffle=False)
        >>> halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
        >>> estimator = model_to_estimator(model)
        >>> hook = CallbackHook(estimator, [halve], steps_per_epoch=10)
        >>> trained = estimator.train(data, hooks=[hook], max_steps=30)
        >>> float(trained.get_variable_value("training/sgd/learning_rate"))
        0.0125...
    """

    every_call = True

    def __init__(
        self,
        estimator: KerasEstimator,
        callbacks: Iterable[keras.callbacks.Callback],
        steps_per_epoch: int | None = None,
        validation_input_fn: InputFn | None = None,
        validation_steps: int | None = None,
        *,
        initial_epoch: int = 0,
    ) -> None:
        _check_estimator(estimator)
        self._callbacks = _checked(callbacks)
        if steps_per_epoch is not None and steps_per_epoch <= 0:
            raise ValueError(f"steps_per_epoch must be positive, got {steps_per_epoch}.")
        self._estimator = estimator
        self._steps_per_epoch = steps_per_epoch
        self._validation_input_fn = validation_input_fn
        self._validation_steps = validation_steps
        self._initial_epoch = initial_epoch
        self._by_batch = [each for each in self._callbacks if _wants_batches(each)]
        self._kept = CallbackState(self._callbacks)
        self._list = keras.callbacks.CallbackList(self._callbacks)
        self._epoch = Epoch(initial_epoch, 0, 0)
        self._logs: dict[str, float] = {}
        self._is_stopped = False
        self._saved: Mapping[str, Any] = {}

    # The run

    def begin(self, run: Run) -> None:
        """Calls `on_train_begin`, and `on_epoch_begin` unless the run goes on inside an epoch."""
        saved, self._saved, self._is_stopped, self._logs = self._saved, {}, False, {}
        self._epoch = Epoch(self._initial_epoch, run.step, run.step)
        if saved:
            self._epoch, self._is_stopped = Epoch(**saved["epoch"]), saved["is_stopped"]
        params = {"verbose": 0, "epochs": self._epochs(run), "steps": self._steps_per_epoch}
        self._list.set_params(params)
        self._list.set_model(self._estimator.keras_model)
        if self._by_batch:
            names = [type(each).__name__ for each in self._by_batch]
            logging.info("Steps run one by one, because of the methods for batches of %s.", names)
        with _appending(self._callbacks if saved else ()):
            self._call("on_train_begin")
        if saved:
            self._kept.restore(saved["callbacks"], run.model_dir)
        else:
            self._begin_epoch()
            run.variables_changed()
        self._stop_if_asked(run)

    def due(self, step: int) -> int | None:
        """Returns the end of the epoch, or the next step if a callback wants all."""
        if self._by_batch:
            return step + 1
        if self._steps_per_epoch is None:
            return None
        return max(step + 1, self._epoch.first_step + self._steps_per_epoch)

    def after(self, run: Run, outputs: Outputs) -> None:
        """Adds up the loss; calls what there is to call at this step."""
        self._epoch.add(outputs)
        batch = self._epoch.steps - 1
        if self._by_batch:
            self._call("on_train_batch_end", batch, self._epoch.logs)
        is_over = self._steps_per_epoch is not None and self._epoch.steps >= self._steps_per_epoch
        if is_over or (self._is_stopped and self._by_batch):
            self._end_epoch(run)
            if not self._is_stopped and not run.is_finished:
                self._begin_epoch()
        elif self._by_batch and not run.is_finished:
            self._call("on_train_batch_begin", batch + 1)
        if is_over or self._by_batch:
            run.variables_changed()
        self._stop_if_asked(run)

    def end(self, run: Run) -> None:
        """Ends an epoch that the end of the run cuts short, and calls `on_train_end`."""
        if self._epoch.steps and (run.is_finished or self._steps_per_epoch is None):
            self._end_epoch(run)
        self._call("on_train_end", self._logs)
        run.variables_changed()

    def state(self) -> Mapping[str, Any]:
        """Returns the place in the epoch, and what callbacks count."""
        return {
            "epoch": dataclasses.asdict(self._epoch),
            "is_stopped": self._is_stopped,
            "callbacks": self._kept.save(self._estimator.model_dir),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes them back."""
        self._saved = state

    # Epochs

    def _begin_epoch(self) -> None:
        self._call("on_epoch_begin", self._epoch.number)
        if self._by_batch:
            self._call("on_train_batch_begin", 0)

    def _end_epoch(self, run: Run) -> None:
        self._logs = self._epoch.logs
        if self._validation_input_fn is not None:
            self._logs |= self._validate(run)
        self._call("on_epoch_end", self._epoch.number, self._logs)
        self._epoch = self._epoch.next()

    def _validate(self, run: Run) -> dict[str, float]:
        assert self._validation_input_fn is not None
        self._call("on_test_begin")
        metrics: Metrics = run.evaluate(self._validation_input_fn, steps=self._validation_steps)
        results = {k: v for k, v in metrics.items() if k != "global_step"}
        logs = {k: float(v) if np.ndim(v) == 0 else v for k, v in results.items()}
        self._call("on_test_end", logs)
        return {f"val_{name}": value for name, value in logs.items()}

    # Callbacks

    def _call(self, event: str, *args: Any) -> None:
        """Calls all callbacks, on the model of this run."""
        with self._estimator.lent() as model:
            model.stop_training = self._is_stopped
            getattr(self._list, event)(*args)
            self._is_stopped = bool(model.stop_training)

    def _stop_if_asked(self, run: Run) -> None:
        if self._is_stopped:
            run.request_stop("a Keras callback has set stop_training")

    def _epochs(self, run: Run) -> int | None:
        """Returns how many epochs there will be, as `fit` counts; None when only the data knows."""
        if self._steps_per_epoch is None:
            return self._epoch.number + 1
        if run.last_step is None:
            return None
        left = run.last_step - self._epoch.first_step
        return self._epoch.number + -(-left // self._steps_per_epoch)


def _check_estimator(estimator: Any) -> None:
    if not isinstance(estimator, KerasEstimator):
        raise TypeError(
            "`estimator` must be made by bridge.model_to_estimator: callbacks work on its Keras "
            f"model. Got {type(estimator).__name__}; give it hooks of `estimators` instead."
        )
    if estimator.config.num_worker_replicas > 1:
        raise ValueError(
            "CallbackHook supports only training in one process, and TF_CONFIG names "
            f"{estimator.config.num_worker_replicas} workers, which would all run the callbacks "
            "and write their files. Compile the model with a learning rate schedule, and use the "
            "hooks of `estimators`."
        )


def _checked(callbacks: Iterable[Any]) -> list[keras.callbacks.Callback]:
    found = list(callbacks)
    for callback in found:
        if not isinstance(callback, keras.callbacks.Callback):
            raise TypeError(f"A keras.callbacks.Callback is expected, got {callback!r}.")
        if isinstance(callback, keras.callbacks.BackupAndRestore):
            raise ValueError(
                "BackupAndRestore does what the Estimator does by itself: a run that was killed "
                "goes on from the newest checkpoint of model_dir. Leave it out."
            )
    return found


def _wants_batches(callback: keras.callbacks.Callback) -> bool:
    """Says whether the methods for batches of a callback do anything, as it is set up."""
    if type(callback) is keras.callbacks.ModelCheckpoint:
        return callback.save_freq != "epoch"
    if type(callback) is keras.callbacks.TensorBoard:
        by_epoch = callback.update_freq == "epoch" and not callback.write_steps_per_second
        return not by_epoch or internals.traces_batches(callback)
    return any(internals.is_overridden(getattr(callback, name)) for name in _OF_BATCHES)


@contextlib.contextmanager
def _appending(callbacks: Iterable[keras.callbacks.Callback]) -> Iterator[None]:
    """Lets loggers go on with their files, which they would begin anew."""
    loggers = [each for each in callbacks if isinstance(each, keras.callbacks.CSVLogger)]
    before = [logger.append for logger in loggers]
    for logger in loggers:
        logger.append = True
    try:
        yield
    finally:
        for logger, append in zip(loggers, before, strict=True):
            logger.append = append
