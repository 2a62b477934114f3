"""How an optimizer of Keras moves the variables that an Estimator lends."""

from __future__ import annotations

import abc
import collections
import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from bridge import internals, names
from bridge.lending import Held, Weights
from estimators import Hook, minimize, optimizers

Tensor = Any
Variable = Any


@dataclasses.dataclass(frozen=True)
class Step:
    """What a training step has found out before its update.

    Attributes:
        loss: scalar, of one replica.
        lent: the Estimator's variables by name.
        tape: recorded the loss, when the step runs eagerly.
    """

    loss: Tensor
    lent: Mapping[str, Variable]
    tape: Any = None


class Update(abc.ABC):
    """One way to apply an optimizer."""

    @property
    @abc.abstractmethod
    def state(self) -> Sequence[Held]:
        """The optimizer's variables that the Estimator keeps in the place of Keras."""

    @abc.abstractmethod
    def train_op(self, step: Step) -> Any:
        """Returns what `EstimatorSpec(train_op=...)` takes."""

    def hooks(self, lent: Mapping[str, Variable]) -> Sequence[Hook]:
        """Returns what is to be done between steps.

        Args:
            lent: the Estimator's variables by name.
        """
        return ()

    @property
    def seen_between_steps(self) -> Sequence[Held]:
        """The optimizer's variables that a callback may read and change."""
        return self.state

    @property
    def optimizers(self) -> Sequence[keras.optimizers.Optimizer]:
        """Those of Keras that compute with lent variables."""
        return ()


class NoUpdate(Update):
    """In the place of the optimizer of a model that has none."""

    @property
    def state(self) -> Sequence[Held]:
        """See `Update.state`.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "The Keras model was compiled without an optimizer, so it can be evaluated but not "
            "trained. Compile it with one."
        )

    def train_op(self, step: Step) -> Any:
        """See `Update.train_op`."""
        return self.state


@dataclasses.dataclass(frozen=True)
class RowWise(Update):
    """Through the equal optimizer of `estimators.optimizers`: its slots are ours.

    It gives the numbers of the Keras optimizer on dense gradients, and touches only the rows of a
    table that a batch looks up.

    Attributes:
        optimizer: SGD, Adam, Adagrad, RMSprop or Ftrl of Keras.
        weights: what it moves.
    """

    optimizer: keras.optimizers.Optimizer
    weights: Weights

    @functools.cached_property
    def state(self) -> Sequence[Held]:
        """See `Update.state`: the learning rate, unless a schedule gives it."""
        rate = internals.learning_rate(self.optimizer)
        return Held.all([rate], [self._rate_name]) if isinstance(rate, keras.Variable) else ()

    def train_op(self, step: Step) -> Any:
        """See `Update.train_op`."""
        optimizer: Any = optimizers.convert(self.optimizer)
        if self._rate_name in step.lent:
            rate = step.lent[self._rate_name]
            optimizer = dataclasses.replace(optimizer, learning_rate=rate)
        moved = [step.lent[held.name] for held in self.weights.trainable]
        return minimize(step.loss, optimizer, moved)

    @property
    def seen_between_steps(self) -> Sequence[Held]:
        """See `Update.seen_between_steps`: the count of steps is the Estimator's own."""
        return (*self.state, *Held.all([internals.iterations(self.optimizer)], ["global_step"]))

    @property
    def _rate_name(self) -> str:
        return f"training/{optimizers.convert(self.optimizer).name}/learning_rate"


