"""Stopping when evaluations say so. The hooks read what evaluations wrote; they never evaluate."""

from __future__ import annotations

import dataclasses
import math
import operator
import os
from collections.abc import Callable
from typing import Any, final

import numpy as np

from estimators.hooks.base import Outputs, Run
from estimators.hooks.evaluation_history import read_eval_metrics
from estimators.hooks.periodic import PeriodicHook
from estimators.hooks.triggers import Trigger, every


@final
class EarlyStoppingHook(PeriodicHook):
    """Asks a function now and then whether to stop. Made by `make_early_stopping_hook`.

    Args:
        should_stop_fn: a true answer stops the run; a text is the reason in the log.
        trigger: when to ask.

    The history of evaluations is in their event files, so nothing but the phase needs to be
    remembered over a restart.

    Example:
        >>> from estimators.hooks.triggers import EverySteps
        >>> EarlyStoppingHook(lambda: "bored", EverySteps(100)).due(0)
        1
    """

    def __init__(self, should_stop_fn: Callable[[], Any], trigger: Trigger) -> None:
        super().__init__(trigger)
        self._should_stop_fn = should_stop_fn

    def fire(self, run: Run, outputs: Outputs, elapsed: tuple[float, int] | None) -> None:
        """Asks. Only the chief does: two readers might see different files."""
        answer = run.is_chief and self._should_stop_fn()
        if answer:
            run.request_stop(answer if isinstance(answer, str) else "early stopping")


