"""Two replicas on one machine."""

import contextlib

import pytest
import tensorflow as tf


@pytest.fixture(scope="session", autouse=True)
def two_devices():
    cpus = tf.config.list_physical_devices("CPU")
    # RuntimeError: TensorFlow has started, with the devices that the root conftest made.
    with contextlib.suppress(RuntimeError):
        tf.config.set_logical_device_configuration(
            cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2
        )


@pytest.fixture
def replicas():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
