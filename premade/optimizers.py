"""The learning rates that tf.estimator gave to optimizers named by a string."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from estimators import optimizers


def for_linear(optimizer: Any, columns: int) -> Any:
    """Returns the optimizer of a Linear estimator.

    A name means a learning rate of 0.2 whatever the number of columns; None means FTRL with the
    lower of 0.2 and 1/sqrt(columns). The documentation of tf.estimator gave the rule for both.
    """
    if optimizer is None:
        return optimizers.Ftrl(min(0.2, 1.0 / math.sqrt(columns)))
    return _named(optimizer, 0.2)


def for_wide_part(optimizer: Any, columns: int) -> Any:
    """Returns the optimizer of the linear part of a wide & deep estimator."""
    return _named(optimizer, min(0.005, 1.0 / math.sqrt(columns)))


def for_deep(optimizer: Any) -> Any:
    """Returns the optimizer of a DNN: a name means the learning rate of its class."""
    return _named(optimizer, None)


def for_deep_part(optimizer: Any) -> Any:
    """Returns the optimizer of the deep part of a wide & deep estimator."""
    return _named(optimizer, 0.001)


def for_baseline(optimizer: Any) -> Any:
    """Returns the optimizer of a Baseline estimator: a name means a learning rate of 0.3."""
    return _named(optimizer, 0.3)


def for_recurrent(optimizer: Any) -> Any:
    """Returns the optimizer of an RNN: a name also clips the gradient of each variable."""
    made = _named(optimizer, 0.05)
    return dataclasses.replace(made, clipnorm=5.0) if isinstance(optimizer, str) else made


def _named(optimizer: Any, learning_rate: float | None) -> Any:
    """Turns a name into an optimizer; anything else is the user's own choice."""
    if optimizer is None:
        raise ValueError(
            "The optimizer must not be None. Give a name such as 'Adagrad', or an optimizer."
        )
    return optimizers.get(optimizer, learning_rate) if isinstance(optimizer, str) else optimizer
