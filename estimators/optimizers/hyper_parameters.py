"""The scalars an update reads: saved as variables, or following a schedule."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from estimators.aliases import Tensor, Variable
from estimators.optimizers.interface import tf_variable

LearningRate: TypeAlias = Any
"""A number, a scalar tensor, a `keras.optimizers.schedules.LearningRateSchedule`, or a callable.

A callable takes the scalar int64 step tensor, or nothing, and returns a scalar.
"""

Scalars: TypeAlias = Mapping[str, Tensor]
"""Scalar tensors by name, read or computed once per step and shared by all variables."""


def check_learning_rate(rate: LearningRate) -> None:
    """Raises unless `rate` is a `LearningRate`.

    Raises:
        ValueError: it is a negative number.
        TypeError: it is something else.
    """
    if isinstance(rate, numbers.Real) and not isinstance(rate, bool):
        if float(rate) < 0:
            raise ValueError(f"`learning_rate` must be >= 0, got {rate!r}.")
        return
    if not (tf.is_tensor(rate) or isinstance(rate, keras.Variable) or callable(rate)):
        raise TypeError(
            "`learning_rate` must be a number, a scalar tensor, a Keras LearningRateSchedule or a "
            f"callable of the step, got {type(rate).__name__}: {rate!r}."
        )


def hyper_parameter(name: str, value: float) -> Variable:
    """Returns the scalar float32 variable `name`, which starts at `value`."""
    return tf.Variable(
        lambda: tf.constant(value, tf.float32), trainable=False, dtype=tf.float32, name=name
    )


def learning_rate_at(step: Tensor, rate: LearningRate, scope: str) -> Tensor:
    """Returns the learning rate at a step, a scalar float32 tensor.

    A number is the initial value of the variable `<scope>/learning_rate`.
    """
    if isinstance(rate, numbers.Real):
        rate = hyper_parameter(f"{scope}/learning_rate", float(rate))
    elif callable(rate):
        rate = rate(step) if _takes_step(rate) else rate()
    # Read once: `tf.cast` gives a variable of the right dtype back, to be read at each use.
    return tf.cast(tf.convert_to_tensor(tf_variable(rate)), tf.float32)


def _takes_step(rate: Callable[..., Any]) -> bool:
    return bool(inspect.signature(rate).parameters)
