"""Two replicas on one machine."""

import pytest
import tensorflow as tf


@pytest.fixture(scope="session", autouse=True)
def two_devices():
    cpus = tf.config.list_physical_devices("CPU")
    try:
        tf.config.set_logical_device_configuration(
            cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2
        )
    except RuntimeError:  # TensorFlow has started; the root conftest made the devices.
        assert len(tf.config.list_logical_devices("CPU")) >= 2


@pytest.fixture
def replicas():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
