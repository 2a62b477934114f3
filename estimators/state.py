"""Everything that a run must find again after it was killed, committed and restored together.

Variables, optimizer slots and the global step are in the checkpoint's own tensors; the position in
the data is a file beside them; what hooks remember is in its manifest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from absl import logging

from estimators.aliases import Dataset
from estimators.checkpoints import (
    Checkpoint,
    IteratorNotSaveableError,
    iterator_sidecar,
    restore_iterator,
    worker_sidecar,
)
from estimators.hooks.base import Hook
from estimators.program import Bound
from estimators.variables import GLOBAL_STEP

if TYPE_CHECKING:
    from estimators.model import Model

_FINISHED, _HOOKS, _BATCHES = "finished", "hooks", "batches_read"


def commit(
    model: Model, bound: Bound, *, iterator: Any, hooks: Sequence[Hook], finished: bool
) -> str:
    """Commits the present state, unless a checkpoint of this step and standing exists.

    Args:
        model: holds the variables.
        bound: names the variables that belong to the state.
        iterator: the position in the data.
        hooks: what they remember is saved.
        finished: the run came to its end, so that a later one starts its data afresh.

    Returns:
        The prefix of the checkpoint.
    """
    names = [GLOBAL_STEP, *(name for name in bound.names if name != GLOBAL_STEP)]
    present = model.checkpoints.latest()
    if present and present.step == model.step and present.metadata.get(_FINISHED) == finished:
        return present.prefix
    metadata = {_FINISHED: finished, _HOOKS: hook_states(hooks)}
    sidecars = {worker_sidecar(0, 1): iterator_sidecar(iterator)}
    values = model.store.read(names)
    try:
        prefix = model.checkpoints.commit(model.step, values, sidecars=sidecars, metadata=metadata)
    except IteratorNotSaveableError as error:
        logging.log_first_n(
            logging.WARNING, "The position in the data cannot be saved: %s", 1, error
        )
        prefix = model.checkpoints.commit(model.step, values, metadata=metadata)
    model.in_memory_is(prefix, names)
    return prefix


def resume_input(checkpoint: Checkpoint | None, iterator: Any, dataset: Dataset) -> Any:
    """Returns an iterator at the position that the interrupted run had reached.

    A run that came to its end starts its data afresh the next time, as in tf.estimator.
    """
    name = worker_sidecar(0, 1)
    if checkpoint is None or checkpoint.metadata.get(_FINISHED, True):
        return iterator
    if name not in checkpoint.sidecars:
        return iterator
    try:
        restore_iterator(iterator, checkpoint.sidecar(name))
    except Exception as error:  # TensorFlow's kinds of failure here are many.
        logging.warning(
            "The input of step %d cannot be taken up where it stopped, it starts afresh: %s",
            checkpoint.step,
            error,
        )
        return iter(dataset)
    logging.info("Resuming the input where step %d left it.", checkpoint.step)
    return iterator


def hook_states(hooks: Sequence[Hook]) -> Mapping[str, Any]:
    """Returns what hooks remember, under keys that the same command finds again."""
    return {f"{i}:{type(hook).__name__}": hook.state() for i, hook in enumerate(hooks)}


def restore_hooks(checkpoint: Checkpoint | None, hooks: Sequence[Hook]) -> None:
    """Gives hooks back what they remembered when the checkpoint was committed."""
    if checkpoint is None or checkpoint.metadata.get(_FINISHED, True):
        return
    states = checkpoint.metadata.get(_HOOKS, {})
    for i, hook in enumerate(hooks):
        remembered = states.get(f"{i}:{type(hook).__name__}")
        if remembered:
            hook.restore(remembered)
