"""Reading a checkpoint: ours, `tf.estimator`'s, `tf.train.Checkpoint`'s or a SavedModel's."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final

import tensorflow as tf

from estimators.checkpoints import naming, object_graph, search
from estimators.checkpoints.bundle import Array, Bundle
from estimators.checkpoints.filesystem import LocalFileSystem
from estimators.checkpoints.folder import Folder
from estimators.checkpoints.manifest import Manifest, ResumeGrade
from estimators.checkpoints.validation import Level, Validator
from estimators.errors import CheckpointError, DamagedCheckpointError

GLOBAL_STEP = "global_step"


@final
@dataclass(frozen=True)
class Checkpoint:
    """Values by variable name.

    >>> import tempfile
    >>> from estimators.checkpoints.store import CheckpointStore
    >>> with tempfile.TemporaryDirectory() as model_dir:
    ...     prefix = CheckpointStore(model_dir).commit(7, {"w": tf.constant([1.0, 2.0])})
    ...     checkpoint = Checkpoint.open(prefix)
    ...     checkpoint.step, checkpoint.names_to_shapes(), checkpoint.read("w").tolist()
    (7, {'w': (2,)}, [1.0, 2.0])

    Attributes:
      prefix: the path without ".index".
      step: training steps it holds; 0 when neither its name nor a `global_step` in it says.
      metadata: what was given to `commit`; empty for other programs' checkpoints.
      resume: how the input goes on from here.
      sidecars: names of what is bound to it besides variables.
    """

    prefix: str
    step: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    resume: ResumeGrade = "unknown"
    sidecars: tuple[str, ...] = ()

    @staticmethod
    def open(path: str | os.PathLike[str]) -> Checkpoint:
        """Opens a checkpoint that may lie anywhere; changes nothing there.

        Args:
          path: a prefix (`model_dir/model.ckpt-7`), a model_dir, which stands for its latest
            checkpoint, or the folder of a SavedModel, which stands for its variables.

        Raises:
          CheckpointError: there is no checkpoint.
          DamagedCheckpointError: there is one, and it cannot be trusted.
        """
        path = os.fspath(path)
        saved_model = os.path.join(path, "variables", "variables")
        if os.path.exists(saved_model + naming.INDEX):
            path = saved_model
        if os.path.isdir(path):
            found = latest_in(Validator(Folder(path, LocalFileSystem())), "full")
            if found is None:
                raise CheckpointError(f"{path} is a folder without a checkpoint.")
            return found
        if not os.path.exists(path + naming.INDEX):
            raise CheckpointError(
                f"{path} is neither a folder nor the prefix of a checkpoint: there is no "
                f"{path}{naming.INDEX}. A prefix is a path without ending, as 'dir/model.ckpt-7'."
            )
        parent, name = os.path.split(path)
        inspection = Validator(Folder(parent or ".", LocalFileSystem())).inspect(name, "full")
        if inspection.damage is not None:
            raise DamagedCheckpointError(
                f"{path} cannot be trusted: {inspection.damage}. Restore it from a copy, or use "
                "another checkpoint."
            )
        return from_manifest(path, inspection.manifest)

    def names_to_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape by variable name, sorted by name."""
        return {name: self._bundle.shapes[key] for name, key in sorted(self._keys.items())}

    def names_to_dtypes(self) -> dict[str, tf.DType]:
        """Type by variable name, sorted by name."""
        return {name: self._bundle.dtypes[key] for name, key in sorted(self._keys.items())}

    def read(self, name: str) -> Array:
        """The value of a variable.

        Args:
          name: its name, with or without ":0"; for an object-based checkpoint its key will do too.

        Raises:
          ValueError: there is no such variable.
          DamagedCheckpointError: the files changed since they were validated.
        """
        return self._bundle.read(self._key(name))

    def read_all(self, names: Iterable[str] | None = None) -> dict[str, Array]:
        """The values of several variables; of all of them when `names` is None.

        Raises:
          ValueError: one of them is not there; nothing was read then.
          DamagedCheckpointError: the files changed since they were validated.
        """
        wanted = {name: self._key(name) for name in (self._keys if names is None else names)}
        return {name: self._bundle.read(key) for name, key in wanted.items()}

    def sidecar(self, name: str) -> str:
        """The prefix of a sidecar's files.

        Raises:
          ValueError: no such sidecar is bound to this checkpoint.
        """
        if name not in self.sidecars:
            raise ValueError(
                f"{self.prefix} has no sidecar {name!r}; it has {list(self.sidecars)}. "
                "A different number of workers wrote it, or another program."
            )
        return f"{self.prefix}.{name}"

    @cached_property
    def _bundle(self) -> Bundle:
        return Bundle(self.prefix)

    @cached_property
    def _keys(self) -> dict[str, str]:
        shapes = self._bundle.shapes
        if object_graph.GRAPH_KEY not in shapes:
            return {key: key for key in shapes}
        graph = self._bundle.read(object_graph.GRAPH_KEY).item()
        return object_graph.keys_by_name(graph, shapes)

    def _key(self, name: str) -> str:
        for key in (self._keys.get(name), self._keys.get(name.removesuffix(":0"))):
            if key is not None:
                return key
        if name in self._bundle.shapes:
            return name
        near = difflib.get_close_matches(name, self._keys, n=3)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ValueError(
            f"{self.prefix} has no variable {name!r} among its {len(self._keys)}.{hint}"
        )


def latest_in(validator: Validator, level: Level) -> Checkpoint | None:
    """The latest good checkpoint of a folder; None when there never was one.

    Raises:
      DamagedCheckpointError: there are traces of checkpoints, and none can be read.
    """
    outcome = search.search(validator, level)
    search.check_not_lost(validator.folder, outcome)
    return from_search(validator.folder, outcome)


def from_search(folder: Folder, outcome: search.Search) -> Checkpoint | None:
    """What a search found, to be read."""
    if outcome.checkpoint is None:
        return None
    return from_manifest(folder.at(outcome.checkpoint), outcome.manifest)


def from_manifest(prefix: str, manifest: Manifest | None) -> Checkpoint:
    """The checkpoint at `prefix`, which its manifest describes if it has one."""
    if manifest is None:
        return Checkpoint(prefix, _step_of(prefix))
    return Checkpoint(
        prefix,
        manifest.step,
        metadata=manifest.metadata,
        resume=manifest.resume,
        sidecars=manifest.sidecars,
    )


def _step_of(prefix: str) -> int:
    step = naming.step_in(os.path.basename(prefix))
    if step is not None:
        return step
    held = Checkpoint(prefix, 0)
    if GLOBAL_STEP not in held.names_to_shapes():
        return 0
    value = held.read(GLOBAL_STEP)
    if value.size != 1 or value.dtype.kind not in "iu":
        raise DamagedCheckpointError(
            f"{prefix}: `{GLOBAL_STEP}` should be one integer and is {value!r}."
        )
    return int(value.item())
