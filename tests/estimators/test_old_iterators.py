import numpy as np
import pytest
import tensorflow as tf

from estimators import RunConfig
from estimators.pipeline import Pipeline

v1 = tf.compat.v1.data


def batches(input_fn, mode="train"):
    return list(Pipeline({}, RunConfig()).dataset(input_fn, mode).as_numpy_iterator())


def rows():
    return tf.data.Dataset.from_tensor_slices(({"x": [1.0, 2.0, 3.0]}, [10, 20, 30])).batch(1)


def test_get_next_stands_for_every_batch():
    got = batches(lambda: v1.make_one_shot_iterator(rows()).get_next())
    assert [(f["x"].tolist(), y.tolist()) for f, y in got] == [
        ([1.0], [10]),
        ([2.0], [20]),
        ([3.0], [30]),
    ]


def test_unpacked_and_packed_again():
    def input_fn():
        features, labels = v1.make_initializable_iterator(rows()).get_next()
        return {"renamed": features["x"]}, labels

    assert np.concatenate([f["renamed"] for f, _ in batches(input_fn)]).tolist() == [1, 2, 3]


def test_computing_on_the_batch_is_refused_with_the_mend():
    def input_fn():
        features, labels = v1.make_one_shot_iterator(rows()).get_next()
        return {"x": features["x"] * 2}, labels

    with pytest.raises(ValueError, match=r"dataset\.map"):
        batches(input_fn)


def test_other_tensors_stand_for_themselves():
    dataset = Pipeline({}, RunConfig()).dataset(lambda: ({"x": tf.constant([1.0])}, None), "train")
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY


def test_the_functions_are_put_back():
    before = v1.make_one_shot_iterator
    batches(rows)
    assert v1.make_one_shot_iterator is before
