"""The commit: from tensors in memory to a checkpoint that a power cut cannot undo.

    1. Everything is written into `model.ckpt-<step>.staging/`, flushed, read back and compared.
    2. The manifest is written there and flushed. This is the moment of commit: whatever happens
       from here on, the next start finds the manifest and finishes the work.
    3. Data files and sidecars are renamed into the model_dir, a copy of the manifest is put beside
       them, then the index is renamed: it is what makes a checkpoint visible.
    4. The state file is replaced. (The store does this, then deletes old checkpoints.)
    5. The staging folder goes, its manifest first.

A plain "write, rename, state file" without step 2 cannot replace the checkpoint of a step that
already has one (training started again and saved at once): between the renames of two files of the
same name the old checkpoint is gone and the new one not yet there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

import keras
import tensorflow as tf

from estimators.aliases import Tensor
from estimators.checkpoints import naming, values
from estimators.checkpoints.bundle import write_bundle
from estimators.checkpoints.folder import Folder
from estimators.checkpoints.manifest import FileRecord, Manifest, ResumeGrade
from estimators.checkpoints.validation import file_damage
from estimators.errors import CheckpointError

SidecarWriter: TypeAlias = Callable[[str], None]
"""Writes `<prefix>.index` and `<prefix>.data-...` for the prefix that it is given."""

_COPY = ".manifest.copy"


@final
@dataclass(frozen=True)
class Draft:
    """What is to be committed.

    >>> Draft(7, {"w": tf.zeros(2)}).name
    'model.ckpt-7'

    Attributes:
      step: training steps done.
      tensors: value by variable name.
      sidecars: what writes each sidecar, by name.
      bound: names of sidecars that other workers have already written.
      metadata: JSON values.
      resume: how the input goes on from here.
    """

    step: int
    tensors: Mapping[str, Tensor]
    sidecars: Mapping[str, SidecarWriter] = field(default_factory=dict)
    bound: Collection[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    resume: ResumeGrade = "unknown"

    @property
    def name(self) -> str:
        """The name of the checkpoint."""
        return naming.checkpoint_name(self.step)


def staging_of(folder: Folder, step: int) -> Folder:
    """The folder in which the checkpoint of `step` is prepared."""
    return Folder(folder.at(naming.staging_name(step)), folder.files)


def stage_sidecar(folder: Folder, step: int, name: str, write: SidecarWriter) -> None:
    """Writes one sidecar into the staging folder and flushes it."""
    staging = staging_of(folder, step)
    folder.files.make_folder(staging.path)
    sidecar = f"{naming.checkpoint_name(step)}.{name}"
    folder.files.write_by(write, staging.at(sidecar))
    for part in naming.files_of(sidecar, staging.names()):
        folder.files.sync(staging.at(part))
    folder.files.sync(staging.path)


def stage(folder: Folder, draft: Draft, committed_at: float) -> Manifest:
    """Steps 1 and 2: prepares a checkpoint and commits to it.

    Raises:
      CheckpointError: a bound sidecar was not written, or something reads back differently.
      OSError, tf.errors.OpError: the disk refused.
    """
    files = folder.files
    staging = staging_of(folder, draft.step)
    files.make_folder(staging.path)
    for name, write in draft.sidecars.items():
        stage_sidecar(folder, draft.step, name, write)
    files.write_by(lambda prefix: write_bundle(prefix, draft.tensors), staging.at(draft.name))
    values.check_written(staging.at(draft.name), draft.tensors)
    records = _flush_and_record(staging, draft)
    manifest = Manifest(
        step=draft.step,
        files=records,
        variables={n: (tuple(t.shape), t.dtype.name) for n, t in draft.tensors.items()},
        metadata=draft.metadata,
        sidecars=tuple(sorted({*draft.sidecars, *draft.bound})),
        resume=draft.resume,
        committed_at=committed_at,
        versions={"tensorflow": tf.__version__, "keras": keras.__version__},
    )
    content = manifest.render()
    # The names of the staged files must be on the disk before the manifest that vouches for them.
    files.sync(staging.path)
    files.sync(folder.path)
    staging.write_atomically(draft.name + naming.MANIFEST, content, scratch=draft.name + _COPY)
    files.sync(staging.path)
    return manifest


def _flush_and_record(staging: Folder, draft: Draft) -> dict[str, FileRecord]:
    """Flushes the files of a draft and says what they must be from now on."""
    names = staging.names()
    parts = [*(f"{draft.name}.{sidecar}" for sidecar in {*draft.sidecars, *draft.bound})]
    for part in parts:
        if part + naming.INDEX not in names:
            raise CheckpointError(
                f"The sidecar {part}{naming.INDEX} is not in {staging.path}. Its worker must have "
                "written it before the chief commits; put a barrier between."
            )
    records: dict[str, FileRecord] = {}
    for part in [draft.name, *parts]:
        for name in names:
            if _belongs(name, part):
                staging.files.sync(staging.at(name))
                size = staging.files.stat(staging.at(name)).st_size
                digest = staging.files.sha256(staging.at(name))
                records[name.removeprefix(draft.name)] = FileRecord(size, digest)
    return records


def _belongs(name: str, bundle: str) -> bool:
    """Whether a file is one of a bundle's own: its index or its data, no sidecar."""
    return bool(re.fullmatch(re.escape(bundle) + r"(\.index|\.data-\d{5}-of-\d{5})", name))


