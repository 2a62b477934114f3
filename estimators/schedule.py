"""`train_and_evaluate`: training with evaluations and exports in between, alone or in a cluster."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from absl import logging

from estimators.aliases import Metrics
from estimators.checkpoints import Checkpoint
from estimators.clock import Clock, SystemClock
from estimators.errors import CheckpointError
from estimators.estimator import Estimator
from estimators.hooks import CheckpointSaverListener, Hook
from estimators.hooks.base import Outputs, Run
from estimators.spec import EvalSpec, TrainSpec

_POLL_SECS = 5.0
_COMPLAIN_SECS = 600.0


def train_and_evaluate(
    estimator: Estimator,
    train_spec: TrainSpec,
    eval_spec: EvalSpec | Sequence[EvalSpec] | None,
    *,
    clock: Clock | None = None,
) -> tuple[Any, Any]:
    """Trains, and evaluates and exports on the way.

    In one process an evaluation follows a checkpoint, at most one each `throttle_secs`, or comes
    each `every_steps`; the last checkpoint is always evaluated. It uses the weights in memory. In a
    cluster (`TF_CONFIG`) each process plays the part of its task: `chief` and `worker` train,
    `evaluator` evaluates each new checkpoint until `max_steps`.

    Args:
        estimator: what is trained.
        train_spec: on what, and how long.
        eval_spec: on what to evaluate; several specs need different names.
        clock: the time; for tests.

    Returns:
        The metrics of the last evaluation and what its exporters returned; with several specs,
        both by the name of the spec. `(None, None)` when there was nothing to train, and from
        tasks that do not evaluate.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: the names of several specs are not different, or the task is a `ps`.

    Example:
        >>> def model_fn(features, labels, mode):
        ...     layer = keras.layers.Dense(1)
        ...     logits = layer(features["x"])
        ...     return RegressionHead().create_estimator_spec(
        ...         features, mode, logits, labels, "SGD", layer.trainable_variables)
        >>> rows = lambda: tf.data.Dataset.from_tensors(({"x": [[1.0]]}, [[2.0]])).repeat(50)
        >>> metrics, _ = train_and_evaluate(
        ...     Estimator(model_fn, "model"), TrainSpec(rows, max_steps=50), EvalSpec(rows))
        >>> int(metrics["global_step"])
        50
    """
    if not isinstance(estimator, Estimator):
        raise TypeError(f"`estimator` must have type `Estimator`. Got: {type(estimator)}")
    if not isinstance(train_spec, TrainSpec):
        raise TypeError(f"`train_spec` must have type `TrainSpec`. Got: {type(train_spec)}")
    clock = clock or SystemClock()
    task, cluster = estimator.config.task_type, estimator.config.cluster
    if task == "ps":
        raise ValueError(
            "This process is a parameter server of TF_CONFIG. Training with parameter servers is "
            "not offered; use a cluster of workers, with MultiWorkerMirroredStrategy."
        )
    if cluster.num_worker_replicas > 1:
        estimator.train(
            train_spec.input_fn,
            train_spec.hooks,
            max_steps=train_spec.max_steps,
            saving_listeners=train_spec.saving_listeners,
        )
        return None, None
    evaluations = Evaluations(estimator, _specs(eval_spec), train_spec.max_steps)
    if task == "evaluator":
        return _evaluate_until_done(evaluations, clock)
    return _train_locally(estimator, train_spec, evaluations, clock)


def _specs(eval_spec: Any) -> tuple[EvalSpec, ...]:
    specs = tuple(eval_spec) if isinstance(eval_spec, list | tuple) else (eval_spec,)
    for spec in specs:
        if not isinstance(spec, EvalSpec):
            raise TypeError(f"`eval_spec` must have type `EvalSpec`. Got: {type(spec)}")
    names = [spec.name for spec in specs]
    if len(set(names)) < len(names):
        raise ValueError(
            f"Several EvalSpecs need different names, given: {names}. They name the folders of "
            "their events, eval_<name>."
        )
    return specs


class Evaluations:
    """Evaluates checkpoints by several specs, and exports.

    Args:
        estimator: what is evaluated.
        specs: on what.
        max_steps: the export of this step is the final one.
    """

    def __init__(
        self, estimator: Estimator, specs: Sequence[EvalSpec], max_steps: int | None
    ) -> None:
        self.estimator = estimator
        self.specs = specs
        self.max_steps = max_steps
        self._steps: dict[str | None, int] = {}
        self._metrics: dict[str | None, Metrics] = {}
        self._exports: dict[str | None, list[Any]] = {}

    @property
    def results(self) -> tuple[Any, Any]:
        """Metrics and exports of the last evaluation; by name, if there are several specs."""
        if not self._metrics:
            return None, None
        if len(self.specs) == 1:
            name = self.specs[0].name
            return self._metrics[name], self._exports[name]
        return dict(self._metrics), dict(self._exports)

    @property
    def last_step(self) -> int | None:
        """Step of the last checkpoint that all specs have evaluated."""
        steps = [self._steps.get(spec.name) for spec in self.specs]
        return None if None in steps else min(step for step in steps if step is not None)

    def run(self, spec: EvalSpec, checkpoint_path: str, step: int) -> None:
        """Evaluates one checkpoint by one spec, unless that was the last it did."""
        if step == self._steps.get(spec.name):
            return
        metrics = self.estimator.evaluate(
            spec.input_fn,
            steps=spec.steps,
            hooks=spec.hooks,
            checkpoint_path=checkpoint_path,
            name=spec.name,
        )
        self._metrics[spec.name] = metrics
        self._exports[spec.name] = self._export(spec, checkpoint_path, metrics, step)
        self._steps[spec.name] = step

    def _export(
        self, spec: EvalSpec, checkpoint_path: str, metrics: Mapping[str, Any], step: int
    ) -> list[Any]:
        is_final = self.max_steps is not None and step >= self.max_steps
        base = os.path.join(self.estimator.model_dir, "export")
        return [
            exporter.export(
                estimator=self.estimator,
                export_path=os.path.join(base, exporter.name),
                checkpoint_path=checkpoint_path,
                eval_result=metrics,
                is_the_final_export=is_final,
            )
            for exporter in spec.exporters
        ]


class _AfterCheckpoints(CheckpointSaverListener):
    """Evaluates after a checkpoint, at most one each `throttle_secs`, and after the last."""

    def __init__(self, evaluations: Evaluations, spec: EvalSpec, clock: Clock) -> None:
        self._evaluations = evaluations
        self._spec = spec
        self._clock = clock
        self._is_first_save = True
        self._evaluated_at: float | None = None

    def after_save(self, session: Any, global_step_value: int) -> None:
        """Evaluates, but not the checkpoint that a run begins with."""
        if self._is_first_save:
            self._is_first_save = False
            return
        now = self._clock.monotonic()
        if self._evaluated_at is None or now - self._evaluated_at >= self._spec.throttle_secs:
            self._evaluate(global_step_value)
            self._evaluated_at = self._clock.monotonic()

    def end(self, session: Any, global_step_value: int) -> None:
        """Evaluates the last checkpoint."""
        self._evaluate(global_step_value)

    def _evaluate(self, step: int) -> None:
        path = self._evaluations.estimator.latest_checkpoint()
        if path is not None:
            self._evaluations.run(self._spec, path, step)


class _EverySteps(Hook):
    """Saves and evaluates each so many steps, and at the end."""

    def __init__(self, evaluations: Evaluations, spec: EvalSpec, every_steps: int) -> None:
        self._evaluations = evaluations
        self._spec = spec
        self._every_steps = every_steps

    def begin(self, run: Run) -> None:
        """Says when the first evaluation will be."""
        logging.info("Next evaluation at step %d.", self.due(run.step))

    def due(self, step: int) -> int:
        """Returns the next multiple."""
        return (step // self._every_steps + 1) * self._every_steps

    def after(self, run: Run, outputs: Outputs) -> None:
        """Evaluates the checkpoint of this step."""
        self._evaluations.run(self._spec, run.save(), outputs.step)

    def end(self, run: Run) -> None:
        """Evaluates the last step."""
        if run.step > run.first_step:
            self._evaluations.run(self._spec, run.save(), run.step)


def _train_locally(
    estimator: Estimator, train_spec: TrainSpec, evaluations: Evaluations, clock: Clock
) -> tuple[Any, Any]:
    hooks, listeners = list(train_spec.hooks), list(train_spec.saving_listeners)
    for spec in evaluations.specs:
        if spec.every_steps:
            hooks.append(_EverySteps(evaluations, spec, spec.every_steps))
        else:
            listeners.append(_AfterCheckpoints(evaluations, spec, clock))
    estimator.train(
        train_spec.input_fn, hooks, max_steps=train_spec.max_steps, saving_listeners=listeners
    )
    return evaluations.results


def _evaluate_until_done(evaluations: Evaluations, clock: Clock) -> tuple[Any, Any]:
    """Evaluates each new checkpoint of model_dir until that of `max_steps`."""
    clock.sleep(max(spec.start_delay_secs for spec in evaluations.specs))
    throttle = min(spec.throttle_secs for spec in evaluations.specs)
    waiting_since = clock.monotonic()
    while True:
        begun = clock.monotonic()
        if _evaluate_newest(evaluations):
            waiting_since = clock.monotonic()
            if evaluations.max_steps and (evaluations.last_step or 0) >= evaluations.max_steps:
                return evaluations.results
        elif begun - waiting_since >= _COMPLAIN_SECS:
            waiting_since = begun
            logging.warning(
                "No new checkpoint in %s for %d s; the last one evaluated is of step %s.",
                evaluations.estimator.model_dir,
                _COMPLAIN_SECS,
                evaluations.last_step,
            )
        clock.sleep(max(_POLL_SECS, throttle - (clock.monotonic() - begun)))


def _evaluate_newest(evaluations: Evaluations) -> bool:
    """Evaluates the newest checkpoint unless it was; says whether it did."""
    path = evaluations.estimator.latest_checkpoint()
    if path is None:
        return False
    try:
        step = Checkpoint.open(path).step
        if step == evaluations.last_step:
            return False
        for spec in evaluations.specs:
            evaluations.run(spec, path, step)
    except CheckpointError as error:
        # The trainer may delete a checkpoint while it is being read; there is a newer one then.
        logging.info("Checkpoint %s is gone, looking for a newer one: %s", path, error)
        return False
    return True
