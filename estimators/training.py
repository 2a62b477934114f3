"""One call of `Estimator.train`: data, state, hooks and the loop put together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tensorflow as tf
from absl import logging

from estimators import hooks as hooks_lib
from estimators import loops, pipeline, state
from estimators.aliases import InputFn, Metrics
from estimators.checkpoints import Checkpoint
from estimators.errors import CheckpointError
from estimators.hooks.base import Hook, Outputs
from estimators.model import Model
from estimators.program import Bound
from estimators.spec import ModeKeys
from estimators.workers import CommonClock
from estimators.writers import Writer


@dataclasses.dataclass(frozen=True)
class Plan:
    """What one training run is asked to do.

    Attributes:
        input_fn: makes the data.
        hooks: the user's hooks.
        steps: number of steps of this run; None when `max_steps` or the data decides.
        max_steps: global step to stop at.
        listeners: `CheckpointSaverListener`s.
    """

    input_fn: InputFn
    hooks: Sequence[Hook] = ()
    steps: int | None = None
    max_steps: int | None = None
    listeners: Sequence[Any] = ()


class TrainRun:
    """What hooks see of a training run: see `hooks.base.Run`.

    Args:
        model: variables and checkpoints.
        bound: the body that is trained.
        position: where the run is in its data.
        plan: what was asked.
        evaluate: evaluates with the values in memory.
    """

    mode = ModeKeys.TRAIN

    def __init__(
        self,
        model: Model,
        bound: Bound,
        position: state.DataPosition,
        *,
        plan: Plan,
        evaluate: Callable[..., Any],
    ) -> None:
        self._model = model
        self._bound = bound
        self._position = position
        self._evaluate = evaluate
        self._hooks: Sequence[Hook] = ()
        model.last_evaluation = None
        self.first_step = model.step
        self.step = self.first_step
        self.last_step = plan.max_steps
        if plan.steps is not None:
            self.last_step = self.first_step + plan.steps
        self.expected_last_step = self.last_step
        self.stop_reason = ""
        self.ended = False
        self.clock = CommonClock(model.clock, model.workers)
        self._writer = model.writer(self.model_dir)

    @property
    def model_dir(self) -> str:
        """Where checkpoints and events go."""
        return str(self._model.config.model_dir)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes checkpoints and events."""
        return bool(self._model.config.is_chief)

    @property
    def writer(self) -> Writer:
        """Event files of this run."""
        return self._writer

    @property
    def last_evaluation(self) -> Metrics | None:
        """What the newest evaluation during this run found."""
        return self._model.last_evaluation

    @property
    def is_finished(self) -> bool:
        """Whether the last step is done or the data has ended."""
        return self.ended or self.step == self.last_step

    def take_hooks(self, hooks: Sequence[Hook]) -> None:
        """Takes the hooks whose state is saved with the variables."""
        self._hooks = hooks

    def expect_end(self, step: int) -> None:
        """Says at which step a hook will stop the run."""
        self.expected_last_step = step

    def request_stop(self, reason: str) -> None:
        """Ends the run after the hooks of this step."""
        if not self.stop_reason:
            logging.info("Stopping at step %d: %s.", self.step, reason)
        self.stop_reason = self.stop_reason or reason

    def save(self) -> str:
        """Commits a checkpoint of the present step, unless it exists; returns its prefix."""
        return state.commit(
            self._model,
            self._bound,
            position=self._position,
            hooks=self._hooks,
            finished=self.is_finished,
        )

    def evaluate(self, input_fn: InputFn, **options: Any) -> Metrics:
        """Evaluates with the weights in memory."""
        return dict(self._evaluate(input_fn, **options))

    def read_variable(self, name: str) -> Any:
        """Returns the present value of a variable as a NumPy array."""
        return self._model.variable(name.removesuffix(":0")).numpy()

    def variables_changed(self) -> None:
        """Takes note that a hook has assigned variables."""
        self._model.changed()


def train(model: Model, plan: Plan, evaluate: Callable[..., Any]) -> None:
    """Trains until the plan, the data or a hook says stop.

    Args:
        model: what is trained.
        plan: what is asked.
        evaluate: evaluates with the values in memory, for hooks that want to.
    """
    checkpoint = _checkpoint_to_resume(model)
    if plan.max_steps is not None and checkpoint and checkpoint.step >= plan.max_steps:
        logging.info(
            "Skipping training since max_steps has already saved: step %d of %d in %s.",
            checkpoint.step,
            plan.max_steps,
            checkpoint.prefix,
        )
        return
    dataset = model.pipeline.dataset(plan.input_fn, ModeKeys.TRAIN, _input_context(model))
    if pipeline.is_empty(dataset):
        raise ValueError(
            "`input_fn` gave no batch: the training dataset is empty. Check its file pattern, its "
            "filters, and that drop_remainder does not drop the only batch."
        )
    fetches = [hook.fetches() for hook in plan.hooks]
    loop = model.step_loop(ModeKeys.TRAIN, dataset, fetches)
    bound = loop.program.bound
    iterator = iter(dataset)
    model.restore(bound, checkpoint, training=True)
    resumed = state.resume_input(checkpoint, iterator, dataset, model.workers)
    position = state.DataPosition(resumed)
    run = TrainRun(model, bound, position, plan=plan, evaluate=evaluate)
    hooks = _assemble(model, bound, plan)
    run.take_hooks(hooks)
    state.restore_hooks(checkpoint, hooks)
    advance = _advance(run, loop, resumed, model=model, users=plan.hooks)
    model.is_training = True
    try:
        last = loops.run_with_hooks(run, advance, hooks, model.workers.least)
    finally:
        model.is_training = False
    run.writer.flush()
    loop.program.flush_summaries()
    if last is None:
        logging.warning(
            "Training made no steps: the data had ended already at step %d.", run.first_step
        )
    else:
        logging.info("Loss for final step: %s.", last.loss)


