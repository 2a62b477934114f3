from __future__ import annotations

import pytest
import tensorflow as tf

import feature_columns as fc


def _columns(module):
    number = module.numeric_column("p", shape=2, default_value=1.0)
    identity = module.categorical_column_with_identity("x", 5)
    word = module.categorical_column_with_hash_bucket("h", 9)
    return [
        number,
        module.bucketized_column(number, [0.0]),
        module.crossed_column(["k", identity], 9),
        module.embedding_column(word, 2),
        module.indicator_column(
            module.categorical_column_with_vocabulary_list("v", [1, 2], dtype=tf.int64)
        ),
    ]


def test_spec_is_that_of_tensorflow():
    expected = tf.feature_column.make_parse_example_spec(_columns(tf.feature_column))
    assert fc.make_parse_example_spec(_columns(fc)) == expected


def test_parsed_examples_give_ragged_ids(ids_of):
    column = fc.categorical_column_with_vocabulary_list("color", ["R", "G"])
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={"color": tf.train.Feature(bytes_list=tf.train.BytesList(value=values))}
            )
        ).SerializeToString()
        for values in ([b"G", b"R", b"X"], [])
    ]
    parsed = tf.io.parse_example(examples, fc.make_parse_example_spec([column]))
    assert ids_of(column, parsed) == [[1, 0], []]
    assert isinstance(fc.Transform(column)(parsed)[column.transformed_key], tf.RaggedTensor)


def test_one_key_read_in_two_ways():
    columns = [fc.numeric_column("x"), fc.categorical_column_with_hash_bucket("x", 9)]
    with pytest.raises(ValueError, match="different parse_spec for key x"):
        fc.make_parse_example_spec(columns)


@pytest.mark.parametrize("columns", [["a"], {"a": fc.numeric_column("a")}])
def test_what_is_no_column(columns):
    with pytest.raises(ValueError, match="must be FeatureColumn instances. Given: 'a'"):
        fc.make_parse_example_spec(columns)
