"""The cases of `cases.py`, run by this project, and what tf.estimator 2.15 made of them."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
import premade
from estimators import RunConfig, VocabInfo, WarmStartSettings
from estimators.checkpoints import Checkpoint
from tests.warm_start import cases


def _vocabulary(new_vocab, old_vocab, backup_initializer, **options):
    if backup_initializer is not None:
        backup_initializer = keras.initializers.Constant(backup_initializer)
    return VocabInfo(
        new_vocab=str(cases.RECORDED / new_vocab),
        old_vocab=str(cases.RECORDED / old_vocab),
        backup_initializer=backup_initializer,
        **options,
    )


class Runner:
    """Makes the models of cases in a folder of the test."""

    def __init__(self, folder):
        self._folder = folder

    def rows(self):
        """Batches without end of all rows."""
        features = {key: np.array(values) for key, values in cases.FEATURES.items()}
        features["age"] = features["age"].astype(np.float32)
        return tf.data.Dataset.from_tensors((features, np.array(cases.LABELS))).repeat()

    def settings(self, case, checkpoint=None):
        """Returns the value of `warm_start_from`."""
        old = checkpoint or str(cases.RECORDED / f"{case.kind}.model_dir")
        if case.settings is None:
            return old
        vocabularies = case.settings.vocabularies.items()
        return WarmStartSettings(
            old,
            case.settings.wanted,
            {name: _vocabulary(**about) for name, about in vocabularies},
            case.settings.previous,
        )

    def estimator(self, case, checkpoint=None, **options):
        """Returns the model of a case, warm started by its settings."""
        return self.make(
            case.kind, warm_start_from=self.settings(case, checkpoint), **case.model, **options
        )

    def make(self, kind, name="model", **options):
        """Returns a model with everything that it needs."""
        config = RunConfig(
            model_dir=str(self._folder / name), tf_random_seed=3, save_checkpoints_steps=100
        )
        return cases.make(kind, fc, premade, config=config, **options)

    def first_values(self, estimator):
        """Returns what a run begins with, by name on disk."""
        estimator.train(self.rows, steps=1)
        step = estimator.get_variable_value("global_step") - 1
        return Checkpoint.open(f"{estimator.model_dir}/model.ckpt-{step}").read_all()


@pytest.fixture
def runner(tmp_path):
    return Runner(tmp_path)


@pytest.fixture(scope="session")
def recorded():
    return json.loads((cases.RECORDED / "recorded.json").read_text())


@pytest.fixture(scope="session")
def old_values():
    """Returns all values of the checkpoint that the cases of a kind start from."""

    def old_values(kind):
        return Checkpoint.open(str(cases.RECORDED / f"{kind}.model_dir")).read_all()

    return old_values
