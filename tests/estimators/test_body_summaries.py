"""The `tf.summary` calls of a body: which steps, under which tags, and in training only."""

from __future__ import annotations

import os

import pytest
import tensorflow as tf

from estimators import EstimatorSpec, ModeKeys, minimize
from estimators.clock import ManualClock


def body(summarize):
    """Returns a model_fn that hands (x, w) of each step to `summarize`."""

    def model_fn(features, labels, mode):
        w = tf.Variable(2.0, name="w")
        loss = tf.reduce_mean(w * features["x"])
        summarize(features["x"], w)
        train_op = minimize(loss, "SGD") if mode == ModeKeys.TRAIN else None
        return EstimatorSpec(mode, loss=loss, train_op=train_op, predictions={"y": features["x"]})

    return model_fn


def by_v1(x, w):
    tf.compat.v1.summary.scalar("size", tf.reduce_sum(x))
    with tf.compat.v1.name_scope("scope"):
        tf.compat.v1.summary.scalar("w", w)


def by_v2(x, w):
    tf.summary.scalar("size", tf.reduce_sum(x))
    with tf.name_scope("scope"):
        tf.summary.scalar("w", w)


def steps(found, tag):
    return [step for step, _ in found[tag]]


@pytest.mark.parametrize("summarize", [by_v1, by_v2])
@pytest.mark.parametrize("eagerly", [False, True])
def test_steps_tags_and_values(line, events, summarize, eagerly):
    estimator = line.estimator(body(summarize), save_summary_steps=2, run_eagerly=eagerly)
    estimator.train(lambda: line.data(batch_size=1, repeat=3), max_steps=7)
    found = events(line.model_dir)
    assert steps(found, "size") == [1, 3, 5, 7]
    assert [float(value) for _, value in found["size"]] == [1.0, 3.0, 2.0, 1.0]
    assert steps(found, "scope/w") == [1, 3, 5, 7]
    assert found["scope/w"][0][1] == pytest.approx(2.0)
    assert steps(found, "loss") == [1, 3, 5, 7]


def test_they_go_on_after_a_restart(line, events):
    for last in (3, 5):
        estimator = line.estimator(body(by_v2), save_summary_steps=2)
        estimator.train(line.endless, max_steps=last)
    assert steps(events(line.model_dir), "size") == [1, 3, 5]


def test_no_step_of_them_costs_a_call_of_its_own(line, record):
    guard = record(every=10**6)
    guard.every_call = True
    # The time stands still: on a slow machine calls are shorter, so that Ctrl-C is heard.
    estimator = line.estimator(
        body(by_v2),
        clock=ManualClock(),
        save_summary_steps=30,
        log_step_count_steps=None,
        save_checkpoints_steps=100,
    )
    estimator.train(line.endless, hooks=[guard], steps=40)
    # The loss of steps 1 and 31 is written by a hook; the summaries write themselves.
    assert guard.steps == [1, 31, 40]


def test_histograms_images_and_texts(line, events):
    def summarize(x, w):
        tf.summary.histogram("histogram", x)
        tf.summary.image("image", tf.ones([1, 2, 2, 3]))
        tf.summary.text("text", "words")
        tf.compat.v1.summary.histogram("old_histogram", x)

    line.estimator(body(summarize)).train(line.endless, steps=1)
    found = events(line.model_dir)
    assert found["text"][0][1].tolist() == b"words"
    for tag in ("histogram", "image", "old_histogram"):
        assert steps(found, tag) == [1]


def test_only_in_training(line, events):
    estimator = line.estimator(body(by_v1))
    estimator.evaluate(line.data)
    list(estimator.predict(line.data))
    assert not os.path.exists(line.model_dir) or not [
        name for name in os.listdir(line.model_dir) if "tfevents" in name
    ]
    assert "size" not in events(estimator.eval_dir())


@pytest.mark.parametrize("summarize", [by_v1, by_v2])
def test_none_if_not_wanted(line, summarize):
    estimator = line.estimator(body(summarize), save_summary_steps=0, log_step_count_steps=None)
    estimator.train(line.endless, steps=2)
    assert not [name for name in os.listdir(line.model_dir) if "tfevents" in name]


def test_one_file_if_the_body_has_none(line):
    line.estimator().train(line.endless, steps=2)
    assert len([name for name in os.listdir(line.model_dir) if "tfevents" in name]) == 1


def test_a_step_given_by_the_body_counts(line, events):
    def summarize(x, w):
        step = tf.compat.v1.train.get_global_step()
        tf.summary.scalar("own", tf.reduce_sum(x), step=100 + step)

    line.estimator(body(summarize), save_summary_steps=2).train(line.endless, steps=4)
    assert steps(events(line.model_dir), "own") == [100, 102]


def test_of_two_replicas_one_writes(line, events, mirrored_strategy):
    config = {"save_summary_steps": 1, "train_distribute": mirrored_strategy}
    line.estimator(body(by_v2), **config).train(line.endless, steps=3)
    assert steps(events(line.model_dir), "size") == [1, 2, 3]
