import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from estimators.inputs import pandas_input_fn


def _frame():
    return pd.DataFrame({"age": [30, 40, 50], "job": ["a", None, "c"]}, index=[7, 8, 9])


def _first(*args, **kwargs):
    return next(pandas_input_fn(*args, shuffle=False, **kwargs)().as_numpy_iterator())


def test_columns_become_vectors_without_the_index():
    features, labels = _first(_frame(), pd.Series([0.5, 1.5, 2.5], index=[7, 8, 9]))
    np.testing.assert_array_equal(features["age"], [30, 40, 50])
    assert features["job"].tolist() == [b"a", b"", b"c"]
    np.testing.assert_array_equal(labels, [0.5, 1.5, 2.5])


def test_a_frame_of_labels_becomes_a_dict_even_with_a_name_of_the_features():
    _, labels = _first(_frame(), pd.DataFrame({"age": [1, 2, 3], "b": [4, 5, 6]}, [7, 8, 9]))
    np.testing.assert_array_equal(labels["age"], [1, 2, 3])
    np.testing.assert_array_equal(labels["b"], [4, 5, 6])


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (pd.Series([1, 2], dtype="Int32"), tf.int32),
        (pd.Series([True, False]), tf.bool),
        (pd.Series(["x", "y"], dtype="category"), tf.string),
        (pd.Series(["x", "y"], dtype="string"), tf.string),
        (pd.Series([1.0, np.nan], dtype="float32"), tf.float32),
    ],
)
def test_dtypes(values, dtype):
    dataset = pandas_input_fn(pd.DataFrame({"a": values}), shuffle=False)()
    assert dataset.element_spec["a"].dtype == dtype
    assert len(next(dataset.as_numpy_iterator())["a"]) == 2


def test_integers_that_are_missing_are_refused():
    frame = pd.DataFrame({"a": pd.Series([1, None], dtype="Int64")})
    with pytest.raises(ValueError, match="Column 'a' of dtype Int64 has 1 missing values"):
        pandas_input_fn(frame, shuffle=False)()


def test_arguments_are_checked_at_once():
    frame = _frame()
    labels = pd.Series([1, 2, 3], index=[7, 8, 9])
    with pytest.raises(ValueError, match="shuffle must be provided and explicitly set as boolean"):
        pandas_input_fn(frame)
    with pytest.raises(TypeError, match="target_column must be a string type"):
        pandas_input_fn(frame, shuffle=False, target_column=1)
    with pytest.raises(
        ValueError, match="Cannot use name age for target column: DataFrame already"
    ):
        pandas_input_fn(frame, labels, shuffle=False, target_column="age")
    with pytest.raises(ValueError, match="Index for x and y are mismatched"):
        pandas_input_fn(frame, labels.reset_index(drop=True), shuffle=False)
    with pytest.raises(ValueError, match="at least one row"):
        pandas_input_fn(frame.iloc[:0], shuffle=False)
