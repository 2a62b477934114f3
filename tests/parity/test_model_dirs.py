"""A model_dir that tf.estimator wrote opens: to evaluate, predict, train on and warm start."""

from __future__ import annotations

import pytest

MORE_STEPS = 5


def _check_metrics(estimator, recording, equal, *, step):
    metrics = estimator.evaluate(recording.eval_input)
    for name, value in {**recording["evaluate"], "global_step": step}.items():
        equal(metrics[name], value, name)


def _check_predictions(estimator, recording, equal):
    predictions = estimator.predict(recording.eval_input)
    for ours, theirs in zip(predictions, recording["predictions"], strict=False):
        for key, value in theirs.items():
            equal(ours[key], value, key)


def test_evaluates_and_predicts(recording, equal, tmp_path):
    estimator = recording.estimator(recording.copy_model_dir(tmp_path))

    _check_metrics(estimator, recording, equal, step=recording["steps"])
    _check_predictions(estimator, recording, equal)


def test_trains_on_as_if_it_had_never_stopped(recording, losses, equal, names_of, tmp_path):
    steps = recording["steps"]
    uninterrupted = recording.estimator(recording.start(tmp_path))
    uninterrupted.train(recording.train_input(), hooks=[losses], max_steps=steps + MORE_STEPS)
    opened, more = recording.estimator(recording.copy_model_dir(tmp_path)), type(losses)()

    opened.train(recording.train_input(skip=steps), hooks=[more], steps=MORE_STEPS)

    equal(more.seen, losses.seen[steps:], "losses")
    assert names_of(opened) == names_of(uninterrupted)
    for name in names_of(opened):
        ours = uninterrupted.get_variable_value(name)
        equal(opened.get_variable_value(name), ours, name)


def test_warm_starts(recording, equal, tmp_path):
    if recording["estimator"] == "RNNClassifier":
        pytest.skip("RNNClassifier takes no warm_start_from, as in tf.estimator")
    theirs = recording.copy_model_dir(tmp_path)
    estimator = recording.estimator(str(tmp_path / "ours"), warm_start_from=theirs)

    _check_metrics(estimator, recording, equal, step=0)
    _check_predictions(estimator, recording, equal)
    estimator.train(recording.train_input(), steps=1)
    assert estimator.get_variable_value("global_step") == 1