@dataclasses.dataclass(frozen=True)
class AsItIs(Update):
    """By the Keras optimizer itself, its slots lent like the variables of the model.

    It gives the numbers of `fit` to the last bit, also where they are doubtful: the gradient of a
    looked-up table has several rows for an id that repeats in a batch, and Keras 3 squares each
    where it should square their sum.

    Attributes:
        optimizer: any optimizer of Keras.
        weights: what it moves.
    """

    optimizer: keras.optimizers.Optimizer
    weights: Weights

    @functools.cached_property
    def state(self) -> Sequence[Held]:
        """See `Update.state`."""
        if not self.optimizer.built:
            self.optimizer.build([held.keras_variable for held in self.weights.trainable])
        return optimizer_state([self.optimizer], self.weights.disk_names)

    def train_op(self, step: Step) -> Callable[[], None]:
        """See `Update.train_op`."""
        held, parts = self._held, self.optimizers
        variables = [each.keras_variable for each in self.weights.trainable]
        lender = self.weights.lender

        def update() -> None:
            adapter = optimizers.KerasOptimizer(self.optimizer)
            with lender.lent(held, lambda each: step.lent[each.name], optimizers=parts):
                pairs = adapter.compute_gradients(step.loss, variables, step.tape)
                # On the replica's device: gradients lie where their operations happened to be
                # placed, and only those that lie together are reduced together.
                gradients = [
                    tf.nest.map_structure(tf.identity, gradient, expand_composites=True)
                    for gradient, _ in pairs
                ]
                self.optimizer.apply(gradients, [variable for _, variable in pairs])

        return update

    def hooks(self, lent: Mapping[str, Variable]) -> Sequence[Hook]:
        """See `Update.hooks`."""
        return averages_at_the_end([self.optimizer], self.weights, self._held, lent)

    @property
    def optimizers(self) -> Sequence[keras.optimizers.Optimizer]:
        """See `Update.optimizers`."""
        return with_inner([self.optimizer])

    @property
    def _held(self) -> Sequence[Held]:
        return [*self.weights.trainable, *self.state]


def averages_at_the_end(
    optimizers: Iterable[keras.optimizers.Optimizer],
    weights: Weights,
    held: Sequence[Held],
    lent: Mapping[str, Variable],
) -> Sequence[Hook]:
    """Returns a hook that leaves weights as their averages, as `fit` does; none without averages.

    Args:
        optimizers: those with `use_ema` keep averages.
        weights: what they move.
        held: everything that they read and change.
        lent: the Estimator's variables by name.
    """
    averaging = [optimizer for optimizer in optimizers if optimizer.use_ema]
    variables = [each.keras_variable for each in weights.trainable]
    parts, strategy = with_inner(averaging), tf.distribute.get_strategy()

    def finish() -> None:
        lend = weights.lender.lent
        with strategy.scope(), lend(held, lambda each: lent[each.name], optimizers=parts):
            for optimizer in averaging:
                optimizer.finalize_variable_values(variables)

    return [_AtEnd(finish)] if averaging else ()


class _AtEnd(Hook):
    """Calls a function when a run has come to its end, before the last checkpoint."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function

    def end(self, run: Any) -> None:
        self._function()
        run.variables_changed()


def with_inner(
    optimizers: Iterable[keras.optimizers.Optimizer],
) -> list[keras.optimizers.Optimizer]:
    """Returns optimizers, and those that they scale the loss for."""
    found = list(optimizers)
    inner = [each.inner_optimizer for each in found if hasattr(each, "inner_optimizer")]
    return [*found, *with_inner(inner)] if inner else found


def optimizer_state(
    optimizers: Iterable[keras.optimizers.Optimizer], disk_names: Mapping[str, str]
) -> tuple[Held, ...]:
    """Returns all variables of optimizers that are built, in a folder for each.

    Args:
        optimizers: of one model.
        disk_names: names of the model's variables by path in Keras.
    """
    counts = collections.Counter[str]()
    held: list[Held] = []
    for optimizer in optimizers:
        scope = names.optimizer_scope(optimizer)
        counts[scope] += 1
        folder = scope if counts[scope] == 1 else f"{scope}_{counts[scope] - 1}"
        variables = optimizer.variables
        held += Held.all(variables, names.optimizer_names(folder, variables, disk_names))
    return tuple(held)


def of(optimizer: keras.optimizers.Optimizer | None, weights: Weights, *, row_wise: bool) -> Update:
    """Returns how to apply an optimizer.

    Args:
        optimizer: as compiled.
        weights: what it moves.
        row_wise: see `RowWise`.

    Raises:
        ValueError: `row_wise` is asked of an optimizer that has no such equal, or has taken steps.
    """
    if optimizer is None:
        return NoUpdate()
    if not row_wise:
        return AsItIs(optimizer, weights)
    optimizers.convert(optimizer)  # Raises where there is no equal.
    if optimizer.built and int(optimizer.iterations) > 0:
        raise ValueError(
            f"The optimizer {optimizer.name!r} has taken steps, and its slots are not those of a "
            "row-wise optimizer. Compile the model with a new one, or leave `row_wise` out."
        )
    return RowWise(optimizer, weights)
