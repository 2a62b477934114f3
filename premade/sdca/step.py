"""One step of `LinearSDCA`: which of its two solvers, and what they keep."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from premade.sdca.batch import Batch
from premade.sdca.blocks import ascend
from premade.sdca.examples import ExampleTable, is_first
from premade.sdca.losses import Problem
from premade.sdca.sums import MOST_WEIGHTS, NUMBERS, Sums, absorb
from premade.sdca.weights import LinearWeights

Tensor = Any

_SCOPE = "training/LinearSDCA"


def step(problem: Problem, weights: LinearWeights, batch: Batch) -> None:
    """Solves for the examples of a batch, given all others, and changes the weights.

    Args:
        problem: what is minimised.
        weights: of the model.
        batch: of all replicas; an example that is in it twice counts once.
    """
    # Sums are of the weights before they are shrunk, which only dual ascent knows.
    if problem.l1 or weights.size > MOST_WEIGHTS:
        _step_of_blocks(problem, weights, batch)
    else:
        _step_of_sums(problem, weights, batch)


def _step_of_blocks(problem: Problem, weights: LinearWeights, batch: Batch) -> None:
    # Double precision: these are sums over all steps of a run, whose errors add up.
    unshrunk = weights.slots(_SCOPE, "unshrunk")
    table, places, counts = _examples(batch, width=1)
    rows, positions = tf.unique(tf.reshape(batch.rows, [-1]))
    examples = batch.examples(tf.reshape(positions, tf.shape(batch.rows)), counts)
    duals = table.read(places)[:, 0] * counts
    v, duals = ascend(problem, examples, unshrunk.read(rows), duals)
    _write(table, places, duals[:, tf.newaxis], counts)
    unshrunk.write(rows, v)
    weights.write(rows, problem.shrink(v))


def _step_of_sums(problem: Problem, weights: LinearWeights, batch: Batch) -> None:
    size = weights.size
    curvature, slope = (
        tf.Variable(
            lambda shape=shape: tf.zeros(shape, tf.float64),
            trainable=False,
            name=f"{_SCOPE}/{name}",
        )
        for name, shape in (("curvature", [size, size]), ("slope", [size]))
    )
    table, places, counts = _examples(batch, width=NUMBERS)
    rows = tf.range(weights.rows)
    examples = batch.examples(tf.cast(batch.rows, tf.int32), counts)
    numbers = table.read(places) * counts[:, tf.newaxis]
    present = tf.cast(weights.read(rows), tf.float64)
    before = Sums(curvature.read_value(), slope.read_value())
    numbers, sums = absorb(problem, examples, present, numbers, before)
    _write(table, places, numbers, counts)
    tf.raw_ops.AssignVariableOp(resource=curvature.handle, value=sums.curvature)
    tf.raw_ops.AssignVariableOp(resource=slope.handle, value=sums.slope)
    weights.write(rows, sums.minimum(problem.l2))


def _examples(batch: Batch, width: int) -> tuple[ExampleTable, Tensor, Tensor]:
    """Returns the table, the places of the batch in it, and 1.0 or, for repetitions, 0.0."""
    table = ExampleTable.of(_SCOPE, width)
    places = table.find(batch.keys)
    return table, places, tf.cast(is_first(places), tf.float64)


def _write(table: ExampleTable, places: Tensor, numbers: Tensor, counts: Tensor) -> None:
    kept = counts > 0.0
    table.write(tf.boolean_mask(places, kept), tf.boolean_mask(numbers, kept))
