"""One call of `Estimator.evaluate`."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from estimators import loops, pipeline, tracing
from estimators.aliases import InputFn, Metrics
from estimators.checkpoints import Checkpoint
from estimators.hooks import Hook, Outputs
from estimators.loops import StepLoop
from estimators.model import Model
from estimators.passes import PassRun
from estimators.program import Bound
from estimators.spec import ModeKeys
from estimators.writers import Writer

_RESERVED = {"loss", "global_step"}


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
            "`evaluate` would never end: its dataset is infinite and `steps` is None. Give "
            "`steps`, or remove repeat() from the evaluation input_fn."
        )
    fetches = [hook.fetches() for hook in asked.hooks]
    loop = model.step_loop(ModeKeys.EVAL, dataset, fetches)
    bound = loop.program.bound
    _check_metrics(bound)
    writer = model.writer(asked.events)
    run = PassRun(model, ModeKeys.EVAL, batches=asked.steps, writer=writer)
    advance = _Advance(run, loop, iter(dataset), asked.hooks)
    held = contextlib.nullcontext() if in_memory else model.holding(bound, checkpoint)
    with held:
        model.store.reset_metrics(ModeKeys.EVAL)
        loops.run_with_hooks(run, advance, [*asked.hooks, *bound.hooks])
        step = model.step
    if not run.step:
        raise ValueError(
            "`evaluate` got no batch: the evaluation dataset is empty. Check its file pattern, its "
            "filters, and that drop_remainder does not drop the only batch."
        )
    results = _results(bound, advance.outputs)
    results["loss"] = np.float32(advance.total / run.step)
    results = dict(sorted(results.items()))
    results["global_step"] = np.int64(step)
    model.last_evaluation = results
    _write_events(writer, results, checkpoint)
    return results


class _Advance:
    """Runs batches, and adds up their losses."""

    def __init__(self, run: PassRun, loop: StepLoop, iterator: Any, hooks: Sequence[Hook]) -> None:
        self._run = run
        self._loop = loop
        self._iterator = iterator
        self._hooks = hooks
        self.total = 0.0
        self.outputs: Any = None

    def __call__(self, limit: int) -> Outputs | None:
        done, total, outputs = self._loop(self._iterator, limit)
        if not done:
            return None
        self._run.step += done
        self.total += total
        self.outputs = outputs
        fetched = loops.fetched_by_hook(self._hooks, self._loop.program.bound, outputs)
        return Outputs(step=self._run.step, loss=float(outputs["loss"]), fetched=fetched)


def _check_metrics(bound: Bound) -> None:
    for name in _RESERVED & set(bound.spec.eval_metric_ops):
        raise ValueError(
            f'Metric with name "{name}" is not allowed, because Estimator already defines a '
            "default metric with the same name. Rename it in eval_metric_ops."
        )
    touched = {id(handle) for handle in tracing.touched_handles(bound.graph)}
    for name, metric in bound.spec.eval_metric_ops.items():
        handles = [variable.handle for variable in _state_of(metric)]
        if handles and not any(id(handle) in touched for handle in handles):
            raise ValueError(
                f'Please call update_state(...) on the "{name}" metric in the body of model_fn: '
                "it would stay as it is made."
            )


def _state_of(metric: Any) -> list[Any]:
    """Returns the variables of a Keras metric; none of a pair of tensors."""
    variables = getattr(metric, "variables", ())
    return [v if isinstance(v, tf.Variable) else v.value for v in variables]


def _results(bound: Bound, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns metric values: of Keras metrics from their state, of pairs from the last update."""
    results = {}
    for name, metric in bound.spec.eval_metric_ops.items():
        value = outputs["metrics"][name] if name in outputs["metrics"] else metric.result()
        value = tf.nest.map_structure(lambda v: tf.convert_to_tensor(v).numpy(), value)
        results[name] = value
    return results


def _write_events(writer: Writer, results: Metrics, checkpoint: Checkpoint | None) -> None:
    """Writes numbers and arrays; and summaries that a metric made, under the metric's name."""
    values = {name: value for name, value in results.items() if name != "global_step"}
    scalars = {name: float(v) for name, v in values.items() if isinstance(v, np.generic)}
    others = tf.compat.v1.Summary()
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            others.value.add(tag=name, tensor=tf.make_tensor_proto(value))
        elif isinstance(value, bytes):
            others.value.extend(_made_summaries(name, value))
    step = int(results["global_step"])
    writer.scalars(step, scalars)
    if others.value:
        writer.summary(step, others.SerializeToString())
    if checkpoint is not None:
        writer.text(step, "checkpoint_path", checkpoint.prefix)
    writer.flush()
    line = ", ".join(f"{name} = {value:.6g}" for name, value in scalars.items())
    logging.info("Evaluation at step %d: %s", step, line)


def _made_summaries(name: str, serialized: bytes) -> list[Any]:
    """Returns the values of a serialized summary; none of any other text."""
    try:
        summary = tf.compat.v1.Summary.FromString(serialized)
    except Exception:  # DecodeError of protobuf, which is nothing that we import.
        return []
    for i, value in enumerate(summary.value):
        value.tag = f"{name}/{i}"
    return list(summary.value)
