"""Premade estimators under the heads that take other labels than one dense tensor."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import MultiLabelHead, RunConfig
from premade import LinearEstimator

X = np.linspace(-2.0, 2.0, 20, dtype=np.float32)
TAGS = np.stack([X > 0.0, X > 1.0, X < 0.5], axis=1).astype(np.int64)
WORDS = ["up", "high", "low"]


def lists(of):
    rows = [[of[i] for i in np.flatnonzero(row)] for row in TAGS]
    return tf.ragged.constant(rows)


LABELS = {
    "ragged ids": (None, lists(range(3))),
    "sparse ids": (None, lists(range(3)).to_sparse()),
    "ragged names": (WORDS, lists(WORDS)),
    "sparse names": (WORDS, lists(WORDS).to_sparse()),
}


def trained(folder, vocabulary, labels):
    def input_fn():
        # The last batch is short, and its longest list is another one.
        return tf.data.Dataset.from_tensor_slices(({"x": X}, labels)).batch(8)

    head = MultiLabelHead(3, label_vocabulary=vocabulary)
    config = RunConfig(model_dir=str(folder), tf_random_seed=1)
    model = LinearEstimator(head, [fc.numeric_column("x")], optimizer="SGD", config=config)
    model.train(input_fn)
    return model, model.evaluate(input_fn)


@pytest.mark.parametrize(("vocabulary", "labels"), LABELS.values(), ids=LABELS)
def test_lists_of_classes_train_as_the_indicator_does(vocabulary, labels, tmp_path):
    expected, expected_metrics = trained(tmp_path / "dense", None, TAGS)

    found, metrics = trained(tmp_path / "lists", vocabulary, labels)

    for name in expected.get_variable_names():
        value = expected.get_variable_value(name)
        np.testing.assert_array_equal(found.get_variable_value(name), value, err_msg=name)
    assert metrics == expected_metrics
    assert metrics["auc"] > 0.6
