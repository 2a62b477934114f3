"""What the binary does: one function for each value of `--mode`."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from estimators.aliases import Metrics
from estimators.cli.batch_prediction import Job
from estimators.cli.experiment import Experiment
from estimators.cli.operative_config import OperativeConfigHook
from estimators.schedule import train_and_evaluate

_DRY_STEPS = 2


def train(experiment: Experiment, model_dir: str) -> None:
    """Trains up to `max_steps`."""
    spec = experiment.train_spec(hooks=[OperativeConfigHook()])
    estimator = experiment.estimator(model_dir=model_dir)
    estimator.train(spec.input_fn, spec.hooks, max_steps=spec.max_steps)


def evaluate(experiment: Experiment, model_dir: str) -> None:
    """Evaluates the newest checkpoint.

    Raises:
        ValueError: there is none.
    """
    estimator = experiment.estimator(model_dir=model_dir)
    if estimator.latest_checkpoint() is None:
        raise ValueError(f"There is no checkpoint in {model_dir}. Train first: --mode=train.")
    metrics = estimator.evaluate(experiment.evaluation_data(), steps=experiment.eval_steps)
    print(report(metrics, experiment.best_possible))


def train_and_eval(experiment: Experiment, model_dir: str) -> None:
    """Trains, evaluates and exports on the way."""
    estimator = experiment.estimator(model_dir=model_dir)
    spec = experiment.train_spec(hooks=[OperativeConfigHook()])
    metrics, _ = train_and_evaluate(estimator, spec, experiment.eval_spec())
    if metrics is None and estimator.config.cluster.num_worker_replicas == 1:
        metrics = estimator.evaluate(experiment.evaluation_data(), steps=experiment.eval_steps)
    if metrics is not None:
        print(report(metrics, experiment.best_possible))


def export(experiment: Experiment, model_dir: str) -> None:
    """Writes a SavedModel under `model_dir/export/`."""
    estimator = experiment.estimator(model_dir=model_dir)
    base = os.path.join(model_dir, "export")
    path = estimator.export_saved_model(base, experiment.serving_input_receiver_fn())
    print(os.fsdecode(path))


def predict(experiment: Experiment, model_dir: str, job: Job) -> None:
    """Writes predictions for files."""
    estimator = experiment.estimator(model_dir=model_dir)
    if estimator.latest_checkpoint() is None:
        raise ValueError(f"There is no checkpoint in {model_dir}. Train first: --mode=train.")
    print(job.run(estimator, experiment.parsing()))


def dry_run(experiment: Experiment) -> None:
    """Does a few steps of everything in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        estimator = experiment.estimator(model_dir=folder)
        estimator.train(experiment.train_input_fn, max_steps=_DRY_STEPS)
        done = [f"trained {_DRY_STEPS} steps"]
        if experiment.eval_input_fn is not None:
            estimator.evaluate(experiment.eval_input_fn, steps=_DRY_STEPS)
            predictions = estimator.predict(experiment.eval_input_fn)
            done += [
                f"evaluated {_DRY_STEPS} batches",
                f"predicted {len(list(itertools.islice(predictions, _DRY_STEPS)))} rows",
            ]
        if experiment.feature_spec:
            receiver = experiment.serving_input_receiver_fn()
            estimator.export_saved_model(os.path.join(folder, "export"), receiver)
            done.append("exported")
    print(f"Dry run: {', '.join(done)}. Nothing was kept.")


def report(metrics: Metrics, best_possible: Mapping[str, float]) -> str:
    """Returns metrics as a table, with how near they come to the best possible.

    Example:
        >>> print(report({"auc": 0.9, "global_step": 7}, {"auc": 0.91}))
        auc          0.9000  of 0.9100 that any model can reach
        global_step  7
    """
    width = max(map(len, metrics))
    lines = []
    for name, value in metrics.items():
        text = f"{value:.4f}" if isinstance(value, float | np.floating) else f"{value}"
        if name in best_possible:
            text += f"  of {best_possible[name]:.4f} that any model can reach"
        lines.append(f"{name:<{width}}  {text}")
    return "\n".join(lines)


MODES: Mapping[str, Callable[..., Any]] = {
    "train": train,
    "eval": evaluate,
    "train_and_eval": train_and_eval,
    "predict": predict,
    "export": export,
}
