"""Columns of `tf.feature_column` become ours: the same as ours made with the same arguments."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from feature_columns.old_columns import converted


def _columns(module, folder):
    path = folder / "words.txt"
    path.write_text("b\na\n")
    x = module.numeric_column("x", shape=(2,), default_value=(1.0, 2.0), normalizer_fn=tf.abs)
    age = module.bucketized_column(module.numeric_column("age"), [10, 20])
    words = module.categorical_column_with_vocabulary_list("w", ["b", "a"], num_oov_buckets=2)
    file = module.categorical_column_with_vocabulary_file("f", str(path), default_value=1)
    hashed = module.categorical_column_with_hash_bucket("h", 10, tf.int64)
    level = module.categorical_column_with_identity("n", 3, default_value=0)
    cross = module.crossed_column([age, words, "h"], 50, hash_key=3)
    return [
        *(x, age, words, file, hashed, level, cross),
        module.crossed_column([cross, "w"], 7),
        module.indicator_column(file),
        module.embedding_column(words, 4, combiner="sqrtn", max_norm=2.0, trainable=False),
        module.sequence_numeric_column("s", shape=(2,), default_value=1.0),
        module.sequence_categorical_column_with_vocabulary_file("f", str(path)),
        module.indicator_column(module.sequence_categorical_column_with_hash_bucket("h", 5)),
        module.indicator_column(module.weighted_categorical_column(words, "weight", tf.int64)),
    ]


@pytest.mark.parametrize("place", range(14))
def test_each_is_the_column_made_with_the_same_arguments(tmp_path, place):
    theirs = _columns(tf.feature_column, tmp_path)[place]
    ours = _columns(fc, tmp_path)[place]
    assert converted(theirs) == ours
    assert fc.make_parse_example_spec([theirs]) == ours.parse_example_spec


def test_ours_and_anything_else_stay_as_they_are():
    column, other = fc.numeric_column("x"), object()
    assert converted(column) is column
    assert converted(other) is other


def test_theirs_may_be_within_ours_and_in_layers():
    words = tf.feature_column.categorical_column_with_vocabulary_list("w", ["b", "a"])
    age = tf.feature_column.numeric_column("age")
    columns = [
        fc.indicator_column(words),
        fc.embedding_column(words, 2),
        fc.bucketized_column(age, [18]),
        fc.indicator_column(fc.crossed_column([words, "w"], 3)),
        age,
    ]
    features = {"w": tf.constant(["a", "zz"]), "age": tf.constant([17.0, 18.0])}
    found = fc.DenseFeatures(columns)(features)
    assert found.shape == [2, 1 + 2 + 2 + 2 + 3]
    np.testing.assert_array_equal(found[:, :3], [[17.0, 1.0, 0.0], [18.0, 0.0, 1.0]])
    assert fc.LinearModel(age)(features).shape == [2, 1]


def test_a_default_initializer_is_ours_so_that_a_layer_can_be_saved(tmp_path):
    words = tf.feature_column.categorical_column_with_vocabulary_list("w", ["b", "a"])
    layer = fc.DenseFeatures([tf.feature_column.embedding_column(words, 3)])
    model = keras.Sequential([layer])
    expected = model({"w": tf.constant([["a"]])})
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again({"w": tf.constant([["a"]])}), expected)


def test_an_initializer_of_its_own_is_kept():
    words = tf.feature_column.categorical_column_with_vocabulary_list("w", ["b", "a"])
    twos = tf.compat.v1.constant_initializer(2.0)
    column = tf.feature_column.embedding_column(words, 3, initializer=twos)
    found = fc.DenseFeatures([column])({"w": tf.constant([["a"]])})
    np.testing.assert_array_equal(found, [[2.0, 2.0, 2.0]])


def test_what_is_not_here_is_named():
    words = tf.feature_column.categorical_column_with_hash_bucket("w", 3)
    with tf.Graph().as_default():
        (old,) = tf.compat.v1.feature_column.shared_embedding_columns([words], 2)
    with pytest.raises(ValueError, match="_SharedEmbeddingColumn is not one of them"):
        fc.Transform([old])
