"""FTRL-proximal, by rows."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from estimators.aliases import Tensor
from estimators.optimizers.hyper_parameters import LearningRate, Scalars
from estimators.optimizers.row_wise import RowWiseOptimizer, Slots


@dataclasses.dataclass(frozen=True)
class Ftrl(RowWiseOptimizer):
    """Follow the regularised leader, proximal form, for every row touched.

    With `p = -learning_rate_power`, `n' = n + g^2` and `L2 = l2 + beta / (2 * learning_rate)`::

        z += g + 2 * l2_shrinkage * w - (n'^p - n^p) / learning_rate * w
        w  = (clip(z, -l1, l1) - z) / (n'^p / learning_rate + 2 * L2)

    Formula: McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD 2013. A weight is
    rebuilt from `z` whenever its row is touched, so one that was set by hand (a warm start) and
    then gets a zero gradient becomes 0; tf.estimator did the same.

    A step costs what the batch touches.

    Attributes:
        learning_rate_power: how the learning rate falls with `n`; <= 0, and 0 keeps it constant.
        initial_accumulator_value: `n` before the first step.
        l1_regularization_strength: makes weights exactly 0.
        l2_regularization_strength: shrinks weights within the proximal step.
        l2_shrinkage_regularization_strength: adds to the gradient, and only where there is one.
        beta: slows the first steps of a coordinate.

    The other attributes are those of `RowWiseOptimizer`.

    Example:
        >>> from estimators.optimizers import Ftrl
        >>> Ftrl(0.2, l1_regularization_strength=0.5).learning_rate_power
        -0.5
    """

    learning_rate: LearningRate = 0.001
    learning_rate_power: float = -0.5
    initial_accumulator_value: float = 0.1
    l1_regularization_strength: float = 0.0
    l2_regularization_strength: float = 0.0
    l2_shrinkage_regularization_strength: float = dataclasses.field(default=0.0, kw_only=True)
    beta: float = dataclasses.field(default=0.0, kw_only=True)
    name: str = dataclasses.field(default="Ftrl", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least_zero(
            "initial_accumulator_value",
            "l1_regularization_strength",
            "l2_regularization_strength",
            "l2_shrinkage_regularization_strength",
            "beta",
        )
        if self.learning_rate_power > 0:
            raise ValueError(
                f"`learning_rate_power` must be <= 0, got {self.learning_rate_power!r}."
            )

    def hyper_parameters(self) -> dict[str, float]:
        """Returns the power, the penalties and beta; the shrinkage was never saved."""
        return {
            "learning_rate_power": self.learning_rate_power,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "beta": self.beta,
        }

    def slots(self) -> dict[str, float]:
        """Returns `n` and `z` under the names they have in checkpoints."""
        return {"accumulator": self.initial_accumulator_value, "linear": 0.0}

    def constants(self, hyper: Scalars, step: Tensor) -> Scalars:
        """Folds beta into the L2 penalty, once for all variables."""
        l2 = hyper["l2_regularization_strength"] + hyper["beta"] / (2.0 * hyper["learning_rate"])
        return {**hyper, "l2": l2}

    def update_all(self, handle: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> None:
        """See `RowWiseOptimizer.update_all`."""
        tf.raw_ops.ResourceApplyFtrlV2(
            grad=gradient, **self._inputs(handle, slots, scalars, gradient.dtype)
        )

    def update_rows(self, handle: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> None:
        """See `RowWiseOptimizer.update_rows`."""
        tf.raw_ops.ResourceSparseApplyFtrlV2(
            grad=gradient.values,
            indices=gradient.indices,
            **self._inputs(handle, slots, scalars, gradient.dtype),
        )

    def _inputs(
        self, handle: Tensor, slots: Slots, scalars: Scalars, dtype: tf.DType
    ) -> dict[str, Any]:
        return {
            "var": handle,
            "accum": slots["accumulator"],
            "linear": slots["linear"],
            "lr": scalars["learning_rate"],
            "l1": scalars["l1_regularization_strength"],
            "l2": scalars["l2"],
            "l2_shrinkage": tf.constant(self.l2_shrinkage_regularization_strength, dtype),
            "lr_power": scalars["learning_rate_power"],
        }
