from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf

from estimators.checkpoints import LocalFileSystem
from estimators.clock import ManualClock
from estimators.errors import ExportError
from estimators.export import publication

NOW = 1_700_000_000


class Killed(BaseException):
    """What a kill is to the code that it hits: nothing after it runs."""


class MortalFileSystem:
    """A disk whose k-th operation, and every one after it, does not happen."""

    def __init__(self, lives: int) -> None:
        self.lives = lives
        self._real = LocalFileSystem()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def operation(*args: Any) -> Any:
            self.lives -= 1
            if self.lives < 0:
                raise Killed
            return getattr(self._real, name)(*args)

        return operation


def _answers(path: str) -> Any:
    ask = tf.saved_model.load(path).signatures["serving_default"]
    return ask(x=tf.constant([[1.0]]))["y"].numpy().tolist()


def test_killed_at_any_moment_an_export_is_whole_or_absent(
    estimator_of, placeholder_receiver_fn, export_model, tmp_path
):
    estimator = estimator_of(clock=ManualClock(unix_time=NOW))
    base = str(tmp_path / "export")
    first = export_model(estimator, base, placeholder_receiver_fn)
    alive = MortalFileSystem(10**6)
    second = export_model(estimator, base, placeholder_receiver_fn, files=alive)
    operations = 10**6 - alive.lives
    assert operations > 6
    alive.remove_folder(second)
    # Every one of them is a flush, but for the first two and the rename with what follows.
    for lives in (0, 1, 2, operations - 3, operations - 2, operations - 1):
        with pytest.raises(Killed):
            export_model(estimator, base, placeholder_receiver_fn, files=MortalFileSystem(lives))
        seen = publication.published(base, LocalFileSystem())
        assert seen[0] == os.path.basename(first)
        for name in seen:
            assert _answers(os.path.join(base, name)) == [[3.0]]
    assert len(seen) == 2


def test_a_failing_disk_leaves_nothing(
    estimator_of, placeholder_receiver_fn, export_model, tmp_path
):
    class FullDisk(MortalFileSystem):
        def sync(self, path: str) -> None:
            raise OSError(28, "No space left on device", path)

    base = tmp_path / "export"
    with pytest.raises(OSError, match="No space left"):
        export_model(estimator_of(), base, placeholder_receiver_fn, files=FullDisk(10**6))
    assert os.listdir(base) == []


def _publish(base, now=NOW):
    files, clock = LocalFileSystem(), ManualClock(unix_time=now)
    temporary = publication.temporary_folder(str(base), files, clock)
    return os.path.basename(publication.publish(temporary, str(base), files, clock))


def test_a_taken_second_is_not_replaced_even_if_empty(tmp_path):
    (tmp_path / "1700000000").mkdir()
    (tmp_path / "1700000001").write_text("")
    assert _publish(tmp_path) == "1700000002"


def test_a_new_name_is_always_the_last(tmp_path):
    assert _publish(tmp_path) == "1700000000"
    assert _publish(tmp_path) == "1700000001"
    os.rmdir(tmp_path / "1700000000")  # As an exporter does that keeps one.
    assert _publish(tmp_path) == "1700000002"
    assert _publish(tmp_path, now=NOW - 3600) == "1700000003"  # The clock was set back.


def test_ten_taken_names_are_enough(tmp_path):
    for i in range(10):
        (tmp_path / f"{NOW + i}").write_text("")
    with pytest.raises(ExportError, match="after 10 tries"):
        _publish(tmp_path)


def test_only_old_temporary_folders_are_removed(tmp_path):
    for name in ("temp-1699900000", "temp-1699999999", "temp-mine", "1699900000"):
        (tmp_path / name).mkdir()
    clock = ManualClock(unix_time=NOW)
    publication.temporary_folder(str(tmp_path), LocalFileSystem(), clock)
    assert sorted(os.listdir(tmp_path)) == [
        "1699900000",
        "temp-1699999999",
        "temp-1700000000",
        "temp-mine",
    ]
