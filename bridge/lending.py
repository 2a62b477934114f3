"""The variables of a compiled Keras model, lent by an Estimator while its code runs.

A Keras layer holds its variables; an Estimator finds them by name, so that they can be made for a
strategy, saved and restored. Here the two meet: for the length of a block every Keras variable
stands for the Estimator's variable of its name, and afterwards for its own again. So the layers,
losses, metrics and optimizer of the user's very model compute the training step, and the model
itself is left as it was.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bridge import internals, names

Variable = Any


@dataclasses.dataclass(frozen=True, eq=False)
class Held:
    """A Keras variable, and the Estimator's variable that it may stand for.

    Attributes:
        keras_variable: the user's.
        name: of the Estimator's variable, on disk.
        initial: value of the Estimator's variable before the first step.
        is_metric: it is reset before each evaluation, and not saved.
    """

    keras_variable: keras.Variable
    name: str
    initial: np.ndarray[Any, Any]
    is_metric: bool = False

    @classmethod
    def all(cls, variables: Iterable[keras.Variable], names: Iterable[str]) -> tuple[Held, ...]:
        """Takes the present values as initial ones."""
        pairs = zip(variables, names, strict=True)
        return tuple(cls(variable, name, np.array(variable.numpy())) for variable, name in pairs)

    def requested(self) -> Variable:
        """Returns the Estimator's variable, inside a `model_fn`: made there once, then found."""
        initial = self.initial
        synchronization, aggregation = internals.distribution_of(self.keras_variable)
        if self.is_metric:  # By this the Estimator tells it from a variable of the model.
            synchronization = tf.VariableSynchronization.ON_READ
            aggregation = tf.VariableAggregation.SUM
        return tf.Variable(
            # A closure over the values only: it must not lead to the Keras variable's own name.
            lambda: tf.constant(initial),
            trainable=self.keras_variable.trainable and not self.is_metric,
            dtype=initial.dtype,
            name=self.name,
            constraint=self.keras_variable.constraint,
            synchronization=synchronization,
            aggregation=aggregation,
        )


class Lender:
    """Lends the variables of one model.

    Replicas of a MirroredStrategy are traced in threads that take turns in the middle of a step, so
    that several blocks are open at a time and none of them closes before the others opened. All
    ask for the same variables: the first block lends them and the last takes them back.
    """

    def __init__(self) -> None:
        self._borrowers = collections.Counter[int]()
        self._own: dict[int, Variable] = {}
        self._undo: dict[int, Callable[[], None]] = {}

    @contextlib.contextmanager
    def lent(
        self,
        held: Sequence[Held],
        variable_of: Callable[[Held], Variable] = Held.requested,
        *,
        optimizers: Iterable[keras.optimizers.Optimizer] = (),
    ) -> Iterator[dict[str, Variable]]:
        """Lets Keras variables stand for the Estimator's variables inside the block.

        Args:
            held: which ones.
            variable_of: finds the Estimator's variable; by default, as a `model_fn` does.
            optimizers: of Keras, that are to find their slots in there.

        Yields:
            The Estimator's variables by name.
        """
        variables = {each.name: variable_of(each) for each in held}
        optimizers = list(optimizers)
        for each in held:
            self._lend(each.keras_variable, variables[each.name])
        for optimizer in optimizers:
            self._reindex(optimizer, held, variables)
        try:
            yield variables
        finally:
            for borrowed in (*optimizers, *(each.keras_variable for each in held)):
                self._take_back(borrowed)

    def _lend(self, variable: keras.Variable, value: Variable) -> None:
        if not self._borrowers[id(variable)]:
            own = self._own[id(variable)] = internals.backing(variable)
            self._undo[id(variable)] = lambda: internals.set_backing(variable, own)
            internals.set_backing(variable, value)
        self._borrowers[id(variable)] += 1

    def _reindex(
        self, optimizer: Any, held: Sequence[Held], variables: Mapping[str, Variable]
    ) -> None:
        if not self._borrowers[id(optimizer)]:
            keys = {
                internals.key_of(self._own[id(each.keras_variable)]): internals.key_of(
                    variables[each.name]
                )
                for each in held
            }
            self._undo[id(optimizer)] = internals.reindex(optimizer, keys)
        self._borrowers[id(optimizer)] += 1

    def _take_back(self, borrowed: Any) -> None:
        self._borrowers[id(borrowed)] -= 1
        if not self._borrowers[id(borrowed)]:
            self._own.pop(id(borrowed), None)
            self._undo.pop(id(borrowed))()


@dataclasses.dataclass(frozen=True)
class Weights:
    """The variables of one model, and who lends them.

    Attributes:
        held: all of them, random states included, with the values of the time this was made.
        trainable: those that training moves.
        lender: lends them, and what belongs to them.
    """

    held: tuple[Held, ...]
    trainable: tuple[Held, ...]
    lender: Lender

    @classmethod
    def of(cls, model: keras.Model) -> Weights:
        """Takes the present weights of a model as initial ones."""
        held = Held.all(model.variables, names.disk_names(model, model.variables))
        moved = {id(variable) for variable in model.trainable_variables}
        trainable = tuple(each for each in held if id(each.keras_variable) in moved)
        return cls(held, trainable, Lender())

    @property
    def disk_names(self) -> dict[str, str]:
        """Names on disk by path in Keras."""
        return {each.keras_variable.path: each.name for each in self.held}


def metric_state(model: keras.Model) -> tuple[Held, ...]:
    """Returns the variables of the model's metrics, with the values that `reset_state` gives them.

    The metrics must have been built.
    """
    variables = model.metrics_variables
    before = [np.array(variable.numpy()) for variable in variables]
    for metric in model.metrics:
        metric.reset_state()
    held = Held.all(variables, (f"{model.name}/metric_{i}" for i, _ in enumerate(variables)))
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    return tuple(dataclasses.replace(each, is_metric=True) for each in held)
