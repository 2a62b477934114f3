import numpy as np
import pytest
import tensorflow as tf

from estimators.export import (
    ServingInputReceiver,
    TensorServingInputReceiver,
    build_parsing_serving_input_receiver_fn,
    build_raw_serving_input_receiver_fn,
)


def test_bare_tensors_get_the_old_keys():
    x = tf.zeros([2, 1])
    receiver = ServingInputReceiver(x, x, {"other": x})
    assert list(receiver.features) == ["feature"]
    assert list(receiver.receiver_tensors) == ["input"]
    assert list(receiver.receiver_tensors_alternatives["other"]) == ["input"]


def test_sparse_ragged_and_integer_keys_are_features():
    features = {0: tf.sparse.from_dense([[1]]), "r": tf.ragged.constant([[1], []])}
    assert set(ServingInputReceiver(features, tf.zeros([1])).features) == {0, "r"}


@pytest.mark.parametrize(
    ("features", "tensors", "alternatives", "message"),
    [
        (None, tf.zeros([1]), None, "features must be defined"),
        ({"x": tf.zeros([1])}, None, None, "receiver_tensors must be defined"),
        ({"x": [1.0]}, tf.zeros([1]), None, "feature 'x' must be a Tensor, SparseTensor"),
        ({1.5: tf.zeros([1])}, tf.zeros([1]), None, "feature keys must be strings or integers"),
        ({"x": tf.zeros([1])}, {"x": 3}, None, r"receiver_tensors\['x'\] must be a Tensor"),
        ({"x": tf.zeros([1])}, {1: tf.zeros([1])}, None, "receiver_tensors keys must be strings"),
        ({"x": tf.zeros([1])}, tf.zeros([1]), [1], "alternatives must be a dict"),
    ],
)
def test_wrong_receivers_are_refused(features, tensors, alternatives, message):
    with pytest.raises(ValueError, match=message):
        ServingInputReceiver(features, tensors, alternatives)


def test_a_tensor_receiver_takes_one_tensor():
    with pytest.raises(ValueError, match="feature must be a Tensor, SparseTensor"):
        TensorServingInputReceiver({"x": tf.zeros([1])}, tf.zeros([1]))


def test_parsing_receiver_has_the_old_names():
    make = build_parsing_serving_input_receiver_fn({"x": tf.io.VarLenFeature(tf.string)}, 7)
    with tf.Graph().as_default():
        receiver = make()
    examples = receiver.receiver_tensors["examples"]
    assert examples.name == "input_example_tensor:0"
    assert examples.shape == [7]
    assert isinstance(receiver.features["x"], tf.SparseTensor)


def test_raw_receiver_takes_dtype_and_shape_of_anything():
    make = build_raw_serving_input_receiver_fn(
        {
            "array": np.zeros([5, 2], np.int32),
            "a key": tf.TensorSpec([5], tf.string),
            "list": [["a"], ["b"]],
        }
    )
    with tf.Graph().as_default():
        receiver = make()
    found = {k: (t.dtype, t.shape.as_list()) for k, t in receiver.receiver_tensors.items()}
    assert found == {
        "array": (tf.int32, [None, 2]),
        "a key": (tf.string, [None]),
        "list": (tf.string, [None, 1]),
    }
    assert receiver.features == receiver.receiver_tensors


def test_raw_receiver_refuses_a_scalar():
    with pytest.raises(ValueError, match="Feature 'x' is a scalar"):
        build_raw_serving_input_receiver_fn({"x": 1.0})
