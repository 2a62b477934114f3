"""Sequence columns one by one: F15 to F18 of the reference, shapes, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc

TABLE = [[1.0, 2.0], [3.0, 5.0], [7.0, 11.0]]
IDS = fc.sequence_categorical_column_with_identity("x", 3)
WORDS = fc.sequence_categorical_column_with_vocabulary_list("x", ["a", "b"])
EMBEDDED = fc.embedding_column(IDS, 2, initializer=lambda shape, dtype=None: tf.constant(TABLE))


def lists(columns, features):
    return [part.numpy().tolist() for part in fc.SequenceFeatures(columns)(features)]


def sparse(indices, values, shape):
    return tf.SparseTensor(np.array(indices, np.int64).reshape([-1, len(shape)]), values, shape)


NUMBERS = sparse([[0, 0], [0, 1], [1, 0]], [0.0, 1.0, 10.0], [2, 2])
PAIRS = sparse(
    [[0, 0], [0, 1], [0, 2], [0, 3], [1, 0], [1, 1]], [0.0, 1.0, 2.0, 3.0, 10.0, 11.0], [2, 4]
)


@pytest.mark.parametrize(
    ("options", "feature", "steps"),
    [
        ({}, NUMBERS, [[[0], [1]], [[10], [0]]]),
        ({"default_value": -9.0}, NUMBERS, [[[0], [1]], [[10], [-9]]]),
        ({"shape": 2}, PAIRS, [[[0, 1], [2, 3]], [[10, 11], [0, 0]]]),
    ],
)
def test_f15_numbers(options, feature, steps):
    column = fc.sequence_numeric_column("x", **options)
    assert lists(column, {"x": feature}) == [steps, [2, 1]]
    ragged = tf.RaggedTensor.from_sparse(feature)
    assert lists(column, {"x": ragged}) == [steps, [2, 1]]


RAGGED_IDS = tf.ragged.constant([[2], [0, 1]], dtype=tf.int64)


@pytest.mark.parametrize("ids", [RAGGED_IDS, RAGGED_IDS.to_tensor(-1), RAGGED_IDS.to_sparse()])
def test_f16_embeddings(ids):
    assert lists(EMBEDDED, {"x": ids}) == [[[[7, 11], [0, 0]], [[1, 2], [3, 5]]], [1, 2]]


def test_f16_several_ids_in_a_step():
    ids = sparse([[0, 0, 0], [0, 0, 1]], tf.constant([2, 1], tf.int64), [1, 1, 2])
    assert lists(EMBEDDED, {"x": ids}) == [[[[5, 8]]], [1]]


def test_f17_empty_rows():
    ids = sparse([[1, 0], [3, 0], [3, 1]], tf.constant([2, 0, 1], tf.int64), [4, 2])
    steps, lengths = lists(fc.indicator_column(IDS), {"x": ids})
    nothing = [0, 0, 0]
    assert steps == [
        [nothing, nothing],
        [[0, 0, 1], nothing],
        [nothing, nothing],
        [[1, 0, 0], [0, 1, 0]],
    ]
    assert lengths == [0, 1, 0, 2]


def test_f18_parse_spec():
    columns = [fc.sequence_numeric_column("n"), fc.indicator_column(WORDS), EMBEDDED]
    assert fc.make_parse_example_spec(columns[:2]) == {
        "n": tf.io.VarLenFeature(tf.float32),
        "x": tf.io.VarLenFeature(tf.string),
    }
    assert EMBEDDED.parse_example_spec == {"x": tf.io.VarLenFeature(tf.int64)}


def test_examples_without_the_feature_are_empty_sequences():
    column = fc.sequence_numeric_column("n", shape=2)
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={"n": tf.train.Feature(float_list=tf.train.FloatList(value=numbers))}
            )
        ).SerializeToString()
        for numbers in ([], [1.0, 2.0])
    ]
    parsed = tf.io.parse_example(examples, fc.make_parse_example_spec([column]))
    assert lists(column, parsed) == [[[[0, 0]], [[1, 2]]], [0, 1]]


def test_a_batch_of_empty_sequences_has_no_steps():
    nothing = sparse([], tf.constant([], tf.string), [3, 0])
    steps, lengths = fc.SequenceFeatures(fc.indicator_column(WORDS))({"x": nothing})
    assert steps.shape == (3, 0, 2)
    assert lengths.numpy().tolist() == [0, 0, 0]


def test_a_word_that_is_not_listed_is_a_step():
    words = tf.constant([["a", "?"], ["b", ""]])
    assert lists(fc.indicator_column(WORDS), {"x": words}) == [
        [[[1, 0], [0, 0]], [[0, 1], [0, 0]]],
        [2, 1],
    ]


def test_a_gap_is_a_step():
    words = tf.constant([["", "a", ""]])
    assert lists(fc.indicator_column(WORDS), {"x": words}) == [[[[0, 0], [1, 0], [0, 0]]], [2]]


@pytest.mark.parametrize("shape", [[2, 6], [2, 3, 2], [2, 3, 1, 2]])
def test_dense_numbers_are_all_there(shape):
    numbers = tf.reshape(tf.range(12.0), shape)
    steps, lengths = lists(fc.sequence_numeric_column("x", shape=(1, 2)), {"x": numbers})
    assert steps == np.arange(12.0).reshape([2, 3, 2]).tolist()
    assert lengths == [3, 3]


def test_a_step_with_a_part_of_its_numbers_is_a_step():
    ragged = tf.ragged.constant([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0]])
    column = fc.sequence_numeric_column("x", shape=2, default_value=-9.0)
    assert lists(column, {"x": ragged}) == [[[[1, 2], [3, 4]], [[5, 6], [7, -9]]], [2, 2]]


def test_numbers_are_normalised_before_the_batch_is_filled_up():
    column = fc.sequence_numeric_column("x", normalizer_fn=fc.Standardize(8.0, 2.0))
    ragged = tf.ragged.constant([[10, 6], [8]])
    assert lists(column, {"x": ragged}) == [[[[1], [-1]], [[0], [0]]], [2, 1]]


def test_only_an_indicator_ignores_an_id_that_is_too_large():
    features = {"x": tf.constant([[3]])}
    assert lists(fc.indicator_column(IDS), features) == [[[[0, 0, 0]]], [1]]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Column x expects ids in \[0, 3\)"):
        fc.SequenceFeatures(EMBEDDED)(features)


def test_transform_runs_in_the_input_pipeline():
    columns = [fc.sequence_numeric_column("n"), fc.indicator_column(WORDS)]
    layer = fc.SequenceFeatures(columns)
    raw = {
        "n": tf.ragged.constant([[1.0], [2.0, 3.0]]),
        "x": tf.ragged.constant([["b"], ["?", "a"]]),
    }
    expected = layer(raw)
    data = tf.data.Dataset.from_tensors(raw).map(fc.Transform(columns))
    (transformed,) = data
    assert {key.split("/")[0] for key in transformed} == {"n:values", "x:ids"}
    for found, part in zip(layer(transformed), expected, strict=True):
        np.testing.assert_array_equal(found, part)


def test_the_plain_column_of_the_name_keeps_apart():
    plain = fc.categorical_column_with_vocabulary_list("x", ["a", "b"])
    assert plain.transformed_key != WORDS.transformed_key
    transformed = fc.Transform([plain, WORDS])({"x": tf.constant([["b", "?"]])})
    assert transformed[plain.transformed_key].numpy().tolist() == [[1, -1]]
    assert transformed[WORDS.transformed_key].numpy().tolist() == [[[1], [-2]]]


def test_gradient_is_sparse():
    layer = fc.SequenceFeatures(EMBEDDED)
    with tf.GradientTape() as tape:
        steps, _ = layer({"x": tf.constant([[2, -1], [2, 0]])})
        loss = tf.reduce_sum(steps)
    gradient = tape.gradient(loss, layer.weights[0].value)
    assert isinstance(gradient, tf.IndexedSlices)
    assert tf.convert_to_tensor(gradient).numpy().tolist() == [[1, 1], [0, 0], [2, 2]]


def test_old_order_of_the_arguments_of_a_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a\nb\nc\n")
    column = fc.sequence_categorical_column_with_vocabulary_file("x", str(path), 2, 5)
    assert column.num_buckets == 7


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"shape": 0}, ValueError, "shape dimensions must be greater than 0"),
        ({"shape": 1.5}, TypeError, "shape dimensions must be integer"),
        ({"dtype": tf.string}, ValueError, "dtype must be convertible to float"),
        ({"normalizer_fn": 3}, TypeError, "normalizer_fn must be a callable"),
        ({"key": 3}, ValueError, "key must be a string"),
        ({"default_value": "0"}, TypeError, "default_value must be a number"),
        ({"default_value": (0.0,)}, TypeError, "default_value must be a number"),
    ],
)
def test_wrong_numeric_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        fc.sequence_numeric_column(**{"key": "x", **arguments})


def test_arguments_of_categories_are_checked():
    with pytest.raises(ValueError, match="hash_bucket_size must be at least 1"):
        fc.sequence_categorical_column_with_hash_bucket("x", 0)
    with pytest.raises(ValueError, match="num_buckets 0 < 1"):
        fc.sequence_categorical_column_with_identity("x", 0)


@pytest.mark.parametrize(
    "numbers",
    [
        tf.zeros([2, 5]),
        tf.zeros([2, 3, 3]),
        sparse([[0, 2]], [1.0], [2, 3]),
        tf.ragged.constant([[1.0, 2.0, 3.0], [4.0]]),
    ],
)
def test_steps_of_another_width(numbers):
    layer = fc.SequenceFeatures(fc.sequence_numeric_column("x", shape=2))
    with pytest.raises(
        (ValueError, tf.errors.InvalidArgumentError), match=r"Column 'x' expects \[batch, time \* 2"
    ):
        layer({"x": numbers})


def test_numbers_of_strings():
    with pytest.raises(ValueError, match="expects numbers, got strings"):
        fc.SequenceFeatures(fc.sequence_numeric_column("x"))({"x": tf.constant([["1"]])})


def test_integers_for_words():
    with pytest.raises(ValueError, match="Column 'x' expects string features, got int32"):
        fc.SequenceFeatures(fc.indicator_column(WORDS))({"x": tf.constant([[1]])})
