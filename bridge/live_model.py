"""The user's Keras model as the model that an Estimator is training, between two steps."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras

from bridge import internals
from bridge.keras_model_fn import KerasModelFn, optimizers_of

# What Keras compiles and keeps: it would go on using the variables that it was compiled with.
_FUNCTIONS = ("train_function", "test_function", "predict_function")


class LiveModel:
    """Lends variables to a model for whole calls of it, such as `get_weights`, `save`, `predict`.

    Args:
        model_fn: runs the model.
    """

    def __init__(self, model_fn: KerasModelFn) -> None:
        self._model_fn = model_fn
        self._functions: dict[str, Any] = dict.fromkeys(_FUNCTIONS)

    @contextlib.contextmanager
    def lent(self, variable_of: Callable[[str], Any]) -> Iterator[keras.Model]:
        """Lets the model stand for what is being trained, inside the block.

        Args:
            variable_of: returns the Estimator's variable of a name.

        Yields:
            The user's very model.

        Raises:
            ValueError: nothing is being trained; or the block gave an optimizer a schedule, which
                the compiled step would not see.
        """
        model, trained = self._model_fn.model, self._model_fn.trained
        weights = self._model_fn.weights
        held = (*weights.held, *trained.seen)
        rates = [internals.learning_rate(each) for each in optimizers_of(model)]
        own = {name: getattr(model, name) for name in (*_FUNCTIONS, "stop_training")}
        _set(model, self._functions)
        try:
            with weights.lender.lent(
                held, lambda each: variable_of(each.name), optimizers=trained.optimizers
            ):
                yield model
        finally:
            self._functions = {name: getattr(model, name) for name in _FUNCTIONS}
            _set(model, own)
        for optimizer, rate in zip(optimizers_of(model), rates, strict=True):
            if internals.learning_rate(optimizer) is not rate:
                raise ValueError(
                    f"A callback gave the optimizer {optimizer.name!r} a schedule in the place of "
                    "its learning rate, and the step that is compiled keeps the old one. Assign a "
                    "number: optimizer.learning_rate = 0.1; or compile the model with a schedule."
                )


def _set(model: keras.Model, attributes: dict[str, Any]) -> None:
    for name, value in attributes.items():
        setattr(model, name, value)
