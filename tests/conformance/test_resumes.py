"""A run that was interrupted ends bit for bit as the one that was not, in a new Estimator."""

from __future__ import annotations

import pytest

from tests.conformance import catalog

STOP_AT = 3


@pytest.mark.parametrize("model", **catalog.named(catalog.MODELS))
def test_resumes(model, trained, config_in, interrupt_at, values_of, assert_identical, tmp_path):
    first = model.make(config_in(tmp_path))
    first.train(model.shuffled, hooks=[interrupt_at(STOP_AT)], max_steps=catalog.STEPS)
    assert first.get_variable_value("global_step") == STOP_AT

    second = model.make(config_in(tmp_path)).train(model.shuffled, max_steps=catalog.STEPS)

    assert_identical(values_of(second), values_of(trained(model)))
