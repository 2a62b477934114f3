import keras
import numpy as np
import tensorflow as tf

from estimators.hooks.fetching import Fetches, is_global_step


def test_leaves_are_told_apart(make_run):
    kernel = keras.Variable(0.0, name="kernel")
    run = make_run()
    run.step, run.variables = 3, {"kernel": np.float32(7.0), "bias": np.float32(8.0)}
    with tf.Graph().as_default():
        loss, operation = tf.identity(1.0, name="loss"), tf.no_op()
    structure = {
        "loss": loss,
        "named": "p:0",
        "step": "global_step:0",
        "weights": (kernel, tf.Variable(0.0, name="bias")),
        "nothing": [None, operation],
    }
    fetches = Fetches(structure)
    assert fetches.asked() == (loss, "p:0")
    assert fetches.values(run, _outputs(3), [0.5, 0.25]) == {
        "loss": 0.5,
        "named": 0.25,
        "step": 3,
        "weights": (7.0, 8.0),
        "nothing": [None, None],
    }


def _outputs(step):
    from estimators.hooks import Outputs

    return Outputs(step=step, loss=0.0)


def test_global_step_is_known_in_every_shape():
    with tf.Graph().as_default():
        step = tf.compat.v1.train.create_global_step()
        with tf.name_scope("global_step/"):
            read = tf.identity(step)
        assert is_global_step(step)
        assert is_global_step(read)
        assert not is_global_step(tf.identity(1.0, name="global_step_rate"))
    assert not is_global_step(tf.constant(1.0))
