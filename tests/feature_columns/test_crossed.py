from __future__ import annotations

import pytest
import tensorflow as tf

import feature_columns as fc

D1 = tf.constant([["a", "b"], ["c", ""]])
D2 = tf.constant([["x"], ["y"]])
PRICE = tf.constant([5.0, 25.0])
NUMBER = tf.constant([1, 7], tf.int64)
FEATURES = {"d1": D1, "d2": D2, "price": PRICE, "s": NUMBER}
BUCKETS = fc.bucketized_column(fc.numeric_column("price"), [0, 10, 20])


@pytest.mark.parametrize(
    ("keys", "size", "hash_key", "expected"),
    [
        (["d1", "d2"], 10, None, [[2, 4], [0, 4]]),
        (["d1", "d2"], 1000, None, [[892, 4], [360, 554]]),
        (["d2", "d1"], 1000, None, [[37, 647], [247, 515]]),
        (["d1", "d2"], 1000, 5, [[488, 345], [562, 281]]),
        ([BUCKETS, "d2"], 1000, None, [[859], [395]]),
        (["d2", BUCKETS], 1000, None, [[859], [395]]),
        ([BUCKETS, "d1"], 5, None, [[0, 2], [3, 1]]),
        (["s", "d2"], 1000, None, [[859], [882]]),
        ([fc.categorical_column_with_identity("s", 9), "d2"], 1000, None, [[859], [882]]),
        (
            [
                fc.categorical_column_with_vocabulary_list("d2", ["x", "y"]),
                fc.categorical_column_with_identity("s", 9),
            ],
            1000,
            None,
            [[963], [889]],
        ),
        ([fc.crossed_column(["d1", "d2"], 7), BUCKETS], 1000, None, [[380, 858], [333, 630]]),
        ([BUCKETS, "d1", "d2"], 1000, None, [[380, 858], [333, 630]]),
    ],
)
def test_reference_ids(ids_of, keys, size, hash_key, expected):
    assert ids_of(fc.crossed_column(keys, size, hash_key), FEATURES) == expected


def test_name_sorts_the_leaves():
    nested = fc.crossed_column([fc.crossed_column(["d2", "d1"], 7), BUCKETS], 9)
    assert nested.name == "d1_X_d2_X_price_bucketized"


def test_parse_spec_is_the_union():
    spec = fc.crossed_column([BUCKETS, "d1"], 9).parse_example_spec
    assert spec == {
        "d1": tf.io.VarLenFeature(tf.string),
        "price": tf.io.FixedLenFeature((1,), tf.float32),
    }


def test_a_row_without_a_category_has_no_cross(ids_of):
    color = fc.categorical_column_with_vocabulary_list("color", ["R", "G"], num_oov_buckets=1)
    column = fc.crossed_column([color, "d1"], 1000)
    dense = fc.Transform(column)({"color": tf.constant(["", "R"]), "d1": D1})
    assert dense[column.transformed_key].numpy()[0].tolist() == [-1, -1]
    assert (dense[column.transformed_key].numpy()[1] >= 0).all()


def test_unknown_words_are_crossed_although_they_are_missing_elsewhere(ids_of, tensorflow_ids_of):
    ours = fc.categorical_column_with_vocabulary_list("color", ["R"])
    theirs = tf.feature_column.categorical_column_with_vocabulary_list("color", ["R"])
    features = {"color": tf.constant([["B", "R", ""]]), "d2": tf.constant([["x"]])}
    expected = tensorflow_ids_of(tf.feature_column.crossed_column([theirs, "d2"], 99), features)
    assert len(expected[0]) == 2
    assert ids_of(fc.crossed_column([ours, "d2"], 99), features) == expected


@pytest.mark.parametrize(
    ("keys", "size", "message"),
    [
        (["a"], 10, "length > 1"),
        ("ab", 10, "length > 1"),
        (["a", "b"], 0, "hash_bucket_size must be > 1. hash_bucket_size: 0"),
        (["a", fc.numeric_column("b")], 10, "Unsupported key type"),
        (["a", fc.categorical_column_with_hash_bucket("b", 5)], 10, "Use 'b', the feature key"),
        (
            [
                "a",
                fc.weighted_categorical_column(fc.categorical_column_with_identity("b", 5), "w"),
            ],
            10,
            "not supported for crossing.*Use its categorical column, 'b'",
        ),
    ],
)
def test_wrong_arguments(keys, size, message):
    with pytest.raises(ValueError, match=message):
        fc.crossed_column(keys, size)


def test_float_features_are_refused():
    with pytest.raises(ValueError, match=r"d2_X_price.*must be string or integer, got float32"):
        fc.Transform(fc.crossed_column(["price", "d2"], 10))(FEATURES)


def test_unknown_widths(ids_of):
    column = fc.crossed_column(["d1", "d2"], 1000)
    transform = tf.function(
        fc.Transform(column),
        input_signature=[
            {
                "d1": tf.TensorSpec([None, None], tf.string),
                "d2": tf.TensorSpec([None, None], tf.string),
            }
        ],
    )
    ids = transform({"d1": D1, "d2": D2})[column.transformed_key]
    assert ids.numpy().tolist() == [[892, 4], [360, 554]]
