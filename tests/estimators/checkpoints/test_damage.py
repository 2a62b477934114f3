"""Damaged files: each is noticed, and the checkpoint before is taken."""

import logging
import os
import shutil

import numpy as np
import pytest

from estimators.checkpoints import CheckpointStore, manifest
from estimators.errors import CheckpointError, DamagedCheckpointError

PARTS = ("model.ckpt-20.index", "model.ckpt-20.data-00000-of-00001", "model.ckpt-20.manifest.json")


@pytest.fixture
def saved(tmp_path, values_at) -> str:
    folder = str(tmp_path / "saved")
    store = CheckpointStore(folder)
    for step in (10, 20):
        store.commit(step, values_at(step))
    return folder


def edit(folder: str, name: str, change) -> None:
    path = os.path.join(folder, name)
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "wb") as file:
        file.write(change(content))


def flip(position: int):
    return lambda content: (
        content[:position] + bytes([content[position] ^ 0x04]) + content[position + 1 :]
    )


def latest_step(folder: str) -> int:
    return CheckpointStore(folder).latest().step


@pytest.mark.parametrize("part", PARTS)
def test_any_flipped_bit_is_noticed(saved, part, holds):
    size = os.path.getsize(os.path.join(saved, part))
    reader = CheckpointStore(saved, read_only=True)
    noticed = 0
    for position in range(size):
        edit(saved, part, flip(position))
        found = CheckpointStore(saved, read_only=True).latest()
        assert holds(found), position
        noticed += found.step == 10
        edit(saved, part, flip(position))
    assert noticed == size
    assert reader.latest().step == 20  # no false alarm


@pytest.mark.parametrize("part", PARTS)
def test_any_truncation_is_noticed(saved, part, tmp_path):
    size = os.path.getsize(os.path.join(saved, part))
    for length in range(0, size, max(1, size // 64)):
        folder = shutil.copytree(saved, tmp_path / f"{length}")
        os.truncate(folder / part, length)
        assert latest_step(folder) == 10, length


@pytest.mark.parametrize("part", PARTS[:2])
def test_a_missing_file_is_noticed_and_the_rest_set_aside(saved, part, caplog):
    os.remove(os.path.join(saved, part))
    with caplog.at_level(logging.WARNING):
        assert latest_step(saved) == 10
    assert f"model.ckpt-20 cannot be used: {part} is missing. Going on from" in caplog.text
    assert "model.ckpt-10" in caplog.text
    left = {name for name in os.listdir(saved) if "-20" in name}
    assert left == {name + ".corrupt" for name in PARTS if name != part}
    caplog.clear()
    assert latest_step(saved) == 10  # and it is said once
    assert caplog.text == ""


def test_without_a_manifest_the_file_is_read_through(saved, holds):
    os.remove(os.path.join(saved, PARTS[2]))
    found = CheckpointStore(saved).latest()
    assert (found.step, found.resume, found.metadata) == (20, "unknown", {})
    assert holds(found)
    edit(saved, PARTS[1], flip(0))
    assert latest_step(saved) == 10


def test_the_cheap_look_sees_sizes_only(saved):
    edit(saved, PARTS[1], flip(0))
    assert CheckpointStore(saved, read_only=True).latest(validate="manifest").step == 20
    edit(saved, PARTS[1], lambda content: content[:-1])
    assert CheckpointStore(saved, read_only=True).latest(validate="manifest").step == 10


def test_what_has_not_changed_is_hashed_once(saved, faulty_disk):
    disk = faulty_disk()
    store = CheckpointStore(saved, files=disk)

    def hashes() -> int:
        disk.calls.clear()
        store.latest()
        return sum(call[0] == "sha256" for call in disk.calls)

    assert [hashes(), hashes()] == [2, 0]
    edit(saved, PARTS[1], lambda content: content)  # another time of change
    assert hashes() == 2


def test_the_state_file_cut_at_every_byte_never_means_a_fresh_start(saved, values_at, holds):
    state = os.path.join(saved, "checkpoint")
    with open(state, "rb") as file:
        whole = file.read()
    for length in range(len(whole)):
        with open(state, "wb") as file:
            file.write(whole[:length])
        found = CheckpointStore(saved).latest()
        assert found.step == 20, length
        assert holds(found)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe",
        b"{}",
        b'model_checkpoint_path: "model.ckpt-99"\n',
        b'model_checkpoint_path: "/etc/passwd"\n',
        b'model_checkpoint_path: "../elsewhere/model.ckpt-50"\n',
        b'model_checkpoint_path: "a"\nmodel_checkpoint_path: "b"\n',
        b"model_checkpoint_path: 7\n",
        b'model_checkpoint_path: ""\n',
        b'model_checkpoint_path: "a\\000b"\n',
    ],
)
def test_a_state_file_that_lies_is_seen_through(saved, tmp_path, values_at, content):
    CheckpointStore(tmp_path / "elsewhere").commit(50, values_at(50))
    with open(os.path.join(saved, "checkpoint"), "wb") as file:
        file.write(content)
    assert latest_step(saved) == 20
    store = CheckpointStore(saved)
    store.commit(30, values_at(30))
    assert latest_step(saved) == 30


