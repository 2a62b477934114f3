"""RMSProp, plain, centred and with momentum."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from estimators.aliases import Tensor
from estimators.optimizers.hyper_parameters import LearningRate, Scalars
from estimators.optimizers.row_wise import RowWiseOptimizer, Slots, decay_rows


@dataclasses.dataclass(frozen=True)
class RMSProp(RowWiseOptimizer):
    """Gradients divided by a running root mean square.

    ::

        s = rho * s + (1 - rho) * g^2
        w -= learning_rate * g / (sqrt(s) + epsilon)

    Centred, `s - c^2` takes the place of `s` in the root, where `c = rho * c + (1 - rho) * g`. With
    momentum, epsilon is under the root, the step goes into `m = momentum * m + step`, and
    `w -= m`.

    Formula: Tieleman and Hinton, "Neural Networks for Machine Learning", lecture 6.5, 2012; the
    place of epsilon is that of Keras 2.

    Attributes:
        rho: decay of the mean square.
        momentum: share of the last step that is made again.
        epsilon: keeps the divisor from zero.
        centered: divide by an estimate of the standard deviation.
        lazy: None, as in Keras 2, is False without momentum and True with it. False decays `s` of
            the whole table at each step: the numbers of the dense gradient, and a step costs what
            the table holds. True leaves rows outside the batch alone: a step costs what the batch
            touches.
        epsilon_under_root: `sqrt(s + epsilon)` without momentum too, as in Keras 3.

    The other attributes are those of `RowWiseOptimizer`.

    Example:
        >>> from estimators.optimizers import RMSProp
        >>> RMSProp(0.01, momentum=0.9).row_wise
        True
    """

    learning_rate: LearningRate = 0.001
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False
    lazy: bool | None = dataclasses.field(default=None, kw_only=True)
    epsilon_under_root: bool = dataclasses.field(default=False, kw_only=True)
    name: str = dataclasses.field(default="RMSprop", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least_zero("epsilon")
        for field in ("rho", "momentum"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(
                    f"`{field}` must be between 0 and 1, got {getattr(self, field)!r}."
                )

    @property
    def row_wise(self) -> bool:
        """See `RowWiseOptimizer.row_wise`."""
        return bool(self.momentum) if self.lazy is None else self.lazy

    def hyper_parameters(self) -> dict[str, float]:
        """Returns the decay and the momentum, saved even when it is 0."""
        return {"rho": self.rho, "momentum": self.momentum}

    def slots(self) -> dict[str, float]:
        """Returns the mean square, and what momentum and centring need."""
        slots = {"rms": 0.0}
        if self.momentum:
            slots["momentum"] = 0.0
        if self.centered:
            slots["mg"] = 0.0
        return slots

    def update_all(self, handle: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> None:
        """See `RowWiseOptimizer.update_all`."""
        if self.momentum:
            inputs = self._fused_inputs(handle, slots, scalars, gradient)
            if self.centered:
                tf.raw_ops.ResourceApplyCenteredRMSProp(mg=slots["mg"], **inputs)
            else:
                tf.raw_ops.ResourceApplyRMSProp(**inputs)
            return

        def decayed(slot: Tensor, value: Tensor) -> Tensor:
            old = tf.raw_ops.ReadVariableOp(resource=slot, dtype=value.dtype)
            new = scalars["rho"] * old + (1.0 - scalars["rho"]) * value
            tf.raw_ops.AssignVariableOp(resource=slot, value=new)
            return new

        square = decayed(slots["rms"], tf.square(gradient))
        mean = decayed(slots["mg"], gradient) if self.centered else None
        step = scalars["learning_rate"] * gradient / self._root(square, mean)
        tf.raw_ops.AssignSubVariableOp(resource=handle, value=step)

    def update_rows(self, handle: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> None:
        """See `RowWiseOptimizer.update_rows`."""
        values, rows = gradient.values, gradient.indices
        if self.momentum:
            inputs = {**self._fused_inputs(handle, slots, scalars, values), "indices": rows}
            if self.centered:
                tf.raw_ops.ResourceSparseApplyCenteredRMSProp(mg=slots["mg"], **inputs)
            else:
                tf.raw_ops.ResourceSparseApplyRMSProp(**inputs)
            return
        square = decay_rows(slots["rms"], gradient, scalars["rho"], power=2)
        mean = decay_rows(slots["mg"], gradient, scalars["rho"]) if self.centered else None
        step = scalars["learning_rate"] * values / self._root(square, mean)
        tf.raw_ops.ResourceScatterSub(resource=handle, indices=rows, updates=step)

    def _root(self, square: Tensor, mean: Tensor | None) -> Tensor:
        spread = square if mean is None else square - tf.square(mean)
        if self.epsilon_under_root:
            return tf.sqrt(spread + self.epsilon)
        return tf.sqrt(spread) + self.epsilon

    def _fused_inputs(
        self, handle: Tensor, slots: Slots, scalars: Scalars, values: Tensor
    ) -> dict[str, Any]:
        return {
            "var": handle,
            "ms": slots["rms"],
            "mom": slots["momentum"],
            "lr": scalars["learning_rate"],
            "rho": scalars["rho"],
            "momentum": scalars["momentum"],
            "epsilon": tf.constant(self.epsilon, values.dtype),
            "grad": values,
        }
