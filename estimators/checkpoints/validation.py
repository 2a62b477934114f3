"""Whether the files of a checkpoint are the files that were committed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, final

from absl import logging

from estimators.checkpoints import naming
from estimators.checkpoints.bundle import Bundle
from estimators.checkpoints.folder import Folder
from estimators.checkpoints.manifest import FileRecord, Manifest
from estimators.errors import DamagedCheckpointError

Level: TypeAlias = Literal["manifest", "full"]
"""'manifest': every file is there with the right size. 'full': and with the right content."""

_Fingerprint: TypeAlias = tuple[tuple[str, int, int], ...]


@final
@dataclass(frozen=True)
class Damage:
    """Why a checkpoint cannot be used.

    >>> print(Damage("model.ckpt-7", "model.ckpt-7.index", "is missing"))
    model.ckpt-7.index is missing

    Attributes:
      checkpoint: its name.
      file: the file at fault.
      reason: what is wrong with it.
      certain: False when the file could not be read just now (no permission, an I/O error), which
        says nothing about its content: such a checkpoint is passed over but never set aside.
    """

    checkpoint: str
    file: str
    reason: str
    certain: bool = True

    def __str__(self) -> str:
        return f"{self.file} {self.reason}"


@final
@dataclass(frozen=True)
class Inspection:
    """The outcome for one checkpoint.

    Attributes:
      manifest: its manifest; None when another program wrote it, or it is damaged.
      damage: what is wrong; None when it is good.
    """

    manifest: Manifest | None = None
    damage: Damage | None = None


@final
@dataclass(frozen=True)
class Validator:
    """Inspects checkpoints, and does not hash again what has not changed since.

    >>> from estimators.checkpoints.filesystem import LocalFileSystem
    >>> folder = Folder("/no/such/folder", LocalFileSystem())
    >>> print(Validator(folder).inspect("model.ckpt-7", "full").damage)
    model.ckpt-7.index is missing

    Attributes:
      folder: the model_dir.
    """

    folder: Folder
    _seen_good: dict[str, _Fingerprint] = field(default_factory=dict, repr=False, compare=False)

    def inspect(self, checkpoint: str, level: Level) -> Inspection:
        """Whether `checkpoint` can be trusted."""
        index = checkpoint + naming.INDEX
        try:
            if not self.folder.has(index):
                return Inspection(damage=Damage(checkpoint, index, "is missing"))
            return self._inspect(checkpoint, level)
        except OSError as error:
            reason = f"could not be read ({error.strerror or error})"
            return Inspection(damage=Damage(checkpoint, checkpoint, reason, certain=False))

    def remember(self, checkpoint: str) -> None:
        """Notes that `checkpoint` was verified as it is now, by whoever wrote it."""
        self._seen_good[checkpoint] = self._fingerprint(checkpoint)

    def forget(self, checkpoint: str) -> None:
        """Notes that `checkpoint` was deleted."""
        self._seen_good.pop(checkpoint, None)

    def _inspect(self, checkpoint: str, level: Level) -> Inspection:
        name = checkpoint + naming.MANIFEST
        manifest: Manifest | None = None
        if self.folder.has(name):
            try:
                manifest = Manifest.parse(self.folder.files.read(self.folder.at(name)))
            except ValueError as error:
                return Inspection(damage=Damage(checkpoint, name, f"is damaged: {error}"))
        fingerprint = self._fingerprint(checkpoint)
        if self._seen_good.get(checkpoint) == fingerprint:
            return Inspection(manifest)
        if manifest is None:
            damage = self._read_through(checkpoint) if level == "full" else None
        else:
            damage = self._compare_files(checkpoint, manifest, level)
        if damage is not None:
            return Inspection(damage=damage)
        if level == "full":
            self._seen_good[checkpoint] = fingerprint
        return Inspection(manifest)

    def _compare_files(self, checkpoint: str, manifest: Manifest, level: Level) -> Damage | None:
        for suffix, record in manifest.files.items():
            name = checkpoint + suffix
            reason = file_damage(self.folder, name, record, level)
            if reason:
                return Damage(checkpoint, name, reason)
        return None

    def _read_through(self, checkpoint: str) -> Damage | None:
        logging.info("%s has no manifest: reading it to validate it.", checkpoint)
        try:
            Bundle(self.folder.at(checkpoint)).check()
        except DamagedCheckpointError as error:
            return Damage(checkpoint, checkpoint, f"is damaged: {error.__cause__}")
        return None

    def _fingerprint(self, checkpoint: str) -> _Fingerprint:
        """Name, size and time of change of every file of a checkpoint."""
        stats = (
            (name, self.folder.files.stat(self.folder.at(name)))
            for name in naming.files_of(checkpoint, self.folder.names())
        )
        return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def file_damage(folder: Folder, name: str, record: FileRecord, level: Level) -> str:
    """What is wrong with a file, as the rest of a sentence; "" when it is as recorded.

    Raises:
      OSError: it is there and cannot be read.
    """
    try:
        size = folder.files.stat(folder.at(name)).st_size
    except FileNotFoundError:
        return "is missing"
    if size != record.bytes:
        return f"has {size} bytes where {record.bytes} were written"
    if level == "full" and folder.files.sha256(folder.at(name)) != record.sha256:
        return "has other content than was written (its SHA-256 differs)"
    return ""
