from __future__ import annotations

import inspect

import pytest
import tensorflow as tf

import feature_columns as fc

list_column = fc.categorical_column_with_vocabulary_list
file_column = fc.categorical_column_with_vocabulary_file


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("omar\nstringer\nmarlo\n")
    return str(path)


@pytest.fixture(params=["list", "file", "tfrecord"])
def make(request, names, tmp_path):
    tokens = ["omar", "stringer", "marlo"]
    if request.param == "list":
        return lambda **arguments: list_column("x", tokens, **arguments)
    if request.param == "file":
        return lambda **arguments: file_column("x", names, **arguments)
    path = str(tmp_path / "names.tfrecord.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for token in tokens:
            writer.write(token)
    return lambda **arguments: file_column("x", path, **arguments)


def test_reference_ids_with_buckets_for_others(make, ids_of):
    features = {"x": [["marlo", "skywalker", "omar", "zzz", ""]]}
    assert ids_of(make(num_oov_buckets=100), features) == [[2, 33, 0, 83]]


def test_reference_ids_with_defaults(make, ids_of):
    features = {"x": [["marlo", "skywalker", ""]]}
    assert ids_of(make(default_value=2), features) == [[2, 2]]
    assert ids_of(make(), features) == [[2]]
    assert make(num_oov_buckets=4).num_buckets == 7


def test_sparse_empty_strings_are_values(make, ids_of):
    features = {"x": tf.ragged.constant([["marlo", ""], []])}
    assert ids_of(make(default_value=1), features) == [[2, 1], []]
    assert ids_of(make(), features) == [[2], []]


def test_integers(ids_of, tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("11\n21\n31\n")
    features = {"x": tf.constant([[31, 5, -1, 99, 11]], tf.int32)}
    assert ids_of(list_column("x", [11, 21, 31], num_oov_buckets=10), features) == [[2, 4, 5, 0]]
    column = file_column("x", str(path), dtype=tf.int64, num_oov_buckets=10)
    assert ids_of(column, features) == [[2, 4, 5, 0]]


def test_empty_string_in_the_list_is_still_missing_when_dense(ids_of):
    column = list_column("x", ["", "a"])
    assert ids_of(column, {"x": [["", "a"]]}) == [[1]]
    assert ids_of(column, {"x": tf.ragged.constant([["", "a"]])}) == [[0, 1]]


def test_smaller_size_uses_the_first_lines(names, ids_of):
    column = file_column("x", names, vocabulary_size=2)
    assert ids_of(column, {"x": [["marlo", "stringer"]]}) == [[1]]


def test_too_large_a_size_fails_when_the_table_is_made(names):
    column = file_column("x", names, vocabulary_size=9)
    with pytest.raises(tf.errors.InvalidArgumentError):
        fc.Transform(column)({"x": ["omar"]})


def test_missing_file(tmp_path):
    path = str(tmp_path / "nothing.txt")
    with pytest.raises(ValueError, match=r"vocabulary_file in x does not exist.*nothing.txt"):
        file_column("x", path)
    column = file_column("x", path, vocabulary_size=3)  # Might be written before it is used.
    with pytest.raises(ValueError, match="does not exist"):
        fc.Transform(column)({"x": ["omar"]})


def test_default_beyond_the_vocabulary_is_an_error_in_a_table_of_weights():
    column = list_column("x", ["a"], default_value=7)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Column x expects"):
        fc.LinearModel([column])({"x": tf.constant(["b"])})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vocabulary_list": []}, r"vocabulary_list \[\] must be non-empty, column_name: x"),
        ({"vocabulary_list": ["a", "b", "a"]}, "Duplicate keys in vocabulary_list.*'a'"),
        ({"vocabulary_list": [0.5]}, "must be string or integer"),
        ({"vocabulary_list": ["a"], "dtype": tf.int64}, "do not match, column_name: x"),
        ({"vocabulary_list": ["a"], "num_oov_buckets": -1}, "Invalid num_oov_buckets -1 in x"),
        (
            {"vocabulary_list": ["a"], "num_oov_buckets": 1, "default_value": 0},
            "Can't specify both num_oov_buckets and default_value in x",
        ),
    ],
)
def test_wrong_lists(arguments, message):
    with pytest.raises(ValueError, match=message):
        list_column("x", **arguments)
    with pytest.raises(ValueError):
        tf.feature_column.categorical_column_with_vocabulary_list("x", **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vocabulary_file": ""}, "Missing vocabulary_file in x"),
        ({"vocabulary_size": 0}, "Invalid vocabulary_size in x"),
        ({"num_oov_buckets": -1}, "Invalid num_oov_buckets -1 in x"),
        ({"num_oov_buckets": 1, "default_value": 0}, "Can't specify both"),
        ({"dtype": tf.float32}, "must be string or integer"),
        ({"file_format": "csv"}, "file_format must be"),
    ],
)
def test_wrong_files(names, arguments, message):
    with pytest.raises(ValueError, match=message):
        file_column("x", **{"vocabulary_file": names, **arguments})


@pytest.mark.parametrize("name", [name for name in fc.__all__ if "column" in name])
def test_signatures_are_those_of_tensorflow(name):
    # tf.feature_column.categorical_column_with_vocabulary_file is the v2 function of that name.
    is_of_1 = not hasattr(tf.feature_column, name)
    module = tf.compat.v1.feature_column if is_of_1 else tf.feature_column
    theirs = inspect.signature(getattr(module, name)).parameters
    ours = inspect.signature(getattr(fc, name)).parameters
    assert list(ours) == list(theirs)
    for key, parameter in theirs.items():
        default = ours[key].default
        assert default == parameter.default or {default, parameter.default} == {0, None}, key


@pytest.mark.parametrize("block", [1, 4, 2**24])
@pytest.mark.parametrize("text", ["a", "a\n", "a\nbc", "a\n\nbc\n", "\n\n", "a\r\nb"])
def test_lines_are_counted_as_python_does(tmp_path, monkeypatch, text, block):
    monkeypatch.setattr("feature_columns.vocabulary._BLOCK_BYTES", block)
    path = tmp_path / "words.txt"
    path.write_bytes(text.encode())
    column = fc.categorical_column_with_vocabulary_file("x", str(path))
    assert column.num_buckets == len(text.encode().splitlines())
