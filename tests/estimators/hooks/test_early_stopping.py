import math
from pathlib import Path

import pytest
import tensorflow as tf

from estimators.hooks import (
    make_early_stopping_hook,
    read_eval_metrics,
    stop_if_higher_hook,
    stop_if_lower_hook,
    stop_if_no_decrease_hook,
    stop_if_no_increase_hook,
)
from estimators.writers import EventWriter

# tf_estimator_api.md section 9.8, O1 to O3.
HISTORY = {1000: (0.8, 0.5), 2000: (0.7, 0.6), 3000: (0.4, 0.7), 3500: (0.41, 0.68)}


class Model:
    def __init__(self, folder):
        self.folder = folder

    def eval_dir(self):
        return str(self.folder)


def write(folder, history):
    writer = EventWriter(str(folder))
    for step, (loss, accuracy) in history.items():
        writer.scalars(step, {"loss": loss, "accuracy": accuracy})
    writer.text(max(history), "checkpoint_path", "model.ckpt-3500")
    writer.flush()


@pytest.fixture
def model(tmp_path):
    write(tmp_path, HISTORY)
    return Model(tmp_path)


def stops(hook, run):
    return bool(run.drive(hook).stop_reason)


@pytest.mark.parametrize(
    ("make", "metric", "limit", "min_steps", "expected"),
    [
        (stop_if_higher_hook, "accuracy", 0.8, 0, False),
        (stop_if_higher_hook, "accuracy", 0.6, 4000, False),
        (stop_if_higher_hook, "accuracy", 0.6, 0, True),
        (stop_if_lower_hook, "loss", 0.3, 0, False),
        (stop_if_lower_hook, "loss", 0.5, 4000, False),
        (stop_if_lower_hook, "loss", 0.5, 0, True),
        (stop_if_no_increase_hook, "accuracy", 1500, 0, False),
        (stop_if_no_increase_hook, "accuracy", 500, 0, True),
        (stop_if_no_increase_hook, "accuracy", 500, 4000, False),
        (stop_if_no_decrease_hook, "loss", 1500, 0, False),
        (stop_if_no_decrease_hook, "loss", 500, 0, True),
        (stop_if_no_decrease_hook, "loss", 500, 4000, False),
    ],
)
def test_reference(make_run, model, make, metric, limit, min_steps, expected):
    hook = make(model, metric, limit, min_steps=min_steps)
    assert stops(hook, make_run(3)) is expected


def test_says_why(make_run, model):
    run = make_run(3).drive(stop_if_no_decrease_hook(model, "loss", 500))
    assert run.stop_reason == (
        "loss did not decrease for 500 steps up to step 3500; its best was 0.4 at step 3000"
    )
    run = make_run(3).drive(stop_if_higher_hook(model, "accuracy", 0.6))
    assert run.stop_reason == "accuracy = 0.7 at step 3000 is above 0.6"


def test_thresholds_are_strict(make_run, tmp_path):
    write(tmp_path, {1: (0.6, 0.7)})  # in float32 0.6 is above, and 0.7 below the decimal number
    assert not stops(stop_if_higher_hook(Model(tmp_path), "loss", 0.6), make_run(1))
    assert not stops(stop_if_lower_hook(Model(tmp_path), "accuracy", 0.7), make_run(1))


def test_stops_even_if_a_later_evaluation_improved(make_run, tmp_path):
    write(tmp_path, {1: (0.5, 0), 11: (0.6, 0), 12: (0.1, 0)})
    assert stops(stop_if_no_decrease_hook(Model(tmp_path), "loss", 10), make_run(1))


def test_nan_is_the_worst(make_run, tmp_path):
    write(tmp_path, {1: (math.nan, 0), 6: (0.5, 0), 11: (math.nan, 0)})
    assert not stops(stop_if_no_decrease_hook(Model(tmp_path), "loss", 10), make_run(1))
    write(tmp_path, {16: (math.nan, 0)})
    assert stops(stop_if_no_decrease_hook(Model(tmp_path), "loss", 10), make_run(1))


