"""Runs of catalog entries, shared by the tests that compare with them."""

from __future__ import annotations

import numpy as np
import pytest

import estimators
from tests.conformance.catalog import STEPS


@pytest.fixture(scope="session")
def config_in():
    """Returns the run of a model_dir; everything that a property needs is the same in all."""

    def config_in(model_dir, **options):
        return estimators.RunConfig(
            model_dir=str(model_dir), tf_random_seed=7, save_checkpoints_steps=4, **options
        )

    return config_in


class Interrupt(estimators.Hook):
    """Ends a run after a step, as if it had been preempted."""

    def __init__(self, step):
        self._step = step

    def due(self, step):
        return self._step if step < self._step else None

    def after(self, run, outputs):
        run.request_stop("the test says so")


@pytest.fixture(scope="session")
def interrupt_at():
    return Interrupt


@pytest.fixture(scope="session")
def trained(tmp_path_factory, config_in):
    """Returns the Estimator of a model after an uninterrupted run; each model trains once."""
    made = {}

    def trained(model):
        if model.name not in made:
            estimator = model.make(config_in(tmp_path_factory.mktemp(model.name)))
            made[model.name] = estimator.train(model.shuffled, max_steps=STEPS)
        return made[model.name]

    return trained


@pytest.fixture(scope="session")
def values_of():
    """Returns all variables of the newest checkpoint of an Estimator, by name."""

    def values_of(estimator):
        names = estimator.get_variable_names()
        return {name: estimator.get_variable_value(name) for name in names}

    return values_of


@pytest.fixture(scope="session")
def assert_identical():
    """Compares variables bit for bit."""

    def assert_identical(found, expected):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)

    return assert_identical
