"""Disks that fail, die and lose power at a chosen operation."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from estimators.checkpoints import Checkpoint, LocalFileSystem

MUTATING = ("make_folder", "write", "write_by", "sync", "rename", "remove", "remove_folder")


class Killed(BaseException):
    """The process died: nothing that catches Exception may clean up."""


class FaultyDisk:
    """A real disk on which the operation number `at` goes wrong.

    `how` is 'before' or 'after' (death on either side of the operation), 'torn' (death when half of
    a file is written), or the name of an errno. `sticky` errors also fail what comes later.
    """

    def __init__(self, at: int = -1, how: str = "before", *, sticky: bool = False) -> None:
        self.at, self.how, self.sticky = at, how, sticky
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        real = getattr(LocalFileSystem(), operation)

        def call(*args: Any) -> Any:
            number = len(self.calls)
            self.calls.append((operation, *args))
            hit = number == self.at or (self.sticky and -1 < self.at < number)
            if hit and hasattr(errno, self.how):
                raise OSError(getattr(errno, self.how), self.how)
            if hit and self.how == "before":
                raise Killed
            try:
                return real(*args)
            finally:  # the operation may have answered with an error, as `stat` of a missing file
                if hit:
                    if self.how == "torn":
                        _halve(operation, args)
                    raise Killed

        return call


def _halve(operation: str, args: tuple[Any, ...]) -> None:
    if operation == "write":
        paths = [args[0]]
    elif operation == "write_by":
        parent, stem = os.path.split(args[1])
        paths = [os.path.join(parent, name) for name in os.listdir(parent) if name.startswith(stem)]
    else:
        return
    for path in paths:
        os.truncate(path, os.path.getsize(path) // 2)


class PowerLossDisk:
    """A disk that remembers what was flushed, and dies before operation `at`.

    `rebuild` makes the folder that the machine finds when it comes up again: only flushed entries
    of only flushed folders, with the content that files had when they were flushed last. With
    `names_survive`, all entries are there, as on file systems that write names before the data.
    """

    def __init__(self, root: str, at: int = -1, *, deaf: bool = False) -> None:
        self.root, self.at, self.deaf = root, at, deaf
        self.calls = 0
        self._entries: dict[str, dict[str, int]] = {}
        self._contents: dict[int, bytes] = {}
        self._open: list[int] = []  # held open, so that an inode number is never used again
        for folder, _, names in os.walk(root):
            for name in names:
                self._flush(os.path.join(folder, name))
            self._flush(folder)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        real = getattr(LocalFileSystem(), operation)

        def call(*args: Any) -> Any:
            if operation in MUTATING:
                if self.calls == self.at:
                    raise Killed
                self.calls += 1
            result = real(*args)
            if operation == "sync" and not self.deaf:
                self._flush(args[0])
            return result

        return call

    def _flush(self, path: str) -> None:
        if os.path.isdir(path):
            self._entries[path] = {e.name: e.inode() for e in os.scandir(path)}
        else:
            descriptor = os.open(path, os.O_RDONLY)
            self._open.append(descriptor)
            with open(path, "rb") as file:
                self._contents[os.fstat(descriptor).st_ino] = file.read()

    def rebuild(self, target: str, *, names_survive: bool) -> None:
        self._rebuild(self.root, target, names_survive)
        for descriptor in self._open:
            os.close(descriptor)

    def _rebuild(self, folder: str, target: str, names_survive: bool) -> None:
        os.makedirs(target)
        entries = dict(self._entries.get(folder, {}))
        if names_survive and os.path.isdir(folder):
            entries = {e.name: e.inode() for e in os.scandir(folder)}
        for name, inode in entries.items():
            path = os.path.join(folder, name)
            if name.endswith(".staging") and name != "checkpoint.staging":
                self._rebuild(path, os.path.join(target, name), names_survive)
            else:
                with open(os.path.join(target, name), "wb") as file:
                    file.write(self._contents.get(inode, b""))


@pytest.fixture
def faulty_disk() -> type[FaultyDisk]:
    return FaultyDisk


@pytest.fixture
def power_loss_disk() -> type[PowerLossDisk]:
    return PowerLossDisk


@pytest.fixture
def killed() -> type[Killed]:
    return Killed


@pytest.fixture
def values_at() -> Callable[[int], dict[str, np.ndarray]]:
    """Values that tell the steps apart in every bit pattern, strings and integers included."""

    def values(step: int) -> dict[str, np.ndarray]:
        numbers = np.random.default_rng(step)
        return {
            "dense/kernel": numbers.normal(size=(3, 2)).astype(np.float32),
            "global_step": np.asarray(step, np.int64),
            "vocabulary": np.asarray([b"a", b"step %d" % step], object),
        }

    return values


@pytest.fixture
def holds(values_at: Callable[[int], dict[str, np.ndarray]]) -> Callable[[Checkpoint], bool]:
    """Whether a checkpoint holds exactly the values of its own step."""

    def check(checkpoint: Checkpoint) -> bool:
        wanted = values_at(checkpoint.step)
        found = checkpoint.read_all()
        return found.keys() == wanted.keys() and all(
            found[name].dtype == wanted[name].dtype
            and found[name].tolist() == wanted[name].tolist()
            for name in wanted
        )

    return check


@pytest.fixture
def copy_of(tmp_path) -> Callable[[str], str]:
    """Copies a model_dir to a fresh place, as `cp -r` does."""

    def copy(folder: str) -> str:
        target = str(tmp_path / f"copy-{len(os.listdir(tmp_path))}")
        return shutil.copytree(folder, target)

    return copy
