"""Random operations in a training step: the same after a restart, different everywhere else."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import estimators
from estimators import body_random

DRAWS = {
    "normal": lambda: tf.random.normal([1000]),
    "truncated": lambda: tf.random.truncated_normal([1000]),
    "uniform": lambda: tf.random.uniform([1000], -1.0, 3.0),
    "integers": lambda: tf.cast(tf.random.uniform([1000], 0, 7, tf.int32), tf.float32),
    "dropout": lambda: tf.nn.dropout(tf.ones([1000]), 0.25),
}
# Mean and standard deviation, from the formulas of the distributions.
MOMENTS = {
    "normal": (0.0, 1.0),
    "truncated": (0.0, 0.8796),
    "uniform": (1.0, 4 / 12**0.5),
    "integers": (3.0, 2.0),
    "dropout": (1.0, (0.25 / 0.75) ** 0.5),
}


def _draw_in_steps(draw, steps, *, seed=5, first=0, compiled=True):
    step = tf.Variable(first, dtype=tf.int64)

    def once():
        with body_random.derived(seed, step):
            drawn = draw()
        step.assign_add(1)
        return drawn

    function = tf.function(once) if compiled else once
    return np.stack([function() for _ in range(steps)])


@pytest.mark.parametrize("name", DRAWS)
def test_distributions_are_as_before(name):
    drawn = _draw_in_steps(DRAWS[name], 20)

    mean, deviation = MOMENTS[name]
    assert drawn.mean() == pytest.approx(mean, abs=0.05)
    assert drawn.std() == pytest.approx(deviation, abs=0.05)


@pytest.mark.parametrize("name", DRAWS)
def test_a_run_that_starts_in_the_middle_draws_the_same(name):
    whole = _draw_in_steps(DRAWS[name], 4)

    np.testing.assert_array_equal(whole[2:], _draw_in_steps(DRAWS[name], 2, first=2))
    np.testing.assert_array_equal(whole, _draw_in_steps(DRAWS[name], 4, compiled=False))
    assert len({values.tobytes() for values in whole}) == 4


def test_places_and_seeds_differ():
    two = lambda: tf.stack([tf.random.normal([9]), tf.random.normal([9])])  # noqa: E731
    drawn = [_draw_in_steps(two, 2, seed=seed) for seed in (5, 6)]

    assert len({values.tobytes() for run in drawn for step in run for values in step}) == 8


def test_replicas_differ(mirrored_strategy):
    with mirrored_strategy.scope():
        step = tf.Variable(0, dtype=tf.int64)

    @tf.function
    def run():
        with body_random.derived(5, step):
            return mirrored_strategy.run(lambda: tf.random.normal([9]))

    first, second = mirrored_strategy.experimental_local_results(run())
    assert not np.array_equal(first, second)


def test_each_iteration_of_a_loop_draws_anew():
    def draw():
        drawn = tf.TensorArray(tf.float32, 3)
        step = lambda i, drawn: (i + 1, drawn.write(i, tf.random.normal([])))  # noqa: E731
        return tf.while_loop(lambda i, _: i < 3, step, (0, drawn))[1].stack()

    assert len(set(_draw_in_steps(draw, 1)[0])) == 3


def test_without_a_seed_the_operations_stay():
    graph = tf.Graph()
    with graph.as_default(), body_random.derived(None, None):
        tf.random.normal([9])
    assert "RandomStandardNormal" in {operation.type for operation in graph.get_operations()}


def test_old_dropout_resumes_exactly(tmp_path):
    """`tf.nn.dropout` in a body, stopped and taken up again by another Estimator."""

    class Stop(estimators.Hook):
        def due(self, step):
            return 4

        def after(self, run, outputs):
            run.request_stop("the test says so")

    def model_fn(features, labels, mode):
        net = tf.nn.dropout(keras.layers.Dense(16)(features["x"]), rate=0.5)
        loss = tf.reduce_mean((keras.layers.Dense(1)(net) - labels) ** 2)
        return estimators.EstimatorSpec(mode, loss=loss, train_op=estimators.minimize(loss, "Adam"))

    x = np.random.default_rng(2).normal(size=(64, 3)).astype(np.float32)

    def input_fn():
        data = tf.data.Dataset.from_tensor_slices(({"x": x}, x[:, :1]))
        return data.shuffle(64).repeat().batch(8)

    def kernel(folder, *runs):
        for hooks in runs:
            config = estimators.RunConfig(model_dir=str(tmp_path / folder), tf_random_seed=3)
            estimator = estimators.Estimator(model_fn, config=config)
            estimator.train(input_fn, hooks=hooks, max_steps=12)
        return estimator.get_variable_value("dense/kernel")

    np.testing.assert_array_equal(kernel("whole", []), kernel("stopped", [Stop()], []))