def _checkpoint_to_resume(model: Model) -> Checkpoint | None:
    """Returns the newest checkpoint, the same for all workers.

    Raises:
        CheckpointError: model_dir cannot be written, or its checkpoints cannot be read, or the
            workers have different ones.
    """
    workers, checkpoint = model.workers, None
    if workers.is_chief:
        # First and alone: this clears away what a killed save left.
        model.checkpoints.check_writable()
        checkpoint = model.checkpoints.latest()
    workers.wait()
    if not workers.is_chief:
        checkpoint = model.checkpoints.latest()
    steps = [int(step) for step in workers.everyones(checkpoint.step if checkpoint else -1)]
    if len(set(steps)) > 1:
        raise CheckpointError(
            f"The workers find different checkpoints in {model.config.model_dir}: the newest "
            f"steps are {steps} (-1: none), the chief's first. model_dir must be one folder that "
            "all of them share."
        )
    return checkpoint


def _input_context(model: Model) -> Any:
    return tf.distribute.InputContext(
        num_input_pipelines=model.workers.count,
        input_pipeline_id=model.workers.index,
        num_replicas_in_sync=model.store.strategy.num_replicas_in_sync,
    )


def _assemble(model: Model, bound: Bound, plan: Plan) -> list[Hook]:
    """Returns all hooks of a run in the order in which they are called at one step.

    The NaN guard comes first, so that no checkpoint of diverged weights is ever committed; the
    checkpoint comes last, so that it holds what the others remember.
    """
    config, chief = model.config, model.config.is_chief
    of_body = bound.hooks if chief else bound.hooks[: len(bound.spec.training_hooks)]
    users = [*plan.hooks, *of_body]
    has_saver = any(isinstance(hook, hooks_lib.CheckpointSaverHook) for hook in users)
    hooks: list[Hook] = [hooks_lib.NanTensorHook()]
    if config.log_step_count_steps is not None:
        hooks.append(hooks_lib.ProgressHook(config.log_step_count_steps, config.progress))
    if chief and config.log_step_count_steps is not None:
        hooks.append(hooks_lib.StepCounterHook(config.log_step_count_steps))
    if chief and config.save_summary_steps:
        hooks.append(hooks_lib.SummarySaverHook(config.save_summary_steps))
    hooks += [hook for hook in users if not isinstance(hook, hooks_lib.CheckpointSaverHook)]
    savers = [hook for hook in users if isinstance(hook, hooks_lib.CheckpointSaverHook)]
    every = config.save_checkpoints_secs, config.save_checkpoints_steps
    if not has_saver and any(every):
        savers = [hooks_lib.CheckpointSaverHook(save_secs=every[0], save_steps=every[1])]
    if plan.listeners and not savers:
        raise ValueError(
            "There should be a CheckpointSaverHook to use saving_listeners. Set one of "
            "RunConfig's save_checkpoints_steps and save_checkpoints_secs."
        )
    for saver in savers[:1]:
        saver.add_listeners(plan.listeners if chief else ())
    return hooks + savers


def _advance(
    run: TrainRun, loop: loops.StepLoop, iterator: Any, *, model: Model, users: Sequence[Hook]
) -> Callable[[int], Outputs | None]:
    """Returns the function that runs steps and tells what the last of them left."""
    bound = loop.program.bound

    def advance(limit: int) -> Outputs | None:
        before = run.step
        try:
            done, losses, outputs = loop(iterator, limit)
        except BaseException:
            # A failing batch or Ctrl-C: some steps of the call may have been made.
            model.changed()
            raise
        run.step = model.step
        run.ended = done < limit
        run.clock.meet()
        if not done:
            return None
        model.changed()
        loops.check_step_advanced(before, run.step, done)
        return Outputs(
            step=run.step,
            loss=float(outputs["loss"]),
            fetched=loops.fetched_by_hook(users, bound, outputs),
            losses=losses,
        )

    return advance


def checked_hooks(hooks: Iterable[Any] | None) -> list[Hook]:
    """Returns hooks as `Hook`s; old session hooks are adapted.

    Raises:
        TypeError: one of them is no hook.
    """
    return [hooks_lib.as_hook(hook) for hook in hooks or ()]
