"""Folders that appear whole or not at all: written aside, flushed, renamed.

<base>/temp-<seconds>/    being written, or left by a kill; never what a reader looks at
<base>/<seconds>/         an export: ten digits, the Unix time at which it appeared

A rename is atomic, and durable once the folder that lists it has been flushed.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Mapping

from absl import logging

from estimators.checkpoints import FileSystem
from estimators.checkpoints.folder import Folder
from estimators.clock import Clock
from estimators.errors import ExportError

_TRIES = 10
_STALE_AFTER_SECS = 24 * 3600
_TEMPORARY = re.compile(r"temp-(\d+)")
_PUBLISHED = re.compile(r"\d{10}")
_EXTRA = "assets.extra"


def published(base: str, files: FileSystem) -> list[str]:
    """Returns the names of the exports in a folder, oldest first."""
    names = Folder(base, files).names()
    return sorted(n for n in names if _PUBLISHED.fullmatch(n) and os.path.isdir(f"{base}/{n}"))


def temporary_folder(base: str, files: FileSystem, clock: Clock) -> str:
    """Makes a folder to write an export in, and removes those that kills left a day ago.

    Raises:
        ExportError: names are taken by other exports that run now.
    """
    files.make_folder(base)
    now = int(clock.now())
    for name in files.names(base):
        left = _TEMPORARY.fullmatch(name)
        if left and int(left[1]) < now - _STALE_AFTER_SECS:
            logging.info("Removing %s/%s, which an interrupted export left.", base, name)
            files.remove_folder(os.path.join(base, name))
    for seconds in range(now, now + _TRIES):
        path = os.path.join(base, f"temp-{seconds}")
        try:
            os.mkdir(path)  # Not `make_folder`: of two processes one must fail.
        except FileExistsError:
            continue
        return path
    raise ExportError(f"{_TRIES} exports into {base} run at the same time. Wait for them.")


def publish(temporary: str, base: str, files: FileSystem, clock: Clock) -> str:
    """Makes a finished temporary folder visible.

    Returns:
        Its path, `<base>/<seconds>`: after every export that is there, whatever the clock says,
        because servers load the last name and exporters remove the first ones.

    Raises:
        ExportError: the next ten are taken.
        OSError: the disk fails.
    """
    for folder, _, names in os.walk(temporary, topdown=False):
        for name in names:
            files.sync(os.path.join(folder, name))
        files.sync(folder)
    # Not just the first free second: an exporter may have removed one that lies before others.
    first = max([int(clock.now()), *(int(name) + 1 for name in published(base, files))])
    for seconds in range(first, first + _TRIES):
        path = os.path.join(base, f"{seconds:010d}")
        if os.path.lexists(path):  # `rename` replaces an empty folder without asking.
            continue
        try:
            files.rename(temporary, path)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                continue
            raise
        files.sync(base)
        return path
    raise ExportError(
        f"Failed to get an export folder after {_TRIES} tries: {first:010d} and the seconds after "
        f"it are taken in {base}."
    )


def check_assets_extra(assets_extra: Mapping[str, str] | None) -> dict[str, str]:
    """Returns where extra files go, relative to their folder, and where they come from.

    Raises:
        ValueError: a destination leaves the folder, or a source is no file.
    """
    checked = {}
    for destination, source in (assets_extra or {}).items():
        parts = os.path.normpath(destination).split(os.sep)
        if not destination or os.path.isabs(destination) or parts[0] in (os.pardir, os.curdir):
            raise ValueError(
                f"assets_extra key {destination!r} must be a path inside {_EXTRA}/, such as "
                "'words.txt' or 'notes/readme.md'."
            )
        if not os.path.isfile(source):
            raise ValueError(f"assets_extra[{destination!r}] is no file: {source!r}.")
        checked[os.path.join(*parts)] = os.fspath(source)
    return checked


def copy_assets_extra(assets_extra: Mapping[str, str], folder: str) -> None:
    """Copies checked extra files into an export."""
    for destination, source in assets_extra.items():
        target = os.path.join(folder, _EXTRA, destination)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)
