"""One seed, one result: bit for bit; another seed, another result."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conformance import catalog


@pytest.mark.parametrize("model", **catalog.named(catalog.MODELS))
def test_reproduces(model, trained, config_in, values_of, assert_identical, tmp_path):
    again = model.make(config_in(tmp_path)).train(model.shuffled, max_steps=catalog.STEPS)

    assert_identical(values_of(again), values_of(trained(model)))


def test_another_seed_is_another_run(trained, config_in, values_of, tmp_path):
    (model,) = (model for model in catalog.MODELS if model.name == "Estimator")
    config = config_in(tmp_path).replace(tf_random_seed=8)

    other = model.make(config).train(model.shuffled, max_steps=catalog.STEPS)

    found, expected = values_of(other), values_of(trained(model))
    assert not np.array_equal(found["dense/kernel"], expected["dense/kernel"])
