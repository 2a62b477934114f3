"""Wrong logits, labels and weights: each is named, eagerly and in a graph."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from estimators.heads import BinaryClassHead, MultiClassHead, RegressionHead

VOCABULARY = ["no", "yes"]
Key = collections.namedtuple("Key", ["key"])


def compiled_loss(head, labels, logits, features=None):
    """The loss as a graph computes it that knows neither batch size nor values."""
    tensors = (tf.constant(labels), tf.constant(logits), features or {})

    @tf.function
    def loss(labels, logits, features):
        return head.loss(labels, logits, features)

    def unknown_batch(tensor):
        return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)

    return loss.get_concrete_function(*tf.nest.map_structure(unknown_batch, tensors))(*tensors)


@pytest.mark.parametrize(
    ("head", "labels", "wrong"),
    [
        (BinaryClassHead(), [0, 7], "7"),
        (BinaryClassHead(), [0.5, -0.25], "-0.25"),
        (BinaryClassHead(), [0.5, float("nan")], "nan"),
        (BinaryClassHead(label_vocabulary=VOCABULARY), ["no", "maybe"], "maybe"),
        (MultiClassHead(3), [0, 3], "3"),
        (MultiClassHead(3), [0, -1], "-1"),
    ],
)
def test_label_out_of_range(head, labels, wrong):
    logits = tf.zeros([2, head.logits_dimension])
    # A graph's message is escaped: \'no\' for 'no'.
    allowed = r"in \[0, 1\]|in \[0, 2\]|in label_vocabulary, \[.+no.+yes.+\]"
    with pytest.raises(ValueError, match=allowed) as eager:
        head.loss(labels, logits)
    assert f"Got '{wrong}' in row 1" in str(eager.value).replace(f"Got {wrong}", f"Got '{wrong}'")
    with pytest.raises(ValueError, match="in row 1"):
        head.check_labels(np.array(labels))
    with pytest.raises(tf.errors.InvalidArgumentError, match=allowed) as graph:
        compiled_loss(head, labels, logits)
    assert type(head).__name__ in str(graph.value)
    assert f"Got:] [{wrong}]" in str(graph.value)


def test_good_labels_pass():
    logits = tf.zeros([2, 1])
    head = BinaryClassHead(label_vocabulary=VOCABULARY)
    for labels in (["no", "yes"], [["no"], ["yes"]], {"label": ["no", "yes"]}):
        head.check_labels(labels)
        assert float(head.loss(labels, logits)) == pytest.approx(np.log(2.0))
    assert float(compiled_loss(head, ["no", "yes"], logits)) == pytest.approx(np.log(2.0))
    assert float(BinaryClassHead().loss([True, False], logits)) == pytest.approx(np.log(2.0))


def test_empty_batch_has_loss_zero():
    assert float(BinaryClassHead().loss(tf.zeros([0, 1]), tf.zeros([0, 1]))) == 0.0


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (None, "You must provide a labels Tensor. Given: None."),
        ({"a": [1], "b": [1]}, r"got a dict with the keys \['a', 'b'\]"),
        (lambda: tf.sparse.from_dense([1, 0]), "SparseTensor labels are not supported"),
        (lambda: tf.ragged.constant([[1], [0]]), "RaggedTensor labels are not supported"),
        ([[1, 0], [0, 1]], r"labels must have shape \[batch, ..., 1\].*Got \(2, 2\)"),
        ([1, 0, 1], r"Got \(3, 1\) for logits of shape \(2, 1\)"),
        (1, r"Got \(\)"),
        (["1", "0"], "label_vocabulary=None"),
    ],
)
def test_wrong_labels(labels, words):
    with pytest.raises(ValueError, match=words):
        BinaryClassHead().loss(labels() if callable(labels) else labels, tf.zeros([2, 1]))


def test_batch_sizes_that_differ_only_when_run():
    with pytest.raises(tf.errors.InvalidArgumentError, match="labels must have shape"):
        compiled_loss(BinaryClassHead(), [[1]], [[1.0], [2.0]])
    head = BinaryClassHead(weight_column="w")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"weights \(feature .+w.+\) must"):
        compiled_loss(head, [[1], [0]], [[1.0], [2.0]], {"w": tf.constant([[1.0]])})


@pytest.mark.parametrize("logits", [[1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]]])
def test_wrong_logits(logits):
    with pytest.raises(ValueError, match=r"logits must have shape \[batch, ..., 1\].*Dense\(1\)"):
        BinaryClassHead().predictions(logits)


def test_logits_of_unknown_shape_are_checked_when_run():
    head = RegressionHead(2)

    @tf.function(input_signature=[tf.TensorSpec(None), tf.TensorSpec(None)])
    def loss(labels, logits):
        return head.loss(labels, logits)

    assert float(loss(tf.zeros([3, 2]), tf.ones([3, 2]))) == 1.0
    with pytest.raises(tf.errors.InvalidArgumentError, match="logits must have shape"):
        loss(tf.zeros([3, 3]), tf.ones([3, 3]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="labels must have shape"):
        loss(tf.zeros([3, 1]), tf.ones([3, 2]))


@pytest.mark.parametrize("dtype", [tf.float16, tf.float64])
def test_other_float_types_are_computed_in_float32(dtype):
    head = BinaryClassHead(weight_column="w")
    logits = tf.zeros([2, 1], dtype)
    loss = head.loss([1, 0], logits, {"w": tf.constant([1, 1])})
    assert loss.dtype == tf.float32
    assert head.predictions(logits)["logistic"].dtype == tf.float32


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (None, "'w' is not among the features: NoneType"),
        ({"x": [1.0]}, r"'w' is not among the features: \['x'\]"),
        ({"w": ["a", "b"]}, r"weights \(feature 'w'\) must be numbers, got strings"),
        ({"w": [1.0, 2.0, 3.0]}, r"weights \(feature 'w'\) must have shape.*Got \(3, 1\)"),
        ({"w": [[1.0, 2.0]] * 2}, r"must have shape \[batch, ..., 1\]"),
    ],
)
def test_wrong_weights(features, words):
    head = BinaryClassHead(weight_column="w")
    with pytest.raises(ValueError, match=words):
        head.loss([1, 0], tf.zeros([2, 1]), features)


def test_sparse_weights():
    features = {"w": tf.sparse.from_dense([1.0, 2.0])}
    with pytest.raises(ValueError, match="'w' must be a dense tensor.*got a SparseTensor"):
        BinaryClassHead(weight_column="w").loss([1, 0], tf.zeros([2, 1]), features)


def test_a_column_without_normalizer_is_read_as_it_is():
    head = RegressionHead(weight_column=Key("w"))
    assert float(head.loss([1.0, 2.0], tf.zeros([2, 1]), {"w": [2.0, 0.5]})) == 2.0
