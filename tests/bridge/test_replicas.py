"""The published examples on two replicas of one process."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from benchmarks.keras_examples import BATCH, EXAMPLES
from bridge import model_to_estimator


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.what)
def test_replicas_move_weights_alike(example, config, mirrored_strategy):
    keras.utils.set_random_seed(1)
    run = config.replace(train_distribute=mirrored_strategy)
    estimator = model_to_estimator(example.make(), config=run)
    estimator.train(lambda: example.dataset(4 * BATCH), steps=2)
    moved = 0
    for held in estimator.keras_weights.trainable:
        variable = estimator._model.store[held.name]
        first, second = (
            each.numpy() for each in mirrored_strategy.experimental_local_results(variable)
        )
        np.testing.assert_array_equal(first, second)
        assert np.isfinite(first).all()
        moved += not np.array_equal(first, held.initial)
    assert moved == len(estimator.keras_weights.trainable)
