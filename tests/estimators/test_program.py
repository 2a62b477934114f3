"""What a body may do: train operations of any kind, hooks of its own, tensors asked for by name."""

from __future__ import annotations

import keras
import pytest
import tensorflow as tf

import estimators
from estimators import EstimatorSpec, ModeKeys, SessionRunArgs, SessionRunHook, minimize
from estimators.optimizers import SGD, group

v1 = tf.compat.v1
RATE = 0.1
AFTER_ONE_STEP = 1.35, 0.1  # w and b of the line after its first batch


def body(train_op_of):
    """The line of conftest, with another train operation made by a function of (loss, w, b)."""

    def model_fn(features, labels, mode):
        w, b = tf.Variable(2.0, name="w"), tf.Variable(0.5, name="b")
        loss = tf.reduce_mean((w * features["x"] + b - labels) ** 2)
        train_op = train_op_of(loss, w, b) if mode == ModeKeys.TRAIN else None
        return EstimatorSpec(mode, loss=loss, train_op=train_op)

    return model_fn


def by_v1(loss, w, b):
    optimizer = v1.train.GradientDescentOptimizer(RATE)
    return optimizer.minimize(loss, global_step=v1.train.get_or_create_global_step())


def by_v1_in_two_parts(loss, w, b):
    optimizer = v1.train.GradientDescentOptimizer(RATE)
    gradients = optimizer.compute_gradients(loss)
    return optimizer.apply_gradients(gradients, global_step=v1.train.get_global_step())


def by_keras_in_the_body(loss, w, b):
    optimizer = keras.optimizers.SGD(RATE)
    optimizer.apply_gradients(zip(tf.gradients(loss, [w, b]), [w, b], strict=True))
    return v1.train.get_global_step().assign_add(1)


def by_a_function(loss, w, b):
    gradients = tf.gradients(loss, [w, b])

    def train():
        for variable, gradient in zip([w, b], gradients, strict=True):
            variable.assign_sub(RATE * gradient)

    return train


@pytest.mark.parametrize(
    "train_op_of",
    [
        lambda loss, w, b: minimize(loss, SGD(RATE)),
        lambda loss, w, b: minimize(loss, keras.optimizers.SGD(RATE)),
        lambda loss, w, b: minimize(loss, lambda: SGD(RATE)),
        lambda loss, w, b: minimize(loss, v1.train.GradientDescentOptimizer(RATE)),
        lambda loss, w, b: group(minimize(loss, SGD(RATE), [w]), minimize(loss, SGD(RATE), [b])),
        by_v1,
        by_v1_in_two_parts,
        by_keras_in_the_body,
        by_a_function,
    ],
)
def test_train_operations(line, train_op_of):
    estimator = line.estimator(body(train_op_of)).train(line.data, steps=1)
    values = [estimator.get_variable_value(name) for name in ("w", "b")]
    assert values == pytest.approx(AFTER_ONE_STEP, abs=1e-6)
    assert estimator.get_variable_value("global_step") == 1


def test_some_of_the_variables_are_trained(line):
    estimator = line.estimator(body(lambda loss, w, b: minimize(loss, SGD(RATE), [b])))
    estimator.train(line.data, steps=1)
    assert estimator.get_variable_value("w") == 2.0
    assert estimator.get_variable_value("b") == pytest.approx(0.1)


def test_a_learning_rate_of_the_global_step(line):
    def decayed(loss, w, b):
        rate = v1.train.piecewise_constant(v1.train.get_global_step(), [0], [RATE, 0.0])
        step = v1.train.get_global_step()
        return v1.train.GradientDescentOptimizer(rate).minimize(loss, global_step=step)

    estimator = line.estimator(body(decayed)).train(line.endless, steps=1)
    first = estimator.get_variable_value("w")
    estimator.train(line.endless, steps=2)
    assert first != 2.0
    assert estimator.get_variable_value("w") == first
    assert estimator.get_variable_value("global_step") == 3


@pytest.mark.parametrize(
    "train_op_of",
    [
        lambda loss, w, b: v1.train.GradientDescentOptimizer(RATE).minimize(loss),
        lambda loss, w, b: tf.no_op(),
    ],
)
def test_an_operation_that_does_not_count_steps_is_counted(line, train_op_of):
    estimator = line.estimator(body(train_op_of)).train(line.endless, steps=3)
    assert estimator.get_variable_value("global_step") == 3


def test_an_operation_that_stands_still(line):
    def still(loss, w, b):
        return v1.train.get_global_step().assign_add(0)

    with pytest.raises(estimators.EstimatorError, match="left the global step at 0"):
        line.estimator(body(still)).train(line.endless, steps=3)


def test_nothing_to_train(line):
    def model_fn(features, labels, mode):
        loss = tf.reduce_mean(features["x"])
        return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, "SGD"))

    with pytest.raises(ValueError, match="There is nothing to train"):
        line.estimator(model_fn).train(line.data)


