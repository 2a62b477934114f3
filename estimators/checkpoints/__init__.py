"""Checkpoints as files: atomic commits, validated reading. Knows files, not models.

    store = CheckpointStore(model_dir, keep_max=5)
    store.check_writable()                       # before the first step
    checkpoint = store.latest()                  # None only if there never was one
    if checkpoint is not None:
        compare(wanted, checkpoint)              # all or nothing
        values = checkpoint.read_all(wanted)
        restore_iterator(iterator, checkpoint.sidecar(worker_sidecar(0, 1)))
    ...
    store.commit(
        step, values, sidecars={worker_sidecar(0, 1): iterator_sidecar(iterator)}, resume="exact"
    )

On disk it is a plain TensorFlow checkpoint (`tf.train.load_checkpoint` reads it) with a manifest
beside it. Start reading at `staging`, which is the commit.
"""

from estimators.checkpoints.checkpoint import Checkpoint
from estimators.checkpoints.compatibility import VariableSpec, compare, fits
from estimators.checkpoints.filesystem import FileSystem, LocalFileSystem
from estimators.checkpoints.iterators import (
    IteratorNotSaveableError,
    iterator_sidecar,
    restore_iterator,
    save_iterator,
)
from estimators.checkpoints.manifest import ResumeGrade
from estimators.checkpoints.naming import worker_sidecar
from estimators.checkpoints.staging import SidecarWriter
from estimators.checkpoints.store import CheckpointStore
from estimators.checkpoints.validation import Level
from estimators.checkpoints.values import NonFiniteValuesError

__all__ = [
    "Checkpoint",
    "CheckpointStore",
    "FileSystem",
    "IteratorNotSaveableError",
    "Level",
    "LocalFileSystem",
    "NonFiniteValuesError",
    "ResumeGrade",
    "SidecarWriter",
    "VariableSpec",
    "compare",
    "fits",
    "iterator_sidecar",
    "restore_iterator",
    "save_iterator",
    "worker_sidecar",
]
