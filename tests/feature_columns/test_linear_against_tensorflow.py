"""Random batches through our linear layer and through that of `tf.compat.v1.feature_column`."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import feature_columns as fc

UNITS = 2
WORDS = st.sampled_from(["a", "b", "c", "naïve", ""])
WEIGHTS = st.sampled_from([-2.0, 0.0, 0.25, 3.0])
ROWS = st.lists(st.lists(st.tuples(WORDS, WEIGHTS), max_size=3), min_size=3, max_size=3)
OLD_NAMES = {  # Of TensorFlow 1, for which the shared columns have one scope.
    "u_w_shared_embedding": "u_w_shared_embedding/embedding_weights",
    "u_shared_embedding/weights": "u_w_shared_embedding/weights",
    "w_shared_embedding/weights": "u_w_shared_embedding_1/weights",
}
KINDS = {"w": tf.string, "u": tf.string, "v": tf.float32}


def _columns(module, shared):
    """Columns of every kind, over the words `w` with weights `v`, the words `u` and numbers `x`."""
    word, other = (
        module.categorical_column_with_vocabulary_list(key, ["b", "a"], num_oov_buckets=2)
        for key in "wu"
    )
    number = module.numeric_column("x", shape=(2,))
    ages = module.bucketized_column(number, [-1.0, 0.5])
    return [
        word,
        number,
        ages,
        module.weighted_categorical_column(word, "v"),
        module.crossed_column(["u", ages, word], 7),
        module.categorical_column_with_hash_bucket("u", 5),
        module.indicator_column(word),
        module.embedding_column(module.weighted_categorical_column(other, "v"), 3),
        *shared([word, other], 2, combiner="sqrtn"),
    ]


@functools.cache
def _theirs(combiner):
    """A session of a graph of the old layer, what to feed, what to fetch, and its weights."""
    with tf.Graph().as_default():
        features = {key: tf.compat.v1.sparse_placeholder(KINDS[key], [3, None]) for key in KINDS}
        features["x"] = tf.compat.v1.placeholder(tf.float32, [3, 2])
        logits = tf.compat.v1.feature_column.linear_model(
            features,
            _columns(tf.feature_column, tf.compat.v1.feature_column.shared_embedding_columns),
            units=UNITS,
            sparse_combiner=combiner,
        )
        session = tf.compat.v1.Session()
        session.run(tf.compat.v1.global_variables_initializer())
        session.run(tf.compat.v1.tables_initializer())
        random, weights = np.random.default_rng(1), {}
        for variable in tf.compat.v1.global_variables():
            name = variable.op.name.removeprefix("linear_model/")
            weights[name] = random.normal(size=variable.shape)
            variable.load(weights[name], session)
    return session, features, logits, weights


@functools.cache
def _ours(combiner):
    """Our layer, with the weights of the old one."""
    *_, weights = _theirs(combiner)
    columns = _columns(fc, fc.shared_embeddings)
    layer = fc.LinearModel(columns, units=UNITS, sparse_combiner=combiner)
    layer.build()
    table, parts = layer.fused_parts()
    table.assign(np.concatenate([weights[part.name] for part in parts] + [np.zeros([1, UNITS])]))
    used = {part.name for part in parts}
    for variable in layer.weights:
        if variable is not table:
            name = variable.path.removeprefix("linear_model/")
            name = OLD_NAMES.get(name, name)
            variable.assign(weights[name])
            used.add(name)
    assert used == weights.keys()
    return layer


def _sparse(rows, part, dtype):
    places = [(i, j) for i, row in enumerate(rows) for j in range(len(row))]
    indices = np.array(places, np.int64).reshape([-1, 2])
    values = tf.constant([rows[i][j][part] for i, j in places], dtype)
    return tf.SparseTensor(indices, values, [3, max(1, *map(len, rows))])


@pytest.mark.filterwarnings("ignore:.layer.add_variable. is deprecated")  # In linear_model.
@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    rows=ROWS,
    numbers=st.lists(st.floats(-3, 3, width=32), min_size=6, max_size=6),
    combiner=st.sampled_from(["sum", "mean", "sqrtn"]),
)
def test_all_kinds_of_columns(rows, numbers, combiner):
    others = [[(word + "!", weight) for word, weight in row] for row in rows]
    features = {
        "w": _sparse(rows, 0, tf.string),
        "u": _sparse(others, 0, tf.string),
        "v": _sparse(rows, 1, tf.float32),
        "x": tf.reshape(tf.constant(numbers), [3, 2]),
    }
    session, placeholders, logits, _ = _theirs(combiner)
    feed = {placeholders["x"]: features["x"].numpy()}
    for key in KINDS:
        given = features[key]
        parts = (part.numpy() for part in (given.indices, given.values, given.dense_shape))
        feed[placeholders[key]] = tf.compat.v1.SparseTensorValue(*parts)
    expected = session.run(logits, feed)
    np.testing.assert_allclose(_ours(combiner)(features), expected, atol=1e-4)