def publish(folder: Folder, manifest: Manifest) -> None:
    """Step 3: moves what is staged into the model_dir. May be repeated after any interruption."""
    files = folder.files
    name = naming.checkpoint_name(manifest.step)
    staging = staging_of(folder, manifest.step)
    staged = set(staging.names())
    last = [naming.INDEX]
    first = sorted(set(manifest.files).difference(last))
    for suffix in first:
        if name + suffix in staged:
            files.rename(staging.at(name + suffix), folder.at(name + suffix))
    files.write(staging.at(name + _COPY), manifest.render())
    files.sync(staging.at(name + _COPY))
    files.rename(staging.at(name + _COPY), folder.at(name + naming.MANIFEST))
    files.sync(folder.path)
    if name + naming.INDEX in staged:
        files.rename(staging.at(name + naming.INDEX), folder.at(name + naming.INDEX))
    _remove_superseded(folder, name, manifest)
    files.sync(folder.path)


def _remove_superseded(folder: Folder, name: str, manifest: Manifest) -> None:
    """Removes parts of an earlier checkpoint of this step that the new one does not have."""
    for part in naming.files_of(name, folder.names()):
        suffix = part.removeprefix(name)
        if suffix not in manifest.files and suffix != naming.MANIFEST:
            folder.files.remove(folder.at(part))


def staged_manifest(folder: Folder, step: int) -> Manifest | None:
    """The manifest of an unfinished commit that can be finished; None when there is none.

    Raises:
      OSError: the files cannot be read.
    """
    name = naming.checkpoint_name(step)
    staging = staging_of(folder, step)
    try:
        manifest = Manifest.parse(folder.files.read(staging.at(name + naming.MANIFEST)))
    except (FileNotFoundError, ValueError):
        return None
    staged = set(staging.names())
    for suffix, record in manifest.files.items():
        place = staging if name + suffix in staged else folder
        if file_damage(place, name + suffix, record, "full"):
            return None
    return manifest


def clear(folder: Folder, step: int) -> None:
    """Step 5: removes the staging folder of `step`, if there is one."""
    staging = staging_of(folder, step)
    if not folder.has(naming.staging_name(step)):
        return
    manifest = naming.checkpoint_name(step) + naming.MANIFEST
    if staging.has(manifest):
        # First, and on the disk: a manifest in a half-removed folder would promise too much.
        folder.files.remove(staging.at(manifest))
        folder.files.sync(staging.path)
    folder.files.remove_folder(staging.path)
