"""A model_dir together with the operations on it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import final

from estimators.checkpoints.filesystem import FileSystem


@final
@dataclass(frozen=True)
class Folder:
    """A folder by path; names below are relative to it.

    >>> from estimators.checkpoints.filesystem import LocalFileSystem
    >>> folder = Folder("/no/such/folder", LocalFileSystem())
    >>> folder.names(), folder.has("checkpoint")
    ([], False)

    Attributes:
      path: where it is.
      files: how it is read and written.
    """

    path: str
    files: FileSystem

    def at(self, name: str) -> str:
        """The path of an entry."""
        return os.path.join(self.path, name)

    def names(self) -> list[str]:
        """Names of the entries; none when the folder is not there."""
        try:
            return self.files.names(self.path)
        except FileNotFoundError:
            return []

    def has(self, name: str) -> bool:
        """Whether the entry is there."""
        try:
            self.files.stat(self.at(name))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def write_atomically(self, name: str, content: bytes, *, scratch: str) -> None:
        """Replaces a file so that a reader, or a kill, sees the old content or the new.

        Args:
          name: the file.
          content: its new content.
          scratch: a name in the same folder to write it under first.
        """
        self.files.write(self.at(scratch), content)
        self.files.sync(self.at(scratch))
        self.files.rename(self.at(scratch), self.at(name))
