"""The checkpoint store: commits to a model_dir, and the latest good checkpoint of it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any, final

import tensorflow as tf
from absl import logging

from estimators.checkpoints import naming, preflight, search, staging, values
from estimators.checkpoints.checkpoint import Checkpoint, from_search
from estimators.checkpoints.filesystem import FileSystem, LocalFileSystem
from estimators.checkpoints.folder import Folder
from estimators.checkpoints.keeper import Keeper
from estimators.checkpoints.manifest import ResumeGrade
from estimators.checkpoints.retention import Retention
from estimators.checkpoints.validation import Damage, Level, Validator
from estimators.clock import Clock, SystemClock
from estimators.errors import CheckpointError

_DISK_ERRORS = (OSError, tf.errors.OpError)


@final
class CheckpointStore:
    """The checkpoints of one model_dir.

    One process at a time may commit. Any number may read, with `read_only=True`: such a store
    renames and deletes nothing, because what looks broken to it may be a commit in progress.

    The order of a run with several workers, for the checkpoint of step s:

        every worker    write_sidecar(s, worker_sidecar(i, n), iterator_sidecar(iterator))
        all             barrier
        the chief       commit(s, tensors, bound=[worker_sidecar(i, n) for i in range(n)])

    and at the start: the chief calls `latest`, which also clears away what a kill left; barrier;
    then the others call `latest` on a read-only store.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as model_dir:
    ...     store = CheckpointStore(model_dir)
    ...     before = store.latest()
    ...     prefix = store.commit(7, {"w": tf.constant([1.0, 2.0])}, metadata={"best_loss": 0.5})
    ...     latest = store.latest()
    >>> before is None, os.path.basename(prefix), latest.step, latest.metadata
    (True, 'model.ckpt-7', 7, {'best_loss': 0.5})
    """

    def __init__(
        self,
        model_dir: str | os.PathLike[str],
        *,
        keep_max: int | None = 5,
        keep_every_n_hours: float = 10000.0,
        clock: Clock | None = None,
        files: FileSystem | None = None,
        read_only: bool = False,
    ) -> None:
        """Touches nothing.

        Args:
          model_dir: the folder.
          keep_max: the newest so many checkpoints stay, at least two; None or 0 keeps all.
          keep_every_n_hours: besides, one in so many hours is kept for good.
          clock: what dates the commits.
          files: how the disk is reached.
          read_only: only look.
        """
        self._folder = Folder(os.fspath(model_dir), files or LocalFileSystem())
        self._clock = clock or SystemClock()
        self._read_only = read_only
        self._validator = Validator(self._folder)
        self._keeper = Keeper(
            self._folder,
            self._validator,
            Retention(keep_max, keep_every_n_hours),
            self._clock,
        )

    @property
    def model_dir(self) -> str:
        """The folder."""
        return self._folder.path

    def check_writable(self) -> None:
        """Finds out before the first step whether checkpoints can be written; makes the folder.

        Raises:
          CheckpointError: they cannot; says why and what to do.
        """
        self._refuse_if_read_only("check_writable")
        preflight.check_writable(self._folder)

    def write_sidecar(self, step: int, name: str, write: staging.SidecarWriter) -> None:
        """Writes what one worker adds to the checkpoint of `step`, before the chief commits it.

        Raises:
          CheckpointError: the disk refused.
        """
        self._refuse_if_read_only("write_sidecar")
        naming.check_sidecar(name)
        try:
            staging.stage_sidecar(self._folder, step, name, write)
        except _DISK_ERRORS as error:
            raise CheckpointError(self._not_saved(step, error)) from error

    def commit(
        self,
        step: int,
        tensors: Mapping[str, object],
        *,
        sidecars: Mapping[str, staging.SidecarWriter] | None = None,
        bound: Collection[str] = (),
        metadata: Mapping[str, Any] | None = None,
        resume: ResumeGrade = "unknown",
        require_finite: bool = True,
    ) -> str:
        """Saves a checkpoint, all or nothing.

        When this returns, the checkpoint survives a power cut. When it raises, the checkpoints
        before are safe, and it may be called again. (If the disk refused in the middle of the last
        renames, this one is safe too: the next `commit` or `latest` finishes it.)

        Args:
          step: training steps done.
          tensors: value by variable name, tensors or arrays.
          sidecars: what this process adds besides variables, by name: called with a prefix, it
            writes `<prefix>.index` and its data, as `iterators.iterator_sidecar` does.
          bound: names of sidecars that workers wrote with `write_sidecar`; all must be there.
          metadata: JSON values, handed back by `Checkpoint.metadata`.
          resume: how the input goes on from here.
          require_finite: refuse NaN and infinity.

        Returns:
          The prefix, `model_dir/model.ckpt-<step>`.

        Raises:
          ValueError: an argument is wrong.
          NonFiniteValuesError: a variable is NaN or infinite.
          CheckpointError: the disk refused, or a bound sidecar is missing.
        """
        self._refuse_if_read_only("commit")
        if step < 0:
            raise ValueError(f"`step` ({step}) must not be negative.")
        for name in {*(sidecars or {}), *bound}:
            naming.check_sidecar(name)
        ready = values.to_tensors(tensors)
        if require_finite:
            self._check_finite(step, ready)
        draft = staging.Draft(step, ready, sidecars or {}, bound, metadata or {}, resume)
        try:
            self._keeper.recover(keep_staging_of=step)
            self._commit(draft)
        except _DISK_ERRORS as error:
            raise CheckpointError(self._not_saved(step, error)) from error
        return self._folder.at(draft.name)

    def latest(self, *, validate: Level = "full") -> Checkpoint | None:
        """The newest checkpoint that is whole; None only if there never was one.

        First finishes or clears away what a killed save left. A checkpoint that is damaged is
        renamed to `*.corrupt`, and the one before is taken; the log says which and why.

        A reader beside a running trainer should read at once, and ask again should reading fail:
        the trainer may have deleted the checkpoint meanwhile.

        Args:
          validate: 'full' compares the content of every file with its hash, once per change of the
            file; 'manifest' only compares the sizes, for looking often.

        Raises:
          DamagedCheckpointError: there are traces of checkpoints, and none can be trusted.
        """
        if not self._read_only:
            try:
                self._keeper.recover()
            except _DISK_ERRORS as error:
                logging.warning("Cannot clear %s of an unfinished save: %s", self.model_dir, error)
        outcome = search.search(self._validator, validate)
        search.check_not_lost(self._folder, outcome)
        if outcome.checkpoint is not None and outcome.damages:
            self._report(outcome.checkpoint, outcome.damages)
            if not self._read_only:
                self._keeper.set_aside(outcome.checkpoint, outcome.damages)
        return from_search(self._folder, outcome)

    def _commit(self, draft: staging.Draft) -> None:
        self._folder.files.make_folder(self.model_dir)
        try:
            manifest = staging.stage(self._folder, draft, self._clock.now())
        except Exception:
            # Nothing is committed yet. A process that is killed here leaves this to the next start.
            self._discard(draft.step)
            raise
        self._keeper.finish(manifest)

    def _check_finite(self, step: int, ready: Mapping[str, Any]) -> None:
        try:
            values.check_finite(ready)
        except values.NonFiniteValuesError:
            self._discard(step)  # What workers have written for it.
            raise

    def _discard(self, step: int) -> None:
        try:
            staging.clear(self._folder, step)
        except OSError as error:
            logging.warning("Left for the next start: %s (%s)", naming.staging_name(step), error)

    def _report(self, good: str, damages: Collection[Damage]) -> None:
        for damage in damages:
            logging.error(
                "%s cannot be used: %s. Going on from %s.",
                self._folder.at(damage.checkpoint),
                damage,
                self._folder.at(good),
            )

    def _refuse_if_read_only(self, method: str) -> None:
        if self._read_only:
            raise CheckpointError(
                f"`{method}` writes, and this store of {self.model_dir} was made with "
                "`read_only=True`."
            )

    def _not_saved(self, step: int, error: Exception) -> str:
        return (
            f"The checkpoint of step {step} could not be saved in {self.model_dir}: {error}. "
            "Checkpoints saved before are untouched. Make room or mend the disk; saving may then "
            "be tried again."
        )
