from __future__ import annotations

import pytest
import tensorflow as tf

import feature_columns as fc


def test_lower_bounds_are_inclusive(ids_of):
    column = fc.bucketized_column(fc.numeric_column("x"), [0, 10])
    features = {"x": [-1.0, 0.0, 9.99, 10.0]}
    assert ids_of(column, features) == [[0], [1], [1], [2]]


def test_reference_numbers_of_two_dimensions():
    column = fc.bucketized_column(fc.numeric_column("x", shape=2), [0, 10])
    dense = fc.DenseFeatures([column])({"x": tf.constant([[-1, 0], [10, 9.99]])})
    assert dense.numpy().tolist() == [[1, 0, 0, 0, 1, 0], [0, 0, 1, 0, 1, 0]]


def test_name_spec_and_sizes_are_those_of_tensorflow():
    ours = fc.bucketized_column(fc.numeric_column("x", shape=3, default_value=1.0), (1, 2))
    theirs = tf.feature_column.bucketized_column(
        tf.feature_column.numeric_column("x", shape=3, default_value=1.0), (1, 2)
    )
    assert (ours.name, ours.num_buckets) == (theirs.name, theirs.num_buckets)
    assert ours.parse_example_spec == theirs.parse_example_spec
    assert ours.width == theirs.variable_shape.num_elements()


@pytest.mark.parametrize(
    ("source", "boundaries", "message"),
    [
        ("x", [0], "source_column must be a column generated with numeric_column"),
        (fc.numeric_column("x", shape=(2, 2)), [0], "one-dimensional"),
        (fc.numeric_column("x"), [], "must not be empty"),
        (fc.numeric_column("x"), [1, 0], "sorted list"),
        (fc.numeric_column("x"), [1, 1], "sorted list"),
    ],
)
def test_wrong_arguments(source, boundaries, message):
    with pytest.raises(ValueError, match=message):
        fc.bucketized_column(source, boundaries)


def test_source_is_normalised_first(ids_of):
    tenth = fc.numeric_column("x", normalizer_fn=lambda x: x / 10)
    assert ids_of(fc.bucketized_column(tenth, [1.5]), {"x": [14.0, 16.0]}) == [[0], [1]]