def test_tensors_by_name(line, record):
    seen = record(fetches={"y": "y", "again": "y:0"})
    line.estimator().train(line.data, hooks=[seen])
    first = seen.fetched[0]
    assert first["y"].tolist() == first["again"].tolist() == [[2.5], [4.5]]
    assert seen.fetched[1]["y"].tolist() == [[pytest.approx(4.15)]]


def test_a_tensor_that_is_not_there(line, record):
    message = "A hook asks for the tensor 'z', .*tf.identity.*Named so far.*'y'"
    with pytest.raises(ValueError, match=message):
        line.estimator().train(line.data, hooks=[record(fetches=["z"])])
    assert line.estimator().latest_checkpoint() is None


@pytest.mark.parametrize("eagerly", [False, True])
def test_hooks_made_in_the_body_see_its_tensors(line, record, eagerly):
    made = []

    def model_fn(features, labels, mode, params):
        spec = line.model_fn(features, labels, mode, params)
        doubled = 2.0 * features["x"]
        made.append(record(fetches=[doubled]))
        return spec._replace(training_hooks=[made[-1]], evaluation_hooks=[record()])

    estimator = line.estimator(model_fn, run_eagerly=eagerly)
    estimator.train(line.data)
    assert [v[0].tolist() for v in made[0].fetched] == [[[2.0], [4.0]], [[6.0]]]
    assert all(not other.calls for other in made[1:])  # later traces make copies of no use
    estimator.train(line.data)
    assert made[0].steps == [1, 2, 3, 4]


def test_old_hooks_in_the_body(line):
    seen = []

    class Old(SessionRunHook):
        def __init__(self, loss):
            self._loss = loss

        def before_run(self, run_context):
            return SessionRunArgs({"loss": self._loss, "step": v1.train.get_global_step()})

        def after_run(self, run_context, run_values):
            seen.append((int(run_values.results["step"]), float(run_values.results["loss"])))

    def model_fn(features, labels, mode, params):
        spec = line.model_fn(features, labels, mode, params)
        return spec._replace(training_hooks=[Old(spec.loss)])

    line.estimator(model_fn).train(line.data)
    assert [step for step, _ in seen] == [1, 2]
    assert [loss for _, loss in seen] == pytest.approx([4.25, 1.15**2])


def test_a_body_without_gradients_is_a_counter(line):
    """A body that trains nothing by an optimizer: it counts rows in a variable of its own."""

    def model_fn(features, labels, mode):
        rows = v1.get_variable("rows", [], tf.int64, tf.zeros_initializer(), trainable=False)
        count = rows.assign_add(tf.shape(features["x"], out_type=tf.int64)[0])
        loss = tf.cast(count, tf.float32)
        return EstimatorSpec(mode, loss=loss, train_op=count)

    estimator = line.estimator(model_fn).train(line.data)
    assert estimator.get_variable_value("rows") == 3
    assert estimator.get_variable_value("global_step") == 2


def test_two_replicas_average_what_one_would_see(line, mirrored_strategy):
    """Each replica takes the next batch: (1, 2) and (3) make one step."""
    estimator = line.estimator(train_distribute=mirrored_strategy)
    estimator.train(line.data, steps=1)
    # Gradients of the two losses 4.25 and 12.25, averaged: (6.5 + 21) / 2 and (4 + 7) / 2.
    values = [estimator.get_variable_value(name) for name in ("w", "b")]
    assert values == pytest.approx([2 - 0.1 * 13.75, 0.5 - 0.1 * 5.5])
    assert estimator.get_variable_value("global_step") == 1
    assert estimator.evaluate(line.data)["global_step"] == 1


def by_keras(loss, w, b):
    keras.optimizers.SGD(RATE).apply_gradients(zip(tf.gradients(loss, [w, b]), [w, b], strict=True))
    return tf.identity(loss)


@pytest.mark.parametrize("train_op_of", [lambda loss, w, b: minimize(loss, SGD(RATE)), by_keras])
def test_two_replicas_divide_a_loss_of_keras_once(line, mirrored_strategy, train_op_of):
    """Keras divides its losses for its own optimizers, and `minimize` divides any loss."""

    def model_fn(features, labels, mode):
        w, b = tf.Variable(2.0, name="w"), tf.Variable(0.5, name="b")
        loss = keras.losses.MeanSquaredError()(labels, w * features["x"] + b)
        return EstimatorSpec(mode, loss=loss, train_op=train_op_of(loss, w, b))

    estimator = line.estimator(model_fn, train_distribute=mirrored_strategy)
    estimator.train(line.data, steps=1)
    values = [estimator.get_variable_value(name) for name in ("w", "b")]
    assert values == pytest.approx([2 - 0.1 * 13.75, 0.5 - 0.1 * 5.5])
    with mirrored_strategy.scope():  # Keras is left as it was.
        assert keras.losses.MeanSquaredError()([[1.0]], [[0.0]]) == 0.5
