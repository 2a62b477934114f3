"""When a forest has enough trees: as many as were asked for, or as help on rows held out."""

from __future__ import annotations

import dataclasses
from typing import Any, Self, final

import numpy as np
import tensorflow as tf

from estimators import Hook
from premade.boosted_trees.forest import Forest

Tensor = Any
Variable = Any

BEST_TREES = "best_trees"
_BEST_LOSS, _STEPS_SINCE = "best_loss", "steps_since_best"


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Best:
    """The forest that did best on the rows held out, in variables that are saved.

    Attributes:
        loss: float32 scalar, its mean loss.
        trees: int32 scalar, how many trees it has: the first ones of the whole forest.
        since: int32 scalar, steps since then.
    """

    loss: Variable
    trees: Variable
    since: Variable

    @classmethod
    def made(cls, scope: str) -> Self:
        """Makes the variables in a body."""
        starts = {_BEST_LOSS: np.finfo(np.float32).max, BEST_TREES: 0, _STEPS_SINCE: 0}
        return cls(
            *(
                tf.Variable(
                    start,
                    trainable=False,
                    dtype=tf.float32 if name == _BEST_LOSS else tf.int32,
                    name=f"{scope}/{name}",
                )
                for name, start in starts.items()
            )
        )

    def part(self, forest: Forest) -> Forest:
        """Returns the best of the forests that this one was."""
        return forest.part(0, self.trees.read_value())

    def take(self, loss: Tensor, trees: Tensor) -> None:
        """Takes note of the loss of a forest of so many trees."""
        best, since = self.loss.read_value(), self.since.read_value()
        is_better = loss < best
        values = (
            (self.loss, tf.where(is_better, loss, best)),
            (self.trees, tf.where(is_better, trees, self.trees.read_value())),
            (self.since, tf.where(is_better, 0, since + 1)),
        )
        for variable, value in values:
            # On the handles: each replica changes its own copy, and all come to the same.
            tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)


@final
class EarlyStoppingHook(Hook):
    """Ends a run that has not got better on the rows held out for some steps.

    Args:
        scope: of the variables of `Best`.
        patience: steps without a better forest.

    Example:
        >>> EarlyStoppingHook("boosted_trees", patience=20).due(3)
        4
    """

    def __init__(self, scope: str, patience: int) -> None:
        self._scope = scope
        self._patience = patience

    def begin(self, run: Any) -> None:
        """Stops a run that had enough when it ended."""
        self._stop(run)

    def due(self, step: int) -> int | None:
        """Returns the next step."""
        return step + 1

    def after(self, run: Any, outputs: Any) -> None:
        """Stops."""
        self._stop(run)

    def _stop(self, run: Any) -> None:
        loss, trees, since = (
            run.read_variable(f"{self._scope}/{name}")
            for name in (_BEST_LOSS, BEST_TREES, _STEPS_SINCE)
        )
        if since >= self._patience:
            run.request_stop(
                f"the loss on the rows held out was least with {trees} trees, {loss:.6g}, and has "
                f"not been less for {since} steps"
            )


@final
class EnoughTreesHook(Hook):
    """Ends a run that was not told how many steps to make.

    Args:
        n_trees: steps of the whole forest.

    Example:
        >>> EnoughTreesHook(100).due(3)
        100
    """

    def __init__(self, n_trees: int) -> None:
        self._n_trees = n_trees

    def begin(self, run: Any) -> None:
        """Says where the run will end, and stops one that has them all from the start."""
        if run.last_step is None:
            run.expect_end(self._n_trees)
        self._stop(run)

    def due(self, step: int) -> int | None:
        """Returns the step of the last tree."""
        return max(self._n_trees, step + 1)

    def after(self, run: Any, outputs: Any) -> None:
        """Stops."""
        self._stop(run)

    def _stop(self, run: Any) -> None:
        if run.last_step is None and run.step >= self._n_trees:
            run.request_stop(f"there are {self._n_trees} trees")