def test_no_state_file(saved):
    os.remove(os.path.join(saved, "checkpoint"))
    assert latest_step(saved) == 20


def test_all_damaged_is_not_a_fresh_start(saved):
    for step in (10, 20):
        edit(saved, f"model.ckpt-{step}.data-00000-of-00001", flip(3))
    before = sorted(os.listdir(saved))
    for _ in range(2):
        with pytest.raises(DamagedCheckpointError) as caught:
            CheckpointStore(saved).latest()
        message = str(caught.value)
        assert "model.ckpt-20.data-00000-of-00001 has other content" in message
        assert "model.ckpt-10.data-00000-of-00001 has other content" in message
        assert "from a copy" in message
        assert "another model_dir" in message
        assert "start afresh" in message
    assert sorted(os.listdir(saved)) == before


@pytest.mark.parametrize("state", [b"", b'model_checkpoint_path: "model.ckpt-20"\n'])
def test_a_state_file_alone_is_not_a_fresh_start(tmp_path, state):
    (tmp_path / "checkpoint").write_bytes(state)
    with pytest.raises(DamagedCheckpointError, match="does not start afresh by itself"):
        CheckpointStore(tmp_path).latest()


def test_a_file_that_cannot_be_read_just_now_is_not_called_damaged(saved, faulty_disk):
    disk = faulty_disk()
    CheckpointStore(saved, files=disk).latest()
    hashing = next(k for k, call in enumerate(disk.calls) if call[0] == "sha256")
    found = CheckpointStore(saved, files=faulty_disk(hashing, "EIO")).latest()
    assert found.step == 10
    assert not [name for name in os.listdir(saved) if name.endswith(".corrupt")]
    assert latest_step(saved) == 20


def test_damage_on_a_disk_that_cannot_be_written_is_passed_over(saved, faulty_disk):
    edit(saved, PARTS[1], flip(0))
    disk = faulty_disk()
    CheckpointStore(shutil.copytree(saved, saved + "-probe"), files=disk).latest()
    renaming = next(k for k, call in enumerate(disk.calls) if call[0] == "rename")
    found = CheckpointStore(saved, files=faulty_disk(renaming, "EROFS", sticky=True)).latest()
    assert found.step == 10


def test_a_manifest_of_a_newer_version_is_not_damage(saved, values_at, monkeypatch):
    with monkeypatch.context() as newer:
        newer.setattr(manifest, "FORMAT", 2)
        CheckpointStore(saved).commit(30, values_at(30))
    with pytest.raises(CheckpointError, match="format 2; this version reads up to 1"):
        CheckpointStore(saved).latest()


def test_litter_of_killed_saves_goes_and_what_is_not_ours_stays(saved):
    os.makedirs(os.path.join(saved, "model.ckpt-21.staging", "deep"))
    for name in (
        "model.ckpt-21.staging/model.ckpt-21.index",
        "checkpoint.staging",
        "events.out.tfevents.1",
        "notes.staging",
        "graph.pbtxt",
    ):
        with open(os.path.join(saved, name), "w") as file:
            file.write("x")
    before = set(os.listdir(saved))
    assert latest_step(saved) == 20
    assert before - set(os.listdir(saved)) == {"model.ckpt-21.staging", "checkpoint.staging"}


def test_a_reader_looks_again_when_the_writer_was_faster(saved, faulty_disk, values_at):
    writer = CheckpointStore(saved, keep_max=2)
    disk = faulty_disk()
    looked = []

    class Racing:
        """Between the reader's look at the state file and at the files, the writer goes on."""

        def __getattr__(self, name):
            real = getattr(disk, name)

            def call(*args):
                result = real(*args)
                if name == "read" and args[0].endswith("checkpoint") and not looked:
                    looked.append(args)
                    for step in (30, 40, 50):
                        writer.commit(step, values_at(step))
                return result

            return call

    found = CheckpointStore(saved, files=Racing(), read_only=True).latest()
    assert found.step == 50
    assert np.asarray(found.read("global_step")) == 50
