"""A trained model whose files are watched while somebody feeds it nonsense."""

from __future__ import annotations

import hashlib
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import estimators
import feature_columns as fc
import premade

ROWS, STEPS = 16, 2


def good_rows():
    """Features and labels as the model below wants them."""
    random = np.random.default_rng(8)
    features = {
        "age": random.normal(size=ROWS).astype(np.float32),
        "hours": random.normal(size=(ROWS, 2)).astype(np.float32),
        "job": random.choice(["cook", "smith"], ROWS),
    }
    return features, random.integers(0, 3, (ROWS, 1))


def dataset(features, labels, batch_size=4):
    return tf.data.Dataset.from_tensor_slices((features, labels)).batch(batch_size)


def classifier(model_dir, **options):
    columns = [
        fc.numeric_column("age"),
        fc.numeric_column("hours", shape=(2,)),
        fc.indicator_column(
            fc.categorical_column_with_vocabulary_list("job", ["cook", "smith"], tf.string)
        ),
    ]
    config = estimators.RunConfig(model_dir=str(model_dir), save_checkpoints_steps=100)
    return premade.DNNClassifier([4], columns, n_classes=3, config=config, **options)


class Trained:
    """A classifier that has been trained for two steps, in a folder whose files are known."""

    def __init__(self, model_dir):
        self.model_dir = pathlib.Path(model_dir)
        self.estimator = classifier(model_dir)
        self.estimator.train(lambda: dataset(*good_rows()), steps=STEPS)
        self._files = self._hashes()

    def _hashes(self):
        """Hashes of the values, not of positions in the data: where a run began is saved again."""
        files = self.model_dir.glob("model.ckpt-*")
        values = [path for path in files if ".input-" not in path.name and path.suffix != ".json"]
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in values}

    def assert_unharmed(self):
        """Checks that no file of a checkpoint changed, and that training goes on from it."""
        assert self._hashes() == self._files
        again = classifier(self.model_dir).train(lambda: dataset(*good_rows()), steps=1)
        assert again.get_variable_value("global_step") == STEPS + 1


@pytest.fixture
def trained(tmp_path):
    return Trained(tmp_path / "model")


@pytest.fixture
def rows():
    return good_rows()


@pytest.fixture
def data_of():
    return dataset


@pytest.fixture
def make_classifier():
    return classifier
