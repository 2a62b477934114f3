import numpy as np
import pytest
import tensorflow as tf

from estimators.inputs import numpy_input_fn

X = {"n": np.arange(20), "s": np.array([f"{i % 3} {i % 4}" for i in range(20)], object)}


def _transform(features):
    words = tf.strings.split(features["s"], " ")
    return {
        "dense": tf.one_hot(features["n"] % 5, 5),
        "ids": tf.strings.to_hash_bucket_fast(features["s"], 7),
        "ragged": words,
        "sparse": words.to_sparse(),
    }


def _input_fn(y=None, **options):
    return numpy_input_fn(X, y, batch_size=6, num_epochs=2, shuffle=True, seed=1, **options)


def _assert_equal(left, right):
    tf.nest.map_structure(
        np.testing.assert_array_equal,
        tf.nest.flatten(left, expand_composites=True),
        tf.nest.flatten(right, expand_composites=True),
    )


@pytest.mark.parametrize("y", [None, np.arange(20)])
def test_early_and_late_transform_give_the_same_batches(y):
    def late(features, *labels):
        return (_transform(features), *labels) if labels else _transform(features)

    early = list(_input_fn(y).with_preprocess(_transform)())
    late = list(_input_fn(y)().map(late))

    assert len(early) == len(late)
    for left, right in zip(early, late, strict=True):
        _assert_equal(left, right)


def test_the_transform_runs_once_and_is_kept_for_the_same_function():
    runs = tf.Variable(0)

    def counting(features):
        runs.assign_add(1)
        return features

    input_fn = _input_fn()
    for _ in range(3):
        list(input_fn.with_preprocess(counting)())
    assert runs.numpy() == 1
    assert input_fn.with_preprocess(_transform) is not input_fn.with_preprocess(counting)


def test_rows_must_stay_rows():
    input_fn = _input_fn().with_preprocess(lambda features: {"n": features["n"][:3]})
    with pytest.raises(ValueError, match="`preprocess_fn` must .* feature 'n' has 3 rows of 20"):
        input_fn()
