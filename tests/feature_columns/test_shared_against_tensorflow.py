"""Random batches through our shared embeddings and through those of `tf.feature_column`."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.python.feature_column import feature_column_v2

import feature_columns as fc

many = settings(max_examples=200, deadline=None, derandomize=True)
WEIGHTS = st.sampled_from([-2.0, 0.0, 0.25, 3.0])
COMBINERS = st.sampled_from(["sum", "mean", "sqrtn"])
TABLE = np.random.default_rng(0).normal(size=[44, 3]).astype(np.float32)


def batches(values):
    """Rows of values and their weights."""
    return st.lists(st.lists(st.tuples(values, WEIGHTS), max_size=4), min_size=2, max_size=2)


WORDS = batches(st.sampled_from(["a", "b", "c", "naïve", ""]))
NUMBERS = batches(st.sampled_from([-7, -1, 0, 1, 2, 40]))


def _sparse(rows, part, dtype):
    """The values, or the weights, of all rows."""
    places = [(i, j) for i, row in enumerate(rows) for j in range(len(row))]
    indices = np.array(places, np.int64).reshape([-1, 2])
    values = tf.constant([rows[i][j][part] for i, j in places], dtype)
    return tf.SparseTensor(indices, values, [len(rows), max(1, *map(len, rows))])


def _features(x, y, dtype):
    """Features `x` and `y`, and the weights `v` of `x`."""
    return {"x": _sparse(x, 0, dtype), "y": _sparse(y, 0, dtype), "v": _sparse(x, 1, tf.float32)}


def _placeholders(dtype):
    kinds = {"x": dtype, "y": dtype, "v": tf.float32}
    return {key: tf.compat.v1.sparse_placeholder(kind, [2, None]) for key, kind in kinds.items()}


def _feed(placeholders, features):
    parts = {key: (f.indices, f.values, f.dense_shape) for key, f in features.items()}
    return {
        placeholders[key]: tf.compat.v1.SparseTensorValue(*(part.numpy() for part in value))
        for key, value in parts.items()
    }


def _words(module, key):
    return [
        module.categorical_column_with_hash_bucket(key, 5),
        module.categorical_column_with_vocabulary_list(key, ["b", "a"]),
        module.categorical_column_with_vocabulary_list(key, ["b", ""], default_value=1),
        module.categorical_column_with_vocabulary_list(key, ["b", "a"], num_oov_buckets=3),
    ]


def _numbers(module, key):
    return [
        module.categorical_column_with_identity(key, 3, default_value=2),
        module.categorical_column_with_identity(key, 41),
        module.categorical_column_with_hash_bucket(key, 6, tf.int64),
        module.categorical_column_with_vocabulary_list(key, [2, 0], num_oov_buckets=3),
    ]


def _columns(module, make, which):
    """A plain and a weighted column of one kind."""
    x, y = (make(module, key)[which] for key in "xy")
    return [y, module.weighted_categorical_column(x, "v")]


@functools.cache
def _theirs(dtype, make, which, combiner, max_norm):
    """A session of a graph of the old columns, what to feed, what to fetch."""
    with tf.Graph().as_default():
        placeholders = _placeholders(dtype)
        columns = tf.compat.v1.feature_column.shared_embedding_columns(
            _columns(tf.feature_column, make, which),
            3,
            combiner=combiner,
            max_norm=max_norm,
            initializer=tf.compat.v1.constant_initializer(_table(make, which)),
        )
        dense = tf.compat.v1.feature_column.input_layer(placeholders, columns)
        (variable,) = tf.compat.v1.global_variables()
        session = tf.compat.v1.Session()
        session.run(tf.compat.v1.global_variables_initializer())
        session.run(tf.compat.v1.tables_initializer())
    names = [column.name for column in columns], variable.op.name.split("/")[1]
    return session, placeholders, dense, names


def _table(make, which):
    return TABLE[: make(fc, "x")[which].num_buckets]


def _check(x, y, dtype, make, which, **options):
    features = _features(x, y, dtype)
    ours = fc.shared_embeddings(
        _columns(fc, make, which),
        3,
        initializer=lambda shape, dtype=None: _table(make, which),
        **options,
    )
    session, placeholders, dense, names = _theirs(dtype, make, which, **options)
    assert ([column.name for column in ours], ours[0].table.name) == names
    expected = session.run(dense, _feed(placeholders, features))
    np.testing.assert_allclose(fc.DenseFeatures(ours)(features), expected, atol=1e-5)


DRAWN = {
    "which": st.integers(0, 3),
    "combiner": COMBINERS,
    "max_norm": st.sampled_from([None, 0.5]),
}


@many
@given(x=WORDS, y=WORDS, **DRAWN)
def test_words(x, y, which, combiner, max_norm):
    _check(x, y, tf.string, _words, which, combiner=combiner, max_norm=max_norm)


@many
@given(x=NUMBERS, y=NUMBERS, **DRAWN)
def test_numbers(x, y, which, combiner, max_norm):
    _check(x, y, tf.int64, _numbers, which, combiner=combiner, max_norm=max_norm)


def _steps_and_rows(module, combiner, initializer):
    """A sequence column and a plain one over one table."""
    return module.shared_embeddings(
        [
            module.sequence_categorical_column_with_identity("x", 44),
            module.categorical_column_with_identity("y", 44),
        ],
        3,
        combiner=combiner,
        initializer=initializer,
    )


@functools.cache
def _their_sequences(combiner):
    with tf.Graph().as_default():
        placeholders = _placeholders(tf.int64)
        initializer = tf.compat.v1.constant_initializer(TABLE)
        steps, rows = _steps_and_rows(tf.feature_column, combiner, initializer)
        cache = feature_column_v2.FeatureTransformationCache(dict(placeholders))
        pair = steps.get_sequence_dense_tensor(cache, None)
        fetches = pair.dense_tensor, pair.sequence_length, rows.get_dense_tensor(cache, None)
        (variable,) = tf.compat.v1.global_variables()
        session = tf.compat.v1.Session()
        session.run(variable.initializer)
    assert variable.op.name == "x_y_shared_embedding"
    return session, placeholders, fetches


@many
@given(x=NUMBERS, y=NUMBERS, combiner=COMBINERS)
def test_a_sequence_and_a_plain_column(x, y, combiner):
    features = _features(x, y, tf.int64)
    steps, rows = _steps_and_rows(fc, combiner, lambda shape, dtype=None: TABLE)
    session, placeholders, fetches = _their_sequences(combiner)
    expected = session.run(fetches, _feed(placeholders, features))
    found, lengths = fc.SequenceFeatures(steps)(features)
    np.testing.assert_allclose(found, expected[0], atol=1e-5)
    np.testing.assert_array_equal(lengths, expected[1])
    np.testing.assert_allclose(fc.DenseFeatures(rows)(features), expected[2], atol=1e-5)
