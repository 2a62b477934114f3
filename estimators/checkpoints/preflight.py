"""Whether a model_dir can be written, found out before the first step."""

from __future__ import annotations

import errno

from estimators.checkpoints import naming, search
from estimators.checkpoints.folder import Folder
from estimators.errors import CheckpointError

_PROBE = ".write-test"


def check_writable(folder: Folder) -> None:
    """Makes the folder if need be, and writes, flushes and deletes a file in it.

    Raises:
      CheckpointError: it cannot be written, or has no room for one more checkpoint.

    >>> import tempfile
    >>> from estimators.checkpoints.filesystem import LocalFileSystem
    >>> with tempfile.TemporaryDirectory() as model_dir:
    ...     check_writable(Folder(model_dir, LocalFileSystem()))
    """
    if "://" in folder.path:
        raise CheckpointError(
            f"model_dir {folder.path!r} is not on a file system: a safe commit needs atomic "
            "renames, which object stores lack. Train in a local or network folder, and copy it."
        )
    # TensorFlow looks for "<prefix>.index" as a pattern, and never finds a name with these.
    if odd := set(folder.path).intersection("[\\"):
        raise CheckpointError(
            f"model_dir {folder.path!r} contains {odd.pop()!r}, which TensorFlow takes for a "
            "pattern, so it could not read its own checkpoints there. Rename the folder."
        )
    files, probe = folder.files, folder.at(_PROBE)
    try:
        files.make_folder(folder.path)
        files.write(probe, b"can this be written?")
        files.sync(probe)
        files.remove(probe)
        free, needed = files.free_bytes(folder.path), _bytes_of_latest(folder)
    except OSError as error:
        raise CheckpointError(_not_writable(folder.path, error)) from error
    if free < needed:
        raise CheckpointError(
            f"The disk of model_dir {folder.path!r} has {free:,} bytes left, and its latest "
            f"checkpoint alone has {needed:,}. Free some, or use a model_dir on another disk."
        )


def _bytes_of_latest(folder: Folder) -> int:
    latest = search.survey(folder).candidates[:1]
    names = folder.names()
    parts = [part for name in latest for part in naming.files_of(name, names)]
    return sum(folder.files.stat(folder.at(part)).st_size for part in parts)


def _not_writable(model_dir: str, error: OSError) -> str:
    remedies = {
        errno.ENOSPC: "The disk is full: free some space.",
        errno.EDQUOT: "The quota is used up: free some space.",
        errno.EACCES: "Give this user the right to write there, or use another model_dir.",
        errno.EPERM: "Give this user the right to write there, or use another model_dir.",
        errno.EROFS: "The file system is read-only: use another model_dir.",
        errno.EEXIST: "A file of this name is in the way: use another model_dir.",
        errno.ENOTDIR: "A part of this path is a file: use another model_dir.",
    }
    remedy = remedies.get(error.errno or 0, "Mend this, or use another model_dir.")
    return f"model_dir {model_dir!r} cannot be written: {error.strerror or error}. {remedy}"
