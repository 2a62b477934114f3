"""The loops of a run. Start reading here.

Training is two loops. The inner one, `TrainLoop`, is compiled: it runs many steps in one call
without coming back to Python. The outer one, `run_with_hooks`, is plain:

    begin all hooks
    until the end:
        ask every hook for its next step of interest
        run exactly up to the nearest of them, in one compiled call
        call the hooks that are due
    end all hooks

Evaluation is the same inner loop with metrics; prediction is one compiled call for each batch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from estimators import pipeline, replicas, tracing
from estimators.aliases import Features, Tensor
from estimators.errors import EstimatorError
from estimators.hooks.base import Hook, Outputs
from estimators.program import Bound, Program

_ENDLESS = 2**62
_LONGEST_CALL_SECS = 10.0
_FIRST_CALL_STEPS = 100
_PLACES = re.compile(
    r'Graph execution error:|Detected at node .*|<stack traces unavailable>|  File ".*|    .*|\s*'
)


class StepLoop:
    """The inner loop: up to `limit` steps of a program in one compiled call.

    Args:
        program: bound, in TRAIN or EVAL.
        fetches: for each of the user's hooks a structure of tensor names, as bound.
        finite: whether the data may end. Endless data needs no question at each step.
        eagerly: do not compile.
    """

    def __init__(
        self, program: Program, fetches: Sequence[Any], *, finite: bool, eagerly: bool
    ) -> None:
        self.program = program
        self._fetches = fetches
        self._finite = finite
        self._replicas = len(replicas.local_ids(program.strategy))
        self._run = self._eager_loop if eagerly else tracing.compiled(self._loop)
        self.traces = 0

    def __call__(self, iterator: Any, limit: int) -> tuple[int, float, Any]:
        """Runs steps until `limit`, or until the data ends. Not every batch need be a step.

        Returns:
            The number of steps run, the sum of their losses, and the outputs of the last one.
        """
        with op_errors_named():
            steps, total, outputs = self._run(iterator, tf.constant(limit, tf.int64))
        return int(steps), float(total), outputs

    def _loop(self, iterator: Any, limit: Tensor) -> Any:
        self.traces += 1
        specs = self.program.bound.output_specs
        empty = tf.nest.map_structure(_empty, specs)
        state = (tf.constant(0, tf.int64), tf.constant(True), tf.constant(0.0, tf.float64), empty)
        shapes = tf.nest.map_structure(lambda c: c.shape, specs, expand_composites=True)
        scalar = tf.TensorShape([])
        steps, _, total, outputs = tf.while_loop(
            lambda i, more, *_: tf.logical_and(i < limit, more),
            self._body_on(iterator),
            state,
            shape_invariants=(scalar, scalar, scalar, shapes),
        )
        return steps, total, outputs

    def _eager_loop(self, iterator: Any, limit: Tensor) -> Any:
        body = self._body_on(iterator)
        state: Any = (tf.constant(0, tf.int64), tf.constant(True), tf.constant(0.0, tf.float64), {})
        while state[0] < limit and state[1]:
            state = body(*state)
        steps, _, total, outputs = state
        return steps, total, outputs

    def _body_on(self, iterator: Any) -> Callable[..., Any]:
        strategy, local = self.program.strategy, self._replicas
        # Of several replicas that wait for data in one pool of threads, some would wait for ever.
        read = tracing.next_in_this_thread if local == 1 else next

        def step(i: Tensor, total: Tensor, batch_of: Callable[[int], Any]) -> Any:
            if local == 1:
                batch = batch_of(0)
            else:
                batch = strategy.experimental_distribute_values_from_function(
                    lambda context: batch_of(context.replica_id_in_sync_group % local)
                )
            outputs = self.program.step(*pipeline.split(batch), self._fetches)
            # In float64 the sum hardly depends on where calls end, which the time decides.
            loss = tf.cast(outputs["loss"], tf.float64)
            if "is_step" not in outputs:
                return i + 1, total + loss, outputs
            is_step = outputs["is_step"]
            loss = tf.where(is_step, loss, tf.zeros_like(loss))
            return i + tf.cast(is_step, tf.int64), total + loss, outputs

        def endless(i: Tensor, more: Tensor, total: Tensor, _: Any) -> Any:
            i, total, outputs = step(i, total, lambda replica: read(iterator))
            return i, more, total, outputs

        def until_the_end(i: Tensor, _: Tensor, total: Tensor, last: Any) -> Any:
            batches = [iterator.get_next_as_optional() for _ in range(local)]
            more = self._all_have(batches)
            i, total, outputs = tf.cond(
                more,
                lambda: step(i, total, lambda replica: batches[replica].get_value()),
                lambda: (i, total, last),
            )
            return i, more, total, outputs

        return until_the_end if self._finite else endless

    def _all_have(self, batches: Sequence[Any]) -> Tensor:
        """Says whether every replica of every worker still has a batch.

        All must stop at the same step: a worker that went on alone would wait for ever in the
        next reduction.
        """
        more = tf.reduce_all([batch.has_value() for batch in batches])
        strategy = self.program.strategy
        if self._replicas == strategy.num_replicas_in_sync:
            return more
        mine = strategy.experimental_distribute_values_from_function(
            lambda context: tf.cast(more, tf.int32)
        )
        total = strategy.reduce(tf.distribute.ReduceOp.SUM, mine, axis=None)
        return tf.equal(total, strategy.num_replicas_in_sync)


class BatchFunction:
    """A program's answer to one batch, compiled.

    Args:
        program: bound, in PREDICT.
        fetches: for each of the user's hooks a structure of tensor names, as bound.
        features: specs of the features, so that a short last batch is not compiled anew; None
            compiles for each shape.
        eagerly: do not compile.
    """

    def __init__(
        self, program: Program, fetches: Sequence[Any], *, features: Any = None, eagerly: bool
    ) -> None:
        self.program = program
        self._fetches = fetches
        signature = None if features is None else (features,)
        self._run = self._answer if eagerly else tracing.compiled(self._answer, signature)
        self.traces = 0

    def __call__(self, features: Features) -> Any:
        """Returns the outputs of the program for the features of one batch."""
        with op_errors_named():
            return self._run(features)

    def _answer(self, features: Features) -> Any:
        self.traces += 1
        return self.program.step(features, None, self._fetches)


def _empty(spec: Any) -> Any:
    """Returns a value of the spec, to enter a loop with."""
    components = tf.nest.flatten(spec, expand_composites=True)
    tensors = [tf.zeros([size or 0 for size in _sizes(c.shape)], c.dtype) for c in components]
    return tf.nest.pack_sequence_as(spec, tensors, expand_composites=True)


def _sizes(shape: Any) -> Sequence[int | None]:
    """Returns the sizes of a shape; of an unknown one, those of a scalar."""
    return () if shape.rank is None else tuple(shape)


@contextlib.contextmanager
def op_errors_named() -> Iterator[None]:
    """Turns what an operation says about the data into a `ValueError` without the graph around it.

    Raises:
        ValueError: in place of `tf.errors.InvalidArgumentError`; what the operation itself said.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(_reason(error.message)) from error


