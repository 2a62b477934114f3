"""A stand-in for the runtime: variables found by name, a body traced twice, a compiled loop."""

from __future__ import annotations

import tensorflow as tf

import pytest


class Trainer:
    """Runs `body(step)` as the Estimator does: an abstract trace first, then a compiled loop."""

    def __init__(self, strategy):
        self.strategy = strategy
        self.variables = {}
        with strategy.scope():
            self.step = tf.Variable(0, dtype=tf.int64, name="global_step", trainable=False)

    def _creator(self, next_creator, **options):
        name = options["name"]
        if name not in self.variables:
            with tf.init_scope():
                self.variables[name] = next_creator(**options)
        return self.variables[name]

    def variable(self, name, value):
        with self.strategy.scope():
            self.variables[name] = tf.Variable(value, name=name, dtype=tf.float32)
        return self.variables[name]

    def _step(self, body):
        step = tf.identity(self.step)
        with tf.variable_creator_scope(self._creator):
            self.strategy.run(body, args=(step,))
        self.step.assign(step + 1)

    def run(self, body, steps):
        with tf.__internal__.FuncGraph("abstract").as_default():
            self._step(body)

        @tf.function
        def loop(count):
            for _ in tf.range(count):
                self._step(body)

        loop(tf.constant(steps))

    def value(self, name):
        return self.strategy.experimental_local_results(self.variables[name])[0].numpy()

    def names(self):
        return {name for name in self.variables if not name.endswith("replica_1/")}


@pytest.fixture(scope="session")
def two_devices():
    cpus = tf.config.list_physical_devices("CPU")
    try:
        tf.config.set_logical_device_configuration(
            cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2
        )
    except RuntimeError:  # TensorFlow has started; the root conftest made the devices.
        assert len(tf.config.list_logical_devices("CPU")) >= 2
    return ["CPU:0", "CPU:1"]


@pytest.fixture
def trainer(two_devices):
    return Trainer(tf.distribute.get_strategy())


@pytest.fixture
def mirrored(two_devices):
    return Trainer(tf.distribute.MirroredStrategy(two_devices))