def make_early_stopping_hook(
    estimator: Any,
    should_stop_fn: Callable[[], Any],
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> EarlyStoppingHook:
    """Returns a hook that stops training when a function says so.

    Args:
        estimator: the Estimator that is trained.
        should_stop_fn: takes nothing; a true answer stops the run.
        run_every_secs: seconds between two questions; pass None to use steps.
        run_every_steps: steps between two questions.

    Raises:
        TypeError: `estimator` is no Estimator, or `should_stop_fn` cannot be called.
        ValueError: both or no interval is given.

    Example:
        >>> class Model:  # an Estimator
        ...     def eval_dir(self): return "eval"
        >>> hook = make_early_stopping_hook(
        ...     Model(), lambda: True, run_every_secs=None, run_every_steps=100)
        >>> hook.due(0)
        1
    """
    _eval_dir(estimator, None)
    if not callable(should_stop_fn):
        raise TypeError(f"`should_stop_fn` must be callable, given: {should_stop_fn!r}")
    if run_every_secs is not None and run_every_steps is not None:
        raise ValueError(
            "Only one of `run_every_secs` and `run_every_steps` must be set, got "
            f"{run_every_secs} and {run_every_steps}. To use steps pass run_every_secs=None."
        )
    names = ("run_every_secs", "run_every_steps")
    trigger = every(secs=run_every_secs, steps=run_every_steps, names=names)
    return EarlyStoppingHook(should_stop_fn, trigger)


def stop_if_higher_hook(
    estimator: Any,
    metric_name: str,
    threshold: float,
    eval_dir: str | os.PathLike[str] | None = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> EarlyStoppingHook:
    """Returns a hook that stops when a metric was ever above a threshold.

    Args:
        estimator: the Estimator that is trained.
        metric_name: name in the results of `evaluate`.
        threshold: exceeding it, strictly, stops.
        eval_dir: folder of the evaluations' events; `estimator.eval_dir()` when None.
        min_steps: evaluations at earlier global steps do not count.
        run_every_secs: seconds between two looks; pass None to use steps.
        run_every_steps: steps between two looks.

    Raises:
        KeyError: from the run, when the evaluations have no such metric.

    Example:
        >>> class Model:  # an Estimator
        ...     def eval_dir(self): return "eval"
        >>> stop_if_higher_hook(Model(), "accuracy", 0.9).due(0)
        1
    """
    rule = _Threshold(
        _eval_dir(estimator, eval_dir), metric_name, min_steps, threshold, higher=True
    )
    return make_early_stopping_hook(estimator, rule, run_every_secs, run_every_steps)


def stop_if_lower_hook(
    estimator: Any,
    metric_name: str,
    threshold: float,
    eval_dir: str | os.PathLike[str] | None = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> EarlyStoppingHook:
    """Returns a hook that stops when a metric was ever below a threshold.

    Arguments and errors as of `stop_if_higher_hook`.

    Example:
        >>> class Model:  # an Estimator
        ...     def eval_dir(self): return "eval"
        >>> stop_if_lower_hook(Model(), "loss", 0.1).due(0)
        1
    """
    rule = _Threshold(
        _eval_dir(estimator, eval_dir), metric_name, min_steps, threshold, higher=False
    )
    return make_early_stopping_hook(estimator, rule, run_every_secs, run_every_steps)


def stop_if_no_increase_hook(
    estimator: Any,
    metric_name: str,
    max_steps_without_increase: int,
    eval_dir: str | os.PathLike[str] | None = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> EarlyStoppingHook:
    """Returns a hook that stops when a metric has not increased for so many steps.

    It stops also when the metric has increased again since: the history is the same for whoever
    looks at it, however late.

    Args:
        estimator: the Estimator that is trained.
        metric_name: name in the results of `evaluate`.
        max_steps_without_increase: global steps from the best evaluation to a later one.
        eval_dir: folder of the evaluations' events; `estimator.eval_dir()` when None.
        min_steps: evaluations at earlier global steps do not count.
        run_every_secs: seconds between two looks; pass None to use steps.
        run_every_steps: steps between two looks.

    Raises:
        KeyError: from the run, when the evaluations have no such metric.

    Example:
        >>> class Model:  # an Estimator
        ...     def eval_dir(self): return "eval"
        >>> stop_if_no_increase_hook(Model(), "auc", 1000).due(0)
        1
    """
    rule = _NoImprovement(
        _eval_dir(estimator, eval_dir),
        metric_name,
        min_steps,
        max_steps_without_increase,
        increase=True,
    )
    return make_early_stopping_hook(estimator, rule, run_every_secs, run_every_steps)


def stop_if_no_decrease_hook(
    estimator: Any,
    metric_name: str,
    max_steps_without_decrease: int,
    eval_dir: str | os.PathLike[str] | None = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> EarlyStoppingHook:
    """Returns a hook that stops when a metric has not decreased for so many steps.

    Arguments and errors as of `stop_if_no_increase_hook`.

    Example:
        >>> class Model:  # an Estimator
        ...     def eval_dir(self): return "eval"
        >>> stop_if_no_decrease_hook(Model(), "loss", 1000).due(0)
        1
    """
    rule = _NoImprovement(
        _eval_dir(estimator, eval_dir),
        metric_name,
        min_steps,
        max_steps_without_decrease,
        increase=False,
    )
    return make_early_stopping_hook(estimator, rule, run_every_secs, run_every_steps)


def _eval_dir(estimator: Any, eval_dir: str | os.PathLike[str] | None) -> str:
    if isinstance(estimator, type) or not callable(getattr(estimator, "eval_dir", None)):
        raise TypeError(
            f"`estimator` must have type `estimators.Estimator`. Got: {type(estimator).__name__}"
        )
    return os.fspath(eval_dir) if eval_dir else estimator.eval_dir()


def _history(eval_dir: str, metric: str, min_steps: int) -> list[tuple[int, float]]:
    """Returns (step, value) of the evaluations that count."""
    values = []
    for step, metrics in read_eval_metrics(eval_dir).items():
        if step < min_steps:
            continue
        if metric not in metrics:
            raise KeyError(
                f"Early stopping looks for the metric {metric!r}, and the evaluation of step "
                f"{step} in {eval_dir} has {sorted(metrics)}."
            )
        values.append((step, metrics[metric]))
    return values


@dataclasses.dataclass(frozen=True)
class _Threshold:
    """Answers with a reason to stop, or an empty text."""

    eval_dir: str
    metric: str
    min_steps: int
    threshold: float
    higher: bool

    def __call__(self) -> str:
        beyond, word = (operator.gt, "above") if self.higher else (operator.lt, "below")
        limit = float(np.float32(self.threshold))  # events hold float32, in which 0.6 > 0.6
        for step, value in _history(self.eval_dir, self.metric, self.min_steps):
            if beyond(value, limit):
                return f"{self.metric} = {value:.6g} at step {step} is {word} {self.threshold}"
        return ""


@dataclasses.dataclass(frozen=True)
class _NoImprovement:
    """Answers with a reason to stop, or an empty text."""

    eval_dir: str
    metric: str
    min_steps: int
    max_steps: int
    increase: bool

    def __call__(self) -> str:
        better, verb = (operator.gt, "increase") if self.increase else (operator.lt, "decrease")
        best: float | None = None
        best_step = 0
        for step, value in _history(self.eval_dir, self.metric, self.min_steps):
            # Nothing compares with NaN, so a NaN that came first would remain the best for ever.
            if best is None or better(value, best) or math.isnan(best) > math.isnan(value):
                best, best_step = value, step
            if step - best_step >= self.max_steps:
                return (
                    f"{self.metric} did not {verb} for {step - best_step} steps up to step {step}; "
                    f"its best was {best:.6g} at step {best_step}"
                )
        return ""
