"""A head at each step of a sequence: numbers S1 and S2 of tf.estimator 2.15, and NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from estimators.heads import (
    BinaryClassHead,
    MultiClassHead,
    MultiHead,
    MultiLabelHead,
    RegressionHead,
    SequentialHeadWrapper,
)
from estimators.spec import ModeKeys

MASK = tf.constant([[True, True], [True, False]])
LOGITS = tf.constant([[[10.0], [11.0]], [[12.0], [13.0]]])
LABELS = {
    "dense": tf.constant([[0, 1], [0, 2]]),
    "dense with a last dimension": tf.constant([[[0], [1]], [[0], [2]]]),
    "sparse": tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [0, 1, 0], [2, 2]),
    "sparse in another order": tf.SparseTensor([[1, 0], [0, 1], [0, 0]], [0, 1, 0], [2, 2]),
    "sparse, wider": tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [0, 1, 0], [2, 9]),
    "ragged": tf.ragged.constant([[0, 1], [0]]),
    "ragged with a last dimension": tf.ragged.constant([[[0], [1]], [[0]]], ragged_rank=1),
    "alone in a dict": {"label": tf.ragged.constant([[0, 1], [0]])},
}
every_kind = pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)


def cross_entropy(labels, logits):
    """-log(sigmoid) of the right class."""
    return np.log1p(np.exp(np.where(np.asarray(labels) == 1, -1.0, 1.0) * np.asarray(logits)))


def wrapped(head=None, **options):
    options = {"sequence_length_mask": "mask", **options}
    return SequentialHeadWrapper(BinaryClassHead() if head is None else head, **options)


def test_s1_predictions_keep_every_step_and_gain_the_mask():
    logits = tf.constant([[[0.3], [-0.4]], [[0.2], [0.2]]])
    spec = wrapped().create_estimator_spec({"mask": MASK}, ModeKeys.PREDICT, logits)
    expected = [[[0.574443], [0.401312]], [[0.549834], [0.549834]]]
    np.testing.assert_allclose(spec.predictions["logistic"], expected, rtol=1e-5)
    np.testing.assert_array_equal(spec.predictions["mask"], MASK)
    # `predict` answers both, so that a client can tell which steps to look at.
    _, served = spec.export_outputs["predict"].signature()
    assert served.keys() == spec.predictions.keys()
    _, served = spec.export_outputs["serving_default"].signature()
    np.testing.assert_array_equal(served["scores"], spec.predictions["probabilities"])


@every_kind
def test_s2_loss_of_the_steps_that_are_there(labels):
    loss = wrapped().loss(labels, LOGITS, {"mask": MASK})
    assert float(loss) == pytest.approx(cross_entropy([0, 1, 0], [10, 11, 12]).sum() / 3, rel=1e-6)


@every_kind
@pytest.mark.parametrize(
    "weights",
    [
        tf.constant([[0.3, 0.2], [0.5, 100.0]]),
        tf.constant([[[0.3], [0.2]], [[0.5], [100.0]]]),
        tf.ragged.constant([[0.3, 0.2], [0.5]]),
        tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [0.3, 0.2, 0.5], [2, 2]),
    ],
    ids=["dense", "dense with a last dimension", "ragged", "sparse"],
)
def test_s2_weights(labels, weights):
    head = wrapped(BinaryClassHead("weight"))
    features = {"mask": MASK, "weight": weights, "other": tf.constant([1.0])}
    losses = cross_entropy([0, 1, 0], [10, 11, 12])
    loss = head.loss(labels, LOGITS, features)
    assert float(loss) == pytest.approx(losses @ [0.3, 0.2, 0.5] / 3, rel=1e-6)
    metrics = head.update_metrics(head.metrics(), features, LOGITS, labels)
    average = float(metrics["average_loss"].result())
    assert average == pytest.approx(losses @ [0.3, 0.2, 0.5], rel=1e-6)
    assert float(metrics["label/mean"].result()) == pytest.approx(0.2)


def test_several_batches_of_different_lengths_are_measured_as_one_list_of_steps():
    random = np.random.default_rng(5)
    head = wrapped(MultiClassHead(3, weight_column="weight"))
    metrics, everything = head.metrics(), []
    for batch, time in ((3, 4), (2, 7), (1, 1)):
        lengths = random.integers(0, time + 1, batch)
        mask = np.arange(time) < lengths[:, np.newaxis]
        logits = random.normal(size=(batch, time, 3)).astype(np.float32)
        weights = random.uniform(size=(batch, time)).astype(np.float32)
        labels = np.where(mask, random.integers(0, 3, (batch, time)), -7)
        head.update_metrics(metrics, {"mask": mask, "weight": weights}, logits, labels)
        everything.append((labels[mask], logits[mask], weights[mask]))
    labels, logits, weights = (np.concatenate(parts) for parts in zip(*everything, strict=True))
    right = logits.argmax(axis=1) == labels
    expected = np.average(right, weights=weights)
    assert float(metrics["accuracy"].result()) == pytest.approx(expected, rel=1e-5)


def test_a_mask_with_holes():
    mask = tf.constant([[0, 1], [1, 1]])
    labels = tf.ragged.constant([[1], [0, 1]])
    loss = wrapped().loss(labels, LOGITS, {"mask": mask})
    assert float(loss) == pytest.approx(cross_entropy([1, 0, 1], [11, 12, 13]).mean(), rel=1e-6)


def test_no_step_is_there():
    labels, features = tf.ragged.constant([[], []], dtype=tf.int64), {"mask": tf.zeros([2, 2])}
    assert float(wrapped().loss(labels, LOGITS, features)) == 0.0


def test_several_classes_at_each_step():
    head = wrapped(MultiLabelHead(2))
    logits = tf.constant([[[-10.0, 10.0], [-15.0, 10.0]], [[1.0, 1.0], [99.0, 99.0]]])
    labels = tf.ragged.constant([[[0], [0, 1]], [[1]]])
    dense = tf.constant([[[1, 0], [1, 1]], [[0, 1], [5, 5]]])
    loss = float(head.loss(labels, logits, {"mask": MASK}))
    # 10, 7.5 and the mean of log(1 + e) and log(1 + 1/e)
    last = np.log1p(np.exp([1.0, -1.0])).mean()
    assert loss == pytest.approx((10.0 + 7.5 + last) / 3, rel=1e-5)
    assert float(head.loss(dense, logits, {"mask": MASK})) == pytest.approx(loss)


def test_a_loss_of_ones_own_gets_the_named_features():
    def loss_fn(labels, logits, features):
        return tf.abs(labels - logits) + features["extra"][:, tf.newaxis]

    head = wrapped(RegressionHead(loss_fn=loss_fn), feature_columns="extra")
    features = {"mask": MASK, "extra": tf.ragged.constant([[1.0, 2.0], [3.0]])}
    assert head.feature_keys == ("mask", "extra")
    loss = head.loss(tf.constant([[10.0, 10.0], [10.0, 0.0]]), LOGITS, features)
    assert float(loss) == pytest.approx((0.0 + 1.0 + 2.0 + 6.0) / 3)


def test_the_mask_must_not_hide_a_prediction():
    head = wrapped(sequence_length_mask="classes")
    with pytest.raises(ValueError, match="the mask cannot be answered under 'classes'"):
        head.create_estimator_spec({"classes": MASK}, ModeKeys.PREDICT, LOGITS)


def test_what_is_told_of_the_head():
    head = wrapped(MultiClassHead(3, weight_column="weight", name="part"))
    assert head.name == "part_sequential"
    assert wrapped().name is None
    assert head.logits_dimension == 3
    assert head.loss_reduction == "sum_over_batch_size"
    assert head.feature_keys == ("mask", "weight")
    assert head.input_sequence_mask_key == "mask"
    assert head.output_names == (0, 1, 2)
    assert list(head.metrics()) == ["average_loss/part", "accuracy/part"]
    assert SequentialHeadWrapper(BinaryClassHead()).input_sequence_mask_key == (
        "sequence_length_mask"
    )


def test_labels_are_checked():
    wrapped().check_labels(tf.ragged.constant([[0, 1], [0]]))
    wrapped().check_labels(tf.constant([[0, 1], [0, -1]]))  # -1 may fill the sequence up.
    with pytest.raises(ValueError, match=r"labels must be in \[0, 1\].* Got 2 in row 2"):
        wrapped().check_labels(tf.ragged.constant([[0, 1], [2]]))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "You must provide a labels Tensor"),
        (tf.constant([0, 1]), r"labels must have shape \[batch, time, ...\].* Got \(2,\)"),
        (tf.zeros([2, 3]), r"labels must have shape .* Got \(2, 3\) for a mask of shape \(2, 2\)"),
        (tf.ragged.constant([[0, 1], [0, 1]]), "labels must have a value for each step.*in row 1"),
        (tf.ragged.constant([[0, 1]]), "labels must have as many sequences as the mask. Got: 1"),
        (tf.sparse.from_dense([[0, 1], [1, 0]]), "from_dense leaves zeros out.* Got 1 in row 0"),
        (tf.sparse.from_dense(np.ones([2, 2, 1])), r"sparse labels must have shape \[batch, time"),
    ],
)
def test_labels_that_do_not_fit(labels, message):
    with pytest.raises(ValueError, match=message):
        wrapped().loss(labels, LOGITS, {"mask": MASK})


DENSE = tf.TensorSpec([None, None], tf.int32)
RAGGED = tf.RaggedTensorSpec([None, None], tf.int32)


@pytest.mark.parametrize(
    ("spec", "good", "bad"),
    [
        (DENSE, LABELS["dense"], tf.zeros([2, 3], tf.int32)),
        (DENSE, LABELS["dense"], tf.zeros([3, 2], tf.int32)),
        (RAGGED, LABELS["ragged"], tf.ragged.constant([[0, 1], [0, 1]])),
        (RAGGED, LABELS["ragged"], tf.ragged.constant([[0, 1], [0], []])),
    ],
)
def test_labels_that_do_not_fit_are_found_when_a_graph_runs(spec, good, bad):
    logits, mask = tf.TensorSpec([None, None, 1]), tf.TensorSpec([None, None], tf.bool)

    @tf.function(input_signature=[spec, logits, mask])
    def loss(labels, logits, mask):
        return wrapped().loss(labels, logits, {"mask": mask})

    expected = cross_entropy([0, 1, 0], [10, 11, 12]).mean()
    assert float(loss(good, LOGITS, MASK)) == pytest.approx(expected, rel=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="SequentialHeadWrapper: labels must"):
        loss(bad, LOGITS, MASK)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (None, "the mask of the sequences, 'mask', is not among the features: NoneType"),
        ({"x": 1}, r"the mask of the sequences, 'mask', is not among the features: \['x'\]"),
        ({"mask": tf.ones([2])}, r"'mask' is expected to have two dimensions.* Got shape \(2,\)"),
        ({"mask": tf.sparse.from_dense([[1]])}, "must be a dense tensor, got a SparseTensor"),
        ({"mask": MASK}, r"the feature_columns \['extra'\] are not among the features"),
        ({"mask": MASK, "extra": tf.ones([2, 2])}, "the weight column 'weight' is not among"),
    ],
)
def test_features_that_do_not_fit(features, message):
    head = wrapped(BinaryClassHead("weight"), feature_columns=["extra"])
    with pytest.raises(ValueError, match=message):
        head.loss(LABELS["dense"], LOGITS, features)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((MultiHead([BinaryClassHead(name="a")]),), ValueError, "MultiHead is not supported"),
        ((wrapped(),), ValueError, "SequentialHeadWrapper is not supported"),
        (("head",), TypeError, "static_head must be a Head, got str"),
        ((BinaryClassHead(), 3), TypeError, "sequence_length_mask must be a string.* Given: 3"),
        ((BinaryClassHead(), "m", [1]), TypeError, "feature_columns must be names.* Given: 1"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        SequentialHeadWrapper(*arguments)
