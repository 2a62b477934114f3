"""One call of `Estimator.predict`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimators import loops
from estimators.aliases import InputFn
from estimators.checkpoints import Checkpoint
from estimators.hooks import Hook, Outputs
from estimators.model import Model
from estimators.passes import PassRun
from estimators.spec import ModeKeys
from estimators.writers import NullWriter


def predict(
    model: Model,
    input_fn: InputFn,
    checkpoint: Checkpoint | None,
    *,
    hooks: Sequence[Hook],
    keys: Sequence[str] | None,
    single_examples: bool,
) -> Iterator[Any]:
    """Yields predictions.

    Args:
        model: what predicts.
        input_fn: makes the data; labels in it are dropped.
        checkpoint: the values to predict with; None predicts with those in memory.
        hooks: the user's hooks; their steps are batches.
        keys: which predictions to yield; None means all.
        single_examples: yield one example at a time, not one batch.
    """
    dataset = model.pipeline.dataset(input_fn, ModeKeys.PREDICT)
    fetches = [hook.fetches() for hook in hooks]
    function = model.batch_function(ModeKeys.PREDICT, dataset, fetches)
    bound = function.program.bound
    keys = _chosen(bound.spec.predictions, keys)
    run = PassRun(model, ModeKeys.PREDICT, batches=None, writer=NullWriter())
    everyone = [*hooks, *bound.hooks]
    for hook in everyone:
        hook.begin(run)
    dues = loops.DueSteps(everyone, 0)
    for (features,) in dataset:
        # Here and not before the loop: between two batches the caller may have trained on.
        with model.holding(bound, checkpoint):
            outputs = function(features)
        run.step += 1
        if everyone:
            fetched = loops.fetched_by_hook(hooks, bound, outputs)
            dues.call(run, Outputs(step=run.step, loss=math.nan, fetched=fetched))
        predictions = tf.nest.map_structure(_numpy, _only(outputs["predictions"], keys))
        if single_examples:
            yield from _examples(predictions)
        else:
            yield predictions
        if run.stop_reason:
            break
    for hook in everyone:
        hook.end(run)


def _chosen(predictions: Any, keys: Sequence[str] | None) -> Sequence[str] | None:
    if keys is None:
        return None
    if not isinstance(predictions, Mapping):
        raise ValueError("predict_keys argument is not valid in case of non-dict predictions.")
    known = [key for key in predictions if key in keys]
    if not known:
        raise ValueError(
            f"Expected to run at least one output from {sorted(predictions)}, provided "
            f"{list(keys)}."
        )
    return known


def _only(predictions: Any, keys: Sequence[str] | None) -> Any:
    return predictions if keys is None else {key: predictions[key] for key in keys}


def _numpy(tensor: Any) -> Any:
    return tensor.numpy()


def _examples(predictions: Any) -> Iterator[Any]:
    """Yields the rows of one batch.

    Raises:
        ValueError: the predictions have different numbers of rows.
    """
    if not isinstance(predictions, Mapping):
        yield from predictions
        return
    sizes = {key: len(value) if value.ndim else None for key, value in predictions.items()}
    first_key, rows = next(iter(sizes.items()))
    for key, size in sizes.items():
        if size != rows or size is None:
            raise ValueError(
                f"Batch length of predictions should be same. {key} has different batch length "
                f"than others: {size}, and {first_key} has {rows}. Use "
                "yield_single_examples=False for predictions that are not one row per example."
            )
    for row in range(rows or 0):
        yield {key: value[row] for key, value in predictions.items()}