def _reason(message: str) -> str:
    """Returns what an operation said, without the places in TensorFlow where it said it."""
    said = re.sub(r"^\{\{.*?\}\} ", "", message.split("\n\t [[")[0])
    lines = [line for line in said.splitlines() if not _PLACES.fullmatch(line)]
    reason = "\n".join(lines).removeprefix("assertion failed: ") or message
    # An assertion prints its text and its data alike: "[Labels must be ... Got:] [7]".
    return re.sub(r"^\[((?:(?!\] \[).)*)\] (\[.*\])$", r"\1 \2", reason, flags=re.DOTALL)


class DueSteps:
    """Remembers when each hook wants to be called next."""

    def __init__(self, hooks: Sequence[Hook], step: int) -> None:
        self._hooks = hooks
        self._due = {hook: hook.due(step) for hook in hooks}

    def nearest(self) -> int:
        """Returns the nearest due step; a number out of reach when there is none."""
        return min((due for due in self._due.values() if due is not None), default=_ENDLESS)

    def call(self, run: Any, outputs: Outputs) -> None:
        """Calls the hooks that are due, in their order, and asks each for its next step."""
        for hook in self._hooks:
            due = self._due[hook]
            if hook.every_call or (due is not None and outputs.step >= due):
                hook.after(run, outputs)
                self._due[hook] = hook.due(outputs.step)


@dataclasses.dataclass
class Pace:
    """Chooses calls short enough that Ctrl-C and time triggers are heard.

    Attributes:
        clock: the time.
        steps: length of the next call at the most.
    """

    clock: Any
    steps: int = _FIRST_CALL_STEPS

    def measured(self, steps: int, secs: float) -> None:
        """Takes note of a call."""
        if steps and secs > 0:
            self.steps = max(1, int(_LONGEST_CALL_SECS * steps / secs))


def run_with_hooks(
    run: Any,
    advance: Callable[[int], Outputs | None],
    hooks: Sequence[Hook],
    agree: Callable[[int], int] = lambda limit: limit,
) -> Outputs | None:
    """The outer loop.

    Args:
        run: what hooks see of the run: see `hooks.base.Run`.
        advance: runs up to so many steps in one call; None when the data has ended before any.
        hooks: in the order in which they are called at one step.
        agree: makes all workers run the same number of steps in the next call; 0 ends the run.

    Returns:
        The outputs of the last step; None when there was none.
    """
    for hook in hooks:
        hook.begin(run)
    dues, pace, last = DueSteps(hooks, run.step), Pace(run.clock), None
    while limit := agree(_next_call(run, dues.nearest(), pace.steps)):
        step, begun = run.step, run.clock.monotonic()
        outputs = advance(limit)
        pace.measured(run.step - step, run.clock.monotonic() - begun)
        if outputs is not None:
            last = outputs
            dues.call(run, outputs)
        if run.step - step < limit and not run.stop_reason:
            run.request_stop("the data has ended")
    for hook in hooks:
        hook.end(run)
    return last


def _next_call(run: Any, due: int, longest: int) -> int:
    """Returns how many steps to run before a hook is due; 0 when the run is over."""
    last_step = _ENDLESS if run.last_step is None else run.last_step
    if run.stop_reason or run.step >= last_step:
        return 0
    return max(1, min(due - run.step, last_step - run.step, longest))


def fetched_by_hook(users: Sequence[Hook], bound: Bound, outputs: Any) -> dict[Any, Any]:
    """Returns the values that hooks asked for, as NumPy arrays by hook.

    Args:
        users: hooks whose fetches were bound, in that order.
        bound: knows the hooks that the body made.
        outputs: of a step.
    """
    return {
        hook: tf.nest.map_structure(lambda value: value.numpy(), values)
        for hook, values in zip([*users, *bound.hooks], outputs["fetched"], strict=True)
    }


def check_step_advanced(before: int, after: int, done: int) -> None:
    """Checks that the training operation counts its steps.

    Raises:
        EstimatorError: the global step stands still, so that the run would never end.
    """
    if done and after == before:
        raise EstimatorError(
            f"{done} training steps left the global step at {before}. Pass `global_step="
            "tf.compat.v1.train.get_global_step()` to `minimize`, or use estimators.minimize."
        )
