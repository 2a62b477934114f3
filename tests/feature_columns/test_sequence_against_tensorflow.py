"""Random sequences through our sequence columns and through those of `tf.feature_column`."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.python.feature_column import feature_column_v2

import feature_columns as fc

many = settings(max_examples=200, deadline=None, derandomize=True)
FORMS = st.sampled_from(["dense", "sparse", "ragged"])
WORDS = st.sampled_from(["a", "b", "c", "naïve", ""])
NUMBERS = st.sampled_from([-7, -1, 0, 1, 2, 40])


def batches(values, depth):
    """Rows of steps, `[batch, time]`, or of lists of `depth` values; None is a gap."""
    step = st.none() | values
    if depth:
        step = st.lists(step, min_size=depth, max_size=depth)
    return st.lists(st.lists(step, max_size=4), min_size=1, max_size=4)


def _flat(rows):
    """Yields the index and the value of everything that is there."""
    for index, row in enumerate(rows):
        for inner, value in _flat(row) if isinstance(row, list) else [((), row)]:
            if value is not None:
                yield (index, *inner), value


def _feature(rows, form, dtype, *, depth=0, extra=0):
    """The rows as a tensor of the given form; `extra` steps are empty in every row."""
    if form == "ragged":
        kept = [[_without_gaps(step) for step in row if step is not None] for row in rows]
        return tf.ragged.constant(kept, dtype, ragged_rank=2 if depth else 1)
    time = max(map(len, rows)) + extra
    shape = [len(rows), time, *([depth] if depth else [])]
    found = list(_flat(rows))
    if form == "sparse":
        indices = np.array([index for index, _ in found], np.int64).reshape([-1, len(shape)])
        return tf.SparseTensor(indices, tf.constant([v for _, v in found], dtype), shape)
    filled = np.full(shape, "" if dtype == tf.string else -1, dtype=object)
    for index, value in found:
        filled[index] = value
    return tf.constant(filled.tolist(), dtype, shape)


def _without_gaps(step):
    return [value for value in step if value is not None] if isinstance(step, list) else step


class _Weights:
    """What the old columns ask for their variables, and for tables."""

    def __init__(self, table):
        self._table = table

    def get_variable(self, column, name):
        return self._table

    def has_resource(self, column, name):
        return False

    def add_resource(self, column, name, resource):
        pass


def _theirs(column, feature, table=None):
    if isinstance(feature, tf.RaggedTensor):
        feature = feature.to_sparse()
    cache = feature_column_v2.FeatureTransformationCache({"x": feature})
    pair = column.get_sequence_dense_tensor(cache, _Weights(table))
    steps = pair.dense_tensor
    shape = [*steps.shape[:2], int(np.prod(steps.shape[2:]))]
    return tf.reshape(steps, shape).numpy(), pair.sequence_length.numpy()


def _ours(column, feature, table=None):
    layer = fc.SequenceFeatures([column])
    layer.build()
    if table is not None:
        layer.set_weights([table])
    return layer({"x": feature})


def _check(ours, theirs, feature, table=None):
    assert ours.name == theirs.name
    assert ours.parse_example_spec == theirs.parse_example_spec
    expected, expected_lengths = _theirs(theirs, feature, table)
    steps, lengths = _ours(ours, feature, table)
    np.testing.assert_allclose(steps, expected, atol=1e-6)
    np.testing.assert_array_equal(lengths, expected_lengths)
    assert steps.dtype == tf.float32
    assert lengths.dtype == tf.int64


def _word_columns(module, path):
    old_order = (3, None) if module is tf.feature_column else (3,)
    return [
        module.sequence_categorical_column_with_hash_bucket("x", 5),
        module.sequence_categorical_column_with_vocabulary_list("x", ["b", "a"]),
        module.sequence_categorical_column_with_vocabulary_list("x", ["b", ""], default_value=1),
        module.sequence_categorical_column_with_vocabulary_file("x", path, 2, *old_order),
    ]


def _number_columns(module):
    return [
        module.sequence_categorical_column_with_identity("x", 3, default_value=2),
        module.sequence_categorical_column_with_identity("x", 41),
        module.sequence_categorical_column_with_hash_bucket("x", 6, tf.int64),
        module.sequence_categorical_column_with_vocabulary_list("x", [2, 0], num_oov_buckets=3),
        module.sequence_categorical_column_with_vocabulary_list("x", [2, 0, -1]),
    ]


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    path = tmp_path_factory.mktemp("words") / "words.txt"
    path.write_text("c\nnaïve\na\n", "utf-8")
    return str(path)


DRAWN = {"form": FORMS, "extra": st.integers(0, 2), "which": st.integers(0, 4)}


@pytest.mark.parametrize("depth", [0, 2])
def test_indicators_of_words(vocabulary, depth):
    columns = [_word_columns(module, vocabulary) for module in (fc, tf.feature_column)]

    @many
    @given(rows=batches(WORDS, depth), **DRAWN)
    def check(rows, form, extra, which):
        feature = _feature(rows, form, tf.string, depth=depth, extra=extra)
        ours, theirs = (each[which % 4] for each in columns)
        _check(fc.indicator_column(ours), tf.feature_column.indicator_column(theirs), feature)

    check()


@pytest.mark.parametrize("depth", [0, 2])
def test_indicators_of_numbers(depth):
    columns = [_number_columns(module) for module in (fc, tf.feature_column)]

    @many
    @given(rows=batches(NUMBERS, depth), **DRAWN)
    def check(rows, form, extra, which):
        feature = _feature(rows, form, tf.int64, depth=depth, extra=extra)
        ours, theirs = (each[which] for each in columns)
        _check(fc.indicator_column(ours), tf.feature_column.indicator_column(theirs), feature)

    check()


@pytest.mark.parametrize("depth", [0, 2])
def test_embeddings(depth):
    columns = [_number_columns(module) for module in (fc, tf.feature_column)]
    table = np.random.default_rng(0).normal(size=[41, 3]).astype(np.float32)
    combiners = st.sampled_from(["sum", "mean", "sqrtn"])

    @many
    @given(
        rows=batches(NUMBERS, depth),
        combiner=combiners,
        max_norm=st.sampled_from([None, 0.5]),
        **DRAWN,
    )
    def check(rows, form, extra, which, combiner, max_norm):
        feature = _feature(rows, form, tf.int64, depth=depth, extra=extra)
        ours, theirs = (
            module.embedding_column(each[which], 3, combiner=combiner, max_norm=max_norm)
            for module, each in zip((fc, tf.feature_column), columns, strict=True)
        )
        _check(ours, theirs, feature, table[: columns[0][which].num_buckets])

    check()


def _double(numbers):
    return numbers * 2.0  # A SparseTensor can be multiplied too, which is what the old one gives.


@many
@given(
    rows=batches(st.floats(-50, 50, width=32), 0),
    default=st.sampled_from([0.0, -9.0]),
    normalizer=st.sampled_from([None, _double]),
    width=st.integers(1, 2),
    form=st.sampled_from(["sparse", "ragged"]),
)
def test_numbers(rows, default, normalizer, width, form):
    feature = _feature(rows, form, tf.float32)
    if int(feature.bounding_shape()[1] if form == "ragged" else feature.shape[1]) % width:
        rows = [[*rows[0], *[1.0] * (4 - len(rows[0]))], *rows[1:]]
        feature = _feature([[v or 0.5 for v in rows[0]], *rows[1:]], form, tf.float32)
    options = {"shape": width, "default_value": default, "normalizer_fn": normalizer}
    ours = fc.sequence_numeric_column("x", **options)
    theirs = tf.feature_column.sequence_numeric_column("x", **options)
    _check(ours, theirs, feature)


@many
@given(
    rows=batches(st.floats(-50, 50, width=32), 2),
    shape=st.sampled_from([(2,), (1, 2)]),
    extra=st.integers(0, 2),
)
def test_numbers_with_a_dimension_of_their_own(rows, shape, extra):
    feature = _feature(rows, "sparse", tf.float32, depth=2, extra=extra)
    ours = fc.sequence_numeric_column("x", shape)
    theirs = tf.feature_column.sequence_numeric_column("x", shape)
    _check(ours, theirs, feature)
