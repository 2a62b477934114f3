"""Random columns and random batches, ours and those of `tf.feature_column`."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.python.feature_column import feature_column_v2

import feature_columns as fc

WORDS = ["a", "b", "c", "d", "naïve", ""]
word_rows = st.lists(st.lists(st.sampled_from(WORDS), max_size=3), min_size=1, max_size=4)
number_rows = st.lists(
    st.lists(st.sampled_from([-7, -1, 0, 1, 2, 40]), max_size=3), min_size=1, max_size=4
)
many = settings(max_examples=200, deadline=None, derandomize=True)


def _dense(rows, mark):
    width = max(1, max(map(len, rows)))
    return tf.constant([row + [mark] * (width - len(row)) for row in rows])


def _sparse(rows, dtype):
    return tf.ragged.constant(rows, dtype=dtype, ragged_rank=1).to_sparse()


def _both(rows, mark):
    dtype = tf.string if mark == "" else tf.int64
    return _dense(rows, mark), _sparse(rows, dtype)


def _pairs(module):
    """The same columns from either module."""
    numbers = [
        module.categorical_column_with_identity("n", 3, default_value=2),
        module.categorical_column_with_identity("n", 99),
        module.categorical_column_with_hash_bucket("n", 17, tf.int64),
        module.categorical_column_with_vocabulary_list("n", [2, 40], num_oov_buckets=3),
        module.categorical_column_with_vocabulary_list("n", [2, 0, -1], default_value=1),
    ]
    words = [
        module.categorical_column_with_hash_bucket("w", 23),
        module.categorical_column_with_vocabulary_list("w", ["b", "a"]),
        module.categorical_column_with_vocabulary_list("w", ["b", "a"], default_value=0),
        module.categorical_column_with_vocabulary_list("w", ["b", ""], num_oov_buckets=4),
    ]
    crosses = [
        module.crossed_column(["w", "v"], 1000),
        module.crossed_column(["v", numbers[0], "w"], 1000, hash_key=12),
        module.crossed_column([words[1], numbers[1]], 1000),
        module.crossed_column([words[2], "n"], 10),
        module.crossed_column([words[3], module.crossed_column([numbers[4], "w"], 3)], 1000),
        module.crossed_column(["w", "n", "v", words[1]], 1000),
        module.crossed_column([numbers[1], "v", words[1], "w"], 1000, hash_key=7),
    ]
    return words + numbers + crosses


def _check_all(features, ids_of, tensorflow_ids_of):
    for ours, theirs in zip(_pairs(fc), _pairs(tf.feature_column), strict=True):
        assert ours.name == theirs.name
        assert ours.num_buckets == theirs.num_buckets
        assert ours.parse_example_spec == theirs.parse_example_spec
        assert ids_of(ours, features) == tensorflow_ids_of(theirs, features), ours


@many
@given(word_rows, number_rows, st.integers(0, 7))
def test_ids(ids_of, tensorflow_ids_of, words, numbers, sparse):
    batch = min(len(words), len(numbers))
    words, numbers = words[:batch], numbers[:batch]
    others = [row[::-1] for row in words]
    features = {
        key: _both(rows, mark)[sparse >> bit & 1]
        for bit, (key, rows, mark) in enumerate(
            [("w", words, ""), ("v", others, ""), ("n", numbers, -1)]
        )
    }
    _check_all(features, ids_of, tensorflow_ids_of)


def test_sparse_rows_may_have_gaps(ids_of, tensorflow_ids_of):
    words = tf.SparseTensor([[0, 2], [2, 0], [2, 5]], ["a", "b", "zz"], [4, 6])
    numbers = tf.SparseTensor([[0, 1], [2, 3]], tf.constant([1, 2], tf.int64), [4, 4])
    _check_all({"w": words, "v": words, "n": numbers}, ids_of, tensorflow_ids_of)


@many
@given(word_rows)
def test_indicators(tensorflow_dense_of, words):
    for value in _both(words, ""):
        ours, theirs = (
            module.indicator_column(
                module.categorical_column_with_vocabulary_list("w", ["b", "a"], num_oov_buckets=1)
            )
            for module in (fc, tf.feature_column)
        )
        actual = fc.DenseFeatures([ours])({"w": value})
        np.testing.assert_array_equal(actual, tensorflow_dense_of(theirs, {"w": value}))


@many
@given(
    batch=st.integers(0, 4),
    shape=st.sampled_from([(), (3,), (2, 3), (1, 2, 2), (2, 1, 2, 2)]),
    normalizer=st.sampled_from([None, lambda x: x * 2.0 - 1.0]),
    data=st.data(),
)
def test_numbers(tensorflow_dense_of, batch, shape, normalizer, data):
    count = batch * int(np.prod(shape))
    numbers = data.draw(st.lists(st.floats(-50, 50, width=32), min_size=count, max_size=count))
    features = {"x": tf.reshape(tf.constant(numbers, tf.float32), [batch, *shape])}
    ours, theirs = (
        module.numeric_column("x", shape=shape or 1, normalizer_fn=normalizer)
        for module in (fc, tf.feature_column)
    )
    expected = theirs.get_dense_tensor(
        feature_column_v2.FeatureTransformationCache(features), None
    ).numpy()
    found = fc.DenseFeatures([ours])(features)
    np.testing.assert_array_equal(found, expected.reshape([batch, int(np.prod(shape))]))


@many
@given(st.lists(st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=2), min_size=1))
def test_buckets(tensorflow_dense_of, rows):
    ours, theirs = (
        module.bucketized_column(module.numeric_column("x", shape=2), [-10, 0.5, 3, 30])
        for module in (fc, tf.feature_column)
    )
    features = {"x": tf.constant(rows)}
    actual = fc.DenseFeatures([ours])(features)
    np.testing.assert_array_equal(actual, tensorflow_dense_of(theirs, features))


def _constant(value):
    """A copy in the current graph."""
    if isinstance(value, tf.SparseTensor):
        parts = (value.indices, value.values, value.dense_shape)
        return tf.SparseTensor(*(part.numpy() for part in parts))
    return tf.constant(value.numpy())


def _initialise(session):
    session.run(tf.compat.v1.global_variables_initializer())
    session.run(tf.compat.v1.tables_initializer())


@many
@given(
    word_rows,
    st.sampled_from(["sum", "mean", "sqrtn"]),
    st.sampled_from([None, 0.5]),
)
def test_embeddings(words, combiner, max_norm):
    table = np.random.default_rng(0).normal(size=[4, 3]).astype(np.float32)
    for value in _both(words, ""):
        ours, theirs = (
            module.embedding_column(
                module.categorical_column_with_vocabulary_list("w", ["b", "a"], num_oov_buckets=2),
                dimension=3,
                combiner=combiner,
                max_norm=max_norm,
                initializer=initializer,
            )
            for module, initializer in (
                (fc, lambda shape, dtype=None: tf.constant(table)),
                (tf.feature_column, tf.compat.v1.constant_initializer(table)),
            )
        )
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            dense = tf.compat.v1.feature_column.input_layer({"w": _constant(value)}, [theirs])
            _initialise(session)
            expected = session.run(dense)
        np.testing.assert_allclose(fc.DenseFeatures([ours])({"w": value}), expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.layer.add_variable. is deprecated")  # In linear_model.
@pytest.mark.parametrize("combiner", ["sum", "mean", "sqrtn"])
@pytest.mark.parametrize("sparse", [False, True])
def test_linear_model(combiner, sparse):
    rng = np.random.default_rng(1)
    words = [["a", "b", "zz"], [], ["b", "b"], ["c"]]
    numbers = rng.normal(size=[4, 2]).astype(np.float32)
    value = _both(words, "")[sparse]

    def columns(module):
        word = module.categorical_column_with_vocabulary_list("w", ["b", "a"], num_oov_buckets=2)
        number = module.numeric_column("x", shape=2)
        return [
            word,
            number,
            module.bucketized_column(number, [0.0]),
            module.crossed_column(["w", module.bucketized_column(number, [0.0])], 7),
            module.indicator_column(word),
        ]

    layer = fc.LinearModel(columns(fc), units=2, sparse_combiner=combiner)
    features = {"w": value, "x": tf.constant(numbers)}
    layer(features)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        logits = tf.compat.v1.feature_column.linear_model(
            {"w": _constant(value), "x": tf.constant(numbers)},
            columns(tf.feature_column),
            units=2,
            sparse_combiner=combiner,
        )
        _initialise(session)
        weights = {}
        for variable in tf.compat.v1.global_variables():
            weights[variable.op.name] = rng.normal(size=variable.shape)
            variable.load(weights[variable.op.name], session)
        expected = session.run(logits)
    named = {name.removeprefix("linear_model/"): weight for name, weight in weights.items()}
    table, parts = layer.fused_parts()
    table.assign(np.concatenate([named[part.name] for part in parts] + [np.zeros([1, 2])]))
    for variable in layer.weights:
        if variable is not table:
            variable.assign(named[variable.path.removeprefix("linear_model/")])
    np.testing.assert_allclose(layer(features), expected, rtol=1e-5)
