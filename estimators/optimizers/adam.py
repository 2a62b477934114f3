"""Adam, exact by default and by rows on request."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from estimators.aliases import Tensor
from estimators.optimizers.hyper_parameters import LearningRate, Scalars
from estimators.optimizers.row_wise import RowWiseOptimizer, Slots, decay_rows


@dataclasses.dataclass(frozen=True)
class Adam(RowWiseOptimizer):
    """Gradients divided by a running root mean square, with a running mean for momentum.

    At step t, counted from 1::

        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g^2
        w -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)

    Formula: Kingma and Ba, "Adam", ICLR 2015, with epsilon as in the text before section 2.1.

    Attributes:
        beta_1: decay of the mean.
        beta_2: decay of the mean square.
        epsilon: keeps the divisor from zero.
        amsgrad: divide by the largest `v` so far (Reddi et al., ICLR 2018).
        lazy: False, as in Keras 2 and 3, decays `m` and `v` of the whole table at each step, and
            moves every row that has a mean: exact, and a step costs what the table holds. True
            leaves rows outside the batch alone: a step costs what the batch touches, and the
            numbers differ from Keras's for rows that are not in every batch.

    The other attributes are those of `RowWiseOptimizer`.

    Raises:
        ValueError: a number is out of range, or `lazy` is asked for together with `amsgrad`.

    Example:
        >>> from estimators.optimizers import Adam
        >>> Adam(0.001, lazy=True).beta_2
        0.999
    """

    learning_rate: LearningRate = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False
    lazy: bool = dataclasses.field(default=False, kw_only=True)
    name: str = dataclasses.field(default="Adam", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least_zero("epsilon")
        for field in ("beta_1", "beta_2"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(
                    f"`{field}` must be at least 0 and below 1, got {getattr(self, field)!r}."
                )
        if self.lazy and self.amsgrad:
            raise ValueError(
                "Adam(lazy=True, amsgrad=True) is not defined: the largest mean square of a row "
                "needs its decay at every step. Drop one of the two."
            )

    @property
    def row_wise(self) -> bool:
        """See `RowWiseOptimizer.row_wise`."""
        return self.lazy

    def hyper_parameters(self) -> dict[str, float]:
        """Returns both decays."""
        return {"beta_1": self.beta_1, "beta_2": self.beta_2}

    def slots(self) -> dict[str, float]:
        """Returns the moments, and for `amsgrad` the largest second one."""
        moments = {"m": 0.0, "v": 0.0}
        return {**moments, "vhat": 0.0} if self.amsgrad else moments

    def constants(self, hyper: Scalars, step: Tensor) -> Scalars:
        """Computes the powers of the decays, once for all variables."""
        count = tf.cast(step + 1, hyper["beta_1"].dtype)
        powers = {
            "beta1_power": tf.pow(hyper["beta_1"], count),
            "beta2_power": tf.pow(hyper["beta_2"], count),
        }
        if not self.lazy:
            return {**hyper, **powers}
        unbias = tf.sqrt(1.0 - powers["beta2_power"]) / (1.0 - powers["beta1_power"])
        return {**hyper, **powers, "rate": hyper["learning_rate"] * unbias}

    def update_all(self, handle: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> None:
        """See `RowWiseOptimizer.update_all`."""
        inputs: dict[str, Any] = {
            "var": handle,
            "m": slots["m"],
            "v": slots["v"],
            "beta1_power": scalars["beta1_power"],
            "beta2_power": scalars["beta2_power"],
            "lr": scalars["learning_rate"],
            "beta1": scalars["beta_1"],
            "beta2": scalars["beta_2"],
            "epsilon": tf.constant(self.epsilon, gradient.dtype),
            "grad": gradient,
        }
        if self.amsgrad:
            tf.raw_ops.ResourceApplyAdamWithAmsgrad(vhat=slots["vhat"], **inputs)
        else:
            tf.raw_ops.ResourceApplyAdam(**inputs)

    def update_rows(self, handle: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> None:
        """See `RowWiseOptimizer.update_rows`."""
        mean = decay_rows(slots["m"], gradient, scalars["beta_1"])
        square = decay_rows(slots["v"], gradient, scalars["beta_2"], power=2)
        tf.raw_ops.ResourceScatterSub(
            resource=handle,
            indices=gradient.indices,
            updates=scalars["rate"] * mean / (tf.sqrt(square) + self.epsilon),
        )
