"""The guard against a diverged loss."""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np
from absl import logging

from estimators.errors import NanLossDuringTrainingError
from estimators.hooks.base import Hook, Outputs, Run
from estimators.hooks.fetching import Fetches


@final
class NanTensorHook(Hook):
    """Ends a run whose loss is NaN, before a checkpoint of it is committed.

    It is never due by itself and costs no extra calls: `every_call` has it look at the sum of the
    losses of every compiled call, because that of the last step may be finite again. A tensor of
    the user is looked at in the last step. A checkpoint is only ever committed between calls, by a
    hook that is called at the same step, so it is enough that the run calls this hook before those.
    In tf.estimator the order was the other way round, and a diverged model could be saved and
    restored for ever.

    Args:
        loss_tensor: what to look at, a tensor of the body or its name; the loss of the run when
            None.
        fail_on_nan_loss: False stops the run without an error.

    Raises:
        NanLossDuringTrainingError: from the run, when `fail_on_nan_loss`.

    Example:
        >>> NanTensorHook().every_call
        True
    """

    every_call = True

    def __init__(self, loss_tensor: Any = None, fail_on_nan_loss: bool = True) -> None:
        self._fetches = Fetches(loss_tensor)
        self._fail = fail_on_nan_loss

    def fetches(self) -> Any:
        """Returns the watched tensor, if it is not the loss."""
        return self._fetches.asked()

    def after(self, run: Run, outputs: Outputs) -> None:
        """Looks."""
        watched = self._fetches.values(run, outputs, outputs.fetched.get(self, ()))
        losses = outputs.loss if outputs.losses is None else outputs.losses
        value = losses if watched is None else watched
        if math.isnan(float(np.sum(value))):
            self._diverged(run, outputs.step)

    def _diverged(self, run: Run, step: int) -> None:
        if self._fail:
            logging.error("Model diverged with loss = NaN.")
            raise NanLossDuringTrainingError(
                f"NaN loss during training. At step {step} the loss is NaN, or was since hooks "
                f"were last called; no checkpoint of it was written to {run.model_dir}. Lower the "
                "learning rate, clip the gradients, or look for NaN and infinite values in the "
                "features."
            )
        logging.warning("Model diverged with loss = NaN.")
        run.request_stop("the loss is NaN")
