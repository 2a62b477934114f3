"""Keeping a model_dir in order: the state file, deletion, and what interruptions left."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import final

from absl import logging

from estimators.checkpoints import naming, search, staging, state_file
from estimators.checkpoints.folder import Folder
from estimators.checkpoints.manifest import Manifest
from estimators.checkpoints.retention import Retention
from estimators.checkpoints.validation import Damage, Validator
from estimators.clock import Clock


@final
@dataclass(frozen=True)
class Keeper:
    """Changes everything in a model_dir except the content of checkpoints.

    >>> from estimators.checkpoints.filesystem import LocalFileSystem
    >>> from estimators.clock import ManualClock
    >>> folder = Folder("/no/such/folder", LocalFileSystem())
    >>> Keeper(folder, Validator(folder), Retention(), ManualClock()).recover()

    Attributes:
      folder: the model_dir.
      validator: tells good checkpoints from damaged ones.
      retention: how many stay.
      clock: what dates the commits.
    """

    folder: Folder
    validator: Validator
    retention: Retention
    clock: Clock

    def finish(self, manifest: Manifest) -> None:
        """Publishes a staged checkpoint, points the state file at it; and only then deletes."""
        staging.publish(self.folder, manifest)
        name = naming.checkpoint_name(manifest.step)
        self.validator.remember(name)
        claims = search.survey(self.folder)
        state, doomed = self.retention.apply(self._next_state(name, claims), good=self._is_good)
        if doomed:
            # Listed until they are gone: a kill in between must not turn them into unlisted ones,
            # which are taken for kept for good.
            state_file.write_state(self.folder, replace(state, kept=(*doomed, *state.kept)))
            for old, _ in doomed:
                self._delete(old)
        state_file.write_state(self.folder, state)
        staging.clear(self.folder, manifest.step)

    def _next_state(self, name: str, claims: search.Survey) -> state_file.State:
        if claims.state_error is not None:
            raise claims.state_error
        now = self.clock.now()
        if claims.state is None:
            # Without a state file nobody knows which of the older ones were kept for good, so
            # only as many as are kept anyway are put up for deletion later.
            older = [old for old in claims.candidates if old != name]
            listed = reversed(older[: self.retention.keep_max or 0])
            kept = ((old, 0.0) for old in listed)
            return state_file.State(name, (*kept, (name, now)), _just_before(now))
        before = (entry for entry in claims.state.kept if entry[0] != name)
        # tf.estimator leaves this time out; 0 would keep the next deleted one for good.
        last_preserved = claims.state.last_preserved or _just_before(now)
        return state_file.State(name, (*before, (name, now)), last_preserved)

    def _is_good(self, name: str) -> bool:
        return self.validator.inspect(name, "manifest").damage is None

    def _delete(self, name: str) -> None:
        for part in naming.files_of(name, self.folder.names()):
            self.folder.files.remove(self.folder.at(part))
        self.validator.forget(name)

    def recover(self, keep_staging_of: int | None = None) -> None:
        """Finishes commits that were interrupted, and removes what cannot be finished."""
        steps = [naming.staged_step(name) for name in self.folder.names()]
        for step in (step for step in steps if step is not None):
            manifest = staging.staged_manifest(self.folder, step)
            if manifest is not None:
                logging.info("Finishing the save of step %d, which was interrupted.", step)
                self.finish(manifest)
            elif step != keep_staging_of:
                staging.clear(self.folder, step)
        state_file.remove_scratch(self.folder)

    def set_aside(self, good: str, damages: Collection[Damage]) -> None:
        """Renames damaged checkpoints to `*.corrupt`, and points the state file at the good one.

        As far as the disk lets us: a run that can read a good checkpoint goes on.
        """
        certain = [damage for damage in damages if damage.certain]
        gone = {damage.checkpoint for damage in certain}
        try:
            for name in gone:
                for part in naming.files_of(name, self.folder.names()):
                    path = self.folder.at(part)
                    self.folder.files.rename(path, path + naming.CORRUPT)
                    logging.warning("Renamed %s to *%s.", path, naming.CORRUPT)
            if len(certain) == len(damages):
                state = self._next_state(good, search.survey(self.folder))
                kept = tuple(entry for entry in state.kept if entry[0] not in gone)
                left = state_file.State(good, kept, state.last_preserved)
                state_file.write_state(self.folder, left)
        except OSError as error:
            logging.warning("Damaged checkpoints in %s are left: %s", self.folder.path, error)


def _just_before(now: float) -> float:
    # tf.train.CheckpointManager, going on in our folder, forgets what is not newer than this.
    return now - 1.0
