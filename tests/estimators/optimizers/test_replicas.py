"""Two replicas: the sum of the shares is the step of one machine on both batches."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from estimators.optimizers import SGD, Adagrad, Adam, Ftrl, RMSProp, apply_minimize, minimize

IDS = np.array([[1, 1, 3], [1, 4, 3]])
SCALES = np.array([[1.0, 2.0, -1.0], [0.5, 0.5, 3.0]], np.float32)


def body_of(make, table, kernel, *, batches):
    """The mean of the losses of `batches`, or of the replica's own batch when None."""

    def loss_of(batch):
        rows = tf.gather(table, tf.gather(IDS, batch)) * tf.gather(SCALES, batch)[:, None]
        return tf.reduce_sum(rows @ kernel)

    def body(step):
        if batches is None:
            context = tf.distribute.get_replica_context()
            loss = loss_of(context.replica_id_in_sync_group)
        else:
            loss = tf.add_n([loss_of(batch) for batch in batches]) / len(batches)
        apply_minimize(minimize(loss, make()), step=step, variables=[table, kernel])

    return body


def train(trainer, make, batches):
    table = trainer.variable("table", np.ones([6, 2], np.float32))
    kernel = trainer.variable("kernel", [[0.5], [-0.25]])
    trainer.run(body_of(make, table, kernel, batches=batches), 3)
    return trainer.value("table"), trainer.value("kernel")


OPTIMIZERS = {
    "Adagrad": lambda: Adagrad(0.1),
    "Adam": lambda: Adam(0.1),
    "Adam lazy": lambda: Adam(0.1, lazy=True),
    "Ftrl": lambda: Ftrl(0.1, l1_regularization_strength=0.01),
    "RMSProp": lambda: RMSProp(0.1),
    "SGD": lambda: SGD(0.1),
    "SGD clipped": lambda: SGD(0.1, global_clipnorm=1.0),
    "Momentum": lambda: SGD(0.1, momentum=0.9),
    "v1 Adam": lambda: tf.compat.v1.train.AdamOptimizer(0.1),
    "Keras Lion": lambda: keras.optimizers.Lion(0.1, name="lion"),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_replicas_equal_one_on_the_mean_loss(trainer, mirrored, name):
    expected = train(trainer, OPTIMIZERS[name], [0, 1])
    result = train(mirrored, OPTIMIZERS[name], None)
    for ours, one in zip(result, expected, strict=True):
        np.testing.assert_allclose(ours, one, rtol=1e-5, atol=1e-6)


def test_replicas_stay_equal(mirrored):
    train(mirrored, OPTIMIZERS["Ftrl"], None)
    names = [name for name in mirrored.names() if "linear" in name or name == "table"]
    assert len(names) == 3
    for name in names:
        first, second = mirrored.strategy.experimental_local_results(mirrored.variables[name])
        np.testing.assert_array_equal(first.numpy(), second.numpy())


def test_own_counter_is_the_same_on_all_replicas(mirrored):
    w = mirrored.variable("w", [0.0])

    def body(step):
        train_op = minimize(w[0], Ftrl(), owns_global_step=False)
        apply_minimize(train_op, step=step, variables=[w])

    mirrored.run(body, 3)
    counters = mirrored.strategy.experimental_local_results(
        mirrored.variables["training/Ftrl/iter"]
    )
    assert [counter.numpy() for counter in counters] == [3, 3]
