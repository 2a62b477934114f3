import json
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from estimators.checkpoints import (
    Checkpoint,
    CheckpointStore,
    LocalFileSystem,
    NonFiniteValuesError,
    save_iterator,
    worker_sidecar,
)
from estimators.clock import ManualClock
from estimators.errors import CheckpointError

HOUR = 3600.0


@pytest.fixture
def model_dir(tmp_path) -> str:
    return str(tmp_path / "model")


def steps_in(model_dir: str) -> list[int]:
    names = (name.removesuffix(".index") for name in os.listdir(model_dir) if ".index" in name)
    return sorted(int(name.split("-")[1]) for name in names)


def commit_steps(model_dir: str, steps, **options) -> CheckpointStore:
    store = CheckpointStore(model_dir, clock=ManualClock(1e9), **options)
    for step in steps:
        store.commit(step, {"w": np.full(3, step, np.float32)})
    return store


ONE_OF_EACH_TYPE = {
    "bool": tf.constant([True, False]),
    "int8": tf.constant([-1], tf.int8),
    "uint64": tf.constant(2**63, tf.uint64),
    "half": tf.constant([1.5], tf.half),
    "bfloat16": tf.constant([1.5], tf.bfloat16),
    "float64": tf.constant([[0.1]], tf.float64),
    "negative_zero": tf.constant([-0.0]),
    "complex": tf.constant([1 + 2j]),
    "strings": tf.constant([b"", b"\xff\x00", "ä".encode()]),
    "nothing": tf.zeros([0, 3]),
    "scalar": tf.constant(7, tf.int64),
}


def test_every_type_comes_back_bit_for_bit(model_dir):
    prefix = CheckpointStore(model_dir).commit(3, ONE_OF_EACH_TYPE)
    found = Checkpoint.open(prefix)
    assert found.names_to_shapes() == {n: tuple(t.shape) for n, t in ONE_OF_EACH_TYPE.items()}
    assert found.names_to_dtypes() == {n: t.dtype for n, t in ONE_OF_EACH_TYPE.items()}
    for name, value in found.read_all().items():
        wanted = np.asarray(ONE_OF_EACH_TYPE[name].numpy())
        assert value.dtype == wanted.dtype
        if value.dtype == object:
            assert value.tolist() == wanted.tolist()
        else:
            assert value.tobytes() == wanted.tobytes()


def test_one_string_keeps_its_last_zero_byte(model_dir):
    CheckpointStore(model_dir).commit(3, {"s": tf.constant(b"ends in zero\0")})
    assert CheckpointStore(model_dir).latest().read("s").item() == b"ends in zero\0"


def test_tensorflow_reads_what_we_write(model_dir):
    commit_steps(model_dir, [1, 2, 3])
    latest = tf.train.latest_checkpoint(model_dir)
    assert latest == os.path.join(model_dir, "model.ckpt-3")
    assert tf.train.load_checkpoint(model_dir).get_tensor("w").tolist() == [3, 3, 3]
    assert tf.train.list_variables(model_dir) == [("w", [3])]
    state = tf.train.get_checkpoint_state(model_dir)
    assert [os.path.basename(p) for p in state.all_model_checkpoint_paths] == [
        "model.ckpt-1",
        "model.ckpt-2",
        "model.ckpt-3",
    ]
    assert list(state.all_model_checkpoint_timestamps) == [1e9, 1e9, 1e9]
    assert tf.compat.v1.train.checkpoint_exists(latest)


def test_tensorflow_goes_on_deleting_where_we_stopped(model_dir):
    commit_steps(model_dir, [1, 2])
    variable = tf.Variable([5.0])
    manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(w=variable), model_dir, max_to_keep=2, checkpoint_name="model.ckpt"
    )
    manager.save(checkpoint_number=7)
    assert steps_in(model_dir) == [2, 7]
    found = CheckpointStore(model_dir).latest()
    assert found.step == 7
    assert found.resume == "unknown"


@pytest.mark.parametrize(
    ("keep_max", "left"),
    [(5, [3, 4, 5, 6, 7]), (2, [6, 7]), (1, [6, 7]), (None, [*range(1, 8)]), (0, [*range(1, 8)])],
)
def test_the_newest_stay_and_never_fewer_than_two(model_dir, keep_max, left):
    commit_steps(model_dir, range(1, 8), keep_max=keep_max)
    assert steps_in(model_dir) == left


def test_the_two_that_stay_are_good_ones(model_dir):
    store = commit_steps(model_dir, [1, 2, 3], keep_max=2)
    os.truncate(os.path.join(model_dir, "model.ckpt-3.data-00000-of-00001"), 1)
    store.commit(4, {"w": np.zeros(3, np.float32)})
    assert steps_in(model_dir) == [2, 3, 4]


def test_one_in_so_many_hours_stays_for_good(model_dir):
    clock = ManualClock(1e9)
    store = CheckpointStore(model_dir, keep_max=2, keep_every_n_hours=2.0, clock=clock)
    for step in range(12):  # at hours 0, 1, 2, ...
        store.commit(step, {"w": np.zeros(1)})
        clock.advance(HOUR)
    # As tf.train.CheckpointManager decides: 2 hours after the start, 2 after that, ...
    assert steps_in(model_dir) == [2, 4, 6, 8, 10, 11]


