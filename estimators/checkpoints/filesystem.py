"""The only door to the disk: every file operation of the store is a method here.

It is one small type so that a test can fail, or die at, the k-th operation for every k.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, final

_CHUNK_BYTES = 1 << 20


class FileSystem(Protocol):
    """The file operations that a checkpoint store is made of. All raise `OSError`."""

    def names(self, folder: str) -> list[str]:
        """Names of the entries of `folder`."""

    def stat(self, path: str) -> os.stat_result:
        """Size and time of change."""

    def read(self, path: str) -> bytes:
        """The content of a small file."""

    def sha256(self, path: str) -> str:
        """Hex digest of the content of a file of any size."""

    def free_bytes(self, folder: str) -> int:
        """Space left for this user on the disk of `folder`."""

    def make_folder(self, path: str) -> None:
        """Creates a folder and its parents; an existing one is fine."""

    def write(self, path: str, content: bytes) -> None:
        """Creates or overwrites a file. Not durable before `sync`."""

    def write_by(self, writer: Callable[[str], None], prefix: str) -> None:
        """Lets `writer` create files whose names begin with `prefix`."""

    def sync(self, path: str) -> None:
        """Returns when the file, or the list of a folder's entries, is on the disk."""

    def rename(self, source: str, target: str) -> None:
        """Moves a file over `target`, atomically. Not durable before the folder's `sync`."""

    def remove(self, path: str) -> None:
        """Deletes a file."""

    def remove_folder(self, path: str) -> None:
        """Deletes a folder and what is in it."""


@final
@dataclass(frozen=True)
class LocalFileSystem:
    """A POSIX file system: rename is atomic, and durable once the folder is synced.

    >>> import tempfile
    >>> files = LocalFileSystem()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files.write(os.path.join(folder, "a"), b"text")
    ...     files.sync(folder)
    ...     files.names(folder)
    ['a']
    """

    def names(self, folder: str) -> list[str]:
        """Names of the entries of `folder`, sorted."""
        return sorted(os.listdir(folder))

    def stat(self, path: str) -> os.stat_result:
        """Size and time of change."""
        return os.stat(path)

    def read(self, path: str) -> bytes:
        """The content of a small file."""
        with open(path, "rb") as file:
            return file.read()

    def sha256(self, path: str) -> str:
        """Hex digest, in bounded memory."""
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def free_bytes(self, folder: str) -> int:
        """Space left for this user on the disk of `folder`."""
        return shutil.disk_usage(folder).free

    def make_folder(self, path: str) -> None:
        """Creates a folder and its parents; an existing one is fine."""
        os.makedirs(path, exist_ok=True)

    def write(self, path: str, content: bytes) -> None:
        """Creates or overwrites a file."""
        with open(path, "wb") as file:
            file.write(content)

    def write_by(self, writer: Callable[[str], None], prefix: str) -> None:
        """Calls `writer(prefix)`."""
        writer(prefix)

    def sync(self, path: str) -> None:
        """Flushes a file or a folder to the disk."""
        # TensorFlow's own writers flush to the kernel only, so files that it wrote are opened
        # again: fsync works on any descriptor of the file.
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, source: str, target: str) -> None:
        """Moves a file over `target`."""
        os.replace(source, target)

    def remove(self, path: str) -> None:
        """Deletes a file."""
        os.remove(path)

    def remove_folder(self, path: str) -> None:
        """Deletes a folder and what is in it."""
        shutil.rmtree(path)