def test_nan_only_stops(make_run, tmp_path):
    write(tmp_path, {1: (math.nan, 0), 11: (math.nan, 0)})
    assert stops(stop_if_no_decrease_hook(Model(tmp_path), "loss", 10), make_run(1))


def test_another_folder(make_run, model, tmp_path):
    other = tmp_path / "eval_other"
    write(other, {1: (0.01, 0)})
    assert stops(stop_if_lower_hook(model, "loss", 0.02, eval_dir=other), make_run(1))
    assert not stops(stop_if_lower_hook(model, "loss", 0.02), make_run(1))


def test_without_evaluations_goes_on(make_run, tmp_path):
    hook = stop_if_no_increase_hook(Model(tmp_path / "none"), "accuracy", 1)
    assert not stops(hook, make_run(3))


def test_unknown_metric(make_run, model):
    with pytest.raises(KeyError, match=r"'auc'.*step 1000 .*\['accuracy', 'loss'\]"):
        make_run(3).drive(stop_if_higher_hook(model, "auc", 0.5))


def test_asks_by_steps(make_run, model):
    asked = []
    hook = make_early_stopping_hook(
        model, lambda: asked.append(1), run_every_secs=None, run_every_steps=10
    )
    run = make_run(35).drive(hook)
    assert len(asked) == 4
    assert run.calls == [1, 11, 21, 31, 35]


def test_asks_by_time(make_run, model):
    asked = []
    make_run(300).drive(make_early_stopping_hook(model, lambda: asked.append(1)))
    assert len(asked) == 5  # every 60 s from second 1


def test_only_the_chief_asks(make_run, model):
    hook = make_early_stopping_hook(model, lambda: True)
    assert stops(hook, make_run(3))
    assert not stops(hook, make_run(3, is_chief=False))


def test_bad_arguments(model):
    with pytest.raises(TypeError, match="must have type"):
        stop_if_higher_hook("model", "auc", 1)
    with pytest.raises(TypeError, match="must be callable"):
        make_early_stopping_hook(model, 3)
    with pytest.raises(ValueError, match="Only one of `run_every_secs` and `run_every_steps`"):
        stop_if_higher_hook(model, "auc", 1, run_every_steps=10)
    with pytest.raises(ValueError, match="got neither"):
        stop_if_higher_hook(model, "auc", 1, run_every_secs=None)


def test_history_is_in_the_order_of_steps_over_several_files(tmp_path):
    write(tmp_path, {30: (3.0, 0.0)})
    write(tmp_path, {10: (1.0, 0.0), 20: (2.0, 0.0)})
    write(tmp_path, {20: (2.5, 0.0)})
    assert [(step, m["loss"]) for step, m in read_eval_metrics(tmp_path).items()] == [
        (10, 1.0),
        (20, 2.5),
        (30, 3.0),
    ]


@pytest.mark.parametrize("lost", [1, 3, 20])
def test_a_truncated_event_file_is_read_up_to_its_damage(tmp_path, lost):
    writer = EventWriter(str(tmp_path))
    for step in (1, 2):
        writer.scalars(step, {"loss": 0.5})
    writer.flush()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-lost])
    assert list(read_eval_metrics(tmp_path)) == [1]


def test_a_flipped_byte_is_survived(tmp_path):
    write(tmp_path, {1: (0.5, 0.5)})
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    assert read_eval_metrics(tmp_path) in ({}, {1: {"loss": 0.5, "accuracy": 0.5}})


def test_other_and_empty_files_are_passed_over(tmp_path):
    Path(tmp_path, "notes.txt").write_text("not events")
    Path(tmp_path, "events.out.tfevents.1.host").touch()
    assert read_eval_metrics(tmp_path) == {}


def test_scalars_of_tf_summary_are_read(tmp_path):
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        tf.summary.scalar("loss", 0.25, step=7)
    assert read_eval_metrics(tmp_path) == {7: {"loss": 0.25}}
