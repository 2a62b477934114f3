"""Going on after an interruption: as if there had been none, bit for bit."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from estimators import EstimatorSpec, Hook, ModeKeys, minimize
from estimators.checkpoints import Checkpoint

SAVE = 4


def dropout_fn(features, labels, mode):
    """Random at every turn: initial values, shuffles of the data, dropout."""
    x = keras.layers.Dense(8, "relu")(features["x"])
    x = keras.layers.Dropout(0.5)(x, training=mode == ModeKeys.TRAIN)
    y = keras.layers.Dense(1)(x)
    if mode == ModeKeys.PREDICT:
        return EstimatorSpec(mode, predictions={"y": y})
    loss = tf.reduce_mean((y - labels) ** 2)
    return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, keras.optimizers.Adam(0.01)))


def shuffled():
    x = tf.reshape(tf.range(10.0), [10, 1])
    rows = tf.data.Dataset.from_tensor_slices(({"x": x}, x))
    return rows.shuffle(10).repeat().batch(3)


class InterruptionError(RuntimeError):
    pass


def values_of(estimator):
    return {name: estimator.get_variable_value(name) for name in estimator.get_variable_names()}


def assert_same(left, right):
    assert left.keys() == right.keys()
    for name, value in left.items():
        np.testing.assert_array_equal(value, right[name], err_msg=name)


class Remember(Hook):
    """Adds up the losses, and remembers the sum."""

    def __init__(self):
        self.total = 0.0

    def due(self, step):
        return step + 1

    def after(self, run, outputs):
        self.total += outputs.loss

    def state(self):
        return {"total": self.total}

    def restore(self, state):
        self.total = state["total"]


@pytest.fixture
def other(line):
    return type(line)(line.model_dir + "2")


def test_an_interrupted_run_ends_as_one_that_was_not(line, other, fail_at):
    config = {"tf_random_seed": 3, "save_checkpoints_steps": SAVE}
    whole, parts = Remember(), Remember()
    undisturbed = other.estimator(dropout_fn, **config)
    undisturbed.train(shuffled, hooks=[whole], max_steps=14)
    for step in (2, 5, 11):
        estimator = line.estimator(dropout_fn, **config)
        hooks = [Remember(), fail_at(step, InterruptionError())]
        with pytest.raises(InterruptionError):
            estimator.train(shuffled, hooks=hooks, max_steps=14)
    estimator.train(shuffled, hooks=[parts], max_steps=14)
    assert_same(values_of(estimator), values_of(undisturbed))
    assert parts.total == whole.total


def test_evaluations_in_between_change_nothing(line, other):
    config = {"tf_random_seed": 3, "save_checkpoints_steps": SAVE}
    undisturbed = other.estimator(dropout_fn, **config).train(shuffled, max_steps=8)
    estimator = line.estimator(dropout_fn, **config)

    class Evaluate(Hook):
        def due(self, step):
            return step + 1

        def after(self, run, outputs):
            run.evaluate(line.data)
            list(estimator.predict(line.data))

    estimator.train(shuffled, hooks=[Evaluate()], max_steps=8)
    assert_same(values_of(estimator), values_of(undisturbed))


def test_a_run_that_came_to_its_end_starts_its_data_afresh(line, record):
    # As in tf.estimator: steps 1 and 2 read the rows 1 and 2; so do steps 3 and 4.
    estimator, first, second = line.estimator(params={"rate": 0.0}), record(), record()
    rows = lambda: line.data(batch_size=1)  # noqa: E731
    estimator.train(rows, hooks=[first], steps=2)
    estimator.train(rows, hooks=[second], steps=2)
    assert first.losses == second.losses == [2.25, 6.25]


def test_a_run_that_was_interrupted_goes_on_in_its_data(line, record, fail_at):
    config = {"params": {"rate": 0.0}, "save_checkpoints_steps": 1}
    rows, seen = (lambda: line.data(batch_size=1)), record()
    with pytest.raises(InterruptionError):
        line.estimator(**config).train(rows, hooks=[fail_at(2, InterruptionError())])
    line.estimator(**config).train(rows, hooks=[seen])
    # The checkpoint of step 1 was committed; step 2 was not.
    assert seen.losses == [6.25, 12.25]


def test_data_that_cannot_be_saved_starts_afresh_and_says_so(line, record, fail_at, caplog):
    def rows():
        def generate():
            yield from ([1.0], [2.0], [3.0])

        x = tf.data.Dataset.from_generator(generate, output_signature=tf.TensorSpec([1]))
        return x.map(lambda x: ({"x": x}, x)).batch(1)

    config = {"params": {"rate": 0.0}, "save_checkpoints_steps": 1}
    seen = record()
    with pytest.raises(InterruptionError):
        line.estimator(**config).train(rows, hooks=[fail_at(2, InterruptionError())])
    line.estimator(**config).train(rows, hooks=[seen])
    assert seen.steps == [2, 3, 4]
    assert seen.losses == [2.25, 6.25, 12.25]
    # Once in each of the two runs, however many checkpoints they wrote.
    assert caplog.text.count("The position in the data cannot be saved") == 2
    assert Checkpoint.open(line.model_dir).resume == "afresh"


def test_data_that_has_changed_starts_afresh_and_says_so(line, record, fail_at, caplog):
    config = {"params": {"rate": 0.0}, "save_checkpoints_steps": 1}
    seen = record()
    with pytest.raises(InterruptionError):
        line.estimator(**config).train(
            line.endless, hooks=[fail_at(2, InterruptionError())], steps=5
        )
    changed = lambda: line.data(batch_size=1).shuffle(3, seed=1).take(2)  # noqa: E731
    line.estimator(**config).train(changed, hooks=[seen])
    assert seen.steps == [2, 3]
    assert "it starts afresh" in caplog.text


def test_what_a_checkpoint_tells(line, fail_at):
    estimator = line.estimator(save_checkpoints_steps=2, keep_checkpoint_max=None)
    hook = Remember()
    estimator.train(line.endless, hooks=[hook], max_steps=3)
    prefix = line.model_dir + "/model.ckpt-"
    middle, last = Checkpoint.open(prefix + "2"), Checkpoint.open(prefix + "3")
    assert not middle.metadata["finished"]
    assert middle.resume == "exact"
    assert last.metadata["finished"]
    assert last.metadata["hooks"]["Remember:0"] == {"total": hook.total}
    assert len(last.sidecars) == 1


def test_seeds_make_two_runs_equal(line, other):
    runs = [
        where.estimator(dropout_fn, tf_random_seed=5).train(shuffled, steps=5)
        for where in (line, other)
    ]
    assert_same(*(values_of(run) for run in runs))


def test_other_seeds_make_other_runs(line, other):
    first = line.estimator(dropout_fn, tf_random_seed=5).train(shuffled, steps=1)
    second = other.estimator(dropout_fn, tf_random_seed=6).train(shuffled, steps=1)
    name = "dense/kernel"
    assert (first.get_variable_value(name) != second.get_variable_value(name)).all()


def test_two_layers_of_one_seed_start_differently(line):
    def model_fn(features, labels, mode):
        x = keras.layers.Dense(4)(features["x"])
        y = keras.layers.Dense(4)(features["x"])
        loss = tf.reduce_mean((x + y - labels) ** 2)
        return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, keras.optimizers.SGD(0.0)))

    values = values_of(line.estimator(model_fn, tf_random_seed=5).train(line.data))
    assert (values["dense/kernel"] != values["dense_1/kernel"]).all()


def test_the_processs_own_random_numbers_are_untouched(line):
    import random

    def draws():
        return random.random(), np.random.random(), float(tf.random.uniform([]))

    def seed():
        keras.utils.set_random_seed(9)

    seed()
    expected = draws()
    seed()
    line.estimator(dropout_fn, tf_random_seed=5).train(shuffled, steps=2)
    assert draws() == expected


def test_dropout_differs_from_step_to_step(line, record):
    def model_fn(features, labels, mode):
        kept = keras.layers.Dropout(0.5)(tf.ones([64]), training=True)
        loss = tf.Variable(1.0, name="w") * tf.reduce_mean(tf.identity(kept, name="kept"))
        return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, "SGD"))

    seen = record(fetches=["kept"])
    line.estimator(model_fn, tf_random_seed=1).train(line.endless, hooks=[seen], steps=3)
    masks = {tuple(values[0] > 0) for values in seen.fetched}
    assert len(masks) == 3


def test_dropout_differs_from_replica_to_replica(line, mirrored_strategy):
    """Both replicas see the same row; that of the second drops other units."""

    def model_fn(features, labels, mode):
        kept = keras.layers.Dropout(0.5)(tf.ones([64]), training=True)
        rows = tf.Variable(tf.zeros([64]), name="sum", aggregation=tf.VariableAggregation.SUM)
        loss = tf.reduce_sum(kept * rows)
        return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, keras.optimizers.SGD(1.0)))

    config = {"train_distribute": mirrored_strategy, "tf_random_seed": 1}
    estimator = line.estimator(model_fn, **config).train(line.endless, steps=1)
    # The gradient is the mean of the two masks of values 0 and 2: -1 where one of them dropped.
    moved = -estimator.get_variable_value("sum")
    assert set(moved.tolist()) == {0.0, 1.0, 2.0}
