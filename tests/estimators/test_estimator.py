"""The rules of `Estimator` itself: arguments of model_fn, model_dir, params, reading variables."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from estimators import Estimator, EstimatorSpec, ModeKeys, RunConfig, WarmStartSettings, minimize


def spec_of(features, mode):
    loss = tf.Variable(1.0, name="w") * tf.reduce_mean(features["x"])
    predictions = {"y": features["x"]}
    train_op = minimize(loss, "SGD")
    return EstimatorSpec(mode, loss=loss, train_op=train_op, predictions=predictions)


def plain(features, labels, mode):
    return spec_of(features, mode)


def without_labels(features, mode):
    return spec_of(features, mode)


class Methods:
    def bound(self, features, labels, mode):
        return spec_of(features, mode)

    def __call__(self, features, labels, mode, params):
        return spec_of(features, mode)


def bound_by_partial(more, features, labels, mode, other=None):
    assert (more, other) == (1, 2)
    return spec_of(features, mode)


@pytest.mark.parametrize(
    "model_fn",
    [
        plain,
        Methods().bound,
        Methods(),
        lambda features, labels, mode, config: spec_of(features, mode),
        functools.partial(bound_by_partial, 1, other=2),
        functools.partial(bound_by_partial, more=1, other=2),
    ],
)
def test_kinds_of_model_fn(line, model_fn):
    estimator = line.estimator(model_fn).train(line.data, steps=1)
    assert estimator.get_variable_value("global_step") == 1


def test_arguments_of_model_fn(line):
    seen = {}

    def model_fn(features, labels, mode, params, config):
        seen.update(params=params, config=config, mode=mode, labels=labels)
        return spec_of(features, mode)

    estimator = line.estimator(model_fn, params={"a": 1}, tf_random_seed=3)
    estimator.evaluate(line.data)
    assert seen["params"] == {"a": 1}
    assert seen["config"].tf_random_seed == 3
    assert seen["config"].model_dir == line.model_dir
    assert seen["mode"] == ModeKeys.EVAL
    assert seen["labels"].dtype == tf.float32
    next(estimator.predict(line.data))
    assert seen["labels"] is None


@pytest.mark.parametrize(
    ("model_fn", "params", "message"),
    [
        (None, None, "model_fn must be provided to Estimator."),
        (lambda labels, mode: None, None, "must include features argument"),
        (lambda features, extra: None, None, r"has following not expected args: \['extra'\]"),
        (plain, {"a": 1}, r"does not include params argument, but params .*'a': 1"),
    ],
)
def test_wrong_arguments_of_model_fn(model_fn, params, message):
    with pytest.raises(ValueError, match=message):
        Estimator(model_fn, params=params)


def test_labels_that_nobody_takes(line):
    message = "model_fn does not take labels, but input_fn returns labels."
    with pytest.raises(ValueError, match=message):
        line.estimator(without_labels).train(line.data)
    features_only = lambda: line.data().map(lambda features, labels: features)  # noqa: E731
    line.estimator(without_labels).train(features_only, steps=1)


def test_what_model_fn_must_return(line):
    with pytest.raises(ValueError, match="model_fn should return an EstimatorSpec"):
        line.estimator(lambda features, labels, mode: {"loss": 1}).train(line.data)

    def wrong_mode(features, labels, mode):
        return EstimatorSpec(ModeKeys.EVAL, loss=tf.reduce_mean(features["x"]))

    with pytest.raises(ValueError, match="called in mode 'train' .* mode 'eval'"):
        line.estimator(wrong_mode).train(line.data)


def test_params_are_copies(line):
    params = {"rate": [0.1]}
    estimator = line.estimator(params=params)
    params["rate"].append(7)
    estimator.params["rate"].append(8)
    assert estimator.params == {"rate": [0.1]}
    assert Estimator(plain).params == {}


def test_config_cannot_be_changed(line):
    config = RunConfig(model_dir=line.model_dir)
    estimator = Estimator(plain, config=config)
    assert estimator.config.model_dir == line.model_dir
    with pytest.raises(dataclasses.FrozenInstanceError):
        estimator.config.tf_random_seed = 3
    with pytest.raises(ValueError, match="config must be an instance of `RunConfig`"):
        Estimator(plain, config={"model_dir": "x"})


def test_model_dir_of_the_argument_or_of_the_config(tmp_path):
    given = tmp_path / "given"
    assert Estimator(plain, given).model_dir == str(given)
    assert Estimator(plain, str(given)).config.model_dir == str(given)
    assert Estimator(plain, config=RunConfig(model_dir=given)).model_dir == str(given)
    assert Estimator(plain, given, RunConfig(model_dir=str(given))).model_dir == str(given)
    assert not given.exists()  # until there is something to write
    with pytest.raises(ValueError, match="`model_dir` are set both in constructor and `RunConfig`"):
        Estimator(plain, given, RunConfig(model_dir="other"))


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_temporary_model_dir(nothing, caplog):
    estimator = Estimator(plain, nothing)
    assert pathlib.Path(estimator.model_dir).is_dir()
    assert estimator.model_dir != Estimator(plain, nothing).model_dir
    assert "Using temporary folder as model directory" in caplog.text


@pytest.mark.parametrize("wrong", [3, {"a": 1}, ["path"]])
def test_wrong_warm_starts(wrong):
    message = "warm_start_from must be a string or a WarmStartSettings, instead got"
    with pytest.raises(ValueError, match=message):
        Estimator(plain, warm_start_from=wrong)


@pytest.mark.parametrize("good", ["path", b"path", pathlib.Path("path"), WarmStartSettings("path")])
def test_a_warm_start_is_not_looked_at_before_it_is_needed(good):
    Estimator(plain, warm_start_from=good)


def test_nothing_is_trained_yet(line):
    estimator = line.estimator()
    assert estimator.latest_checkpoint() is None
    message = f"Could not find trained model in model_dir: {line.model_dir}"
    with pytest.raises(ValueError, match=message):
        estimator.get_variable_names()
    with pytest.raises(ValueError, match=message):
        estimator.get_variable_value("w")


def test_reading_variables(line):
    def model_fn(features, labels, mode):
        w = tf.compat.v1.get_variable("w", [2], initializer=tf.compat.v1.zeros_initializer())
        loss = tf.reduce_sum(w + tf.reduce_mean(features["x"]))
        step = tf.compat.v1.train.get_global_step()
        train_op = tf.compat.v1.train.MomentumOptimizer(0.5, 0.9).minimize(loss, global_step=step)
        return EstimatorSpec(mode, loss=loss, train_op=train_op)

    estimator = line.estimator(model_fn).train(line.data, steps=1)
    assert estimator.get_variable_names() == ["global_step", "w", "w/Momentum"]
    np.testing.assert_allclose(estimator.get_variable_value("w"), [-0.5, -0.5])
    np.testing.assert_allclose(estimator.get_variable_value("w:0"), [-0.5, -0.5])
    np.testing.assert_allclose(estimator.get_variable_value("w/Momentum"), [1.0, 1.0])
    with pytest.raises(ValueError, match="has no variable 'v'"):
        estimator.get_variable_value("v")


def test_variables_are_those_on_disk(line):
    # Another process has trained on.
    mine, other = line.estimator(), line.estimator()
    mine.train(line.endless, max_steps=1)
    other.train(line.endless, max_steps=2)
    assert mine.get_variable_value("global_step") == 2
    assert mine.latest_checkpoint() == os.path.join(line.model_dir, "model.ckpt-2")


def test_model_fn_of_an_estimator_can_be_called(line):
    estimator = line.estimator(params={"rate": 0.1})
    spec = estimator.model_fn({"x": tf.constant([[1.0]])}, tf.constant([[1.0]]), ModeKeys.EVAL)
    assert spec.loss == 2.25
    spec = estimator.model_fn({"x": tf.constant([[1.0]])}, None, ModeKeys.PREDICT, estimator.config)
    assert spec.predictions["y"] == 2.5


def test_constructing_is_free(monkeypatch):
    def never(*_):
        raise AssertionError("made a model")

    monkeypatch.setattr("estimators.estimator.Model", never)
    Estimator(plain)


def test_members_cannot_be_overridden():
    message = r"cannot override members of Estimator. Mine does override \['evaluate'\]"
    with pytest.raises(ValueError, match=message):
        type("Mine", (Estimator,), {"evaluate": lambda self, input_fn: {}})
    type("Mine", (Estimator,), {"latest_checkpoint": lambda self: None})


def test_a_subclass_may_add_and_say_what_it_is():
    class Mine(Estimator):
        def __init__(self, rate):
            super().__init__(plain)
            self.rate = rate

        def more(self):
            return self.rate

    assert Mine(0.5).more() == 0.5
