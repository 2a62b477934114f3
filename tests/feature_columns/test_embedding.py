from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc

IDS = fc.categorical_column_with_identity("x", 3)
TABLE = [[1.0, 2.0], [3.0, 5.0], [7.0, 11.0]]
RAGGED = tf.ragged.constant([[2], [0, 1], [], [1, 0, 0]], dtype=tf.int64)
DENSE = RAGGED.to_tensor(-1)


def _layer(**arguments):
    column = fc.embedding_column(
        IDS, 2, initializer=lambda shape, dtype=None: tf.constant(TABLE), **arguments
    )
    return fc.DenseFeatures([column])


@pytest.mark.parametrize("ids", [RAGGED, DENSE, RAGGED.to_sparse()])
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [[7, 11], [2, 3.5], [0, 0], [1.6666667, 3]]),
        ({"combiner": "sum"}, [[7, 11], [4, 7], [0, 0], [5, 9]]),
        (
            {"combiner": "sqrtn"},
            [[7, 11], [2.8284271, 4.9497476], [0, 0], [2.8867512, 5.1961522]],
        ),
        (
            {"max_norm": 5.0},
            [[2.6843774, 4.2183075], [1.7862394, 3.1437323], [0, 0], [1.5241597, 2.7624881]],
        ),
    ],
)
def test_reference_numbers(ids, arguments, expected):
    np.testing.assert_allclose(_layer(**arguments)({"x": ids}), expected, rtol=1e-6)


@pytest.mark.parametrize("ids", [RAGGED, DENSE, DENSE[:, :1]])
def test_gradient_is_sparse_and_missing_ids_add_nothing(ids):
    layer = _layer(combiner="sum")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer({"x": ids}))
    table = layer.weights[0].value
    gradient = tape.gradient(loss, table)
    assert isinstance(gradient, tf.IndexedSlices)
    flat = ids.values.numpy() if ids is RAGGED else ids.numpy().ravel()
    expected = [[np.sum(flat == row)] * 2 for row in range(3)]
    np.testing.assert_array_equal(tf.convert_to_tensor(gradient), expected)


def test_default_initializer_is_a_truncated_normal():
    column = fc.embedding_column(fc.categorical_column_with_identity("x", 5000), 16)
    layer = fc.DenseFeatures([column])
    layer.build()
    values = layer.weights[0].numpy()
    # A normal distribution cut at two standard deviations has 0.8796 of its deviation.
    assert np.abs(values).max() <= 2 / 4
    assert values.std() == pytest.approx(0.8796 / 4, rel=0.02)
    assert values.mean() == pytest.approx(0.0, abs=0.005)


def test_trainable():
    layer = _layer(trainable=False)
    layer.build()
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dimension": 0}, "Invalid dimension 0"),
        ({"dimension": None}, "Invalid dimension None"),
        ({"initializer": "zeros"}, "initializer must be callable"),
        ({"combiner": "max"}, "combiner must be one of 'sum', 'mean', 'sqrtn'"),
        ({"categorical_column": fc.numeric_column("x")}, "embedding_column wraps"),
        ({"ckpt_to_load_from": "a"}, "Must specify both"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        fc.embedding_column(**{"categorical_column": IDS, "dimension": 2, **arguments})


def test_indicator_of_what_is_not_categorical():
    with pytest.raises(ValueError, match="indicator_column wraps a CategoricalColumn"):
        fc.indicator_column("x")
