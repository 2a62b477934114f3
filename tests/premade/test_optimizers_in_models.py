"""Every way to say which optimizer, in every model: the same steps, and those of arithmetic.

Features are zero, so that a model is its bias: the squared error to a label of 1 moves a bias `b`
by `2 (1 - b)` times the learning rate, and each of two biases that are added alike.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import RegressionHead, optimizers
from premade import (
    BaselineEstimator,
    BaselineRegressor,
    DNNEstimator,
    DNNLinearCombinedEstimator,
    DNNLinearCombinedRegressor,
    DNNRegressor,
    LinearEstimator,
    LinearRegressor,
    RNNEstimator,
)

X = fc.numeric_column("x")
SEQUENCE = fc.sequence_numeric_column("sequence")
STEPS = 4
BOUNDARIES, RATES = [1, 2], [0.1, 0.05, 0.2]  # a boundary is the last step of its rate
BY_STEP = [0.1, 0.1, 0.05, 0.2]
LINEAR, DEEP = "linear/linear_model/bias_weights", "dnn/logits/bias"
BASELINE, RECURRENT = "baseline/bias", "rnn_model/logits/bias"


def _both(kind):
    def make(optimizer, *head, **options):
        return kind(
            *head,
            linear_feature_columns=[X],
            dnn_feature_columns=[X],
            dnn_hidden_units=[2],
            linear_optimizer=optimizer,
            dnn_optimizer=optimizer,
            **options,
        )

    return make


# By name: how it is made, the name of a bias, and how many biases are added.
MODELS = {
    "LinearRegressor": (lambda o, **k: LinearRegressor([X], optimizer=o, **k), LINEAR, 1),
    "LinearEstimator": (
        lambda o, **k: LinearEstimator(RegressionHead(), [X], optimizer=o, **k),
        LINEAR,
        1,
    ),
    "DNNRegressor": (lambda o, **k: DNNRegressor([], [X], optimizer=o, **k), DEEP, 1),
    "DNNEstimator": (
        lambda o, **k: DNNEstimator(RegressionHead(), [], [X], optimizer=o, **k),
        DEEP,
        1,
    ),
    "BaselineRegressor": (lambda o, **k: BaselineRegressor(optimizer=o, **k), BASELINE, 1),
    "BaselineEstimator": (
        lambda o, **k: BaselineEstimator(RegressionHead(), optimizer=o, **k),
        BASELINE,
        1,
    ),
    "DNNLinearCombinedRegressor": (_both(DNNLinearCombinedRegressor), LINEAR, 2),
    "DNNLinearCombinedEstimator": (
        lambda o, **k: _both(DNNLinearCombinedEstimator)(o, RegressionHead(), **k),
        DEEP,
        2,
    ),
    # Its recurrent layer has biases of its own: a cell without any leaves that of the logits.
    "RNNEstimator": (
        lambda o, **k: RNNEstimator(
            RegressionHead(),
            [SEQUENCE],
            rnn_cell_fn=lambda: keras.layers.SimpleRNNCell(2, use_bias=False),
            optimizer=o,
            **k,
        ),
        RECURRENT,
        1,
    ),
}


def _v1_decay():
    step = tf.compat.v1.train.get_global_step()
    return tf.compat.v1.train.piecewise_constant(step, BOUNDARIES, RATES)


def _keras_decay():
    return keras.optimizers.schedules.PiecewiseConstantDecay(BOUNDARIES, RATES)


def _own_decay(step):
    return tf.gather(tf.constant(RATES), tf.searchsorted(BOUNDARIES, [tf.cast(step, tf.int32)])[0])


FORMS = {  # and the learning rate of each step
    "ours": (lambda: optimizers.SGD(0.1), [0.1] * STEPS),
    "keras": (lambda: keras.optimizers.SGD(0.1), [0.1] * STEPS),
    "v1": (lambda: tf.compat.v1.train.GradientDescentOptimizer(0.1), [0.1] * STEPS),
    "function": (lambda: lambda: keras.optimizers.SGD(0.1), [0.1] * STEPS),
    "keras schedule": (lambda: keras.optimizers.SGD(_keras_decay()), BY_STEP),
    "our schedule": (lambda: optimizers.SGD(_own_decay), BY_STEP),
    "our optimizer, schedule of keras": (lambda: optimizers.SGD(_keras_decay()), BY_STEP),
    "v1 schedule": (
        lambda: lambda: tf.compat.v1.train.GradientDescentOptimizer(_v1_decay()),
        BY_STEP,
    ),
}
# What a name means is the business of each model: see test_model_fn.py for other names.
NAMES = {LINEAR: 0.2, DEEP: 0.01, BASELINE: 0.3, RECURRENT: 0.05}


@pytest.fixture
def data(batch):
    return batch({"x": [[0.0]], "sequence": [[0.0, 0.0]]}, [[1.0]])


def _biases(rates, parts):
    bias = 0.0
    for rate in rates:
        bias += rate * 2.0 * (1.0 - parts * bias)
        yield bias


def _check(estimator, data, name, parts, rates):
    estimator.train(data, steps=len(rates))
    *_, expected = _biases(rates, parts)
    assert estimator.get_variable_value(name) == pytest.approx([expected], rel=1e-5)
    assert estimator.get_variable_value("global_step") == len(rates)
    loss = estimator.evaluate(data, steps=1)["loss"]
    assert loss == pytest.approx((1.0 - parts * expected) ** 2, rel=1e-4)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("model", [name for name in MODELS if not name.endswith("Regressor")])
def test_forms(small, data, model, form):
    (make, name, parts), (optimizer, rates) = MODELS[model], FORMS[form]
    _check(small(make, optimizer()), data, name, parts, rates)


@pytest.mark.parametrize("model", [name for name in MODELS if name.endswith("Regressor")])
def test_forms_reach_the_estimator_below(small, data, model):
    (make, name, parts), (optimizer, rates) = MODELS[model], FORMS["keras schedule"]
    _check(small(make, optimizer()), data, name, parts, rates)


@pytest.mark.parametrize("model", [name for name in MODELS if "Combined" not in name])
def test_names(small, data, model):
    make, name, parts = MODELS[model]
    _check(small(make, "SGD"), data, name, parts, [NAMES[name]] * 2)


def test_names_of_two_parts(small, data):
    make, _, _ = MODELS["DNNLinearCombinedRegressor"]
    estimator = small(make, "SGD").train(data, steps=1)
    assert estimator.get_variable_value(LINEAR) == pytest.approx([0.005 * 2], rel=1e-5)
    assert estimator.get_variable_value(DEEP) == pytest.approx([0.001 * 2], rel=1e-5)


def test_a_schedule_goes_on_where_it_was(small, data):
    make, name, parts = MODELS["LinearEstimator"]
    optimizer, rates = FORMS["keras schedule"]
    estimator = small(make, optimizer())
    for step in range(1, STEPS + 1):
        estimator.train(data, max_steps=step)
    *_, expected = _biases(rates, parts)
    assert estimator.get_variable_value(name) == pytest.approx([expected], rel=1e-5)


def test_rates_differ():
    """What is compared above would not pass with another schedule."""
    ends = [list(_biases(rates, 1))[-1] for rates in ([0.1] * STEPS, BY_STEP, RATES)]
    assert np.unique(np.round(ends, 3)).size == 3