def test_kept_for_good_survives_the_loss_of_the_state_file(model_dir):
    clock = ManualClock(1e9)
    store = CheckpointStore(model_dir, keep_max=2, keep_every_n_hours=2.0, clock=clock)
    for step in range(6):
        store.commit(step, {"w": np.zeros(1)})
        clock.advance(HOUR)
    os.remove(os.path.join(model_dir, "checkpoint"))
    for step in range(6, 9):
        store.commit(step, {"w": np.zeros(1)})
    assert steps_in(model_dir)[0] == 2


def test_the_same_step_again_replaces_it(model_dir):
    store = CheckpointStore(model_dir)
    store.commit(5, {"w": np.zeros(2), "old": np.zeros(1)}, sidecars={"extra": _write_extra})
    store.commit(5, {"w": np.ones(2)}, metadata={"second": True})
    found = CheckpointStore(model_dir).latest()
    assert found.read_all()["w"].tolist() == [1, 1]
    assert list(found.names_to_shapes()) == ["w"]
    assert found.metadata == {"second": True}
    assert sorted(os.listdir(model_dir)) == [
        "checkpoint",
        "model.ckpt-5.data-00000-of-00001",
        "model.ckpt-5.index",
        "model.ckpt-5.manifest.json",
    ]


def _write_extra(prefix: str) -> None:
    save_iterator(iter(tf.data.Dataset.range(2)), prefix)


def test_people_may_go_back_by_editing_the_state_file(model_dir):
    commit_steps(model_dir, [1, 2, 3])
    with open(os.path.join(model_dir, "checkpoint"), "w") as file:
        file.write('model_checkpoint_path: "model.ckpt-1"\n')
    store = CheckpointStore(model_dir)
    assert store.latest().step == 1
    store.commit(2, {"w": np.full(3, 9, np.float32)})
    assert CheckpointStore(model_dir).latest().read("w").tolist() == [9, 9, 9]


def test_metadata_comes_back(model_dir):
    metadata = {"best": np.float32(0.5), "never": float("inf"), "by_step": {1: "a", 10: "b"}}
    CheckpointStore(model_dir).commit(1, {"w": np.zeros(1)}, metadata=metadata, resume="afresh")
    found = CheckpointStore(model_dir).latest()
    assert found.metadata == {"best": 0.5, "never": float("inf"), "by_step": {"1": "a", "10": "b"}}
    assert found.resume == "afresh"


def test_metadata_that_json_cannot_hold_is_refused_and_nothing_is_left(model_dir):
    with pytest.raises(TypeError, match=r"`metadata` holds <object .* Give numbers, strings"):
        CheckpointStore(model_dir).commit(1, {"w": np.zeros(1)}, metadata={"x": object()})
    assert os.listdir(model_dir) == []


def test_the_manifest_says_what_is_there(model_dir):
    commit_steps(model_dir, [4])
    with open(os.path.join(model_dir, "model.ckpt-4.manifest.json")) as file:
        manifest = json.load(file)
    assert manifest["format"] == 1
    assert manifest["step"] == 4
    assert manifest["variables"] == {"w": {"shape": [3], "dtype": "float32"}}
    assert set(manifest["files"]) == {".index", ".data-00000-of-00001"}
    assert manifest["versions"]["tensorflow"] == tf.__version__


def test_values_that_are_not_finite_are_never_saved(model_dir):
    store = commit_steps(model_dir, [1])
    bad = {"a": np.ones(3), "b/kernel": np.array([[1.0, 2.0], [np.nan, np.inf]], np.float32)}
    with pytest.raises(NonFiniteValuesError, match=r"1 of 2 .* 'b/kernel' \(nan at \[1, 0\], 2 of"):
        store.commit(2, bad)
    assert steps_in(model_dir) == [1]
    store.commit(2, bad, require_finite=False)
    assert np.isnan(store.latest().read("b/kernel")[1, 0])


@pytest.mark.parametrize(
    ("step", "tensors", "options", "words"),
    [
        (-1, {"w": [1.0]}, {}, r"`step` \(-1\)"),
        (1, {}, {}, "at least one variable"),
        (1, {"": [1.0]}, {}, "empty name"),
        (1, {"w": [1.0]}, {"sidecars": {"../x": _write_extra}}, r"'\.\./x'"),
        (1, {"w": [1.0]}, {"bound": ["index"]}, "'index'"),
    ],
)
def test_wrong_arguments(model_dir, step, tensors, options, words):
    with pytest.raises(ValueError, match=words):
        CheckpointStore(model_dir).commit(step, tensors, **options)
    assert not os.path.exists(model_dir)


