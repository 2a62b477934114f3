"""What `EstimatorSpec`, `TrainSpec` and `EvalSpec` accept."""

from __future__ import annotations

import dataclasses

import keras
import pytest
import tensorflow as tf

from estimators import EstimatorSpec, EvalSpec, Hook, LatestExporter, ModeKeys, TrainSpec, minimize

LOSS = tf.constant(1.0)
TRAIN, EVAL, PREDICT = ModeKeys.TRAIN, ModeKeys.EVAL, ModeKeys.PREDICT


def input_fn():
    raise AssertionError("a spec calls nothing")


def test_mode_keys_are_those_of_tf_estimator():
    assert (TRAIN, EVAL, PREDICT) == ("train", "eval", "infer")


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"mode": TRAIN, "loss": LOSS}, "train_op"),
        ({"mode": TRAIN, "train_op": tf.no_op}, "loss"),
        ({"mode": EVAL}, "loss"),
        ({"mode": PREDICT, "loss": LOSS}, "predictions"),
    ],
)
def test_fields_that_a_mode_needs(fields, missing):
    with pytest.raises(ValueError, match=f"Missing {missing}"):
        EstimatorSpec(**fields)


def test_defaults():
    spec = EstimatorSpec(EVAL, loss=LOSS)
    assert spec.predictions == {}
    assert spec.eval_metric_ops == {}
    assert spec.train_op is None
    assert spec.export_outputs is None
    hooks = spec.training_hooks, spec.training_chief_hooks, spec.evaluation_hooks
    assert (*hooks, spec.prediction_hooks) == ((), (), (), ())


def test_fields_that_a_mode_does_not_need_may_be_there():
    spec = EstimatorSpec(EVAL, loss=LOSS, train_op=minimize(LOSS, "SGD"))
    assert spec.train_op is not None
    assert EstimatorSpec(PREDICT, predictions={"p": LOSS}, loss=LOSS).loss is not None


@pytest.mark.parametrize("loss", [[1.0], [[1.0]], 1.0])
def test_a_loss_of_one_element_becomes_a_scalar(loss):
    assert EstimatorSpec(EVAL, loss=tf.constant(loss)).loss.shape == ()


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"loss": tf.constant([1.0, 2.0])}, ValueError, "`loss` must be scalar, got shape"),
        ({"loss": 1.0}, TypeError, "`loss` must be a Tensor, got float"),
        ({"predictions": {"p": [1.0]}}, TypeError, r"predictions\['p'\] must be a Tensor"),
        ({"predictions": 1.0}, TypeError, "must be a Tensor"),
        ({"eval_metric_ops": [LOSS]}, TypeError, "`eval_metric_ops` must be a dict"),
        ({"eval_metric_ops": {"m": LOSS}}, TypeError, r"eval_metric_ops\['m'\] must be a Keras"),
        ({"eval_metric_ops": {"m": (LOSS,) * 3}}, TypeError, r"pair \(value, update\)"),
        ({"training_hooks": [3]}, TypeError, "`training_hooks` must hold hooks"),
        ({"evaluation_hooks": ["h"]}, TypeError, "`evaluation_hooks` must hold hooks"),
        ({"prediction_hooks": [None]}, TypeError, "`prediction_hooks` must hold hooks"),
        ({"training_chief_hooks": [Hook]}, TypeError, "`training_chief_hooks` must hold hooks"),
        ({"scaffold": object()}, ValueError, "`scaffold` named parts of a session"),
        ({"mode": "predict"}, ValueError, "`mode` must be one of .*'predict'"),
        ({"train_op": "Adam"}, TypeError, "`train_op` must be .*Adam"),
        ({"train_op": [LOSS, LOSS]}, TypeError, "`train_op` must be .*estimators.group"),
        ({"train_op": keras.optimizers.SGD()}, TypeError, "`train_op` must be .*SGD"),
    ],
)
def test_wrong_values(fields, error, message):
    with pytest.raises(error, match=message):
        EstimatorSpec(**{"mode": EVAL, "loss": LOSS, **fields})


@pytest.mark.parametrize(
    "train_op",
    [
        minimize(LOSS, "SGD"),
        lambda: None,
        tf.constant(1),
        tf.Variable(1),
        keras.Variable(1),
    ],
)
def test_train_ops(train_op):
    assert EstimatorSpec(TRAIN, loss=LOSS, train_op=train_op).train_op is train_op


