"""What lives in memory: restored all or nothing, and shared between the modes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from estimators import EstimatorSpec, IncompatibleCheckpointError, ModeKeys, minimize

GOOD = {
    "w": np.float32(5.0),
    "b": np.float32(6.0),
    "global_step": np.int64(7),
    "training/SGD/learning_rate": np.float32(0.1),
    "training/SGD/decay": np.float32(0.0),
    "training/SGD/momentum": np.float32(0.0),
}


def w_of(estimator):
    return float(estimator._model.variable("w").numpy())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"w": None}, r"the model has and the checkpoint has not \(1\):\n  w \[\]"),
        ({"more": np.zeros(2)}, r"the checkpoint has and the model has not \(1\):\n  more \[2\]"),
        ({"w": np.zeros(3)}, r"w: the model has \[\], the checkpoint \[3\]"),
        ({"b": np.int32(1)}, "b: the model has float32, the checkpoint int32"),
    ],
)
def test_a_checkpoint_that_does_not_fit(line, checkpoint, wrong, message):
    values = {name: value for name, value in {**GOOD, **wrong}.items() if value is not None}
    checkpoint(values, step=7, folder="model")
    estimator = line.estimator()
    with pytest.raises(IncompatibleCheckpointError, match=message):
        estimator.train(line.data)
    # No variable was changed, and the checkpoint is still there.
    assert w_of(estimator) == 2.0
    assert estimator._model.step == 0
    assert estimator.latest_checkpoint().endswith("-7")


def test_training_goes_on_from_values_on_disk(line, checkpoint):
    checkpoint(GOOD, step=7, folder="model")
    estimator = line.estimator().train(line.data, steps=1)
    # y = 5 x + 6 of the rows 1 and 2: errors 10 and 14, so the gradients are 38 and 24.
    assert estimator.get_variable_value("w") == pytest.approx(5 - 3.8)
    assert estimator.get_variable_value("b") == pytest.approx(6 - 2.4)
    assert estimator.get_variable_value("global_step") == 8


def test_evaluation_ignores_what_only_training_needs(line, checkpoint):
    checkpoint({**GOOD, "of/another/optimizer": np.zeros(2)}, step=7, folder="model")
    metrics = line.estimator().evaluate(line.data)
    assert metrics["global_step"] == 7
    assert metrics["mae"] == pytest.approx(14.0)


def test_evaluation_of_a_checkpoint_that_lacks_something(line, checkpoint):
    checkpoint({"w": np.float32(1.0), "global_step": np.int64(7)}, step=7, folder="model")
    with pytest.raises(IncompatibleCheckpointError, match=r"the checkpoint has not \(1\):\n  b"):
        line.estimator().evaluate(line.data)


def test_checkpoints_of_tf_estimator_hold_no_state_of_random_numbers(line, checkpoint):
    """Keras 2 drew them from the session; a layer of Keras 3 keeps a variable for them."""

    def model_fn(features, labels, mode):
        w = tf.Variable(2.0, name="w")
        training = mode == ModeKeys.TRAIN
        kept = keras.layers.Dropout(0.5, name="dropout")(w * features["x"], training=training)
        loss = tf.reduce_mean(kept)
        return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, "SGD"))

    values = {name: value for name, value in GOOD.items() if name != "b"}
    checkpoint(values, step=7, folder="model")
    estimator = line.estimator(model_fn)
    assert estimator.evaluate(line.data)["loss"] == pytest.approx(5 * 2.25)
    estimator.train(line.data, steps=1)
    assert estimator.get_variable_value("global_step") == 8
    state = [name for name in estimator.get_variable_names() if "seed_generator" in name]
    assert [estimator.get_variable_value(name)[1] for name in state] == [1]  # One draw.
    # From here on it is part of every checkpoint, and read back.
    again = line.estimator(model_fn).train(line.data, steps=1)
    assert [again.get_variable_value(name)[1] for name in state] == [2]


def test_modes_share_the_variables(line):
    estimator = line.estimator()
    estimator.evaluate(line.data)
    w = estimator._model.variable("w")
    estimator.train(line.data)
    list(estimator.predict(line.data))
    assert estimator._model.variable("w") is w
    assert w.numpy() == estimator.get_variable_value("w")


def test_evaluation_first_and_then_training_on_two_replicas(line, mirrored_strategy):
    estimator = line.estimator(train_distribute=mirrored_strategy)
    assert estimator.evaluate(line.data)["loss"] == 8.25
    estimator.train(line.endless, steps=2)
    assert estimator.evaluate(line.data)["global_step"] == 2
    values = estimator._model.variable("w").values
    assert len(values) == 2
    assert values[0].numpy() == values[1].numpy()


def test_without_checkpoints_the_values_in_memory_count(line):
    estimator = line.estimator(save_checkpoints_steps=None)
    estimator.train(line.data)
    assert estimator.evaluate(line.data)["loss"] == pytest.approx(0.8804991, abs=1e-6)
    estimator.train(line.data, steps=1)
    assert estimator.evaluate(line.data)["global_step"] == 3


def test_variables_that_only_evaluation_has(line):
    """They are made when they are first asked for; a checkpoint without them does not fit."""

    def model_fn(features, labels, mode):
        w = tf.Variable(2.0, name="w")
        loss = tf.reduce_mean(w * features["x"])
        if mode == ModeKeys.EVAL:
            loss += tf.Variable(1.0, name="only_here", trainable=False)
        return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, "SGD"))

    estimator = line.estimator(model_fn)
    assert estimator.evaluate(line.data)["loss"] == pytest.approx(2 * 2.25 + 1)
    estimator.train(line.data)
    assert "only_here" not in estimator.get_variable_names()
    with pytest.raises(IncompatibleCheckpointError, match="only_here"):
        estimator.evaluate(line.data)
