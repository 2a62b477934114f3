"""Random weighted categories through our columns and through those of `tf.feature_column`."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.python.feature_column import feature_column_v2

import feature_columns as fc

many = settings(max_examples=200, deadline=None, derandomize=True)
WORDS = st.sampled_from(["a", "b", "c", "naïve", ""])
NUMBERS = st.sampled_from([-7, -1, 0, 1, 2, 40])
WEIGHTS = st.sampled_from([-2.0, -0.5, 0.0, 0.25, 1.0, 3.0])
COMBINERS = st.sampled_from(["sum", "mean", "sqrtn"])
# Which form our features have: of the values, and of the weights.
FORMS = st.sampled_from(
    [
        ("dense", "dense"),
        ("dense", "sparse"),
        ("dense", "ragged"),
        ("sparse", "sparse"),
        ("sparse", "dense"),
        ("sparse", "ragged"),
        ("ragged", "ragged"),
        ("ragged", "sparse"),
    ]
)


def batches(values):
    """Rows of places that are empty, None, or have a value and a weight."""
    place = st.none() | st.tuples(values, WEIGHTS)
    return st.lists(st.lists(place, max_size=4), min_size=1, max_size=4)


def _features(rows, dtype, forms):
    """Returns our features, and the sparse ones of the values that are there for the old columns.

    In a dense feature a place whose value is '' or -1 is empty, whatever its weight.
    """
    mark = "" if dtype == tf.string else -1
    if forms[0] == "dense":
        rows = [[None if place and place[0] == mark else place for place in row] for row in rows]
    width = max(1, *map(len, rows))
    made = {}
    places = [(i, j) for i, row in enumerate(rows) for j, place in enumerate(row) if place]
    indices = np.array(places, np.int64).reshape([-1, 2])
    for part, (key, kind, filler) in enumerate([("x", dtype, mark), ("w", tf.float32, 7.0)]):
        values = tf.constant([rows[i][j][part] for i, j in places], kind)
        sparse = tf.SparseTensor(indices, values, [len(rows), width])
        listed = [[place[part] for place in row if place] for row in rows]
        ragged = tf.ragged.constant(listed, kind, ragged_rank=1)
        filled = np.full([len(rows), width], filler, dtype=object)
        for i, j in places:
            filled[i, j] = rows[i][j][part]
        dense = tf.constant(filled.tolist(), kind)
        made[key] = {"dense": dense, "sparse": sparse, "ragged": ragged}
    ours = {key: made[key][form] for key, form in zip("xw", forms, strict=True)}
    return ours, {key: made[key]["sparse"] for key in "xw"}


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


def _theirs(column, features, table=None):
    cache = feature_column_v2.FeatureTransformationCache(dict(features))
    return column.get_dense_tensor(cache, _Weights(table)).numpy()


def _ours(column, features, table=None):
    layer = fc.DenseFeatures([column])
    layer.build()
    if table is not None:
        layer.set_weights([table])
    return layer(features)


def _weighted(module, columns):
    return [module.weighted_categorical_column(column, "w") for column in columns]


def _words(module, path):
    return _weighted(
        module,
        [
            module.categorical_column_with_hash_bucket("x", 5),
            module.categorical_column_with_vocabulary_list("x", ["b", "a"]),
            module.categorical_column_with_vocabulary_list("x", ["b", ""], default_value=1),
            module.categorical_column_with_vocabulary_list("x", ["b", "a"], num_oov_buckets=3),
            module.categorical_column_with_vocabulary_file("x", path),
            module.sequence_categorical_column_with_vocabulary_list("x", ["b", "a"]),
        ],
    )


def _numbers(module):
    return _weighted(
        module,
        [
            module.categorical_column_with_identity("x", 3, default_value=2),
            module.categorical_column_with_identity("x", 41),
            module.categorical_column_with_hash_bucket("x", 6, tf.int64),
            module.categorical_column_with_vocabulary_list("x", [2, 0], num_oov_buckets=3),
            module.categorical_column_with_vocabulary_list("x", [2, 0, -1]),
            module.sequence_categorical_column_with_identity("x", 41),
        ],
    )


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    """Six pairs of columns of words, and six of numbers, ours first."""
    path = tmp_path_factory.mktemp("words") / "words.txt"
    path.write_text("c\nnaïve\na\n", "utf-8")
    words = [_words(module, str(path)) for module in (fc, tf.feature_column)]
    numbers = [_numbers(module) for module in (fc, tf.feature_column)]
    return {
        tf.string: list(zip(*words, strict=True)),
        tf.int64: list(zip(*numbers, strict=True)),
    }


KINDS = pytest.mark.parametrize(
    ("dtype", "values"), [(tf.string, WORDS), (tf.int64, NUMBERS)], ids=["words", "numbers"]
)
WHICH = st.integers(0, 5)


@KINDS
def test_indicators(columns, dtype, values):
    @many
    @given(rows=batches(values), forms=FORMS, which=WHICH)
    def check(rows, forms, which):
        ours, theirs = columns[dtype][which]
        assert ours.name == theirs.name
        assert ours.parse_example_spec == theirs.parse_example_spec
        features, sparse = _features(rows, dtype, forms)
        expected = _theirs(tf.feature_column.indicator_column(theirs), sparse)
        np.testing.assert_array_equal(_ours(fc.indicator_column(ours), features), expected)

    check()


@KINDS
def test_embeddings(columns, dtype, values):
    table = np.random.default_rng(0).normal(size=[41, 3]).astype(np.float32)

    @many
    @given(
        rows=batches(values),
        forms=FORMS,
        which=WHICH,
        combiner=COMBINERS,
        max_norm=st.sampled_from([None, 0.5]),
    )
    def check(rows, forms, which, combiner, max_norm):
        ours, theirs = (
            module.embedding_column(column, 3, combiner=combiner, max_norm=max_norm)
            for module, column in zip((fc, tf.feature_column), columns[dtype][which], strict=True)
        )
        assert ours.name == theirs.name
        features, sparse = _features(rows, dtype, forms)
        rows_of_table = table[: columns[dtype][which][0].num_buckets]
        expected = _theirs(theirs, sparse, tf.constant(rows_of_table))
        np.testing.assert_allclose(_ours(ours, features, rows_of_table), expected, atol=1e-5)

    check()


@KINDS
def test_linear_models(columns, dtype, values):
    table = np.random.default_rng(1).normal(size=[42, 2]).astype(np.float32)

    @many
    @given(rows=batches(values), forms=FORMS, which=WHICH, combiner=COMBINERS)
    def check(rows, forms, which, combiner):
        ours, theirs = columns[dtype][which]
        features, sparse = _features(rows, dtype, forms)
        cache = feature_column_v2.FeatureTransformationCache(sparse)
        expected = feature_column_v2._create_categorical_column_weighted_sum(
            theirs, cache, _Weights(None), combiner, tf.constant(table[: ours.num_buckets])
        )
        layer = fc.LinearModel([ours], units=2, sparse_combiner=combiner)
        layer.build()
        variable, _ = layer.fused_parts()
        variable.assign(np.concatenate([table[: ours.num_buckets], np.zeros([1, 2])]))
        np.testing.assert_allclose(layer(features), expected, atol=1e-5)

    check()


@many
@given(rows=batches(WORDS), which=st.integers(0, 5))
def test_dense_features_of_both(columns, rows, which):
    """The old columns drop '' and 0 of dense features, and pair what is left."""
    rows = [[place if place and all(place) else ("", 0.0) for place in row] for row in rows]
    width = max(1, *map(len, rows))
    rows = [row + [("", 0.0)] * (width - len(row)) for row in rows]
    features = {
        "x": tf.constant([[value for value, _ in row] for row in rows]),
        "w": tf.constant([[weight for _, weight in row] for row in rows]),
    }
    ours, theirs = columns[tf.string][which]
    expected = _theirs(tf.feature_column.indicator_column(theirs), features)
    np.testing.assert_array_equal(_ours(fc.indicator_column(ours), features), expected)
