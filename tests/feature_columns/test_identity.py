from __future__ import annotations

import pytest
import tensorflow as tf

import feature_columns as fc


def test_dense_minus_one_is_missing_before_the_default(ids_of):
    column = fc.categorical_column_with_identity("x", 3, default_value=1)
    assert ids_of(column, {"x": [[0, 5, -7, -1]]}) == [[0, 1, 1]]


def test_sparse_minus_one_becomes_the_default(ids_of):
    column = fc.categorical_column_with_identity("x", 3, default_value=1)
    assert ids_of(column, {"x": tf.ragged.constant([[0, -1]])}) == [[0, 1]]


def test_without_default_negative_ids_are_missing(ids_of):
    column = fc.categorical_column_with_identity("x", 3)
    assert ids_of(column, {"x": [[0, -7, -1]]}) == [[0]]
    published = fc.Transform(column)({"x": [[0, -7, -1]]})[column.transformed_key]
    assert published.numpy().tolist() == [[0, -1, -1]]


def test_too_large_an_id_is_silent_in_an_indicator_and_fatal_elsewhere():
    column = fc.categorical_column_with_identity("x", 3)
    features = {"x": tf.constant([5])}
    indicator = fc.DenseFeatures([fc.indicator_column(column)])
    assert indicator(features).numpy().tolist() == [[0, 0, 0]]
    for layer in (fc.LinearModel([column]), fc.DenseFeatures([fc.embedding_column(column, 2)])):
        with pytest.raises(tf.errors.InvalidArgumentError, match="Column x expects"):
            layer(features)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Column x expects"):
        list(tf.data.Dataset.from_tensors(features).map(fc.Transform(column)))


def test_sparse_too_large_an_id_is_fatal_too():
    column = fc.categorical_column_with_identity("x", 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Column x expects"):
        fc.Transform(column)({"x": tf.ragged.constant([[1, 3]])})


@pytest.mark.parametrize(
    ("buckets", "default", "message"),
    [
        (0, None, "num_buckets 0 < 1, column_name x"),
        (3, 3, r"default_value 3 not in range \[0, 3\), column_name x"),
        (3, -1, "not in range"),
    ],
)
def test_wrong_arguments(buckets, default, message):
    with pytest.raises(ValueError, match=message):
        fc.categorical_column_with_identity("x", buckets, default)


def test_strings_are_refused():
    with pytest.raises(ValueError, match="'x' expects int64 features, got string"):
        fc.Transform(fc.categorical_column_with_identity("x", 3))({"x": ["a"]})
