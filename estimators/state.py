"""Everything that a run must find again after it was killed, committed and restored together.

Variables, optimizer slots and the global step are in the checkpoint's own tensors; the position in
the data is a file beside them; what hooks remember is in its manifest.
"""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from absl import logging

from estimators.aliases import Dataset
from estimators.checkpoints import (
    Checkpoint,
    CheckpointStore,
    IteratorNotSaveableError,
    iterator_sidecar,
    restore_iterator,
    worker_sidecar,
)
from estimators.checkpoints.naming import checkpoint_name
from estimators.hooks.base import Hook
from estimators.program import Bound
from estimators.workers import Workers

if TYPE_CHECKING:
    from estimators.model import Model

_FINISHED, _HOOKS = "finished", "hooks"


@dataclasses.dataclass
class DataPosition:
    """Where a run is in its data.

    Attributes:
        iterator: what the run reads from.
        is_saved: whether it goes into checkpoints; no longer once TensorFlow refused it.
    """

    iterator: Any
    is_saved: bool = True

    def write(self, model: Model, step: int) -> bool:
        """Writes the part of this worker for the chief to commit; says whether all workers did.

        All workers must call it, or none.
        """
        self.is_saved = self.is_saved and model.workers.all_say(self._write(model, step))
        return self.is_saved

    def _write(self, model: Model, step: int) -> bool:
        # The store of a worker that is not the chief only reads: it must clear nothing away.
        store = CheckpointStore(model.checkpoints.model_dir)
        name = worker_sidecar(model.workers.index, model.workers.count)
        try:
            store.write_sidecar(step, name, iterator_sidecar(self.iterator))
        except IteratorNotSaveableError as error:
            logging.warning(
                "The position in the data cannot be saved; a run that is interrupted will start "
                "its data afresh. %s",
                error,
            )
            return False
        return True


def commit(
    model: Model, bound: Bound, *, position: DataPosition, hooks: Sequence[Hook], finished: bool
) -> str:
    """Commits the present state, unless a checkpoint of it and of this standing exists.

    Args:
        model: holds the variables.
        bound: names the variables that belong to the state.
        position: where the run is in its data.
        hooks: what they remember is saved.
        finished: the run came to its end, so that a later one starts its data afresh.

    Returns:
        The prefix of the checkpoint.
    """
    step, folder, workers = model.step, model.checkpoints.model_dir, model.workers
    names = bound.state_names
    prefix = os.path.join(folder, checkpoint_name(step))
    if workers.chief_says(workers.is_chief and _is_committed(model, step, finished)):
        return prefix
    is_saved = position.write(model, step)
    if workers.is_chief:
        model.checkpoints.commit(
            step,
            model.store.read(names),
            bound=_positions(workers.count) if is_saved else (),
            metadata={_FINISHED: finished, _HOOKS: hook_states(hooks)},
            resume="exact" if is_saved else "afresh",
        )
    workers.wait()
    model.in_memory_is(prefix, names)
    return prefix


def _is_committed(model: Model, step: int, finished: bool) -> bool:
    present = model.checkpoints.latest()
    if present is None or present.step != step or not model.is_from(present.prefix):
        return False
    return bool(present.metadata.get(_FINISHED)) == finished


def _positions(workers: int) -> list[str]:
    """Returns the names of the positions in the data, one for each worker."""
    return [worker_sidecar(worker, workers) for worker in range(workers)]


def resume_input(
    checkpoint: Checkpoint | None, iterator: Any, dataset: Dataset, workers: Workers
) -> Any:
    """Returns an iterator at the position that the interrupted run had reached.

    A run that came to its end starts its data afresh the next time, as in tf.estimator; and so does
    one that goes on with another number of workers.
    """
    name = worker_sidecar(workers.index, workers.count)
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
    return {key: hook.state() for key, hook in _keyed(hooks)}


def restore_hooks(checkpoint: Checkpoint | None, hooks: Sequence[Hook]) -> None:
    """Gives hooks back what they remembered when the checkpoint was committed."""
    if checkpoint is None or checkpoint.metadata.get(_FINISHED, True):
        return
    states = checkpoint.metadata.get(_HOOKS, {})
    for key, hook in _keyed(hooks):
        if states.get(key):
            hook.restore(states[key])


def _keyed(hooks: Sequence[Hook]) -> Iterator[tuple[str, Hook]]:
    """Yields hooks by type and number of that type: the chief has more types than the others."""
    seen: collections.Counter[str] = collections.Counter()
    for hook in hooks:
        kind = type(hook).__name__
        yield f"{kind}:{seen[kind]}", hook
        seen[kind] += 1
