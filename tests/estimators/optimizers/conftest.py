"""A stand-in for the runtime: variables found by name, a body traced twice, a compiled loop."""

from __future__ import annotations

import collections
import contextlib
import re

import pytest
import tensorflow as tf


class Trainer:
    """Runs `body(step)` as the Estimator does: an abstract trace first, then a compiled loop."""

    def __init__(self, strategy):
        self.strategy = strategy
        self.variables = {}
        with strategy.scope():
            self.step = tf.Variable(0, dtype=tf.int64, name="global_step", trainable=False)

    @contextlib.contextmanager
    def answering(self, *, cross_replica):
        seen = collections.Counter()

        def answer(next_creator, **options):
            if cross_replica != tf.distribute.in_cross_replica_context():
                return next_creator(**options)
            path = re.sub(r"(_\d+)?/$", "", options["name"])  # v1 slots: "w/Adam_1/"
            name = f"{path}_{seen[path]}" if seen[path] else path
            seen[path] += 1
            if name not in self.variables:
                self.variables[name] = self._created(next_creator, {**options, "name": name})
            return self.variables[name]

        with tf.variable_creator_scope(answer):
            yield

    def _created(self, next_creator, options):
        initial = options["initial_value"]
        if tf.is_tensor(initial) and not hasattr(initial, "numpy"):
            options["initial_value"] = tf.get_static_value(initial)
        with tf.init_scope():
            return next_creator(**options)

    def variable(self, name, value):
        with self.strategy.scope():
            self.variables[name] = tf.Variable(value, name=name, dtype=tf.float32)
        return self.variables[name]

    def _step(self, body):
        step = tf.identity(self.step)

        def replica(step):
            with self.answering(cross_replica=False):
                body(step)

        with self.answering(cross_replica=True):  # v1 optimizers make slots in a merge call.
            self.strategy.run(replica, args=(step,))
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
        return set(self.variables)


@pytest.fixture
def trainer():
    return Trainer(tf.distribute.get_strategy())


@pytest.fixture
def mirrored(mirrored_strategy):
    return Trainer(mirrored_strategy)
