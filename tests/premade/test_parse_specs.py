"""Examples with label and weight, read back by the specs that describe them."""

from __future__ import annotations

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import feature_columns as fc
from premade import classifier_parse_example_spec, regressor_parse_example_spec

AGE = fc.numeric_column("age")
JOB = fc.categorical_column_with_hash_bucket("job", 10)
FEATURES = fc.make_parse_example_spec([AGE, JOB])


def test_a_classifier_reads_one_integer_label():
    spec = classifier_parse_example_spec([AGE, JOB], "income")
    assert spec == {**FEATURES, "income": tf.io.FixedLenFeature((1,), tf.int64)}


def test_a_classifier_reads_named_labels_and_weights():
    spec = classifier_parse_example_spec(
        [AGE], "income", tf.string, "low", weight_column=fc.numeric_column("w")
    )
    feature = {
        "age": tf.train.Feature(float_list=tf.train.FloatList(value=[30.0])),
        "w": tf.train.Feature(float_list=tf.train.FloatList(value=[2.0])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    parsed = tf.io.parse_example([example.SerializeToString()], spec)
    assert parsed["income"].numpy().tolist() == [[b"low"]]
    assert parsed["w"].numpy().tolist() == [[2.0]]


def test_a_regressor_reads_several_labels():
    spec = regressor_parse_example_spec(
        [JOB], "wages", label_default=(0.0, 1.0), label_dimension=2, weight_column="w"
    )
    assert spec == {
        **fc.make_parse_example_spec([JOB]),
        "wages": tf.io.FixedLenFeature((2,), tf.float32, (0.0, 1.0)),
        "w": tf.io.FixedLenFeature((1,), tf.float32),
    }


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, unique=True),
    st.sampled_from(["a", "y", "z"]),
    st.sampled_from([None, "a", "w", "y"]),
    st.booleans(),
    st.integers(1, 3),
)
def test_features_label_and_weight(keys, label_key, weight_key, is_classifier, dimension):
    """Exactly when no two of them share a key, and then with what TensorFlow makes of each."""
    old = tf.feature_column
    expected = old.make_parse_example_spec([old.numeric_column(key) for key in keys])
    label = tf.io.FixedLenFeature((1,), tf.int64)
    arguments = {"label_key": label_key, "weight_column": weight_key}
    make = classifier_parse_example_spec
    if not is_classifier:
        label = tf.io.FixedLenFeature((dimension,), tf.float32)
        arguments["label_dimension"] = dimension
        make = regressor_parse_example_spec
    columns = [fc.numeric_column(key) for key in keys]

    used = [*keys, label_key, *([] if weight_key is None else [weight_key])]
    if len(set(used)) < len(used):
        with pytest.raises(ValueError, match="should not be used as feature"):
            make(columns, **arguments)
        return
    expected[label_key] = label
    if weight_key is not None:
        expected |= old.make_parse_example_spec([old.numeric_column(weight_key)])
    assert make(columns, **arguments) == expected


@pytest.mark.parametrize("make", [classifier_parse_example_spec, regressor_parse_example_spec])
def test_columns_of_tensorflow_are_taken(make):
    old = tf.feature_column.numeric_column
    assert make([old("age")], "y", weight_column=old("w")) == make([AGE], "y", weight_column="w")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"label_key": "age"}, ValueError, "label should not be used as feature. label: 'age'"),
        (
            {"label_key": "y", "weight_column": "age"},
            ValueError,
            "weight_column should not be used as feature. weight_column: 'age'",
        ),
        (
            {"label_key": "y", "weight_column": "y"},
            ValueError,
            "weight_column should not be used as feature. weight_column: 'y'",
        ),
        ({"label_key": "y", "weight_column": JOB}, ValueError, "a numeric_column, got Hashed"),
        ({"label_key": "y", "weight_column": 3}, ValueError, "a numeric_column, got int: 3"),
    ],
)
@pytest.mark.parametrize("make", [classifier_parse_example_spec, regressor_parse_example_spec])
def test_what_cannot_be_read(make, arguments, error, message):
    with pytest.raises(error, match=message):
        make([AGE], **arguments)
