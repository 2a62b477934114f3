"""What `minimize` asks of an optimizer, whoever wrote it."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras

from estimators.aliases import Tensor, Variable

GradientAndVariable: TypeAlias = tuple[Tensor, Variable]
"""A gradient (`tf.Tensor` or `tf.IndexedSlices`, never None) and what it belongs to."""

DiskName: TypeAlias = Callable[[Variable], str]
"""The name of a variable in checkpoints; its slots are named after it."""


@dataclasses.dataclass(frozen=True)
class UpdateContext:
    """What an update knows about the run it is part of.

    Attributes:
        step: scalar int64 tensor, the number of steps finished before this one.
        scope: folder of the optimizer's variables in checkpoints, such as `training/Adagrad`.
        owns_global_step: False for an optimizer that counts its steps in a variable of its own.
        disk_name: names a variable in checkpoints.
    """

    step: Tensor
    scope: str
    owns_global_step: bool
    disk_name: DiskName


class Optimizer(abc.ABC):
    """Turns gradients into updates of variables.

    The optimizers of this package are frozen values: they hold hyper-parameters and own no
    variable. Slots and hyper-parameters are asked for by name in each trace of the `model_fn`,
    and the Estimator hands out the same variables each time.

    Example:
        >>> from estimators.optimizers import SGD, Optimizer
        >>> isinstance(SGD(0.1), Optimizer)
        True
    """

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """Last part of the scope that holds the optimizer's variables in checkpoints."""

    @abc.abstractmethod
    def compute_gradients(
        self, loss: Tensor, variables: Sequence[Variable], tape: Any = None
    ) -> list[GradientAndVariable]:
        """Differentiates `loss / replicas` and leaves out variables that it does not depend on.

        Args:
            loss: scalar tensor of the replica.
            variables: what to differentiate with respect to.
            tape: persistent `tf.GradientTape` that recorded the loss; needed when the body runs
                eagerly, where the loss has no graph to walk back through.
        """

    @abc.abstractmethod
    def apply_gradients(
        self, gradients: Sequence[GradientAndVariable], context: UpdateContext
    ) -> None:
        """Sums the gradients over all replicas and updates the variables.

        Must be called in replica context.
        """


def tf_variable(variable: Variable) -> Variable:
    """Returns the `tf.Variable` (plain or distributed) under a Keras variable."""
    return variable.value if isinstance(variable, keras.Variable) else variable