def test_an_operation_is_a_train_op():
    with tf.Graph().as_default():
        operation = tf.no_op()
        EstimatorSpec(TRAIN, loss=tf.constant(1.0), train_op=operation)


def test_metrics_are_pairs_or_keras_metrics():
    metrics = {"pair": (LOSS, tf.no_op), "nested": ({"a": LOSS}, LOSS), "k": keras.metrics.Mean()}
    assert EstimatorSpec(EVAL, loss=LOSS, eval_metric_ops=metrics).eval_metric_ops == metrics


def test_hooks_become_tuples():
    hook = Hook()
    spec = EstimatorSpec(EVAL, loss=LOSS, evaluation_hooks=[hook], training_hooks=None)
    assert spec.evaluation_hooks == (hook,)
    assert spec.training_hooks == ()


@pytest.mark.parametrize("flag", [True, tf.constant(1)])
def test_whether_it_is_a_step_is_a_bool_tensor(flag):
    with pytest.raises(TypeError, match="`is_step` must be a scalar bool Tensor or None"):
        EstimatorSpec(TRAIN, loss=LOSS, train_op=tf.no_op, is_step=flag)


def test_a_spec_is_frozen_and_replaced():
    spec = EstimatorSpec(EVAL, loss=LOSS)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.loss = None
    assert spec._replace(predictions={"p": LOSS}).predictions == {"p": LOSS}
    assert spec._replace(mode=EVAL) is not spec
    with pytest.raises(ValueError, match="mode of EstimatorSpec cannot be changed."):
        spec._replace(mode=TRAIN)
    with pytest.raises(ValueError, match="Missing loss"):
        spec._replace(loss=None)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"input_fn": 3}, TypeError, "`input_fn` must be callable, given: 3"),
        ({"max_steps": 0}, ValueError, "Must specify max_steps > 0, given: 0"),
        ({"max_steps": -1}, ValueError, "Must specify max_steps > 0, given: -1"),
        ({"hooks": [3]}, TypeError, "`hooks` must hold hooks"),
        ({"hooks": [Hook]}, TypeError, "`hooks` must hold hooks"),
    ],
)
def test_wrong_train_specs(fields, error, message):
    with pytest.raises(error, match=message):
        TrainSpec(**{"input_fn": input_fn, **fields})


def test_a_train_spec():
    hook, listener = Hook(), object()
    spec = TrainSpec(input_fn, 5, [hook], [listener])
    assert (spec.max_steps, spec.hooks, spec.saving_listeners) == (5, (hook,), (listener,))
    empty = TrainSpec(input_fn, hooks=None, saving_listeners=None)
    assert (empty.max_steps, empty.hooks, empty.saving_listeners) == (None, (), ())


def exporter(name):
    return LatestExporter(name, input_fn)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"input_fn": None}, TypeError, "`input_fn` must be callable"),
        ({"steps": 0}, ValueError, "Must specify steps > 0, given: 0"),
        ({"name": 3}, TypeError, "`name` must be string, given: 3"),
        ({"start_delay_secs": -1}, ValueError, "Must specify start_delay_secs >= 0, given: -1"),
        ({"throttle_secs": -1}, ValueError, "Must specify throttle_secs >= 0, given: -1"),
        ({"every_steps": 0}, ValueError, "Must specify every_steps > 0, given: 0"),
        ({"exporters": ["latest"]}, TypeError, "`exporters` must be Exporters"),
        ({"exporters": 3}, TypeError, "`exporters` must be Exporters"),
        ({"exporters": [exporter("a"), exporter("a")]}, ValueError, "must be unique"),
        ({"hooks": [3]}, TypeError, "`hooks` must hold hooks"),
    ],
)
def test_wrong_eval_specs(fields, error, message):
    with pytest.raises(error, match=message):
        EvalSpec(**{"input_fn": input_fn, **fields})


def test_an_eval_spec():
    spec = EvalSpec(input_fn)
    assert (spec.steps, spec.start_delay_secs, spec.throttle_secs) == (100, 120, 600)
    assert (spec.name, spec.hooks, spec.exporters) == (None, (), ())
    one, two = exporter("one"), exporter("two")
    assert EvalSpec(input_fn, exporters=one).exporters == (one,)
    assert EvalSpec(input_fn, exporters=iter([one, two])).exporters == (one, two)
    assert EvalSpec(input_fn, steps=None).steps is None
