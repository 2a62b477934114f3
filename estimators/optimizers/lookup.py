"""From what a user writes as `optimizer=` to an `Optimizer`."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from estimators.optimizers.adagrad import Adagrad
from estimators.optimizers.adam import Adam
from estimators.optimizers.adapters import KerasOptimizer, V1Optimizer
from estimators.optimizers.conversion import convert, is_convertible
from estimators.optimizers.ftrl import Ftrl
from estimators.optimizers.hyper_parameters import LearningRate
from estimators.optimizers.interface import Optimizer
from estimators.optimizers.rmsprop import RMSProp
from estimators.optimizers.sgd import SGD


def get(identifier: Any, learning_rate: LearningRate | None = None) -> Optimizer:
    """Makes an `Optimizer` of a name, an instance or a function that returns one.

    Args:
        identifier: 'Adagrad', 'Adam', 'Ftrl', 'RMSProp' or 'SGD', written exactly so; or an
            optimizer of this package, of Keras 3 or of `tf.compat.v1.train`; or a callable
            without arguments that returns any of these.
        learning_rate: for a name, instead of the default of its class; an instance keeps its own.

    Raises:
        ValueError: the name is unknown, or the thing is no optimizer.

    Example:
        >>> from estimators.optimizers import get
        >>> get("Ftrl", learning_rate=0.2).learning_rate
        0.2
    """
    if isinstance(identifier, str):
        return _by_name(identifier, learning_rate)
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, keras.optimizers.Optimizer):
        return convert(identifier) if is_convertible(identifier) else KerasOptimizer(identifier)
    if isinstance(identifier, tf.compat.v1.train.Optimizer):
        return V1Optimizer(identifier)
    if callable(identifier):
        return get(identifier(), learning_rate)
    raise ValueError(
        "The given object is not an optimizer: expected a name, an optimizer of "
        "estimators.optimizers, keras.optimizers or tf.compat.v1.train, or a function without "
        f"arguments that returns one; got {type(identifier).__name__}: {identifier!r}."
    )


def _by_name(name: str, learning_rate: LearningRate | None) -> Optimizer:
    classes = {"Adagrad": Adagrad, "Adam": Adam, "Ftrl": Ftrl, "RMSProp": RMSProp, "SGD": SGD}
    if name not in classes:
        near = [known for known in classes if known.lower() == name.lower()]
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"Unsupported optimizer name: {name}. Supported names are: {tuple(classes)}.{hint}"
        )
    made = classes[name]
    return made() if learning_rate is None else made(learning_rate)