def test_workers_bind_their_sidecars_into_one_checkpoint(model_dir):
    names = [worker_sidecar(i, 3) for i in range(3)]
    for worker, name in enumerate(names):
        store = CheckpointStore(model_dir)
        store.write_sidecar(8, name, lambda p, n=worker: save_iterator(_at(n), p))
    CheckpointStore(model_dir).commit(8, {"w": np.zeros(1)}, bound=names, resume="exact")
    found = CheckpointStore(model_dir, read_only=True).latest()
    assert found.sidecars == tuple(names)
    for name in names:
        assert os.path.exists(found.sidecar(name) + ".index")
    with pytest.raises(ValueError, match="A different number of workers"):
        found.sidecar(worker_sidecar(0, 2))
    assert not [name for name in os.listdir(model_dir) if "staging" in name]


def _at(position: int):
    iterator = iter(tf.data.Dataset.range(10))
    for _ in range(position):
        next(iterator)
    return iterator


def test_a_commit_without_every_sidecar_is_not_a_commit(model_dir):
    store = commit_steps(model_dir, [1])
    store.write_sidecar(2, worker_sidecar(0, 2), _write_extra)
    with pytest.raises(CheckpointError, match=r"input-00001-of-00002\.index .* put a barrier"):
        store.commit(2, {"w": np.zeros(1)}, bound=[worker_sidecar(0, 2), worker_sidecar(1, 2)])
    assert CheckpointStore(model_dir).latest().step == 1


@pytest.mark.parametrize("name", ["with space", "ünï€code", "star*", "question?"])
def test_any_folder_name(tmp_path, name):
    store = commit_steps(str(tmp_path / name), [1])
    assert store.latest().read("w").tolist() == [1, 1, 1]


def test_a_relative_model_dir(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    commit_steps("model", [1, 2])
    assert CheckpointStore("model").latest().step == 2
    assert Checkpoint.open("model/model.ckpt-1").step == 1


def test_a_copy_is_as_good_and_does_not_look_back(model_dir, tmp_path):
    commit_steps(model_dir, [1, 2])
    copy = shutil.copytree(model_dir, tmp_path / "copy")
    shutil.rmtree(model_dir)
    assert CheckpointStore(copy).latest().prefix == str(copy / "model.ckpt-2")


def test_a_read_only_store_writes_nothing(model_dir):
    commit_steps(model_dir, [1])
    store = CheckpointStore(model_dir, read_only=True)
    for call in (
        lambda: store.commit(2, {"w": [1.0]}),
        lambda: store.write_sidecar(2, "input", _write_extra),
        store.check_writable,
    ):
        with pytest.raises(CheckpointError, match="read_only=True"):
            call()


def test_nothing_was_ever_saved(model_dir):
    assert CheckpointStore(model_dir).latest() is None
    os.mkdir(model_dir)
    assert CheckpointStore(model_dir).latest() is None
    CheckpointStore(model_dir).check_writable()
    assert os.listdir(model_dir) == []


def test_a_writable_folder_is_made(tmp_path):
    CheckpointStore(tmp_path / "a" / "b").check_writable()
    assert (tmp_path / "a" / "b").is_dir()


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "file").write_text("")
    for path, words in [("file", "A file of this name"), ("file/deeper", "part of this path")]:
        with pytest.raises(CheckpointError, match=rf"{path}'.*{words}"):
            CheckpointStore(tmp_path / path).check_writable()


@pytest.mark.parametrize(
    ("error", "words"),
    [("EACCES", "right to write"), ("EROFS", "read-only"), ("ENOSPC", "disk is full")],
)
def test_a_disk_that_refuses(model_dir, faulty_disk, error, words):
    for k in range(4):
        disk = faulty_disk(k, error)
        with pytest.raises(CheckpointError, match=words) as caught:
            CheckpointStore(model_dir, files=disk).check_writable()
        assert repr(model_dir) in str(caught.value)


def test_no_room_for_one_more(model_dir):
    commit_steps(model_dir, [1])

    class SmallDisk:
        def free_bytes(self, folder: str) -> int:
            return 10

        def __getattr__(self, name: str):
            return getattr(LocalFileSystem(), name)

    with pytest.raises(CheckpointError, match=r"10 bytes left, and its latest checkpoint alone"):
        CheckpointStore(model_dir, files=SmallDisk()).check_writable()


@pytest.mark.parametrize("name", ["runs[1]", "back\\slash"])
def test_folder_names_that_tensorflow_cannot_read(tmp_path, name):
    # The reason for the refusal, so that it can be lifted when TensorFlow mends it:
    os.mkdir(folder := str(tmp_path / name))
    tf.raw_ops.SaveV2(
        prefix=f"{folder}/w", tensor_names=["w"], shape_and_slices=[""], tensors=[tf.zeros(1)]
    )
    with pytest.raises(tf.errors.NotFoundError):
        tf.train.load_checkpoint(f"{folder}/w")
    with pytest.raises(CheckpointError, match="takes for a pattern"):
        CheckpointStore(folder).check_writable()


def test_object_stores_are_refused_by_name():
    with pytest.raises(CheckpointError, match="atomic renames"):
        CheckpointStore("gs://bucket/model").check_writable()
