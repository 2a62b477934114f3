"""One call of `Estimator.evaluate`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from estimators import pipeline
from estimators.aliases import InputFn, Metrics
from estimators.checkpoints import Checkpoint
from estimators.hooks.base import Hook
from estimators.loops import StepLoop
from estimators.model import Model
from estimators.program import Bound
from estimators.spec import ModeKeys
from estimators.writers import EventWriter

_RESERVED = {"loss", "global_step"}
_ALL = 2**62


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What one evaluation is asked to do.

    Attributes:
        input_fn: makes the data.
        steps: number of batches; None means one whole pass.
        hooks: the user's hooks.
        events: folder of the event files.
    """

    input_fn: InputFn
    steps: int | None
    hooks: Sequence[Hook]
    events: str


def evaluate(
    model: Model, asked: Evaluation, checkpoint: Checkpoint | None, *, in_memory: bool = False
) -> Metrics:
    """Evaluates the model.

    Args:
        model: what is evaluated.
        asked: on what, and how long.
        checkpoint: the values to evaluate; None evaluates the initial ones.
        in_memory: evaluate the values in memory instead, whatever they are.

    Returns:
        Metrics by name, with `loss`, the mean of the batches' losses, and `global_step`.

    Raises:
        ValueError: the data never ends and `steps` is None; there is no batch; a metric takes the
            name of one of ours.
    """
    dataset = model.pipeline.dataset(asked.input_fn, ModeKeys.EVAL)
    if asked.steps is None and pipeline.is_infinite(dataset):
        raise ValueError(
            "`evaluate` would never end: its dataset is infinite and `steps` is None. Give `steps`, "
            "or remove repeat() from the evaluation input_fn."
        )
    fetches = {id(hook): hook.fetches() for hook in asked.hooks}
    loop = model.step_loop(ModeKeys.EVAL, dataset, fetches)
    bound = loop.program.bound
    assert bound is not None
    _check_names(bound)
    if not in_memory:
        model.restore(bound, checkpoint, training=False)
    model.store.reset_metrics(ModeKeys.EVAL)
    steps, total, outputs = _run(loop, dataset, asked.steps)
    if not steps:
        raise ValueError(
            "`evaluate` got no batch: the evaluation dataset is empty. Check its file pattern, its "
            "filters, and that drop_remainder does not drop the only batch."
        )
    results = _results(bound, outputs)
    results["loss"] = np.float32(total / steps)
    results = dict(sorted(results.items()))
    results["global_step"] = np.int64(model.step)
    model.last_evaluation = results
    _write_events(asked.events, results, checkpoint)
    return results


def _run(loop: StepLoop, dataset: Any, steps: int | None) -> tuple[int, float, Any]:
    return loop(iter(dataset), _ALL if steps is None else steps)


def _check_names(bound: Bound) -> None:
    for name in _RESERVED & set(bound.spec.eval_metric_ops or ()):
        raise ValueError(
            f'Metric with name "{name}" is not allowed, because Estimator already defines a '
            "default metric with the same name. Rename it in eval_metric_ops."
        )


def _results(bound: Bound, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns metric values: of Keras metrics from their state, of pairs from the last update."""
    results = {}
    for name, metric in (bound.spec.eval_metric_ops or {}).items():
        value = outputs["metrics"][name] if name in outputs["metrics"] else metric.result()
        value = tf.nest.map_structure(lambda v: tf.convert_to_tensor(v).numpy(), value)
        results[name] = value
    return results


def _write_events(folder: str, results: Metrics, checkpoint: Checkpoint | None) -> None:
    writer = EventWriter(folder)
    scalars = {
        name: float(value)
        for name, value in results.items()
        if name != "global_step" and np.ndim(value) == 0
    }
    step = int(results["global_step"])
    writer.scalars(step, scalars)
    if checkpoint is not None:
        writer.text(step, "checkpoint_path", checkpoint.prefix)
    writer.flush()
    line = ", ".join(f"{name} = {value:.6g}" for name, value in scalars.items())
    logging.info("Evaluation at step %d: %s", step, line)
