from __future__ import annotations

import pytest
import tensorflow as tf

import feature_columns as fc


@pytest.mark.parametrize(
    ("size", "expected"),
    [(10, [9, 6, 4, 3]), (100, [39, 86, 64, 33]), (1000, [939, 986, 864, 233])],
)
def test_reference_ids(ids_of, size, expected):
    column = fc.categorical_column_with_hash_bucket("x", size)
    assert ids_of(column, {"x": ["a", "omar", "wire", "naïve"]}) == [[each] for each in expected]


def test_integers_are_hashed_as_decimals(ids_of):
    column = fc.categorical_column_with_hash_bucket("x", 10, tf.int64)
    features = {"x": tf.constant([[0, 1, 2, 3, 42, 201, 301]], tf.int32)}
    assert ids_of(column, features) == [[5, 9, 9, 1, 6, 7, 5]]


def test_dense_marks_are_missing_and_sparse_ones_are_not(ids_of):
    column = fc.categorical_column_with_hash_bucket("x", 1000)
    assert ids_of(column, {"x": [["a", ""], ["", ""]]}) == [[939], []]
    assert ids_of(column, {"x": tf.ragged.constant([["a", ""], []])}) == [[939, 263], []]
    number = fc.categorical_column_with_hash_bucket("x", 1000, tf.int64)
    assert ids_of(number, {"x": [[42, -1]]}) == [[736]]


@pytest.mark.parametrize(
    ("size", "dtype", "message"),
    [
        (None, tf.string, "must be set"),
        (0, tf.string, "at least 1"),
        (5, tf.float32, "must be string or integer"),
    ],
)
def test_wrong_arguments(size, dtype, message):
    with pytest.raises(ValueError, match=message):
        fc.categorical_column_with_hash_bucket("x", size, dtype)


@pytest.mark.parametrize("feature", [[1, 2], [0.5, 1.5]])
def test_wrong_dtype_of_the_feature(feature):
    column = fc.categorical_column_with_hash_bucket("city", 5)
    with pytest.raises(ValueError, match=r"city.*(int32|float32)"):
        fc.Transform(column)({"city": tf.constant(feature)})


def test_rank_three_is_refused():
    column = fc.categorical_column_with_hash_bucket("city", 5)
    with pytest.raises(ValueError, match=r"'city'.*\(1, 1, 1\)"):
        fc.Transform(column)({"city": [[["a"]]]})
