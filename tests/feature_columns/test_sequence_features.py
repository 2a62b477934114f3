from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc

MOVES = fc.sequence_categorical_column_with_vocabulary_list("move", ["left", "right"])
TOWNS = fc.sequence_categorical_column_with_hash_bucket("town", 10)
PLAIN = fc.categorical_column_with_hash_bucket("town", 10)
NUMBERS = fc.sequence_numeric_column("size")


def _columns():
    return [fc.embedding_column(TOWNS, 3), NUMBERS, fc.indicator_column(MOVES)]


FEATURES = {
    "size": tf.constant([[1.0, 2.0], [3.0, 4.0]]),
    "move": tf.constant([["left", "?"], ["right", "left"]]),
    "town": tf.constant([["Ghent", "Quito"], ["Lagos", "Lagos"]]),
}


def _equal(found, expected):
    for part, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(part, other)


def test_columns_are_sorted_by_name():
    layer = fc.SequenceFeatures(_columns())
    assert [column.name for column in layer.columns] == [
        "move_indicator",
        "size",
        "town_embedding",
    ]
    steps, lengths = layer(FEATURES)
    assert steps.shape == (2, 2, 6)
    assert steps[:, :, :3].numpy().tolist() == [[[1, 0, 1], [0, 0, 2]], [[0, 1, 3], [1, 0, 4]]]
    assert lengths.numpy().tolist() == [2, 2]


def test_weight_paths_are_those_on_disk():
    with keras.name_scope("rnn_model"):
        layer = fc.SequenceFeatures(_columns(), name="sequence_features")
        layer.build()
    path = "rnn_model/sequence_features/town_embedding/embedding_weights"
    assert [weight.path for weight in layer.weights] == [path]


def _functional():
    inputs = {
        "size": keras.Input((None,), name="size"),
        "move": keras.Input((None,), dtype="string", name="move"),
        "town": keras.Input((None,), dtype="string", name="town"),
    }
    return keras.Model(inputs, fc.SequenceFeatures(_columns())(inputs))


def test_keras_models_are_saved_and_loaded(tmp_path):
    model = _functional()
    steps, lengths = model.outputs
    assert (steps.shape, steps.dtype) == ((None, None, 6), "float32")
    assert (lengths.shape, lengths.dtype) == ((None,), "int64")
    expected = model(FEATURES)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    _equal(loaded(FEATURES), expected)
    assert loaded.layers[-1].columns == model.layers[-1].columns


def _specs(kind):
    if kind is tf.SparseTensor:
        return {key: tf.SparseTensorSpec([None, None], f.dtype) for key, f in FEATURES.items()}
    if kind is tf.RaggedTensor:
        return {key: tf.RaggedTensorSpec([None, None], f.dtype) for key, f in FEATURES.items()}
    return {key: tf.TensorSpec([None, None], f.dtype) for key, f in FEATURES.items()}


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        (tf.Tensor, tf.identity),
        (tf.SparseTensor, tf.sparse.from_dense),
        (tf.RaggedTensor, tf.RaggedTensor.from_tensor),
    ],
)
def test_saved_model_has_the_tables(kind, made, tmp_path):
    layer = fc.SequenceFeatures(_columns())
    expected = layer(FEATURES)
    features = {key: made(value) for key, value in FEATURES.items()}
    _equal(layer(features), expected)
    layer.serve = tf.function(lambda given: layer(given), input_signature=[_specs(kind)])
    tf.saved_model.save(layer, str(tmp_path / "model"), signatures=None)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    _equal(loaded.serve(features), expected)


def test_output_is_float32_under_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        steps, lengths = fc.SequenceFeatures(_columns())(FEATURES)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert (steps.dtype, lengths.dtype) == (tf.float32, tf.int64)


@pytest.mark.parametrize("graph", [False, True])
def test_lengths_that_disagree(graph):
    layer = fc.SequenceFeatures([NUMBERS, fc.indicator_column(MOVES)])
    call = tf.function(layer.__call__) if graph else layer
    shorter = {**FEATURES, "move": tf.constant([["left", ""], ["right", "left"]])}
    # A graph escapes the quotation marks.
    message = r"move_indicator\W+ and \W+size\W+ have sequences of different lengths"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        call(shorter)


def test_steps_that_disagree():
    layer = fc.SequenceFeatures([NUMBERS, fc.indicator_column(MOVES)])
    sizes = tf.SparseTensor([[0, 0], [1, 0]], [1.0, 2.0], [2, 3])
    moves = tf.constant([["left"], ["right"]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="to different numbers of steps"):
        layer({"size": sizes, "move": moves})


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([MOVES], "Items of feature_columns must be a .*SequenceDenseColumn"),
        ([fc.numeric_column("x")], "Items of feature_columns must be a .*SequenceDenseColumn"),
        (
            [fc.indicator_column(PLAIN)],
            r"In indicator_column: town_indicator\. categorical_column must be of type "
            "SequenceCategoricalColumn to use SequenceFeatures",
        ),
        (
            [fc.embedding_column(PLAIN, 2)],
            r"In embedding_column: town_embedding\. categorical_column must be of type "
            "SequenceCategoricalColumn to use SequenceFeatures",
        ),
        ([], "must not be empty"),
        ([NUMBERS, fc.sequence_numeric_column("size", 2)], "Duplicate feature column"),
    ],
)
def test_columns_that_are_no_sequences(columns, message):
    with pytest.raises(ValueError, match=message):
        fc.SequenceFeatures(columns)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            fc.indicator_column(MOVES),
            r"In indicator_column: move_indicator\. categorical_column must not be of type "
            "SequenceCategoricalColumn",
        ),
        (
            fc.embedding_column(TOWNS, 2),
            r"In embedding_column: town_embedding\. categorical_column must not be of type "
            "SequenceCategoricalColumn",
        ),
        (NUMBERS, "Items of feature_columns must be a .*DenseColumn"),
        (MOVES, "Items of feature_columns must be a .*DenseColumn"),
    ],
)
def test_sequences_among_plain_columns(column, message):
    with pytest.raises(ValueError, match=message):
        fc.DenseFeatures([column])
    with pytest.raises(ValueError, match=r"must (not )?be"):
        fc.LinearModel([column])
