"""What every test stands on: two logical CPU devices, no cluster, fixed seeds, quiet logs."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def pytest_addoption(parser):
    parser.addoption(
        "--kills", type=int, default=5, help="how often the training of tests/faults is killed"
    )


def pytest_configure(config):
    import tensorflow as tf
    from absl import flags, logging

    # Before TensorFlow starts: afterwards the number of devices cannot be changed.
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    flags.FLAGS.mark_as_parsed()
    logging.set_verbosity(logging.WARNING)


def pytest_collection_modifyitems(items):
    """Puts tests that start processes last: what is broken shows early."""
    items.sort(key=lambda item: item.get_closest_marker("processes") is not None)


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Without a cluster, whatever machine runs the tests."""
    monkeypatch.delenv("TF_CONFIG", raising=False)


@pytest.fixture(autouse=True)
def seeds():
    import keras

    keras.utils.set_random_seed(1)


@pytest.fixture(scope="session")
def mirrored_strategy():
    """Two replicas. One for all tests: every MirroredStrategy of a process numbers its collectives
    from 100, and the process remembers the shapes of each number.
    """
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
