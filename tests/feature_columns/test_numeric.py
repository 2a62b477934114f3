from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc


def _values(column, features):
    return fc.Transform(column)(features)[column.transformed_key].numpy()


def test_defaults_are_those_of_tensorflow():
    ours, theirs = fc.numeric_column("x"), tf.feature_column.numeric_column("x")
    for field in ("name", "shape", "default_value", "dtype", "normalizer_fn"):
        assert getattr(ours, field) == getattr(theirs, field)
    assert ours.parse_example_spec == theirs.parse_example_spec


def test_rank_one_becomes_a_column():
    assert _values(fc.numeric_column("x"), {"x": [1, 2]}).tolist() == [[1.0], [2.0]]


def test_many_dimensions_are_flattened_row_major():
    values = np.arange(12).reshape(2, 2, 3)
    column = fc.numeric_column("x", shape=(2, 3))
    np.testing.assert_array_equal(_values(column, {"x": values}), values.reshape(2, 6))


def test_normalizer_sees_the_raw_tensor_before_the_cast():
    seen = []

    def normalise(x):
        seen.append((x.dtype, x.shape.rank))
        return (tf.cast(x, tf.float32) - 3.0) / 4.2

    values = _values(fc.numeric_column("x", normalizer_fn=normalise), {"x": tf.constant([1, 2])})
    np.testing.assert_allclose(values, [[-0.4761905], [-0.2380953]], rtol=1e-6)
    assert seen == [(tf.int32, 2)]


@pytest.mark.parametrize(
    ("shape", "default", "dtype", "expected"),
    [
        (2, 1.0, tf.float32, (1.0, 1.0)),
        (3, [1, 2, 3], tf.int64, (1, 2, 3)),
        ((2, 1), [[1.0], [2.0]], tf.float32, ((1.0,), (2.0,))),
        (1, 7, tf.float32, (7.0,)),
    ],
)
def test_default_value(shape, default, dtype, expected):
    theirs = tf.feature_column.numeric_column("x", shape, default, dtype)
    assert fc.numeric_column("x", shape, default, dtype).default_value == expected
    assert np.array_equal(theirs.default_value, expected)


def test_default_value_is_used_in_parsing():
    spec = fc.make_parse_example_spec([fc.numeric_column("x", shape=2, default_value=[5, 6])])
    empty = tf.train.Example().SerializeToString()
    assert tf.io.parse_example([empty], spec)["x"].numpy().tolist() == [[5.0, 6.0]]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"key": 3}, ValueError, "key must be a string"),
        ({"shape": 0}, ValueError, "greater than 0"),
        ({"shape": (2, 1.5)}, TypeError, "must be integer"),
        ({"dtype": tf.string}, ValueError, "convertible to float"),
        ({"default_value": "a"}, TypeError, "compatible with dtype"),
        ({"default_value": 1.5, "dtype": tf.int64}, TypeError, "compatible with dtype"),
        ({"default_value": [1, 2]}, ValueError, "shape of default_value"),
        ({"default_value": [[1], [2, 3]]}, ValueError, "shape of default_value"),
        ({"normalizer_fn": 3}, TypeError, "must be a callable"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        fc.numeric_column(**{"key": "x", **arguments})
    with pytest.raises(error):
        tf.feature_column.numeric_column(**{"key": "x", **arguments})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (tf.sparse.from_dense([[1.0]]), "SparseTensor is not supported. key: x"),
        (tf.constant(["1"]), "expects numbers, got strings"),
        (tf.ones([4, 3]), r"expects shape \[batch, 2\].*shape=\(3,\)"),
        (tf.constant(1.0), "cannot have rank 0"),
    ],
)
def test_wrong_features_are_refused_while_tracing(value, message):
    column = fc.numeric_column("x", shape=2)
    with pytest.raises(ValueError, match=message):
        tf.function(fc.Transform(column)).get_concrete_function({"x": value})


def test_wrong_width_of_unknown_shape_is_refused_at_run_time():
    transform = tf.function(
        fc.Transform(fc.numeric_column("x", shape=2)),
        input_signature=[{"x": tf.TensorSpec([None, None])}],
    )
    with pytest.raises(tf.errors.InvalidArgumentError):
        transform({"x": tf.ones([4, 3])})
