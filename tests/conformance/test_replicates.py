"""Two replicas with batches of 8 train as one does with batches of 16, and resume as one does."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conformance import catalog

REPLICAS, STEPS = 2, 3
SEVERAL = [model for model in catalog.MODELS if not model.needs_to_be_alone]
DETERMINISTIC = [model for model in SEVERAL if not model.is_random]
RANDOM = [model for model in SEVERAL if model.is_random]


@pytest.mark.parametrize("model", **catalog.named(DETERMINISTIC))
def test_equals_one_replica(model, config_in, values_of, mirrored_strategy, tmp_path):
    whole_batch = catalog.BATCH_SIZE * REPLICAS
    alone = model.make(config_in(tmp_path / "alone"))
    alone.train(lambda: model.batches(whole_batch), max_steps=STEPS)

    config = config_in(tmp_path / "two", train_distribute=mirrored_strategy)
    two = model.make(config).train(model.batches, max_steps=STEPS)

    found, expected = values_of(two), values_of(alone)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
    metrics, predictions = two.evaluate(model.batches), list(two.predict(model.batches))
    for name, value in alone.evaluate(model.batches).items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
    assert len(predictions) == catalog.ROWS


@pytest.mark.parametrize("model", **catalog.named(RANDOM))
def test_resumes_bit_for_bit(
    model, config_in, interrupt_at, values_of, assert_identical, mirrored_strategy, tmp_path
):
    def estimator(folder):
        config = config_in(tmp_path / folder, train_distribute=mirrored_strategy)
        return model.make(config)

    whole = estimator("whole").train(model.shuffled, max_steps=catalog.STEPS)
    estimator("halves").train(model.shuffled, hooks=[interrupt_at(2)], max_steps=catalog.STEPS)
    halves = estimator("halves").train(model.shuffled, max_steps=catalog.STEPS)

    assert_identical(values_of(halves), values_of(whole))
    assert np.isfinite(halves.evaluate(model.batches)["loss"])
