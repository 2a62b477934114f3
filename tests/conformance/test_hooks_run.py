"""Each hook runs with a model, changes nothing of what is trained, and is resumed."""

from __future__ import annotations

import pytest

from tests.conformance import catalog

(MODEL,) = (model for model in catalog.MODELS if model.name == "Estimator")
(KERAS_MODEL,) = (model for model in catalog.MODELS if model.name == "KerasEstimator")
CASES = {name: (MODEL, make) for name, make in catalog.HOOKS.items()}
CASES |= {name: (KERAS_MODEL, make) for name, make in catalog.KERAS_HOOKS.items()}


@pytest.mark.parametrize("name", CASES)
def test_hook(name, trained, config_in, interrupt_at, values_of, assert_identical, tmp_path):
    model, make = CASES[name]
    estimator = model.make(config_in(tmp_path))

    estimator.train(
        model.shuffled, hooks=[make(estimator), interrupt_at(3)], max_steps=catalog.STEPS
    )
    estimator.train(model.shuffled, hooks=[make(estimator)], max_steps=catalog.STEPS)

    assert_identical(values_of(estimator), values_of(trained(model)))


def test_all_at_once(trained, config_in, values_of, assert_identical, tmp_path):
    estimator = MODEL.make(config_in(tmp_path))
    hooks = [make(estimator) for make in catalog.HOOKS.values()]

    estimator.train(MODEL.shuffled, hooks=hooks, max_steps=catalog.STEPS)

    assert_identical(values_of(estimator), values_of(trained(MODEL)))
