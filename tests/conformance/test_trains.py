"""Trains, evaluates and predicts: each model, and each feature column in a linear one."""

from __future__ import annotations

import numpy as np
import pytest

import estimators
import premade
from tests.conformance import catalog


@pytest.mark.parametrize("model", **catalog.named(catalog.MODELS))
def test_model(model, trained):
    estimator = trained(model)

    metrics = estimator.evaluate(model.batches)
    predictions = list(estimator.predict(model.batches))

    assert metrics["global_step"] == catalog.STEPS
    assert np.isfinite(metrics["loss"])
    assert len(predictions) == catalog.ROWS
    assert estimator.evaluate(model.batches) == metrics


@pytest.mark.parametrize("column", **catalog.named(catalog.COLUMNS))
def test_column(column, tmp_path):
    columns = column.columns(tmp_path)
    model = premade.LinearRegressor(columns, optimizer="Ftrl", config=estimators.RunConfig())
    data = lambda: catalog.batches("real")  # noqa: E731
    before = model.evaluate(data)["loss"]

    model.train(lambda: data().repeat(10))

    assert model.evaluate(data)["loss"] < before


@pytest.mark.parametrize("column", **catalog.named(catalog.SEQUENCE_COLUMNS))
def test_sequence_column(column, tmp_path):
    model = catalog.summed_sequences([column.make(tmp_path)])
    data = lambda: catalog.batches("real")  # noqa: E731
    before = model.evaluate(data)["loss"]

    model.train(lambda: data().repeat(10))

    assert model.evaluate(data)["loss"] < before


def test_every_head_has_its_keys(trained):
    """As `tf.estimator` has them: see the recorded runs in tests/parity for their values."""
    keys = {
        "BinaryClassHead": {"logits", "logistic", "probabilities", "class_ids", "classes"},
        "MultiClassHead": {"logits", "probabilities", "class_ids", "classes"},
        "MultiHead": {("real", "predictions"), ("binary", "logistic")},
        "MultiLabelHead": {"logits", "probabilities", "classes"},
        "RegressionHead": {"predictions"},
        "PoissonRegressionHead": {"predictions", "logits"},
        "LogisticRegressionHead": {"predictions", "logits"},
        "SequentialHeadWrapper": {"predictions", "sequence_length_mask"},
    }
    for model in catalog.MODELS:
        for head in model.covers:
            assert keys[head] <= next(trained(model).predict(model.batches)).keys()
