"""Event files as TensorBoard and early stopping read them."""

from __future__ import annotations

import os

import pytest
import tensorflow as tf

from estimators import read_eval_metrics
from estimators.writers import EventWriter, MemoryWriter, MultiWriter, NullWriter


def serialized(**values):
    summary = tf.compat.v1.Summary()
    for tag, value in values.items():
        summary.value.add(tag=tag, simple_value=value)
    return summary.SerializeToString()


def write_all(writer):
    writer.scalars(3, {"loss": 0.5, "auc": 0.75})
    writer.text(3, "path", "model.ckpt-3")
    writer.summary(4, serialized(own=2.0))
    writer.flush()


def test_events_are_read_back(tmp_path, events):
    write_all(EventWriter(str(tmp_path)))
    found = events(tmp_path)
    assert found["loss"] == [(3, 0.5)]
    assert found["auc"] == [(3, 0.75)]
    assert found["own"] == [(4, 2.0)]
    ((step, text),) = found["path"]
    assert (step, text.item()) == (3, b"model.ckpt-3")


def test_old_readers_find_numbers(tmp_path):
    write_all(EventWriter(str(tmp_path)))
    assert read_eval_metrics(tmp_path) == {3: {"loss": 0.5, "auc": 0.75}, 4: {"own": 2.0}}
    (name,) = os.listdir(tmp_path)
    assert name.startswith("events.out.tfevents.")
    kinds = [
        value.WhichOneof("value")
        for event in tf.compat.v1.train.summary_iterator(str(tmp_path / name))
        for value in event.summary.value
    ]
    assert kinds == ["simple_value", "simple_value", "tensor", "simple_value"]


def test_no_file_without_events(tmp_path):
    writer = EventWriter(str(tmp_path / "events"))
    writer.flush()
    assert writer.directory == str(tmp_path / "events")
    assert not (tmp_path / "events").exists()


def test_two_writers_of_one_second_do_not_overwrite_each_other(tmp_path, events):
    for step in (1, 2, 3):
        writer = EventWriter(str(tmp_path))
        writer.scalars(step, {"loss": float(step)})
        writer.flush()
    assert len(os.listdir(tmp_path)) == 3
    assert events(tmp_path)["loss"] == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_what_is_flushed_can_be_read_while_the_writer_is_open(tmp_path, events):
    writer = EventWriter(str(tmp_path))
    for step in (1, 2):
        writer.scalars(step, {"loss": float(step)})
        writer.flush()
        assert len(events(tmp_path)["loss"]) == step


@pytest.mark.parametrize("count", [0, 1, 2])
def test_several_writers(count):
    memories = tuple(MemoryWriter() for _ in range(count))
    write_all(MultiWriter((*memories, NullWriter())))
    written = [(3, "loss", 0.5), (3, "auc", 0.75), (3, "path", "model.ckpt-3"), (4, "own", 2.0)]
    for memory in memories:
        assert memory.written == written
