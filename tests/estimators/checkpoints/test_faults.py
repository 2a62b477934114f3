"""Death, errors and power cuts at every single file operation of a save."""

from __future__ import annotations

import errno
import os
import re

import pytest
import tensorflow as tf

from estimators.checkpoints import CheckpointStore, save_iterator
from estimators.clock import ManualClock
from estimators.errors import CheckpointError, DamagedCheckpointError

OURS = re.compile(
    r"checkpoint|model\.ckpt-\d+(\.input-00000-of-00001)?(\.index|\.data-00000-of-00001)"
    r"|model\.ckpt-\d+\.manifest\.json"
)


def write_input(prefix: str) -> None:
    save_iterator(iter(tf.data.Dataset.range(3)), prefix)


@pytest.fixture
def commit(values_at):
    def commit(folder: str, step: int, files=None, **options) -> CheckpointStore:
        store = CheckpointStore(folder, keep_max=2, clock=ManualClock(1e9 + step), files=files)
        store.commit(
            step, values_at(step), sidecars={"input-00000-of-00001": write_input}, **options
        )
        return store

    return commit


@pytest.fixture
def two_saved(tmp_path, commit) -> str:
    """A model_dir in which the next save must also delete one."""
    folder = str(tmp_path / "saved")
    for step in (10, 20):
        commit(folder, step)
    return folder


def assert_tidy(folder: str, steps: set[int]) -> None:
    names = os.listdir(folder)
    assert [name for name in names if not OURS.fullmatch(name)] == []
    assert {int(re.findall(r"\d+", n)[0]) for n in names if n != "checkpoint"} == steps
    assert len(names) == 1 + 5 * len(steps)


def count_operations(disk, commit, folder: str, step: int) -> int:
    commit(folder, step, files=disk)
    return len(disk.calls)


@pytest.mark.parametrize("how", ["before", "after", "torn"])
@pytest.mark.parametrize(("step", "legal"), [(30, {20, 30}), (20, {20})])
def test_killed_at_any_operation_the_next_start_reads_a_committed_state(
    two_saved, copy_of, faulty_disk, killed, commit, holds, step, legal, how
):
    # step 20 is saved a second time: the case in which old and new files have the same names
    operations = count_operations(faulty_disk(), commit, copy_of(two_saved), step)
    assert operations > 40
    for k in range(operations):
        folder = copy_of(two_saved)
        with pytest.raises(killed):
            commit(folder, step, files=faulty_disk(k, how))
        found = CheckpointStore(folder).latest()
        assert found is not None, k
        assert found.step in legal, k
        assert holds(found), k
        assert found.sidecars == ("input-00000-of-00001",)
        commit(folder, 40)
        assert_tidy(folder, {found.step, 40})


def test_killed_in_the_very_first_save(tmp_path, copy_of, faulty_disk, killed, commit, holds):
    operations = count_operations(faulty_disk(), commit, str(tmp_path / "all"), 1)
    outcomes = []
    for k in range(operations):
        folder = str(tmp_path / f"first-{k}")
        with pytest.raises(killed):
            commit(folder, 1, files=faulty_disk(k, "after"))
        found = CheckpointStore(folder).latest()
        assert found is None or holds(found), k
        outcomes.append(found is not None)
        commit(folder, 2)
        assert_tidy(folder, {1, 2} if found else {2})
    # once it is there, it is there: no later operation makes it vanish again
    assert outcomes == sorted(outcomes)
    assert outcomes[0] is False
    assert outcomes[-1] is True


def test_killed_in_the_recovery_of_a_kill(
    two_saved, copy_of, faulty_disk, killed, commit, holds, tmp_path
):
    broken = copy_of(two_saved)
    disk = faulty_disk()
    commit(copy_of(two_saved), 30, files=disk)
    renames = [k for k, call in enumerate(disk.calls) if call[0] == "rename"]
    with pytest.raises(killed):
        commit(broken, 30, files=faulty_disk(renames[2], "after"))
    disk = faulty_disk()
    CheckpointStore(copy_of(broken), files=disk).latest()
    for k in range(len(disk.calls)):
        folder = copy_of(broken)
        with pytest.raises(killed):
            CheckpointStore(folder, keep_max=2, files=faulty_disk(k, "after")).latest()
        found = CheckpointStore(folder, keep_max=2).latest()
        assert found.step == 30, k
        assert holds(found), k
        assert_tidy(folder, {20, 30})


@pytest.mark.parametrize("sticky", [False, True])
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_an_error_at_any_operation_leaves_the_older_checkpoint_and_can_be_retried(
    two_saved, copy_of, faulty_disk, commit, holds, error, sticky
):
    operations = count_operations(faulty_disk(), commit, copy_of(two_saved), 30)
    messages: set[str] = set()
    for k in range(operations):
        folder = copy_of(two_saved)
        disk = faulty_disk(k, error, sticky=sticky)
        try:
            commit(folder, 30, files=disk)
        except CheckpointError as failure:
            messages.add(str(failure).replace(folder, "model_dir"))
        reader = CheckpointStore(folder, read_only=True).latest()
        assert reader.step in (20, 30), k
        assert holds(reader), k
        commit(folder, 30)
        assert_tidy(folder, {20, 30})
    code = getattr(errno, error)
    assert messages == {
        f"The checkpoint of step 30 could not be saved in model_dir: [Errno {code}] {error}. "
        "Checkpoints saved before are untouched. Make room or mend the disk; saving may then be "
        "tried again."
    }


def states_after_power_loss(tmp_path, base, copy_of, disk_type, commit, killed, *, deaf):
    """Every (operation, model of the disk) and the folder that is found after it."""
    disk = disk_type(probe := copy_of(base), deaf=deaf)
    commit(probe, 30, files=disk)
    for k in range(disk.calls + 1):
        for names_survive in (False, True):
            disk = disk_type(folder := copy_of(base), at=k, deaf=deaf)
            try:
                commit(folder, 30, files=disk)
                survived = True
            except killed:
                survived = False
            target = str(tmp_path / f"power-{k}-{names_survive}")
            disk.rebuild(target, names_survive=names_survive)
            yield target, survived


def test_power_cut_before_any_operation(
    tmp_path, two_saved, copy_of, power_loss_disk, killed, commit, holds
):
    tried = 0
    for folder, survived in states_after_power_loss(
        tmp_path, two_saved, copy_of, power_loss_disk, commit, killed, deaf=False
    ):
        found = CheckpointStore(folder).latest()
        assert holds(found), folder
        assert found.step == 30 if survived else found.step in (20, 30), folder
        tried += 1
    assert tried > 60


def test_the_power_cut_would_be_noticed_without_flushing(
    tmp_path, two_saved, copy_of, power_loss_disk, killed, commit, holds
):
    def lost(folder: str, survived: bool) -> bool:
        try:
            found = CheckpointStore(folder).latest()
        except DamagedCheckpointError:
            return True
        return not holds(found) or (survived and found.step != 30)

    states = states_after_power_loss(
        tmp_path, two_saved, copy_of, power_loss_disk, commit, killed, deaf=True
    )
    assert any(lost(folder, survived) for folder, survived in states)
