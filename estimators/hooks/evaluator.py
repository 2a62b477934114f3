"""Evaluation in the middle of a run, with the weights in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

from estimators.aliases import InputFn
from estimators.hooks.base import Outputs, Run
from estimators.hooks.periodic import PeriodicHook
from estimators.hooks.triggers import EverySteps


@final
class InMemoryEvaluatorHook(PeriodicHook):
    """Evaluates before the first step, every so many steps, and at the end; needs no checkpoint.

    Args:
        estimator: the Estimator that is trained.
        input_fn: makes the evaluation data.
        steps: batches of one evaluation; None means one whole pass.
        hooks: hooks of the evaluation.
        name: events go to `eval_<name>`.
        every_n_iter: steps between two evaluations.

    Raises:
        ValueError: `every_n_iter` is not positive, or several processes train.

    Example:
        >>> hook = InMemoryEvaluatorHook(None, lambda: None, every_n_iter=0)
        Traceback (most recent call last):
        ...
        ValueError: invalid every_n_iter=0: a positive number of steps is expected.
    """

    def __init__(
        self,
        estimator: Any,
        input_fn: InputFn,
        steps: int | None = None,
        hooks: Iterable[Any] | None = None,
        name: str | None = None,
        every_n_iter: int = 100,
    ) -> None:
        if every_n_iter is None or every_n_iter <= 0:
            raise ValueError(
                f"invalid every_n_iter={every_n_iter}: a positive number of steps is expected."
            )
        config = estimator.config
        if config.num_ps_replicas > 0 or config.num_worker_replicas > 1:
            raise ValueError(
                "InMemoryEvaluatorHook supports only single machine training, and TF_CONFIG names "
                f"{config.num_worker_replicas} workers and {config.num_ps_replicas} parameter "
                "servers. Use train_and_evaluate with an evaluator task."
            )
        super().__init__(EverySteps(every_n_iter))
        self._input_fn = input_fn
        self._options = {"steps": steps, "hooks": tuple(hooks or ()), "name": name}

    def begin(self, run: Run) -> None:
        """Evaluates the initial or restored weights."""
        super().begin(run)
        self._evaluate(run)
        self._timer.fired(run.step)

    def fire(self, run: Run, outputs: Outputs, elapsed: tuple[float, int] | None) -> None:
        """Evaluates."""
        self._evaluate(run)

    def end(self, run: Run) -> None:
        """Evaluates the last step, unless that has just happened."""
        if self._timer.last_step != run.step:
            self._evaluate(run)

    def _evaluate(self, run: Run) -> None:
        run.evaluate(self._input_fn, **self._options)
