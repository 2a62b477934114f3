import json
import os
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from estimators.checkpoints import Checkpoint, CheckpointStore
from estimators.errors import CheckpointError, DamagedCheckpointError

PARITY = pathlib.Path(__file__).parents[2] / "data" / "parity"
RUNS = sorted(path.stem for path in PARITY.glob("*.json"))


@pytest.mark.parametrize("run", RUNS)
def test_checkpoints_of_tf_estimator_hold_what_the_run_ended_with(run):
    recorded = json.loads((PARITY / f"{run}.json").read_text())["final_variables"]
    checkpoint = Checkpoint.open(PARITY / f"{run}.model_dir")
    assert checkpoint.step == recorded["global_step"]
    assert checkpoint.resume == "unknown"
    values = checkpoint.read_all(recorded)
    for name, value in recorded.items():
        assert values[name].shape == np.shape(value)
        np.testing.assert_array_equal(values[name], np.asarray(value, values[name].dtype))


def test_there_are_recorded_runs():
    assert len(RUNS) == 7


def test_a_run_of_tf_estimator_goes_on_here(copy_of):
    folder = copy_of(PARITY / f"{RUNS[0]}.model_dir")
    store = CheckpointStore(folder, keep_max=2)
    values = store.latest().read_all()
    for step in (50, 75):
        store.commit(step, values)
    assert sorted(os.listdir(folder))[:2] == ["checkpoint", "model.ckpt-50.data-00000-of-00001"]
    assert Checkpoint.open(folder).step == 75


def small_model() -> keras.Model:
    model = keras.Sequential([keras.Input([3]), keras.layers.Dense(2, name="h")], name="net")
    model.build()
    return model


def test_object_based_checkpoints_go_by_variable_names(tmp_path):
    model = small_model()
    step = tf.Variable(41, name="global_step", dtype=tf.int64)
    prefix = tf.train.Checkpoint(model=model, counter=step).write(str(tmp_path / "objects"))
    checkpoint = Checkpoint.open(prefix)
    assert checkpoint.step == 41
    assert checkpoint.names_to_shapes() == {
        "global_step": (),
        "net/h/bias": (2,),
        "net/h/kernel": (3, 2),
    }
    np.testing.assert_array_equal(checkpoint.read("net/h/kernel"), model.layers[0].kernel.numpy())
    assert checkpoint.read("counter/.ATTRIBUTES/VARIABLE_VALUE") == 41


def test_variables_that_share_a_name_go_by_their_path(tmp_path):
    twins = tf.train.Checkpoint(left=tf.Variable(1.0, name="w"), right=tf.Variable(2.0, name="w"))
    checkpoint = Checkpoint.open(twins.write(str(tmp_path / "twins")))
    assert checkpoint.read_all() == {"left": 1.0, "right": 2.0}


def test_a_saved_model_stands_for_its_variables(tmp_path):
    module = tf.Module()
    module.w = tf.Variable([1.0, 2.0], name="linear/weights")
    tf.saved_model.save(module, str(tmp_path / "export"))
    checkpoint = Checkpoint.open(tmp_path / "export")
    assert checkpoint.step == 0
    assert checkpoint.read("linear/weights").tolist() == [1, 2]


def test_a_foreign_file_with_an_iterator_in_it_is_read_through(tmp_path):
    iterator = iter(tf.data.Dataset.range(5))
    tf.train.Checkpoint(it=iterator, w=tf.Variable(3.0, name="w")).write(str(tmp_path / "x-4"))
    checkpoint = Checkpoint.open(tmp_path / "x-4")
    assert (checkpoint.step, checkpoint.names_to_shapes()) == (4, {"w": ()})


@pytest.fixture
def prefix(tmp_path) -> str:
    return CheckpointStore(tmp_path).commit(
        2, {"dense/kernel": np.ones((2, 2)), "dense/bias": np.ones(2)}
    )


def test_names_with_and_without_output_number(prefix):
    checkpoint = Checkpoint.open(prefix)
    assert checkpoint.read("dense/bias:0").tolist() == [1, 1]
    assert list(checkpoint.read_all(["dense/bias:0"])) == ["dense/bias:0"]


def test_an_unknown_name_says_which_are_near(prefix):
    with pytest.raises(ValueError, match=r"no variable 'dense/kernl' among its 2.*'dense/kernel'"):
        Checkpoint.open(prefix).read("dense/kernl")


def test_an_open_checkpoint_outlives_its_files(prefix):
    checkpoint = Checkpoint.open(prefix)
    checkpoint.read("dense/bias")
    for name in os.listdir(os.path.dirname(prefix)):
        os.remove(os.path.join(os.path.dirname(prefix), name))
    assert checkpoint.read("dense/kernel").tolist() == [[1, 1], [1, 1]]


def test_paths_without_a_checkpoint(tmp_path, prefix):
    with pytest.raises(CheckpointError, match="folder without a checkpoint"):
        Checkpoint.open(PARITY)
    for path in (tmp_path / "missing", prefix + ".index", prefix + "0"):
        with pytest.raises(CheckpointError, match="neither a folder nor the prefix"):
            Checkpoint.open(path)


def test_a_damaged_prefix_is_refused_and_left_alone(prefix):
    os.truncate(prefix + ".index", 5)
    before = sorted(os.listdir(os.path.dirname(prefix)))
    with pytest.raises(DamagedCheckpointError, match=r"model\.ckpt-2\.index has 5 bytes where"):
        Checkpoint.open(prefix)
    with pytest.raises(DamagedCheckpointError, match="none of them can be trusted"):
        Checkpoint.open(os.path.dirname(prefix))
    assert sorted(os.listdir(os.path.dirname(prefix))) == before
