"""Keras 3 optimizers as ours: the same numbers as their dense updates, at the cost of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from estimators.optimizers.adagrad import Adagrad
from estimators.optimizers.adam import Adam
from estimators.optimizers.ftrl import Ftrl
from estimators.optimizers.interface import Optimizer
from estimators.optimizers.rmsprop import RMSProp
from estimators.optimizers.row_wise import RowWiseOptimizer
from estimators.optimizers.sgd import SGD


def _sgd(optimizer: Any, shared: dict[str, Any]) -> RowWiseOptimizer:
    return SGD(momentum=optimizer.momentum, nesterov=optimizer.nesterov, lazy=False, **shared)


def _adam(optimizer: Any, shared: dict[str, Any]) -> RowWiseOptimizer:
    return Adam(
        beta_1=optimizer.beta_1,
        beta_2=optimizer.beta_2,
        epsilon=optimizer.epsilon,
        amsgrad=optimizer.amsgrad,
        **shared,
    )


def _adagrad(optimizer: Any, shared: dict[str, Any]) -> RowWiseOptimizer:
    # Keras 3 divides by sqrt(a + epsilon). An accumulator that starts epsilon higher is the same,
    # and the fused kernel adds its own epsilon outside the root only.
    start = optimizer.initial_accumulator_value + optimizer.epsilon
    return Adagrad(initial_accumulator_value=start, epsilon=0.0, **shared)


def _rmsprop(optimizer: Any, shared: dict[str, Any]) -> RowWiseOptimizer:
    return RMSProp(
        rho=optimizer.rho,
        momentum=optimizer.momentum,
        epsilon=optimizer.epsilon,
        centered=optimizer.centered,
        lazy=False,
        epsilon_under_root=True,
        **shared,
    )


def _ftrl(optimizer: Any, shared: dict[str, Any]) -> RowWiseOptimizer:
    return Ftrl(
        learning_rate_power=optimizer.learning_rate_power,
        initial_accumulator_value=optimizer.initial_accumulator_value,
        l1_regularization_strength=optimizer.l1_regularization_strength,
        l2_regularization_strength=optimizer.l2_regularization_strength,
        l2_shrinkage_regularization_strength=optimizer.l2_shrinkage_regularization_strength,
        beta=optimizer.beta,
        **shared,
    )


def _converter(optimizer: Any) -> Callable[[Any, dict[str, Any]], RowWiseOptimizer] | None:
    # The very class: a subclass, such as AdamW, does something else.
    return {
        keras.optimizers.SGD: _sgd,
        keras.optimizers.Adam: _adam,
        keras.optimizers.Adagrad: _adagrad,
        keras.optimizers.RMSprop: _rmsprop,
        keras.optimizers.Ftrl: _ftrl,
    }.get(type(optimizer))


_NOT_CONVERTIBLE = (
    "weight_decay",
    "use_ema",
    "gradient_accumulation_steps",
    "loss_scale_factor",
)


def is_convertible(optimizer: Any) -> bool:
    """Says whether `convert` has an equal for a Keras 3 optimizer."""
    extras = any(getattr(optimizer, name, None) for name in _NOT_CONVERTIBLE)
    return _converter(optimizer) is not None and not extras


def convert(keras_optimizer: Any) -> Optimizer:
    """Makes one of ours from a Keras 3 SGD, Adam, Adagrad, RMSprop or Ftrl, argument by argument.

    The result gives the numbers of the Keras optimizer on dense gradients, which Keras itself does
    not give for a looked-up table with repeated ids. Its learning rate stays the variable of the
    Keras optimizer, so `keras_optimizer.learning_rate.assign(...)` still works.

    Raises:
        ValueError: the class is another one, or it uses weight decay, averaged weights,
            accumulated gradients or a loss scale. `KerasOptimizer` takes those.

    Example:
        >>> import keras
        >>> from estimators.optimizers import convert
        >>> convert(keras.optimizers.Adam(beta_1=0.8)).beta_1
        0.8
    """
    converter = _converter(keras_optimizer)
    if converter is None or not is_convertible(keras_optimizer):
        raise ValueError(
            f"keras.optimizers.{type(keras_optimizer).__name__} as configured has no row-wise "
            "equal: SGD, Adam, Adagrad, RMSprop and Ftrl have one, without "
            f"{', '.join(_NOT_CONVERTIBLE)}. Use KerasOptimizer(...) to run it as it is."
        )
    shared = {
        # Not `.learning_rate`: that property evaluates a schedule at Keras's own step counter.
        "learning_rate": keras_optimizer._learning_rate,
        "clipvalue": keras_optimizer.clipvalue,
        "clipnorm": keras_optimizer.clipnorm,
        "global_clipnorm": keras_optimizer.global_clipnorm,
    }
    return converter(keras_optimizer, shared)
