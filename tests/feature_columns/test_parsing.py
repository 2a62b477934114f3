from __future__ import annotations

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import feature_columns as fc

# Arguments of every function that makes a column from keys; several may read one key.
NUMBERS = st.one_of(
    st.tuples(
        st.just("numeric_column"),
        st.sampled_from("ab"),
        st.fixed_dictionaries(
            {},
            optional={
                "shape": st.sampled_from([1, 2, (2, 2)]),
                "default_value": st.sampled_from([0.0, 1.5]),
                "dtype": st.sampled_from([tf.float32, tf.float64, tf.int64]),
            },
        ),
    ),
    st.tuples(
        st.just("sequence_numeric_column"),
        st.sampled_from("ab"),
        st.fixed_dictionaries({}, optional={"dtype": st.sampled_from([tf.float32, tf.int32])}),
    ),
)
DTYPES = st.sampled_from([tf.string, tf.int64])
LISTS = st.sampled_from([["x", "y"], [1, 2, 3]])


def _categories(prefix):
    name = f"{prefix}categorical_column_with"
    keys = st.sampled_from("abcd")
    return st.one_of(
        st.tuples(
            st.just(f"{name}_hash_bucket"),
            keys,
            st.fixed_dictionaries({"hash_bucket_size": st.just(9)}, optional={"dtype": DTYPES}),
        ),
        st.tuples(st.just(f"{name}_identity"), keys, st.just({"num_buckets": 4})),
        st.tuples(
            st.just(f"{name}_vocabulary_list"),
            keys,
            st.fixed_dictionaries({"vocabulary_list": LISTS}),
        ),
        st.tuples(
            st.just(f"{name}_vocabulary_file"),
            keys,
            st.fixed_dictionaries(
                {"vocabulary_file": st.just("words.txt"), "vocabulary_size": st.just(2)},
                optional={"dtype": DTYPES},
            ),
        ),
    )


RECIPES = st.one_of(
    st.tuples(st.just("plain"), NUMBERS | _categories("") | _categories("sequence_")),
    st.tuples(
        st.sampled_from(["indicator", "embedding"]), _categories("") | _categories("sequence_")
    ),
    st.tuples(st.just("weighted_categorical"), _categories("") | _categories("sequence_")),
    st.tuples(st.just("bucketized"), NUMBERS.filter(lambda made: made[0] == "numeric_column")),
    st.tuples(st.just("crossed"), _categories("").filter(lambda made: "hash" not in made[0])),
)
WRAPPERS = {
    "plain": lambda module, column: column,
    "indicator": lambda module, column: module.indicator_column(column),
    "embedding": lambda module, column: module.embedding_column(column, 3),
    "weighted_categorical": lambda module, column: module.weighted_categorical_column(column, "w"),
    "bucketized": lambda module, column: module.bucketized_column(column, [0.0, 1.0]),
    "crossed": lambda module, column: module.crossed_column(["a", column], 7),
}


def _made(module, recipe):
    wrapper, (function, key, options) = recipe
    return WRAPPERS[wrapper](module, getattr(module, function)(key, **options))


def _outcome(make):
    """What came of it: the spec, or which error; a column that nobody can make is not asked for."""
    try:
        return make()
    except (ValueError, TypeError) as error:
        return type(error)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(RECIPES, max_size=4))
def test_random_columns(recipes):
    for recipe in recipes:
        theirs = _outcome(lambda recipe=recipe: _made(tf.feature_column, recipe))
        ours = _outcome(lambda recipe=recipe: _made(fc, recipe))
        if isinstance(theirs, type) or isinstance(ours, type):
            assert ours == theirs
            return
    ours, theirs = (
        _outcome(lambda m=m: m.make_parse_example_spec([_made(m, each) for each in recipes]))
        for m in (fc, tf.feature_column)
    )
    assert ours == theirs


def test_random_columns_are_of_every_kind():
    public = {name for name in fc.__all__ if name.endswith("_column") or "_column_with_" in name}
    wrapped = {f"{name}_column" for name in WRAPPERS}
    numbers = {"numeric_column", "sequence_numeric_column"}
    ways = ("hash_bucket", "identity", "vocabulary_list", "vocabulary_file")
    categories = {
        f"{prefix}categorical_column_with_{way}" for prefix in ("", "sequence_") for way in ways
    }
    assert public <= wrapped | numbers | categories


def test_one_column_or_any_iterable():
    number = fc.numeric_column("x")
    expected = tf.feature_column.make_parse_example_spec([tf.feature_column.numeric_column("x")])
    for columns in (number, (number,), {number}, iter([number, number])):
        assert fc.make_parse_example_spec(columns) == expected
    assert fc.make_parse_example_spec([]) == {}


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
