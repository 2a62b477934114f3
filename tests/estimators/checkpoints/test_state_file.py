import os

import pytest
import tensorflow as tf

from estimators.checkpoints.state_file import State, parse, render

STATE = State("model.ckpt-7", (("model.ckpt-5", 1.25), ("model.ckpt-7", 1e9 + 0.1)), 3.0)


def test_tensorflow_reads_what_is_rendered(tmp_path):
    (tmp_path / "checkpoint").write_text(render(STATE))
    read = tf.train.get_checkpoint_state(tmp_path)
    assert read.model_checkpoint_path == os.path.join(tmp_path, "model.ckpt-7")
    assert list(read.all_model_checkpoint_timestamps) == [1.25, 1e9 + 0.1]
    assert read.last_preserved_timestamp == 3.0


def test_it_reads_itself(tmp_path):
    assert parse(render(STATE).encode(), str(tmp_path)) == STATE


@pytest.mark.parametrize("name", ["ünï-3", "quo\"te'-3", "back\\slash-3", "new\nline-3"])
def test_it_reads_what_tensorflow_writes(tmp_path, name):
    proto = tf.compat.v1.train.generate_checkpoint_state_proto(
        str(tmp_path), os.path.join(str(tmp_path), name)
    )
    state = parse(str(proto).encode(), str(tmp_path))
    assert state.latest == name
    assert parse(render(state).encode(), str(tmp_path)) == state


def test_absolute_paths_into_the_folder_are_followed(tmp_path):
    content = f'model_checkpoint_path: "{tmp_path}/model.ckpt-3"'.encode()
    assert parse(content, str(tmp_path)).latest == "model.ckpt-3"


def test_entries_outside_are_left_out(tmp_path):
    content = (
        b'model_checkpoint_path: "a"\nall_model_checkpoint_paths: "/x/b"\n'
        b'all_model_checkpoint_paths: "a"\n'
    )
    assert parse(content, str(tmp_path)).kept == (("a", 0.0),)


@pytest.mark.parametrize("number", ["abc", "nan", "inf", '"text"'])
def test_times_that_are_none(number):
    content = f'model_checkpoint_path: "a"\nlast_preserved_timestamp: {number}'.encode()
    with pytest.raises(ValueError):
        parse(content, "/m")
